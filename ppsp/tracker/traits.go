package tracker

import (
	"math"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp"
)

// traits are what a Memory knows of a peer by yes or no.
type traits uint8

const (
	stated  traits = 1 << iota // its addresses are those that it stated, not the source
	listed                     // it has an address
	hidden                     // all of them are such as only its own home can use
	onWire                     // one of its interfaces is
	battery                    // it runs on one
	mains                      // it says that it does not
	super                      // see Role
	edge
)

// ability is how well others get through to a peer (RFC 7846, 3.2.2).
type ability uint8

const (
	unknownNAT ability = iota
	noNAT
	throughSTUN
	throughTURN
)

// note keeps what the peer says of itself in a peer_num element.
func (t *member) note(about *PeerNum) {
	if about == nil {
		return
	}
	switch about.AbilityNAT {
	case "NO_NAT":
		t.ability = noNAT
	case "STUN":
		t.ability = throughSTUN
	case "TURN":
		t.ability = throughTURN
	}
	if about.Role == Edge {
		t.traits |= edge
	}
	if about.UploadBandwidth > 0 {
		t.upload = uint32(min(about.UploadBandwidth, math.MaxUint32))
	}
}

// take keeps what a report says of the peer rather than of its part in a swarm.
func (t *traits) take(s *StreamStats) {
	switch s.Connection {
	case "wired":
		*t |= onWire
	case "wireless":
		*t &^= onWire
	}
	switch s.Power {
	case "battery":
		*t = *t&^mains | battery
	case "mains":
		*t = *t&^battery | mains
	}
}

// traitsOf returns what follows from a peer's addresses and from where it calls.
func traitsOf(addresses []Address, source netip.Addr) (t traits) {
	if len(addresses) > 0 {
		t = listed | hidden
	}
	for i := range addresses {
		if addresses[i].Connection == "wired" {
			t |= onWire
		}
		if !addresses[i].domestic(source) {
			t &^= hidden
		}
	}
	return t
}

// public tells whether an address means the same everywhere.
func public(ip netip.Addr) bool {
	return ppsp.Public(ip)
}

// domestic tells whether the address is of use only in the peer's own network, whatever the peer
// says of its type: one that is not public, and not the one by which the tracker was called.
func (a *Address) domestic(source netip.Addr) bool {
	return !public(a.Addr()) && a.Addr() != source
}

// together tells whether peers that call from these addresses may be in one network: they call
// from the same address, or the tracker stands inside of it, or it is not known.
func together(a, b netip.Addr) bool {
	if !a.IsValid() || !b.IsValid() || neighbours(a) == neighbours(b) {
		return true
	}
	return !public(a) && !public(b)
}
