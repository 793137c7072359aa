package swarm

import (
	"math"
	"net/netip"
	"slices"
)

// candidate is a peer that is said to be there, or an address at which one may listen.
type candidate struct {
	addr    netip.AddrPort   // the best of its addresses
	more    []netip.AddrPort // the others, see Contact
	id      string           // who it is, as a tracker says; empty for unknown
	shared  bool             // several peers say that addr is theirs
	nextAt  int64            // not before
	tries   int              // since it last answered
	pex     bool             // a peer named it, no tracker did
	proven  bool             // … by a certificate that says that its holder is there
	dialled bool             // we have turned to it
	draft10 bool             // it was spoken to by draft 10 then, see Profile
}

// candidates are the addresses known, those of open channels too, bounded by MaxCandidates.
type candidates struct {
	list []candidate
	turn int
	at   int64 // when connect has something to do; valid unless changed
	// changed says that at must be found anew: the list, or which of its addresses have
	// channels, is not what it was.
	changed bool
}

// Waits between connection attempts to one address: doubled from the first to the last.
const (
	retryFirst = 1e9
	retryLast  = 60e9
)

// AddPeers tells the swarm of addresses at which peers listen, from a tracker or a link.
func (s *Swarm) AddPeers(now int64, addrs []netip.AddrPort) {
	for _, a := range addrs {
		if a, ok := s.usable(now, a); ok {
			s.candidates.add(now, a)
		}
	}
	s.connect(now)
}

// usable tells whether we may turn to an address, and returns its one form.
func (s *Swarm) usable(now int64, a netip.AddrPort) (netip.AddrPort, bool) {
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	return a, a.Port() != 0 && a.Addr().IsValid() && !a.Addr().IsUnspecified() && !a.Addr().IsMulticast() && !s.bans.Has(now, a)
}

// fruitless is after how many tries an address is no longer tried sooner because a tracker
// names it again: what is named need not be a peer's, but a victim's (RFC 7574, 12.2.1).
const fruitless = 4

// add puts an address on the list.
func (k *candidates) add(now int64, a netip.AddrPort) {
	if i := k.find(a); i >= 0 {
		k.named(now, &k.list[i])
		return
	}
	k.put(candidate{addr: a, nextAt: now})
}

// named notes that a tracker names a peer again: it is likely alive, so the wait starts small again.
func (k *candidates) named(now int64, e *candidate) {
	k.changed = true
	e.pex = false
	if e.tries < fruitless {
		e.nextAt = min(e.nextAt, now+retryFirst)
	}
}

// put adds e; that which failed most often makes room.
func (k *candidates) put(e candidate) {
	k.changed = true
	if len(k.list) < MaxCandidates {
		k.list = append(k.list, e)
		return
	}
	worst := 0
	for j := range k.list {
		if k.list[j].rank() > k.list[worst].rank() {
			worst = j
		}
	}
	k.list[worst] = e
}

// find returns the place of the peer that has the address, -1 for none.
func (k *candidates) find(a netip.AddrPort) int {
	for i := range k.list {
		if k.list[i].has(a) {
			return i
		}
	}
	return -1
}

// connect starts handshakes with candidates while peers are wanted.
func (s *Swarm) connect(now int64) {
	k := &s.candidates
	if s.closed || now < s.nextConnect() {
		return
	}
	k.changed = true
	for s.taken() < s.cfg.TargetPeers {
		e := s.nextCandidate(now)
		if e == nil {
			return
		}
		if s.besieged(e) {
			e.nextAt = now + retryFirst
			continue
		}
		e.nextAt = now + min(int64(retryFirst)<<min(e.tries, 6), int64(retryLast))
		e.tries++
		e.dialled = true
		s.dial(now, e)
	}
}

// nextCandidate returns the address to try next: of those that failed least the first in
// turn, so that a newcomer does not wait behind many that never answer.
func (s *Swarm) nextCandidate(now int64) *candidate {
	k := &s.candidates
	var best *candidate
	k.turn++
	for n := range k.list {
		e := &k.list[(k.turn+n)%len(k.list)]
		if s.tryAt(e) <= now && (best == nil || e.rank() < best.rank()) && !s.linked(e) {
			best = e
		}
	}
	return best
}

// taken returns how many of the connections to hold are taken. Those that others begin may
// take three quarters, and half until they have proven that they listen: else a crowd of
// them, or anyone who forges handshakes (RFC 7574, 12.1.1), keeps us from connecting to whom
// we know (12.6.1).
func (s *Swarm) taken() int {
	responding := 0
	for _, c := range s.order {
		if c.state == stateResponding {
			responding++
		}
	}
	most := s.cfg.TargetPeers
	theirs := s.incoming - responding + min(responding, most/2)
	return len(s.order) - s.incoming + min(theirs, most-most/4)
}

// nextConnect returns when connect has something to do.
func (s *Swarm) nextConnect() int64 {
	k := &s.candidates
	if s.closed || s.taken() >= s.cfg.TargetPeers {
		return math.MaxInt64
	}
	if k.changed {
		k.changed, k.at = false, math.MaxInt64
		for i := range k.list {
			if at := s.tryAt(&k.list[i]); at < k.at && !s.linked(&k.list[i]) {
				k.at = at
			}
		}
	}
	return k.at
}

// tried tells whether we have turned to addr.
func (k *candidates) tried(addr netip.AddrPort) bool {
	i := k.find(addr)
	return i >= 0 && k.list[i].dialled
}

// answered notes that the peer at addr is alive, and how it is spoken to.
func (k *candidates) answered(addr netip.AddrPort, draft10 bool) {
	if i := k.find(addr); i >= 0 {
		k.list[i].tries, k.list[i].draft10 = 0, draft10
	}
}

// again lets an address that answers be tried at once, also one that found us.
func (k *candidates) again(addr netip.AddrPort) {
	k.changed = true
	if i := k.find(addr); i >= 0 {
		k.list[i].nextAt = 0
	} else if len(k.list) < MaxCandidates {
		k.list = append(k.list, candidate{addr: addr})
	}
}

// forget takes an address off the list: it is our own, or banned.
func (k *candidates) forget(addr netip.AddrPort) {
	k.list = slices.DeleteFunc(k.list, func(e candidate) bool { return !e.without(addr) })
	k.changed = true
}

// Unconnected returns how many addresses are known beyond the channels.
func (s *Swarm) Unconnected() int {
	n := 0
	for i := range s.candidates.list {
		if !s.linked(&s.candidates.list[i]) {
			n++
		}
	}
	return n
}
