package ssdp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/swarmgate/swarmgate/dlna/lan"
	"golang.org/x/net/ipv6"
)

// hopLimit is how many routers an announcement to the site may pass. UDA 1.1, A.2.1 leaves it
// open; IPv4's bound holds for both.
const hopLimit = multicastTTL

// socket6 is a Conn over IPv6, a member of the groups of the link and of the site.
type socket6 struct {
	ifi  lan.Interface
	conn *ipv6.PacketConn
}

func listenIPv6(ifi lan.Interface) (Conn, error) {
	device := &net.Interface{Index: ifi.Index, Name: ifi.Name}
	udp, err := net.ListenMulticastUDP("udp6", device, net.UDPAddrFromAddrPort(groupLink.to))
	if err != nil {
		return nil, err
	}
	conn := ipv6.NewPacketConn(udp)
	err = errors.Join(
		conn.JoinGroup(device, net.UDPAddrFromAddrPort(groupSite.to)),
		conn.SetMulticastInterface(device),
		conn.SetMulticastHopLimit(hopLimit),
		conn.SetMulticastLoopback(true), // control points on this machine
		conn.SetControlMessage(ipv6.FlagInterface, true),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set multicast options: %w", err), conn.Close())
	}
	return &socket6{ifi: ifi, conn: conn}, nil
}

func (s *socket6) Read(b []byte) (int, netip.AddrPort, error) {
	for {
		n, control, addr, err := s.conn.ReadFrom(b)
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		udp, ok := addr.(*net.UDPAddr)
		if !ok || control != nil && control.IfIndex != 0 && control.IfIndex != s.ifi.Index {
			continue
		}
		return n, udp.AddrPort(), nil
	}
}

func (s *socket6) Announce(b []byte, group netip.AddrPort) error {
	_, err := s.conn.WriteTo(b, &ipv6.ControlMessage{IfIndex: s.ifi.Index}, net.UDPAddrFromAddrPort(group))
	return err
}

func (s *socket6) Answer(b []byte, to netip.AddrPort, from netip.Addr) error {
	_, err := s.conn.WriteTo(b, &ipv6.ControlMessage{Src: from.AsSlice(), IfIndex: s.ifi.Index}, net.UDPAddrFromAddrPort(to))
	return err
}

func (s *socket6) Close() error { return s.conn.Close() }
