package tracker

import (
	"bytes"
	"net/netip"
)

// scanner reads requests in the plain form in which nearly all come: each member once and by
// its own name, strings of ASCII without escapes, integers as such, arrays that are not empty.
// It takes a tenth of the time of encoding/json. Whatever is not that plain makes it odd, and
// is left to the lenient decoder; what both take they take alike, which a fuzzer holds.
type scanner struct {
	s   string
	at  int
	odd bool
}

// scanRequest returns a request that is plain and passes every check.
func scanRequest(s string) (*Request, bool) {
	c := scanner{s: s}
	r := &Request{}
	outer := 0
	c.object(&outer, func(key string) int {
		if key != "PPSPTrackerProtocol" {
			return -1
		}
		c.request(r)
		return 0
	})
	c.space()
	if c.odd || outer == 0 || c.at != len(c.s) || r.Version != Version ||
		checkID("transaction_id", r.TransactionID, MaxTransactionID) != nil || r.check() != nil {
		return nil, false
	}
	return r, true
}

// scanID returns the transaction ID of a request that is not worth being read, empty if it is not
// plain to see.
func scanID(body []byte) string {
	const name = `"transaction_id"`
	at := bytes.Index(body, []byte(name))
	if at < 0 {
		return ""
	}
	at += len(name)
	c := scanner{s: string(body[at:min(len(body), at+MaxTransactionID+16)])}
	if !c.next(':') {
		return ""
	}
	id := c.text()
	if c.odd || checkID("transaction_id", id, MaxTransactionID) != nil {
		return ""
	}
	return id
}

func (c *scanner) request(r *Request) {
	var seen int
	c.object(&seen, func(key string) int {
		switch key {
		case "version":
			r.Version = c.number()
			return 0
		case "request_type":
			r.Type = RequestType(c.text())
			return 1
		case "transaction_id":
			r.TransactionID = c.text()
			return 2
		case "peer_id":
			r.PeerID = c.text()
			return 3
		case "connect":
			r.Connect = &Connect{}
			c.connect(r.Connect)
			return 4
		case "find":
			r.Find = &Find{}
			c.find(r.Find)
			return 5
		case "stat_report":
			r.StatReport = &StatReport{}
			c.report(r.StatReport)
			return 6
		}
		return -1
	})
}

func (c *scanner) connect(o *Connect) {
	var seen int
	c.object(&seen, func(key string) int {
		switch key {
		case "peer_num":
			o.PeerNum = &PeerNum{}
			c.peerNum(o.PeerNum)
			return 0
		case "peer_addr":
			c.array(func() { o.Addresses = append(o.Addresses, c.address()) })
			return 1
		case "swarm_action":
			c.array(func() { o.Actions = append(o.Actions, c.action()) })
			return 2
		}
		return -1
	})
}

func (c *scanner) find(o *Find) {
	var seen int
	c.object(&seen, func(key string) int {
		switch key {
		case "swarm_id":
			o.SwarmID = c.text()
			return 0
		case "peer_num":
			o.PeerNum = &PeerNum{}
			c.peerNum(o.PeerNum)
			return 1
		}
		return -1
	})
}

func (c *scanner) peerNum(o *PeerNum) {
	var seen int
	c.object(&seen, func(key string) int {
		switch key {
		case "peer_count":
			o.PeerCount = c.number()
			return 0
		case "ability_nat":
			o.AbilityNAT = c.text()
			return 1
		case "concurrent_links":
			o.ConcurrentLinks = c.number()
			return 2
		case "online_time":
			o.OnlineTime = c.number()
			return 3
		case "upload_bandwidth":
			o.UploadBandwidth = c.number()
			return 4
		case "peer_role":
			o.Role = Role(c.text())
			return 5
		}
		return -1
	})
}

func (c *scanner) action() (o SwarmAction) {
	var seen int
	c.object(&seen, func(key string) int {
		switch key {
		case "swarm_id":
			o.SwarmID = c.text()
			return 0
		case "action":
			o.Action = ActionType(c.text())
			return 1
		case "peer_mode":
			o.Mode = Mode(c.text())
			return 2
		}
		return -1
	})
	return o
}

func (c *scanner) address() Address {
	var o addressJSON
	var seen int
	c.object(&seen, func(key string) int {
		switch key {
		case "ip_address":
			var inner int
			c.object(&inner, func(key string) int {
				switch key {
				case "address_type":
					o.IP.Type = c.text()
					return 0
				case "address":
					o.IP.Address = c.text()
					return 1
				}
				return -1
			})
			return 0
		case "port":
			o.Port = c.number()
			return 1
		case "priority":
			o.Priority = c.number()
			return 2
		case "type":
			o.Type = AddressType(c.text())
			return 3
		case "connection":
			o.Connection = c.text()
			return 4
		case "asn":
			o.ASN = c.text()
			return 5
		case "peer_protocol":
			o.Protocol = c.text()
			return 6
		}
		return -1
	})
	return o.decoded()
}

