package swarm

import (
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp"
)

// A HANDSHAKE goes to all addresses of a peer at the same time, so that the NATs on both sides let
// the other's in, and again soon: the other side may have learnt of us a moment later. It goes on at
// a steady pace until the other side has asked its tracker anew: of two homes of which one changes
// its port for each destination, and the other lets in who was called, only the first one's
// HANDSHAKE arrives, and not before the second has sent its own. Then it backs off. All of them
// carry one channel ID, so that the first answer opens the channel and further ones are nothing.
const (
	handshakeTries = 24    // HANDSHAKE datagrams to an address before giving up
	handshakeBurst = 4     // of these, those that go out at fixed times, for both sides to meet
	handshakePace  = 220e6 // ns between those that follow
	handshakeLast  = 3     // of them, between which the wait is longer, and doubles
)

// handshakeStarts are the waits of the burst.
var handshakeStarts = [handshakeBurst - 1]int64{100e6, 150e6, 225e6}

// A burst of HANDSHAKEs to an address that somebody named is a weapon (RFC 7574, 12.2.1): it is small
// for each destination, and for all together.
const (
	maxSiege  = 8     // attempts at a time to addresses of one host
	dialBurst = 512   // HANDSHAKE datagrams at once, to all
	dialEvery = 5e6   // ns between two of them in the long run
	dialAgain = 100e6 // ns after which an attempt is carried on that has to wait for others
)

// dialing is what an attempt to reach a peer has.
type dialing struct {
	ways  []netip.AddrPort // the peer's addresses, nil for remote alone
	way   int              // that goes next
	goal  netip.AddrPort   // the address that was told, whichever answers
	sends netip.AddrPort   // where the datagram goes that was made
}

// handshakeWait is how long an answer to the HANDSHAKE number n, from 0 on, is waited for.
func (s *Swarm) handshakeWait(n int) int64 {
	wait := handshakePause(n)
	if n+1 >= handshakeBurst { // both sides may have begun at once, and must not go on in step with others
		wait += s.rand.Int64N(wait / 5)
	}
	return wait
}

// handshakePause is the least that handshakeWait returns.
func handshakePause(n int) int64 {
	if n < len(handshakeStarts) {
		return handshakeStarts[n]
	}
	return handshakePace << max(n-(handshakeTries-handshakeLast)+1, 0)
}

// nextWay settles where the HANDSHAKE goes that is to be made; false when there must be none now.
func (c *channel) nextWay(now int64) bool {
	if !c.s.mayDial(now) {
		c.handshakeAt = now + dialAgain
		return false
	}
	c.sends = c.remote
	if len(c.ways) > 0 {
		c.sends = c.ways[c.way]
	}
	if c.way++; c.way < len(c.ways) {
		return true
	}
	c.way = 0
	c.handshakeAt = now + c.s.handshakeWait(c.handshakes)
	c.handshakes++
	return true
}

// mayDial takes one of the HANDSHAKE datagrams that may go out.
func (s *Swarm) mayDial(now int64) bool {
	at := max(s.dialAt, now)
	if at-now > dialBurst*dialEvery {
		return false
	}
	s.dialAt = at + dialEvery
	return true
}

// besieged tells whether we are knocking at many ports of one of the peer's hosts already. On loopback
// each may be a program of its own.
func (s *Swarm) besieged(e *candidate) bool {
	n := 0
	for _, c := range s.order {
		if c.state == stateInitiating && oneHost(c.goal.Addr(), e.addr.Addr()) {
			n++
		}
	}
	return n >= maxSiege
}

// oneHost tells whether two addresses may be those of one host. In a home's network each is a device's own.
func oneHost(a, b netip.Addr) bool {
	if ppsp.Public(a) {
		return hostOf(a) == hostOf(b)
	}
	return a == b && !a.IsLoopback()
}

// goesTo is where the datagram goes that the channel made last.
func (c *channel) goesTo() netip.AddrPort {
	if c.state == stateInitiating {
		return c.sends
	}
	return c.remote
}

// dropEchoes forgets the channels that the same HANDSHAKE began at other addresses of the peer: it
// has chosen this one.
func (s *Swarm) dropEchoes(c *channel) {
	for k := 0; k < len(s.order); {
		if o := s.order[k]; o != c && o.state == stateResponding && o.remoteID == c.remoteID && c.sameAs(o) {
			s.drop(o)
			continue
		}
		k++
	}
}

// outlives tells which of two open channels to one peer stays. Both ends settle on that with the
// lowest channel ID, unless one of them is dead.
func (c *channel) outlives(o *channel, now int64) bool {
	dead := now-o.heardAt > suspectAfter/2
	if c.remote != o.remote { // the old one may only have been idle
		dead = now-o.heardAt > suspectAfter && o.unanswered >= deadTries
	}
	return dead || min(c.id, c.remoteID) < min(o.id, o.remoteID)
}
