package nat

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// pcp is the Port Control Protocol, RFC 6887.
type pcp struct{ nonce [12]byte }

const (
	pcpVersion  = 2
	pcpAnnounce = 0 // opcode
	pcpMap      = 1 // opcode
	pcpAnswer   = 128
	pcpHeader   = 24 // bytes
	pcpMapSize  = 60
	pcpUDP      = 17
)

func newPCP() pcp { return pcp{nonce()} }

func (pcp) title() string { return "PCP" }

// header is that of requests (7.1).
func (pcp) header(opcode byte, own netip.Addr, lifetime uint32) []byte {
	b := []byte{pcpVersion, opcode, 0, 0}
	b = binary.BigEndian.AppendUint32(b, lifetime)
	ip := own.As16()
	return append(b, ip[:]...)
}

// probe is ANNOUNCE (14.1), which every server answers.
func (p pcp) probe(own netip.Addr) []byte { return p.header(pcpAnnounce, own, 0) }

// mapping is MAP (11.1); no external address is suggested.
func (p pcp) mapping(own netip.Addr, internal, external uint16, lifetime uint32) []byte {
	b := append(p.header(pcpMap, own, lifetime), p.nonce[:]...)
	b = append(b, pcpUDP, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, internal)
	b = binary.BigEndian.AppendUint16(b, external)
	none := netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff}).As16() // "the all-zeroes IPv4 address, mapped"
	if own.Is6() {
		none = netip.IPv6Unspecified().As16()
	}
	return append(b, none[:]...)
}

func (pcp) parse(b, request []byte) (a controlAnswer, ok bool) {
	if len(b) < pcpHeader || b[0] != pcpVersion || b[1] != request[1]|pcpAnswer {
		return a, false
	}
	a.code = int(b[3])
	a.epoch = time.Duration(binary.BigEndian.Uint32(b[8:])) * time.Second
	if request[1] == pcpAnnounce {
		return a, true
	}
	// The nonce, the protocol and the internal port are those of the request (11.4).
	if len(b) < pcpMapSize || [12]byte(b[24:36]) != [12]byte(request[24:36]) || b[36] != pcpUDP || [2]byte(b[40:42]) != [2]byte(request[40:42]) {
		return a, false
	}
	a.lifetime, a.port = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint16(b[42:])
	if ip := netip.AddrFrom16([16]byte(b[44:60])).Unmap(); !ip.IsUnspecified() {
		a.external = ip
	}
	return a, true
}
