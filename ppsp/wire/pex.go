package wire

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// AppendPexReq appends a PEX_REQ: name me some peers (RFC 7574, 8.13).
func AppendPexReq(b []byte) []byte { return append(b, byte(TypePexReq)) }

// AppendPexRes appends a PEX_RESv4 or PEX_RESv6 that names a peer, an IPv4-mapped address
// as the IPv4 address it is. It appends nothing for the zero AddrPort. Which addresses
// may be told to whom is the caller's to know (RFC 7574, 8.13).
func AppendPexRes(b []byte, peer netip.AddrPort) []byte {
	if !peer.IsValid() {
		return b
	}
	if addr := peer.Addr().Unmap(); addr.Is4() {
		a := addr.As4()
		b = append(append(b, byte(TypePexResV4)), a[:]...)
	} else {
		a := addr.As16()
		b = append(append(b, byte(TypePexResV6)), a[:]...)
	}
	return binary.BigEndian.AppendUint16(b, peer.Port())
}

// AppendPexCert appends a PEX_REScert with a membership certificate in DER form (RFC
// 7574, 8.13). It appends nothing for one that is empty or over 65535 bytes.
func AppendPexCert(b, der []byte) []byte {
	if len(der) == 0 || len(der) > math.MaxUint16 {
		return b
	}
	b = append(b, byte(TypePexResCert))
	b = binary.BigEndian.AppendUint16(b, uint16(len(der)))
	return append(b, der...)
}

func parsePexRes(m *Message, b []byte) (n int, reason string) {
	var addr netip.Addr
	if m.Type == TypePexResV4 {
		n = 4
		addr = netip.AddrFrom4([4]byte(b[:n]))
	} else {
		n = 16
		addr = netip.AddrFrom16([16]byte(b[:n])).Unmap()
	}
	m.Peer = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[n:]))
	return n + 2, ""
}

func parsePexCert(m *Message, b []byte) (n int, reason string) {
	end := 2 + int(binary.BigEndian.Uint16(b))
	switch {
	case end == 2:
		return 0, "the certificate is empty"
	case end > len(b):
		return 0, truncated
	}
	m.Payload = b[2:end:end]
	return end, ""
}
