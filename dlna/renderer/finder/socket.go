package finder

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/swarmgate/swarmgate/dlna/lan"
)

// The groups of SSDP: UDA 1.1, 1.1 and annex A.
const (
	group4 = "239.255.255.250:1900"
	group6 = "[ff02::c]:1900"
)

// hops is how many routers a search may pass, as an announcement of ours.
const hops = 4

// socket is a Conn. One that searches has a port of its own, since the answers to port 1900
// of this machine may go to any program there; one that hears announcements shares 1900.
type socket struct {
	udp    *net.UDPConn
	ifi    lan.Interface
	search func(b []byte) error // nil for one that hears
	text   []byte
}

// Listen opens the sockets of an interface: for searching and for hearing, over IPv4 and,
// where the interface has it, over IPv6. An error tells of those that could not be opened.
func Listen(ifi lan.Interface) ([]Conn, error) {
	device := &net.Interface{Index: ifi.Index, Name: ifi.Name}
	var conns []Conn
	var errs []error
	add := func(s *socket, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		s.ifi = ifi
		conns = append(conns, s)
	}
	if own := ifi.Primary(); own.IsValid() {
		add(searcher4(device, own))
		add(hearer("udp4", device, group4))
	}
	if own, ok := linkLocal(ifi); ok {
		add(searcher6(device, own))
		add(hearer("udp6", device, group6))
	}
	return conns, errors.Join(errs...)
}

// linkLocal returns the interface's own address in the network that a search over IPv6 is
// asked in.
func linkLocal(ifi lan.Interface) (netip.Addr, bool) {
	i := slices.IndexFunc(ifi.Prefixes, func(p netip.Prefix) bool { return p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() })
	if i < 0 {
		return netip.Addr{}, false
	}
	return ifi.Prefixes[i].Addr().WithZone(ifi.Name), true
}

func hearer(network string, device *net.Interface, group string) (*socket, error) {
	to, err := net.ResolveUDPAddr(network, group)
	if err != nil {
		return nil, err
	}
	udp, err := net.ListenMulticastUDP(network, device, to)
	if err != nil {
		return nil, fmt.Errorf("hear announcements: %w", err)
	}
	return &socket{udp: udp}, nil
}

func searcher4(device *net.Interface, own netip.Addr) (*socket, error) {
	udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(own, 0)))
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	conn := ipv4.NewPacketConn(udp)
	if err := errors.Join(conn.SetMulticastInterface(device), conn.SetMulticastTTL(hops), conn.SetMulticastLoopback(true)); err != nil {
		return nil, errors.Join(fmt.Errorf("search: set multicast options: %w", err), udp.Close())
	}
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(group4))
	return &socket{udp: udp, text: appendSearch(nil, group4), search: func(b []byte) error {
		_, err := udp.WriteToUDP(b, to)
		return err
	}}, nil
}

func searcher6(device *net.Interface, own netip.Addr) (*socket, error) {
	udp, err := net.ListenUDP("udp6", net.UDPAddrFromAddrPort(netip.AddrPortFrom(own, 0)))
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	conn := ipv6.NewPacketConn(udp)
	if err := errors.Join(conn.SetMulticastInterface(device), conn.SetMulticastHopLimit(hops), conn.SetMulticastLoopback(true)); err != nil {
		return nil, errors.Join(fmt.Errorf("search: set multicast options: %w", err), udp.Close())
	}
	group := netip.MustParseAddrPort(group6)
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(group.Addr().WithZone(device.Name), group.Port()))
	return &socket{udp: udp, text: appendSearch(nil, group6), search: func(b []byte) error {
		_, err := udp.WriteToUDP(b, to)
		return err
	}}, nil
}

func (s *socket) Read(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(b)
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if s.search != nil || s.mine(from.Addr()) {
			return n, from, nil
		}
	}
}

// mine tells whether a sender is on this interface: a socket gets what any socket of this
// machine joined.
func (s *socket) mine(from netip.Addr) bool {
	if zone := from.Zone(); zone != "" {
		return zone == s.ifi.Name
	}
	return slices.ContainsFunc(s.ifi.Prefixes, func(p netip.Prefix) bool { return p.Contains(from) })
}

func (s *socket) Search() error {
	if s.search == nil {
		return nil
	}
	return s.search(s.text)
}

func (s *socket) Close() error { return s.udp.Close() }
