package stunserver

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// maxControl is the room for what the system tells beside a datagram, bytes.
const maxControl = 128

// tellAddress has a socket that listens on all addresses tell to which of them a datagram came: from there the answer has
// to leave, else neither the NAT nor who asks takes it for one. Systems that can't do that choose an address.
func tellAddress(c *net.UDPConn) {
	if c.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() {
		_ = ipv6.NewPacketConn(c).SetControlMessage(ipv6.FlagDst, true) // also of IPv4: such a socket is one of both
	}
}

// backFrom has an answer leave from the address that control tells; nil leaves it to the system.
func backFrom(control []byte) []byte {
	var m ipv6.ControlMessage
	if len(control) == 0 || m.Parse(control) != nil {
		return nil
	}
	a, ok := netip.AddrFromSlice(m.Dst)
	switch a = a.Unmap(); {
	case !ok || a.IsMulticast() || a.IsUnspecified():
		return nil
	case a.Is4():
		return (&ipv4.ControlMessage{Src: a.AsSlice()}).Marshal()
	case a.IsLinkLocalUnicast():
		return (&ipv6.ControlMessage{Src: a.AsSlice(), IfIndex: m.IfIndex}).Marshal()
	}
	return (&ipv6.ControlMessage{Src: a.AsSlice()}).Marshal()
}

// send writes an answer.
func send(c *net.UDPConn, b, control []byte, to netip.AddrPort) {
	if _, _, err := c.WriteMsgUDPAddrPort(b, backFrom(control), to); err != nil {
		_, _ = c.WriteToUDPAddrPort(b, to) // by another address rather than not at all
	}
}
