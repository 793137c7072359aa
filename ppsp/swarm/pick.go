package swarm

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

const (
	maxPickScan  = 4096 // runs of chunks looked at in one round
	urgentChunks = 16   // next to be played, which are asked for in order
	pickEvery    = 3e6  // ns between two rounds, which gathers what has arrived meanwhile
)

// picking is the work of choosing what to ask of whom (RFC 7574, 9.1).
type picking struct {
	wanted bool  // something changed that could allow new requests
	at     int64 // when the last round was
	turn   int
	able   []*channel // peers with room, in this round
}

// pickAt returns when a round is due.
func (p *picking) pickAt() int64 {
	if !p.wanted {
		return math.MaxInt64
	}
	return p.at + pickEvery
}

// pick gives free chunks to peers with room, most urgent chunks first.
func (s *Swarm) pick(now int64) {
	p := &s.picking
	if s.failed || now < p.pickAt() {
		return
	}
	p.wanted, p.at = false, now
	p.able = p.able[:0]
	p.turn++
	for k := range s.order {
		c := s.order[(k+p.turn)%len(s.order)]
		if c.spare = c.room(now); c.spare > 0 {
			p.able = append(p.able, c)
		}
	}
	if len(p.able) == 0 {
		return
	}
	if s.live != nil {
		s.pickLive(now)
	} else {
		s.pickFilm(now)
	}
}

// pickFilm follows the readers' windows, then what is left from a random place on, so that
// peers that fetch at the same time have different parts to give each other.
func (s *Swarm) pickFilm(now int64) {
	n := s.tree.Chunks()
	if n == 0 {
		s.probeSize(now)
		return
	}
	if !s.tree.Sized() && s.wanted() { // the last chunk proves the length (RFC 7574, 5.6.2)
		s.pickIn(now, chunk.Range{Start: n - 1, End: n})
	}
	for _, w := range s.static.windows {
		s.pickIn(now, w.Intersect(chunk.Range{End: n}))
	}
	if !s.static.all {
		return
	}
	from := uint64(0)
	if s.Peers() > 1 {
		from = s.rand.Uint64N(n)
	}
	s.pickIn(now, chunk.Range{Start: from, End: n})
	s.pickIn(now, chunk.Range{End: from})
}

// wanted tells whether anything of a film is.
func (s *Swarm) wanted() bool { return s.static.all || len(s.static.windows) > 0 }

// probeSize asks each peer for its first chunk: the peaks come with it (RFC 7574, 5.6.2).
func (s *Swarm) probeSize(now int64) {
	if !s.wanted() {
		return
	}
	for _, c := range s.picking.able {
		if i, ok := c.peerHave.First(); ok && len(c.outstanding) == 0 {
			c.ask(now, i)
		}
	}
}

// free returns the first run of chunks in r that are neither here nor asked for.
func (s *Swarm) free(r chunk.Range) chunk.Range {
	for r.Start < r.End {
		if next := max(s.have.NextMissing(r.Start), s.requested.NextMissing(r.Start)); next != r.Start {
			r.Start = next
			continue
		}
		if run, ok := s.have.NextIn(r.Start); ok {
			r.End = min(r.End, run.Start)
		}
		if run, ok := s.requested.NextIn(r.Start); ok {
			r.End = min(r.End, run.Start)
		}
		return r
	}
	return chunk.Range{}
}

// pickIn gives the free chunks of r to peers, in order.
func (s *Swarm) pickIn(now int64, r chunk.Range) {
	for scanned := 0; scanned < maxPickScan && len(s.picking.able) > 0; scanned++ {
		run := s.free(r)
		if run.Empty() {
			return
		}
		i := run.Start
		if c := s.bestFor(now, i); c != nil {
			s.give(now, c, i)
			r.Start = i + 1
			continue
		}
		r.Start = s.nextOffered(i + 1)
	}
}

// give asks c for chunk i within this round.
func (s *Swarm) give(now int64, c *channel, i uint64) {
	c.ask(now, i)
	if c.spare--; c.spare > 0 {
		return
	}
	p := &s.picking
	for k, a := range p.able {
		if a == c {
			p.able = append(p.able[:k], p.able[k+1:]...)
			return
		}
	}
}

// bestFor returns the peer that will likely deliver chunk i first, nil for none.
func (s *Swarm) bestFor(now int64, i uint64) *channel {
	var best *channel
	var least float64
	for _, c := range s.picking.able {
		if !c.peerHave.Has(i) {
			continue
		}
		wait := float64(c.expected()) * (1 + float64(len(c.outstanding))/8)
		if now < c.snubbed {
			wait += maxTimeout
		}
		if best == nil || wait < least {
			best, least = c, wait
		}
	}
	return best
}

// nextOffered returns the first chunk from i on that a peer with room has.
func (s *Swarm) nextOffered(i uint64) uint64 {
	next := ^uint64(0)
	for _, c := range s.picking.able {
		if r, ok := c.peerHave.NextIn(i); ok {
			next = min(next, r.Start)
		}
	}
	return next
}

// pickLive asks for what lies between the place of playing and the edge: in order where
// several peers have it. What one peer alone has (the source, mostly) is asked for from a
// random place on, so that the swarm gets different chunks from it to share, each once
// rather than one chunk many times; only the most urgent are asked for in order.
func (s *Swarm) pickLive(now int64) {
	l := s.live
	if !l.tuned || l.source != nil || l.next >= l.edge {
		return
	}
	peers := s.Peers()
	all := chunk.Range{Start: l.next, End: l.edge}
	if peers <= deferCopies {
		s.pickIn(now, all)
		return
	}
	s.pickAlone(now, chunk.Range{Start: l.next, End: min(l.next+urgentChunks, l.edge)}, peers, false)
	s.pickAlone(now, all, peers, true)
	from := l.next + s.rand.Uint64N(l.edge-l.next)
	s.pickAlone(now, chunk.Range{Start: from, End: l.edge}, peers, false)
	s.pickAlone(now, chunk.Range{Start: l.next, End: from}, peers, false)
}

// pickAlone gives the free chunks of r to peers, in order: those that several peers have,
// if shared, else also those that one has and that are not deferred.
func (s *Swarm) pickAlone(now int64, r chunk.Range, peers int, shared bool) {
	for scanned := 0; scanned < maxPickScan && len(s.picking.able) > 0; scanned++ {
		run := s.free(r)
		if run.Empty() {
			return
		}
		i := run.Start
		r.Start = i + 1
		switch alone := s.holders(i) == 1; {
		case alone && shared:
			continue
		case alone && r.Start > s.live.next+urgentChunks && s.deferred(now, i, peers):
			s.picking.wanted = true
			continue
		}
		if c := s.bestFor(now, i); c != nil {
			s.give(now, c, i)
		} else {
			r.Start = s.nextOffered(i + 1)
		}
	}
}

// deferred tells whether chunk i is left to other peers for now: by its hash each peer has
// a turn, and asks only if at its turn still one peer alone has it.
func (s *Swarm) deferred(now int64, i uint64, peers int) bool {
	from := s.live.tunedAt
	if m := s.live.munroOf(i); m != nil {
		from = max(from, m.at)
	}
	turn := int64(mix(i^s.live.salt) % uint64(peers) / deferCopies)
	return now < from+min(turn*deferTurn, deferMost)
}
