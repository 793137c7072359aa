// Package behaviour finds out how the NATs between this machine and the Internet treat UDP (RFC 5780), and gives them the
// names that people know.
//
// It asks from sockets of its own: a NAT treats those as it treats the socket of PPSPP, and what is tried with them opens
// nothing there that would be there otherwise. The kind of NAT is asked for over IPv4, where the NATs are.
//
// Nothing is believed that an answer does not show: it counts only if it comes from the address that the question named.
package behaviour

import (
	"net/netip"
	"time"
)

// Dependence says on what of the other side it depends how a NAT treats a socket behind it.
type Dependence string

// How the outside port is chosen (RFC 4787, 4.1), and who may send to it (RFC 4787, 5).
const (
	Unknown          Dependence = ""                                          // no server could show it
	Independent      Dependence = "endpoint-independent"                      // one port for all; anybody
	OnAddress        Dependence = "address-dependent"                         // a port for each address; who was sent something
	OnAddressAndPort Dependence = "address and port-dependent"                // a port for each address and port; the very port that was sent something
	NotOnPort        Dependence = "endpoint-independent or address-dependent" // one of these two: the server has only one address
)

// Kind is what people call a way to be connected.
type Kind string

// The kinds.
const (
	Open              Kind = "open"           // a public address, and all is let in
	Firewall          Kind = "firewall"       // a public address behind a filter
	Public            Kind = "public address" // one of the two above; no server could show which
	FullCone          Kind = "full cone"      // RFC 3489, 5, has these names
	AddressRestricted Kind = "address-restricted"
	PortRestricted    Kind = "port-restricted"
	Cone              Kind = "cone" // one of the three above; no server could show which
	Symmetric         Kind = "symmetric"
	NAT               Kind = "NAT"     // some NAT; no server could show which
	Blocked           Kind = "blocked" // UDP does not pass, or there is no Internet
)

// Report is what was found out.
type Report struct {
	Server    netip.AddrPort // of which the rest was learned; invalid when none answered
	Local     netip.AddrPort // of the socket that asked
	Seen      netip.AddrPort // the same socket as the server sees it
	Took      time.Duration  // until the answer
	Mapping   Dependence
	Filtering Dependence
	// Carrier is a router of the provider that shares addresses among customers: one on the way with an address of
	// RFC 6598. Invalid when none was seen, which is no proof that there is none.
	Carrier netip.Addr
}

// Kind names what was found. A carrier's NAT is told by Report.Carrier beside it.
func (r Report) Kind() Kind {
	switch {
	case !r.Server.IsValid():
		return Blocked
	case r.Local.Addr() == r.Seen.Addr():
		switch r.Filtering {
		case Independent:
			return Open
		case OnAddress, OnAddressAndPort:
			return Firewall
		}
		return Public
	case r.Mapping == OnAddress || r.Mapping == OnAddressAndPort:
		return Symmetric
	case r.Mapping != Independent:
		return NAT
	case r.Filtering == Independent:
		return FullCone
	case r.Filtering == OnAddress:
		return AddressRestricted
	case r.Filtering == OnAddressAndPort:
		return PortRestricted
	}
	return Cone
}

// sharedSpace is the network between carriers' NATs and their customers (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// reach is how far an address is known: on this machine, in a home or at a provider's, everywhere.
func reach(a netip.Addr) int {
	switch {
	case a.IsLoopback():
		return 0
	case a.IsPrivate(), a.IsLinkLocalUnicast(), sharedSpace.Contains(a):
		return 1
	}
	return 2
}

// usable returns the other address of a server if datagrams may be sent there: one that is known less far than the
// server itself is none of its business, and would have us knock at doors inside.
func usable(other, server netip.AddrPort) netip.AddrPort {
	a := other.Addr()
	switch {
	case !other.IsValid(), other.Port() == 0, other == server,
		a.Is4() != server.Addr().Is4(), a.IsMulticast(), a.IsUnspecified(), a == broadcast,
		reach(a) < reach(server.Addr()):
		return netip.AddrPort{}
	}
	return other
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
