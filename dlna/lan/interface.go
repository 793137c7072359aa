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
	Prefixes []netip.Prefix // own address and the length of its subnet, IPv4 first
}

// List reads the interfaces of this machine, those that are down too.
func List() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	found := make([]Interface, 0, len(all))
	for _, ifi := range all {
		addrs, err := ifi.Addrs()
		if err != nil {
			continue // it vanished between the two questions
		}
		found = append(found, Interface{
			Name: ifi.Name, Index: ifi.Index, Flags: ifi.Flags, Prefixes: prefixes(addrs),
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

// Facing returns the own address in whose subnet peer lies, else Primary.
func (i Interface) Facing(peer netip.Addr) netip.Addr {
	peer = peer.Unmap().WithZone("")
	for _, p := range i.Prefixes {
		if p.Contains(peer) {
			return p.Addr()
		}
	}
	return i.Primary()
}

// Equal tells whether nothing that matters to an announcement has changed.
func (i Interface) Equal(o Interface) bool {
	return i.Name == o.Name && i.Index == o.Index && slices.Equal(i.Prefixes, o.Prefixes)
}
