package swarm

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// aheadMunros is how far beyond the newest signed chunk a peer that has proven useful is
// believed, in subtrees: the signature of what it announces comes with its first chunk.
const aheadMunros = 4

// maxAhead bounds, in chunks, what offers beyond the edge are remembered.
const maxAhead = 4096

// pickLive asks for what lies between the place of playing and the edge: first what is new
// and only one peer offers, then the rest in the order of playing; each of the peer that will
// likely deliver it first.
//
// What is new and only one peer offers is, in the main, our share of what the source lets
// the homes spread (see offers). It goes first even if we are late: were all homes to ask the
// source for what they play next, they would all ask for the same, have nothing to give each
// other, and never catch up. For the same reason some room is kept for it at each peer.
func (s *Swarm) pickLive(now int64) {
	l := s.live
	if !l.tuned {
		s.findEdge(now)
		return
	}
	if l.source != nil {
		return
	}
	l.rarity.forget(l.next)
	for _, c := range s.picking.able {
		c.reach = s.reach(now, c)
	}
	s.picking.keep = 0
	if s.Peers() > offerCopies {
		s.pickRare(now)
	}
	s.picking.keep = liveReserve
	s.rescue(now)
	s.pickOffered(now, chunk.Range{Start: l.next, End: s.horizon()}, math.MaxUint8)
	if now-l.moved > edgeLost {
		s.findEdge(now)
	}
}

// pickOffered asks for the chunks of r that are free and that some peers offer, at most so
// many, in order.
func (s *Swarm) pickOffered(now int64, r chunk.Range, most uint8) {
	for scanned := 0; scanned < maxPickScan && len(s.picking.able) > 0; scanned++ {
		run := s.free(r)
		if run.Empty() {
			return
		}
		i, ok := s.live.rarity.next(run, most)
		if !ok {
			r.Start = run.End
			continue
		}
		if c := s.bestFor(now, i); c != nil {
			r.Start = s.giveTrain(now, c, i, r.End)
		} else {
			r.Start = s.nextOffered(s.picking.able, i+1)
		}
	}
}

// pickRare asks for what is new and only one peer offers.
func (s *Swarm) pickRare(now int64) {
	l := s.live
	at, end := l.edge, s.horizon()
	for k := len(l.munros) - 1; k >= 0 && now-l.munros[k].at < offerAll; k-- {
		at = l.munros[k].chunks.Start
	}
	s.pickOffered(now, chunk.Range{Start: max(at, l.next), End: end}, 1)
}

// offered notes that one more peer has the chunks of r. What is remembered is bounded here,
// however far the edge may be from the place of playing.
func (l *liveState) offered(r chunk.Range) {
	if l.tuned && l.source == nil {
		l.rarity.add(r, chunk.Range{Start: l.next, End: min(l.edge, l.next+l.window) + maxAhead})
	}
}

// lateAfter is for how long, in ns, a signed chunk has been known of when it is late.
const lateAfter = 1e9

// late tells whether chunk i of a stream is missing although it is long that it was signed: most
// have it by then, so that to wait for one who is slow gains nothing, and soon a screen stands still.
func (s *Swarm) late(now int64, i uint64) bool {
	if s.live == nil {
		return false
	}
	m := s.live.munroOf(i)
	return m != nil && now-m.at > lateAfter
}

// askAll begins anew with what may be asked for: the place of playing has moved.
func (s *Swarm) askAll() {
	s.recount()
	s.picking.wanted = true
}

// recount counts the offers of all peers anew.
func (s *Swarm) recount() {
	s.live.rarity.clear()
	for _, c := range s.order {
		for r := range c.counted.Ranges() {
			s.live.offered(r)
		}
	}
}

// withdrawn takes back what c, which is gone, has offered.
func (s *Swarm) withdrawn(c *channel) {
	l := s.live
	if l == nil || s.closed {
		return
	}
	if had, ok := c.peerHave.NextIn(l.rarity.chunks.Start); ok && had.Start < l.rarity.chunks.End {
		s.recount()
	}
}
