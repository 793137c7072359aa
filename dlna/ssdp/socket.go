package ssdp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	dmsssdp "github.com/anacrolix/dms/ssdp"
	"github.com/swarmgate/swarmgate/dlna/lan"
	"golang.org/x/net/ipv4"
)

// multicastTTL is how many routers an announcement may pass (UDA 1.1, 1.1.2: "The TTL for the
// IP packet SHOULD default to 2").
const multicastTTL = 2

// Conn is the multicast socket of one interface.
type Conn interface {
	// Read waits for a datagram that came in on the interface.
	Read(b []byte) (n int, from netip.AddrPort, err error)
	// Announce sends to a multicast group.
	Announce(b []byte, group netip.AddrPort) error
	// Answer sends to one host, from the given own address.
	Answer(b []byte, to netip.AddrPort, from netip.Addr) error
	// Close ends a waiting Read.
	Close() error
}

// Listen opens the multicast socket of an interface for IPv4 or IPv6.
func Listen(ifi lan.Interface, six bool) (Conn, error) {
	if six {
		return listenIPv6(ifi)
	}
	return listenIPv4(ifi)
}

// socket is a Conn over IPv4. It shares UDP port 1900 with the other programs of this
// machine and with the sockets of the other interfaces.
type socket struct {
	ifi  lan.Interface
	conn *ipv4.PacketConn
}

func listenIPv4(ifi lan.Interface) (Conn, error) {
	device := &net.Interface{Index: ifi.Index, Name: ifi.Name}
	udp, err := net.ListenMulticastUDP("udp4", device, dmsssdp.NetAddr)
	if err != nil {
		return nil, err
	}
	conn := ipv4.NewPacketConn(udp)
	err = errors.Join(
		conn.SetMulticastInterface(device),
		conn.SetMulticastTTL(multicastTTL),
		conn.SetMulticastLoopback(true), // control points on this machine
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set multicast options: %w", err), conn.Close())
	}
	// A socket gets what any of our sockets joined. Where the system can't tell the
	// interface of a datagram, Read goes by the sender's address.
	_ = conn.SetControlMessage(ipv4.FlagInterface, true)
	return &socket{ifi: ifi, conn: conn}, nil
}

func (s *socket) Read(b []byte) (int, netip.AddrPort, error) {
	for {
		n, control, addr, err := s.conn.ReadFrom(b)
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		udp, ok := addr.(*net.UDPAddr)
		if !ok {
			continue
		}
		from := udp.AddrPort()
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if s.mine(control, from.Addr()) {
			return n, from, nil
		}
	}
}

func (s *socket) mine(control *ipv4.ControlMessage, from netip.Addr) bool {
	if control != nil && control.IfIndex != 0 {
		return control.IfIndex == s.ifi.Index
	}
	for _, p := range s.ifi.Prefixes {
		if p.Contains(from) {
			return true
		}
	}
	return false
}

func (s *socket) Announce(b []byte, group netip.AddrPort) error {
	_, err := s.conn.WriteTo(b, nil, net.UDPAddrFromAddrPort(group))
	return err
}

func (s *socket) Answer(b []byte, to netip.AddrPort, from netip.Addr) error {
	_, err := s.conn.WriteTo(b, &ipv4.ControlMessage{Src: from.AsSlice()}, net.UDPAddrFromAddrPort(to))
	return err
}

func (s *socket) Close() error { return s.conn.Close() }

// remedy says what a person can do about a socket's error.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "end the program that keeps UDP port 1900 for itself"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "let this program use UDP port 1900 and multicast in the firewall or sandbox"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.EHOSTUNREACH):
		return "connect that interface to the home's network"
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "give that interface an address"
	default:
		return "choose another with --interface"
	}
}
