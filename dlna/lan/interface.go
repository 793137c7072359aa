// Package lan knows which networks are the home's: the interfaces on which the server is
// announced, and the hosts to which it answers. Tunnels, containers and virtual machines
// have interfaces too; a television set that is given an address of one of them finds a
// server that it can't reach.
package lan

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// MaxPrefixes bounds how many addresses of one interface are looked at.
const MaxPrefixes = 32

// Interface is a network interface and its addresses at one moment.
type Interface struct {
	Name     string
	Index    int
	Flags    net.Flags
	Tunnel   bool           // the system says that it leads through another network
	Prefixes []netip.Prefix // own address and the length of its subnet, IPv4 first
}

// List reads the interfaces of this machine, those that are down too.
func List() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	found := make([]Interface, 0, len(all))
	through := tunnels()
	for _, ifi := range all {
		addrs, err := ifi.Addrs()
		if err != nil {
			continue // it vanished between the two questions
		}
		found = append(found, Interface{
			Name: ifi.Name, Index: ifi.Index, Flags: ifi.Flags, Tunnel: through[ifi.Index], Prefixes: prefixes(addrs),
		})
	}
	return found, nil
}

func prefixes(addrs []net.Addr) []netip.Prefix {
	var list []netip.Prefix
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || len(list) == MaxPrefixes {
			continue
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b netip.Prefix) int {
		return a.Addr().BitLen() - b.Addr().BitLen()
	})
	return list
}

// Primary returns the address that the interface is announced with: its first IPv4
// address, one that was given to it rather than a link-local one if there is a choice.
// It is invalid if the interface has no IPv4 address.
func (i Interface) Primary() netip.Addr {
	var fallback netip.Addr
	for _, p := range i.Prefixes {
		switch a := p.Addr(); {
		case !a.Is4():
		case !a.IsLinkLocalUnicast():
			return a
		case !fallback.IsValid():
			fallback = a
		}
	}
	return fallback
}

// Facing returns the own address in whose subnet peer lies; else one of the same family by
// which the interface is announced.
func (i Interface) Facing(peer netip.Addr) netip.Addr {
	peer = plain(peer)
	for _, p := range i.Prefixes {
		if p.Contains(peer) {
			return p.Addr()
		}
	}
	if peer.Is6() {
		if a := i.Wide(); a.IsValid() {
			return a
		}
		if a := i.LinkLocal(); a.IsValid() {
			return a
		}
	}
	return i.Primary()
}

// LinkLocal returns the IPv6 address that only hosts on the same link can reach.
func (i Interface) LinkLocal() netip.Addr {
	for _, p := range i.Prefixes {
		if a := p.Addr(); a.Is6() && a.IsLinkLocalUnicast() {
			return a
		}
	}
	return netip.Addr{}
}

// Wide returns the IPv6 address that all of the home can reach: one of the home's own range
// (RFC 4193) if there is a choice, since it outlives what a provider hands out.
func (i Interface) Wide() netip.Addr {
	var fallback netip.Addr
	for _, p := range i.Prefixes {
		switch a := p.Addr(); {
		case !a.Is6() || !a.IsGlobalUnicast():
		case a.IsPrivate():
			return a
		case !fallback.IsValid():
			fallback = a
		}
	}
	return fallback
}

// Has tells whether a is an address of the interface.
func (i Interface) Has(a netip.Addr) bool {
	return slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return p.Addr() == a })
}

// Families returns the interface with its IPv4 addresses alone and with those of IPv6 alone.
func (i Interface) Families() (four, six Interface) {
	n := 0
	for n < len(i.Prefixes) && i.Prefixes[n].Addr().Is4() {
		n++
	}
	four, six = i, i
	four.Prefixes, six.Prefixes = i.Prefixes[:n:n], i.Prefixes[n:]
	return four, six
}

// Equal tells whether nothing that matters to an announcement has changed.
func (i Interface) Equal(o Interface) bool {
	return i.Name == o.Name && i.Index == o.Index && slices.Equal(i.Prefixes, o.Prefixes)
}
