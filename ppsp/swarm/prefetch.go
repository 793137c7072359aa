package swarm

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// What a reader needs later, or nobody waits for yet, is asked for in larger pieces, of one peer after
// the other: of each the next piece that it has and we lack. All of it together is bounded by what
// comes within a short time, so that it waits nowhere for long: uplinks that many share have
// no other way to tell what is urgent than that it is asked for late.
const (
	laterTrain  = 16    // chunks asked of a peer at a time, aligned
	laterLine   = 200e6 // ns that they may wait at peers, on average
	laterLeast  = 64    // chunks that may be asked for in any case
	laterRare   = 4     // pieces of which that is asked for which fewest others have
	laterSteps  = 32    // pieces of what we lack that are looked at for a peer in a round
	dryFor      = 1e9   // ns after which who had nothing for us is looked at again, although nothing changed
	yieldQueue  = 60e6  // ns that requests wait at a peer, beyond which it is not asked for what nobody waits for, …
	yieldFor    = 500e6 // … as long as that is known to be so, …
	yieldLook   = 50e6  // … and when it is looked at again
	seedLookGap = 50e6  // ns between two looks at what only one that has all of the film can give
)

// prefetch asks for what can wait.
func (s *Swarm) prefetch(now int64, n uint64) {
	p := &s.picking
	p.later = true
	room := s.laterRoom()
	p.open = append(p.open[:0], p.able...)
	for asked := true; asked && room > 0; {
		asked = false
		for _, c := range p.open {
			if room <= 0 {
				return
			}
			got := s.askLater(now, c, n, room)
			room -= got
			asked = asked || got > 0
		}
	}
}

// laterRoom returns how many more chunks that can wait may be asked for.
func (s *Swarm) laterRoom() int {
	if len(s.static.windows) == 0 {
		return int(MaxChannels * maxPipeline)
	}
	way, peers := int64(0), int64(0)
	live := 0
	for _, c := range s.order {
		if c.useful {
			way += c.quickest
			peers++
		}
		if !c.full || !s.picking.spared { // those have lines of their own
			live += c.outstanding.live
		}
	}
	span := way/max(peers, 1) + laterLine
	return int(s.picking.rate*float64(span)/1e9) + laterLeast - live
}

// askLater asks c for one piece of what can wait, and returns how many chunks that is.
func (s *Swarm) askLater(now int64, c *channel, n uint64, room int) int {
	p := &s.picking
	if c.spare <= 0 || c.dry == p.freed+1 && now < c.dryUntil {
		return 0
	}
	if c.full && p.spared {
		if p.others || c.patient || now < c.seedLookAt {
			return 0
		}
		c.seedLookAt = now + seedLookGap
	}
	r := s.nextLater(now, c, n)
	if r.Empty() {
		return 0
	}
	p.line = 0
	if len(s.static.windows) > 0 {
		p.line = lineOfAhead
	}
	if s.reserved(c) {
		return 0
	}
	most := max(c.spare-p.kept(c), 1)
	if c.outstanding.live == 0 {
		most = c.spare
	}
	r.End = min(r.End, (r.Start|(laterTrain-1))+1, r.Start+uint64(min(most, max(room, laterTrain))))
	if !s.awaited(r.Start) {
		c.restFrom = r.End
	}
	c.ask(now, r)
	got := int(r.Len())
	c.spare -= got - 1
	s.used(c)
	return got
}

// nextLater returns the first chunks that c can give of what readers need later than next, in
// parts, of each from another place on: those who watch the same place then have different chunks to
// give each other, and do not all ask the seeder for the same. Then come, if all is wanted, those
// behind what it was asked for last.
func (s *Swarm) nextLater(now int64, c *channel, n uint64) chunk.Range {
	steps := laterSteps
	for _, w := range s.static.windows {
		w = w.Intersect(chunk.Range{End: n})
		for at := w.Start + inOrder; at < w.End; {
			part := chunk.Range{Start: at, End: min(at+2*(at-w.Start), w.End)}
			from := part.Start + s.static.turn%part.Len()
			if r := s.lacked(now, c, chunk.Range{Start: from, End: part.End}, &steps); !r.Empty() {
				return r
			}
			if r := s.lacked(now, c, chunk.Range{Start: part.Start, End: from}, &steps); !r.Empty() {
				return r
			}
			at = part.End
		}
	}
	if !s.static.all {
		return chunk.Range{}
	}
	if !c.placed {
		c.placed, c.restFrom = s.static.placed, s.static.place
	}
	if r := c.nextRare(); !r.Empty() && !c.full {
		return r
	}
	if c.yields(now) {
		c.dry, c.dryUntil = s.picking.freed+1, now+yieldLook
		return chunk.Range{}
	}
	if r := s.rarest(now, c, n); !r.Empty() {
		return r
	}
	from := min(c.restFrom, n)
	steps = max(steps, laterSteps/2)
	for _, part := range [...]chunk.Range{{Start: from, End: n}, {End: from}} {
		r := s.lacked(now, c, part, &steps)
		if !r.Empty() || steps <= 0 {
			c.restFrom = r.Start // here it goes on
			return r
		}
	}
	if !c.full || !s.picking.spared {
		c.dry, c.dryUntil = s.picking.freed+1, now+dryFor
	}
	return chunk.Range{}
}

// yields tells whether c is to be left to those who wait for what it has: while many watch a film, and requests wait
// at c. What we asked of it last tells, and is old after a while.
func (c *channel) yields(now int64) bool {
	return c.s.picking.spared && c.latency-c.quickest > yieldQueue && (c.outstanding.live > 0 || now-c.askedAt < yieldFor)
}

// rarest returns, of what c can give from some places at random on, what fewest peers have, as far as that
// is counted: what few have soon is everywhere then, and nobody needs to ask a seeder for it.
func (s *Swarm) rarest(now int64, c *channel, n uint64) (best chunk.Range) {
	if len(s.static.windows) == 0 || len(s.holders.counts) == 0 {
		return best
	}
	least := uint8(math.MaxUint8)
	for range laterRare {
		steps := 4
		r := s.lacked(now, c, chunk.Range{Start: s.rand.Uint64N(n) &^ (laterTrain - 1), End: n}, &steps)
		if r.Empty() {
			continue
		}
		if have := s.holders.counts[min(r.Start/s.holders.chunks(), uint64(len(s.holders.counts)-1))]; have < least {
			best, least = r, have
		}
	}
	return best
}

// lacked returns the first chunks of r that are free and that c can give; after so many steps, which are
// counted down, an empty range where it would look next. What others can give is not asked of those that have all of the film while
// these are few.
func (s *Swarm) lacked(now int64, c *channel, r chunk.Range, steps *int) chunk.Range {
	spared := c.full && s.picking.spared
	for ; *steps > 0; *steps-- {
		run := s.free(r)
		if run.Empty() {
			return run
		}
		had, ok := c.peerHave.NextIn(run.Start)
		if !ok {
			return chunk.Range{}
		}
		if had.Start >= run.End {
			r.Start = had.Start
			continue
		}
		run = run.Intersect(had)
		if !spared {
			return run
		}
		for at := run.Start; at < run.End; at = s.holders.behind(at) {
			if !s.elsewhere(now, at) {
				return chunk.Range{Start: at, End: run.End}
			}
		}
		r.Start = run.End
	}
	return chunk.Range{Start: r.Start, End: r.Start}
}
