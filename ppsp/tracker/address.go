package tracker

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
)

// AddressType says how a peer came by an address (RFC 7846, Table 3).
type AddressType string

// The types. An address mapped by UPnP, NAT-PMP or PCP is Reflexive too: it is the NAT's.
const (
	Host      AddressType = "HOST"
	Reflexive AddressType = "REFLEXIVE"
	Proxy     AddressType = "PROXY"
)

// PeerProtocol is the name of RFC 7574's protocol in Address.Protocol, as in the examples
// of RFC 7846, 4.1.1.1.
const PeerProtocol = "PPSP-PP"

// Address is one way to reach a peer (RFC 7846, 3.2.4).
type Address struct {
	netip.AddrPort             // UDP; never an IPv4-mapped IPv6 address after decoding
	Type           AddressType // Host if empty
	Priority       int64       // the larger, the better
	Connection     string      // "wireless", "wired" or empty
	ASN            string      // autonomous system number or empty
	Protocol       string      // PeerProtocol or empty
}

type addressJSON struct {
	IP struct {
		Type    string `json:"address_type"`
		Address string `json:"address"`
	} `json:"ip_address"`
	Port       Number      `json:"port"`
	Priority   Number      `json:"priority"`
	Type       AddressType `json:"type"`
	Connection string      `json:"connection,omitempty"`
	ASN        string      `json:"asn,omitempty"`
	Protocol   string      `json:"peer_protocol,omitempty"`
}

// MarshalJSON writes a ppsp_tp_peer_addr_t (RFC 7846, 3.2.4).
func (a Address) MarshalJSON() ([]byte, error) {
	return appendAddress(nil, &a), nil
}

// UnmarshalJSON reads a ppsp_tp_peer_addr_t. What is one but names no IP address and port
// is no error: IsValid is then false, so that one bad address does not spoil a list.
func (a *Address) UnmarshalJSON(b []byte) error {
	var j addressJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*a = j.decoded()
	return nil
}

// ofFamily tells whether the address is of the family named, if one is.
func ofFamily(ip netip.Addr, family string) bool {
	switch {
	case strings.EqualFold(family, "ipv4"):
		return ip.Is4()
	case strings.EqualFold(family, "ipv6"):
		return ip.Is6()
	}
	return true
}

// Usable tells whether a datagram can be sent there by anyone who is told the address.
func (a Address) Usable() bool {
	ip := a.Addr()
	switch {
	case !a.IsValid() || a.Port() == 0 || ip.Zone() != "":
		return false
	case ip.IsUnspecified() || ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	case ip.Is6() && ip.IsLinkLocalUnicast(): // means nothing without the zone
		return false
	}
	return true
}

// best returns the usable addresses in order of priority, each once, at most MaxAddresses.
func best(all []Address) []Address {
	var out []Address
	seen := make(map[netip.AddrPort]bool, len(all))
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b Address) int {
		return cmp.Compare(b.Priority, a.Priority)
	})
	for _, a := range sorted {
		if len(out) == MaxAddresses {
			break
		}
		if a.Usable() && !seen[a.AddrPort] {
			seen[a.AddrPort] = true
			out = append(out, a)
		}
	}
	return out
}
