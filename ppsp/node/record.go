package node

import (
	"encoding/binary"
	"net/netip"
)

// DTLS shares the socket with PPSPP and STUN: its records begin with a byte from 20 to 63
// (RFC 7983, 7), our channel IDs with one of 64 or more, and HANDSHAKEs with 0.
const (
	dtlsFirst, dtlsLast = 20, 63

	recordHeader   = 13
	recordCIDBytes = 8 // of our connection IDs (RFC 9146)

	recordChangeCipher = 20
	recordHandshake    = 22
	recordCID          = 25

	helloType = 1
)

// connectionID finds the session of a record, wherever it comes from.
type connectionID [recordCIDBytes]byte

// isDTLS tells whether a datagram begins like a record.
func isDTLS(b []byte) bool { return len(b) > recordHeader && b[0] >= dtlsFirst && b[0] <= dtlsLast }

// recordID returns the connection ID that a datagram begins with, false if it has none.
func recordID(b []byte) (id connectionID, ok bool) {
	if len(b) < recordHeader+recordCIDBytes || b[0] != recordCID {
		return id, false
	}
	return connectionID(b[11 : 11+recordCIDBytes]), true
}

// late tells whether a datagram may still come when the handshake is over: each of its
// records is encrypted, or of a flight that the peer repeats. A plain alert is not: anybody
// could end sessions by it.
func late(b []byte) (plain, ok bool) {
	for len(b) > 0 {
		header := recordHeader
		if b[0] == recordCID {
			header += recordCIDBytes
		}
		if len(b) < header {
			return plain, false
		}
		if binary.BigEndian.Uint16(b[3:]) == 0 {
			if plain = true; b[0] != recordHandshake && b[0] != recordChangeCipher {
				return plain, false
			}
		}
		end := header + int(binary.BigEndian.Uint16(b[header-2:]))
		if end > len(b) {
			return plain, false
		}
		b = b[end:]
	}
	return plain, true
}

// clientHello is what of a ClientHello chooses where it goes (RFC 6347, 4.2.2; RFC 6066, 3).
type clientHello struct {
	random [32]byte
	cookie []byte // part of the datagram
	again  bool   // it is not the first of its handshake
	server string
}

// parseHello reads a datagram that begins with a ClientHello in one piece; false for
// anything else.
func parseHello(b []byte) (h clientHello, ok bool) {
	const fixed = recordHeader + 12 + 2 + 32
	if len(b) < fixed || b[0] != recordHandshake || binary.BigEndian.Uint16(b[3:]) != 0 || b[recordHeader] != helloType {
		return h, false
	}
	b = b[recordHeader:]
	size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	if int(b[6])<<16|int(b[7])<<8|int(b[8]) != 0 || [3]byte(b[9:12]) != [3]byte(b[1:4]) || 12+size > len(b) {
		return h, false
	}
	h.again = binary.BigEndian.Uint16(b[4:]) > 0
	body := cut(b[12 : 12+size])
	body.take(2) // version
	copy(h.random[:], body.take(32))
	body.take(body.length(1)) // session ID
	h.cookie = body.take(body.length(1))
	body.take(body.length(2)) // cipher suites
	body.take(body.length(1)) // compression
	extensions := cut(body.take(body.length(2)))
	for len(extensions) > 0 {
		kind := extensions.length(2)
		value := cut(extensions.take(extensions.length(2)))
		if kind == 0 { // server_name
			names := cut(value.take(value.length(2)))
			if names.length(1) == 0 { // host_name
				h.server = string(names.take(names.length(2)))
			}
		}
	}
	return h, h.server != ""
}

// cut takes a message apart; what is not there is empty.
type cut []byte

func (c *cut) take(n int) []byte {
	n = min(n, len(*c))
	b := (*c)[:n]
	*c = (*c)[n:]
	return b
}

func (c *cut) length(size int) (n int) {
	for _, v := range c.take(size) {
		n = n<<8 | int(v)
	}
	return n
}

// host is what bounds that hold for one attacker count by: an address, or the network that
// one household has of IPv6.
func host(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}
