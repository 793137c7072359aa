//go:build linux

package lab

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is how a home is connected to the Internet. Mapping and filtering are the words of RFC 4787 (4.1 and 5): whether
// the outside port depends on whom an inside socket speaks to, and from whom datagrams to that port are let in.
type Kind string

// The kinds of homes.
const (
	Open      Kind = "open"      // a public address and no NAT
	FullCone  Kind = "fullcone"  // endpoint-independent mapping and filtering
	Addr      Kind = "addr"      // endpoint-independent mapping, address-dependent filtering
	Port      Kind = "port"      // endpoint-independent mapping, address and port-dependent filtering: most homes
	Sym       Kind = "sym"       // address and port-dependent mapping and filtering
	CGNAT     Kind = "cgnat"     // a Port router behind a carrier's FullCone
	CGNATSym  Kind = "cgnat:sym" // a Port router behind a carrier's Sym
	BlockUDP  Kind = "blockudp"  // a Port router that drops UDP from inside
	Offline   Kind = "offline"   // a Port router that drops everything from inside
	carrierNo Kind = ""
)

// Kinds returns those between which a table of pairs is made, the easy ones first.
func Kinds() []Kind { return []Kind{Open, FullCone, Addr, Port, Sym, CGNAT, CGNATSym} }

// ParseKind reads a kind's name.
func ParseKind(s string) (Kind, error) {
	all := append(Kinds(), BlockUDP, Offline)
	if i := slices.Index(all, Kind(s)); i >= 0 {
		return all[i], nil
	}
	return "", fmt.Errorf("lab: there is no kind of home %q: there are %q", s, all)
}

// Carrier is the kind of the carrier's NAT, empty where there is none.
func (k Kind) Carrier() Kind {
	switch k {
	case CGNAT:
		return FullCone
	case CGNATSym:
		return Sym
	default:
		return carrierNo
	}
}

// router is the kind of the NAT in the home itself.
func (k Kind) router() Kind {
	if strings.HasPrefix(string(k), string(CGNAT)) {
		return Port
	}
	return k
}

// symmetric holds where a stranger cannot know the outside port before he is spoken to.
func (k Kind) symmetric() bool { return k == Sym || k.Carrier() == Sym }

// strict holds where only the very address and port that was spoken to is let in.
func (k Kind) strict() bool { return k.router() == Port || k.symmetric() }

// Connects tells whether homes of two kinds can send each other UDP datagrams without a mapping, when both know each
// other's address as a STUN server sees it and both try: of a symmetric NAT the other side does not know the port, so it
// has to let datagrams in from any.
func Connects(a, b Kind) bool {
	if a == BlockUDP || b == BlockUDP || a == Offline || b == Offline {
		return false
	}
	return !(a.symmetric() && b.strict() || b.symmetric() && a.strict())
}
