package swarm

import "github.com/swarmgate/swarmgate/ppsp/chunk"

// aheadMunros is how far beyond the newest signed chunk a peer that has proven useful is
// believed, in subtrees: the signature of what it announces comes with its first chunk.
const aheadMunros = 4

// maxAhead bounds, in chunks, what offers beyond the edge are remembered.
const maxAhead = 4096

// maxRareScan bounds the chunks that one round looks at of those that one peer offers.
const maxRareScan = 256

// pickLive asks for what lies between the place of playing and the edge: first what is new
// and only one peer offers, then the rest in the order of playing; each of the peer that will
// likely deliver it first.
//
// What is new and only one peer offers is, in the main, our share of what the source lets
// the homes spread (see offers). It goes first even if we are late: were all homes to ask the
// source for what they play next, they would all ask for the same, have nothing to give each
// other, and never catch up. For the same reason some room is kept for it at each peer.
//
// Looked at is only what some peer has offered: askable holds every chunk that is offered,
// not here and not asked for, and perhaps some that are; those are taken out on the way.
func (s *Swarm) pickLive(now int64) {
	l := s.live
	if !l.tuned {
		s.findEdge(now)
		return
	}
	if l.source != nil {
		return
	}
	past := chunk.Range{End: l.next}
	l.askable.Remove(past)
	l.known.Remove(past)
	l.rare.Remove(past)
	for _, c := range s.picking.able {
		c.reach = s.reach(now, c)
	}
	s.picking.keep = 0
	if s.Peers() > offerCopies {
		s.pickRare(now)
	}
	s.picking.keep = liveReserve
	s.rescue(now)
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

// pickRare asks for what is new and only one peer offers.
func (s *Swarm) pickRare(now int64) {
	l := s.live
	at, end := l.edge, s.horizon()
	for k := len(l.munros) - 1; k >= 0 && now-l.munros[k].at < offerAll; k-- {
		at = l.munros[k].chunks.Start
	}
	for range maxRareScan {
		run, ok := l.rare.NextIn(at)
		if !ok || run.Start >= end || len(s.picking.able) == 0 {
			return
		}
		i := run.Start
		at = i + 1
		if !s.have.Has(i) && !s.requested.Has(i) {
			c := s.bestFor(now, i)
			if c == nil {
				continue // its peer has enough to do
			}
			s.give(now, c, i)
		}
		l.rare.Remove(chunk.One(i))
	}
}

// offered notes that one more peer has the chunks of r.
func (l *liveState) offered(r chunk.Range) {
	r = r.Intersect(chunk.Range{Start: l.next, End: l.edge + maxAhead})
	if !l.tuned || l.source != nil || r.Empty() {
		return
	}
	l.askable.Add(r)
	for at := r.Start; at < r.End; {
		if run, ok := l.known.Covering(at); ok {
			l.rare.Remove(run.Intersect(r))
			at = run.End
			continue
		}
		first := chunk.Range{Start: at, End: r.End}
		if run, ok := l.known.NextIn(at); ok {
			first.End = min(run.Start, r.End)
		}
		l.rare.Add(first)
		at = first.End
	}
	l.known.Add(r)
}

// askAll begins anew with what may be asked for: the place of playing has moved.
func (s *Swarm) askAll() {
	s.live.askable.Clear()
	s.live.known.Clear()
	s.live.rare.Clear()
	for _, c := range s.order {
		for r := range c.peerHave.Ranges() {
			s.live.offered(r)
		}
	}
	s.picking.wanted = true
}
