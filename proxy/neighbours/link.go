package neighbours

import (
	"cmp"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/swarmgate/swarmgate/ppsp/localpeers"
)

// place is one family of one interface, with the addresses at which peers there can reach us.
type place struct {
	nic   net.Interface
	six   bool
	addrs []netip.Addr // sorted, at most maxAddresses
	nets  []netip.Prefix
}

// maxAddresses bounds from how many addresses of a place is announced: IPv6 gives a machine many.
const maxAddresses = 2

// places returns where we can announce, in order of the interfaces. A socket bound to one address is
// reached there alone.
func places(bind netip.Addr, list func() ([]net.Interface, error), addresses func(*net.Interface) ([]net.Addr, error)) []place {
	all, err := list()
	if err != nil {
		return nil
	}
	var out []place
	for _, nic := range all {
		if nic.Flags&net.FlagUp == 0 || nic.Flags&net.FlagMulticast == 0 || nic.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		its, err := addresses(&nic)
		if err != nil {
			continue
		}
		four, six := place{nic: nic}, place{nic: nic, six: true}
		for _, a := range its {
			p, err := netip.ParsePrefix(a.String())
			if err != nil || !fits(p.Addr().Unmap(), bind) {
				continue
			}
			in := &six
			if p.Addr().Unmap().Is4() {
				in = &four
			}
			in.addrs = append(in.addrs, p.Addr().Unmap())
			in.nets = append(in.nets, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked())
		}
		for _, p := range []place{four, six} {
			slices.SortFunc(p.addrs, netip.Addr.Compare)
			if p.addrs = p.addrs[:min(len(p.addrs), maxAddresses)]; len(p.addrs) > 0 {
				out = append(out, p)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b place) int { return cmp.Compare(a.nic.Index, b.nic.Index) })
	return out
}

// fits tells whether peers on the network reach a socket that is bound so by this address.
func fits(ip, bind netip.Addr) bool {
	switch {
	case ip.IsLoopback() || ip.Is6() && ip.IsLinkLocalUnicast():
		return false // the latter means nothing without its zone
	case !bind.IsValid() || bind.IsUnspecified() && bind.Is6():
		return true
	case bind.IsUnspecified():
		return ip.Is4()
	}
	return ip == bind.Unmap()
}

func (p place) same(o place) bool {
	return p.nic.Index == o.nic.Index && p.nic.Name == o.nic.Name && p.six == o.six && slices.Equal(p.addrs, o.addrs) && slices.Equal(p.nets, o.nets)
}

// has tells whether an address is on the place's network: only such a one is a neighbour's.
func (p place) has(a netip.Addr) bool {
	return slices.ContainsFunc(p.nets, func(n netip.Prefix) bool { return n.Contains(a) })
}

// link is the socket of a place.
type link struct {
	place
	conn *net.UDPConn
	four *ipv4.PacketConn // of the two the one of its family
	v6   *ipv6.PacketConn
}

func open(p place) (*link, error) {
	l := &link{place: p}
	network, group := "udp4", localpeers.Group4()
	if p.six {
		network, group = "udp6", localpeers.Group6()
	}
	var err error
	l.conn, err = net.ListenMulticastUDP(network, &p.nic, &net.UDPAddr{IP: group.AsSlice(), Port: localpeers.Port})
	if err != nil {
		return nil, err
	}
	// Where the system can't tell the interface of a datagram, or set how far it goes, it works all the same.
	if p.six {
		l.v6 = ipv6.NewPacketConn(l.conn)
		_ = l.v6.SetControlMessage(ipv6.FlagInterface, true)
		_ = l.v6.SetMulticastHopLimit(localpeers.Hops)
		_ = l.v6.SetMulticastLoopback(true) // to other programs of this machine
		return l, nil
	}
	l.four = ipv4.NewPacketConn(l.conn)
	_ = l.four.SetControlMessage(ipv4.FlagInterface, true)
	_ = l.four.SetMulticastTTL(localpeers.Hops)
	_ = l.four.SetMulticastLoopback(true)
	return l, nil
}

// send announces from one of the place's addresses.
func (l *link) send(b []byte, from netip.Addr) error {
	if l.six {
		to := &net.UDPAddr{IP: localpeers.Group6().AsSlice(), Port: localpeers.Port, Zone: l.nic.Name}
		_, err := l.v6.WriteTo(b, &ipv6.ControlMessage{IfIndex: l.nic.Index, Src: from.AsSlice()}, to)
		return err
	}
	to := &net.UDPAddr{IP: localpeers.Group4().AsSlice(), Port: localpeers.Port}
	_, err := l.four.WriteTo(b, &ipv4.ControlMessage{IfIndex: l.nic.Index, Src: from.AsSlice()}, to)
	return err
}

// read waits for the next datagram of a neighbour that came by the link's interface: the system hands those
// of all interfaces to each socket of the group, and anybody can write any address as his own.
func (l *link) read(b []byte) (n int, from netip.Addr, err error) {
	for {
		var at net.Addr
		nic := 0
		if l.six {
			var c *ipv6.ControlMessage
			if n, c, at, err = l.v6.ReadFrom(b); c != nil {
				nic = c.IfIndex
			}
		} else {
			var c *ipv4.ControlMessage
			if n, c, at, err = l.four.ReadFrom(b); c != nil {
				nic = c.IfIndex
			}
		}
		if err != nil {
			return 0, from, err
		}
		if u, ok := at.(*net.UDPAddr); ok && (nic == 0 || nic == l.nic.Index) {
			if from = u.AddrPort().Addr().WithZone("").Unmap(); l.has(from) {
				return n, from, nil
			}
		}
	}
}
