package swarm

import "github.com/swarmgate/swarmgate/ppsp/chunk"

// aheadMunros is how far beyond the newest signed chunk a peer that has proven useful is
// believed, in subtrees: the signature of what it announces comes with its first chunk.
const aheadMunros = 4

// maxAhead bounds, in chunks, what offers beyond the edge are remembered.
const maxAhead = 4096

// pickLive asks for what lies between the place of playing and the edge, in the order of
// playing, of the peer that will likely deliver first. What only the source has is not for
// us to spread: the source offers each peer its share (see offers).
//
// Looked at is only what some peer has offered: askable holds every chunk that is offered,
// not here and not asked for, and perhaps some that are; those are taken out on the way.
func (s *Swarm) pickLive(now int64) {
	l := s.live
	if !l.tuned || l.source != nil {
		return
	}
	l.askable.Remove(chunk.Range{End: l.next})
	for _, c := range s.picking.able {
		if c.reach = l.edge; c.rate > 0 && now >= c.snubbed {
			c.reach = l.horizon()
		}
	}
	at := l.next
	for scanned := 0; scanned < maxPickScan && len(s.picking.able) > 0; scanned++ {
		run, ok := l.askable.NextIn(at)
		if !ok {
			return
		}
		i := run.Start
		if end := max(s.have.NextMissing(i), s.requested.NextMissing(i)); end > i {
			l.askable.Remove(chunk.Range{Start: i, End: min(end, run.End)})
			at = end
			continue
		}
		if c := s.bestFor(now, i); c != nil {
			s.give(now, c, i)
			l.askable.Remove(chunk.One(i))
			at = i + 1
			continue
		}
		at = s.nextOffered(i + 1)
	}
}

// horizon is the end of what is asked for before it is known to be signed.
func (l *liveState) horizon() uint64 {
	if len(l.munros) == 0 {
		return 0
	}
	return l.edge + aheadMunros*l.munros[len(l.munros)-1].chunks.Len()
}

// offered notes that a peer has the chunks of r.
func (l *liveState) offered(r chunk.Range) {
	if l.tuned && l.source == nil {
		l.askable.Add(r.Intersect(chunk.Range{Start: l.next, End: l.edge + maxAhead}))
	}
}

// askAll begins anew with what may be asked for: the place of playing has moved.
func (s *Swarm) askAll() {
	s.live.askable.Clear()
	for _, c := range s.order {
		for r := range c.peerHave.Ranges() {
			s.live.offered(r)
		}
	}
	s.picking.wanted = true
}
