package tracker

import (
	"encoding/json"
	"strconv"
)

// appendResponse writes a response as encoding/json would with its MarshalJSON methods, and
// with Version set. It takes a tenth of the time, and no memory but b's.
func appendResponse(b []byte, r *Response) []byte {
	b = append(b, `{"PPSPTrackerProtocol":{"version":`...)
	b = strconv.AppendInt(b, Version, 10)
	b = appendNumber(b, `,"response_type":`, r.ResponseType)
	b = appendNumber(b, `,"error_code":`, Number(r.ErrorCode))
	b = appendText(append(b, `,"transaction_id":`...), r.TransactionID)
	if r.PeerAddress != nil {
		b = appendAddress(append(b, `,"peer_addr":`...), r.PeerAddress)
	}
	if len(r.Results) > 0 {
		b = append(b, `,"swarm_result":[`...)
		for i := range r.Results {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendResult(b, &r.Results[i])
		}
		b = append(b, ']')
	}
	if r.TrackTimeout != 0 {
		b = appendNumber(b, `,"track_timeout":`, r.TrackTimeout)
	}
	return append(b, '}', '}')
}

func appendResult(b []byte, r *SwarmResult) []byte {
	b = appendText(append(b, `{"swarm_id":`...), r.SwarmID)
	b = appendNumber(b, `,"result":`, r.Result)
	if r.PeerGroup != nil {
		b = append(b, `,"peer_group":{"peer_info":[`...)
		first := true
		for i := range r.PeerGroup.Peers {
			p := &r.PeerGroup.Peers[i]
			for j := range p.Addresses {
				if !first {
					b = append(b, ',')
				}
				first = false
				b = appendText(append(b, `{"peer_id":`...), p.ID)
				b = appendAddress(append(b, `,"peer_addr":`...), &p.Addresses[j])
				if p.Role != "" {
					b = appendText(append(b, `,"peer_role":`...), string(p.Role))
				}
				b = append(b, '}')
			}
		}
		b = append(b, ']', '}')
	}
	return append(b, '}')
}

// appendAddress writes a ppsp_tp_peer_addr_t (RFC 7846, 3.2.4).
func appendAddress(b []byte, a *Address) []byte {
	ip := a.Addr().Unmap().WithZone("")
	family := "ipv6"
	if ip.Is4() {
		family = "ipv4"
	}
	b = append(append(append(b, `{"ip_address":{"address_type":"`...), family...), `","address":"`...)
	if ip.IsValid() {
		b = ip.AppendTo(b)
	}
	b = appendNumber(b, `"},"port":`, Number(a.Port()))
	b = appendNumber(b, `,"priority":`, Number(a.Priority))
	kind := a.Type
	if kind == "" {
		kind = Host
	}
	b = appendText(append(b, `,"type":`...), string(kind))
	if a.Connection != "" {
		b = appendText(append(b, `,"connection":`...), a.Connection)
	}
	if a.ASN != "" {
		b = appendText(append(b, `,"asn":`...), a.ASN)
	}
	if a.Protocol != "" {
		b = appendText(append(b, `,"peer_protocol":`...), a.Protocol)
	}
	return append(b, '}')
}

func appendNumber(b []byte, name string, n Number) []byte {
	return strconv.AppendInt(append(b, name...), int64(n), 10)
}

// appendText writes a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // never fails for a string
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