func (c *scanner) report(o *StatReport) {
	var seen int
	c.object(&seen, func(key string) int {
		switch key {
		case "type":
			o.Type = c.text()
			return 0
		case "stat":
			c.array(func() { o.Stats = append(o.Stats, c.stats()) })
			return 1
		}
		return -1
	})
}

func (c *scanner) stats() (o StreamStats) {
	var seen int
	c.object(&seen, func(key string) int {
		switch key {
		case "swarm_id":
			o.SwarmID = c.text()
			return 0
		case "uploaded_bytes":
			o.UploadedBytes = c.number()
			return 1
		case "downloaded_bytes":
			o.DownloadedBytes = c.number()
			return 2
		case "available_bandwidth":
			o.AvailableBandwidth = c.number()
			return 3
		case "concurrent_links":
			o.ConcurrentLinks = c.number()
			return 4
		case "connection":
			o.Connection = c.text()
			return 5
		case "power":
			o.Power = c.text()
			return 6
		case "chunks_held":
			o.ChunksHeld = c.text()
			return 7
		case "chunks_late":
			o.ChunksLate = c.number()
			return 8
		}
		return -1
	})
	return o
}

// object reads an object; member reads the value of a member and returns the member's number,
// negative for one that is not known. seen gets a bit for each.
func (c *scanner) object(seen *int, member func(key string) int) {
	if !c.next('{') {
		return
	}
	for !c.odd {
		key := c.text()
		if !c.next(':') {
			return
		}
		n := member(key)
		if c.odd || n < 0 || *seen&(1<<n) != 0 {
			c.odd = true
			return
		}
		*seen |= 1 << n
		if c.peek() != ',' {
			c.next('}')
			return
		}
		c.at++
	}
}

// array reads an array that is not empty.
func (c *scanner) array(element func()) {
	if !c.next('[') {
		return
	}
	for !c.odd {
		element()
		if c.odd {
			return
		}
		if c.peek() != ',' {
			c.next(']')
			return
		}
		c.at++
	}
}

func (c *scanner) space() {
	for c.at < len(c.s) && (c.s[c.at] == ' ' || c.s[c.at] == '\n' || c.s[c.at] == '\r' || c.s[c.at] == '\t') {
		c.at++
	}
}

// peek returns the next character that is no white space, 0 at the end.
func (c *scanner) peek() byte {
	c.space()
	if c.at == len(c.s) {
		return 0
	}
	return c.s[c.at]
}

// next reads this character.
func (c *scanner) next(want byte) bool {
	if c.odd || c.peek() != want {
		c.odd = true
		return false
	}
	c.at++
	return true
}

// text reads a string.
func (c *scanner) text() string {
	if !c.next('"') {
		return ""
	}
	from := c.at
	for c.at < len(c.s) {
		switch b := c.s[c.at]; {
		case b == '"':
			c.at++
			return c.s[from : c.at-1]
		case b < ' ' || b > '~' || b == '\\':
			c.odd = true
			return ""
		}
		c.at++
	}
	c.odd = true
	return ""
}

// plainDigits is how many digits never exceed an int64.
const plainDigits = 18

// number reads an integer.
func (c *scanner) number() (n Number) {
	negative := c.peek() == '-'
	if negative {
		c.at++
	}
	from := c.at
	for c.at < len(c.s) && c.s[c.at] >= '0' && c.s[c.at] <= '9' {
		n = n*10 + Number(c.s[c.at]-'0')
		c.at++
	}
	if length := c.at - from; length == 0 || length > plainDigits || length > 1 && c.s[from] == '0' {
		c.odd = true
	}
	if negative {
		return -n
	}
	return n
}

// decoded turns the JSON form into an address. What names no IP address and port becomes one
// that is not valid.
func (j *addressJSON) decoded() Address {
	a := Address{
		Type: j.Type, Priority: int64(j.Priority),
		Connection: j.Connection, ASN: j.ASN, Protocol: j.Protocol,
	}
	ip, err := netip.ParseAddr(j.IP.Address)
	if err != nil || ip.Zone() != "" || j.Port < 0 || j.Port > 65535 || !ofFamily(ip, j.IP.Type) {
		return a
	}
	a.AddrPort = netip.AddrPortFrom(ip.Unmap(), uint16(j.Port))
	return a
}
