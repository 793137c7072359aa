package nat

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// natPMP is NAT-PMP, RFC 6886.
type natPMP struct{}

const (
	pmpVersion = 0
	pmpAddress = 0 // opcode
	pmpMapUDP  = 1 // opcode
	pmpAnswer  = 128
)

func (natPMP) title() string { return "NAT-PMP" }

// probe asks for the external address (3.2).
func (natPMP) probe(netip.Addr) []byte { return []byte{pmpVersion, pmpAddress} }

// mapping asks for a port (3.3).
func (natPMP) mapping(_ netip.Addr, internal, external uint16, lifetime uint32) []byte {
	b := []byte{pmpVersion, pmpMapUDP, 0, 0}
	b = binary.BigEndian.AppendUint16(b, internal)
	b = binary.BigEndian.AppendUint16(b, external)
	return binary.BigEndian.AppendUint32(b, lifetime)
}

func (natPMP) parse(b, request []byte) (a controlAnswer, ok bool) {
	if len(b) < 8 || b[0] != pmpVersion || b[1] != request[1]+pmpAnswer {
		return a, false
	}
	a.code = int(binary.BigEndian.Uint16(b[2:]))
	a.epoch = time.Duration(binary.BigEndian.Uint32(b[4:])) * time.Second
	switch {
	case a.code != 0:
		return a, true
	case request[1] == pmpAddress && len(b) >= 12:
		if ip := netip.AddrFrom4([4]byte(b[8:12])); !ip.IsUnspecified() {
			a.external = ip
		}
		return a, true
	case request[1] == pmpMapUDP && len(b) >= 16 && [2]byte(b[8:10]) == [2]byte(request[4:6]):
		a.port, a.lifetime = binary.BigEndian.Uint16(b[10:]), binary.BigEndian.Uint32(b[12:])
		return a, true
	}
	return a, false
}
