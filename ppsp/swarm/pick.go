package swarm

import (
	"math"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

const (
	maxPickScan = 4096  // runs of chunks looked at in one round
	pickEvery   = 3e6   // ns between two rounds, which gathers what has arrived meanwhile …
	pickLiveIn  = 8e6   // … of a stream, where news come all the time
	inOrder     = 512   // chunks that a reader waits for next
	seedCost    = 4     // how much slower another may be that is asked before one that has all
	lineOfLater = 400e6 // ns that requests may wait at a peer that is asked for what can wait
	maxRescued  = 8     // requests to one peer that are looked at in a round, whether others are faster
	liveReserve = 8     // more chunks that may be asked of a peer if they are new and it alone has them
	rescueAfter = 250e6 // ns
	rescueLate  = 80e6  // ns, for what a screen may soon wait for: see late
)

// picking is the work of choosing what to ask of whom (RFC 7574, 9.1).
type picking struct {
	every  int64 // ns between two rounds
	wanted bool  // something changed that could allow new requests
	at     int64 // when the last round was
	turn   int
	able   []*channel // peers with room, in this round
	// Of the room at each peer, what is not to be used now: so many chunks, and so many
	// quarters. What can wait must not stand in the way of what a reader waits for.
	keep, quarters int
}

// pickAt returns when a round is due.
func (p *picking) pickAt() int64 {
	if !p.wanted {
		return math.MaxInt64
	}
	return p.at + p.every
}

// pick gives free chunks to peers with room, most urgent chunks first.
func (s *Swarm) pick(now int64) {
	p := &s.picking
	if now < p.pickAt() {
		return
	}
	p.wanted, p.at, p.keep, p.quarters = false, now, 0, 0
	if s.failed {
		return
	}
	p.able = p.able[:0]
	p.turn++
	for k := range s.order {
		c := s.order[(k+p.turn)%len(s.order)]
		if c.spare = c.room(now); c.spare > 0 {
			c.reach = math.MaxUint64
			p.able = append(p.able, c)
		}
	}
	switch {
	case len(p.able) == 0:
	case s.live != nil:
		s.pickLive(now)
	default:
		s.pickFilm(now)
	}
}

// staticState is what a receiver of a film wants.
type staticState struct {
	windows []chunk.Range // what readers wait for, most urgent first
	all     bool          // the rest too
	sized   bool          // EventSize was told
	place   uint64        // where the rest is fetched from on, once …
	placed  bool          // … it was chosen
	turn    uint64        // at random: where in each part of a window we begin
}

// wanted tells whether anything of a film is.
func (s *Swarm) wanted() bool { return s.static.all || len(s.static.windows) > 0 }

// Want says which chunks of a film readers wait for, most urgent first, and whether all
// others are wanted too, for later. Requests for what is no longer wanted are cancelled,
// so that a seek does not wait behind them. Windows that reach beyond the film are cut.
func (s *Swarm) Want(_ int64, windows []chunk.Range, all bool) {
	jumped := len(windows) > 0 && len(s.static.windows) > 0 && !s.awaited(windows[0].Start)
	s.static.windows = append(s.static.windows[:0], windows...)
	s.static.all = all
	s.picking.wanted = true
	for _, c := range s.order {
		c.dueAt = min(c.dueAt, c.nextTimeout()) // what is urgent has less patience
	}
	if all && !jumped {
		return
	}
	for _, c := range s.order {
		for k := c.outstanding.line.len() - 1; k >= 0; k-- {
			r := c.outstanding.line.at(k).chunks
			for i := r.Start; i < r.End; i++ {
				if !s.awaited(i) {
					c.cancel(i)
				}
			}
		}
	}
}

// Lost takes back chunks that the store no longer has: they are fetched again. Where their
// hashes went with them, peers go on from the beginning: each of them takes us to have the
// hashes around every chunk that we ever announced, so that it would not send them again (RFC
// 7574, 5.3), and nothing takes a HAVE back.
func (s *Swarm) Lost(chunks *chunk.Set) {
	for r := range chunks.Ranges() {
		s.have.Remove(r)
	}
	s.picking.wanted = true
	if s.tree == nil || s.meta.Integrity != ppsp.IntegrityMerkle {
		return
	}
	gone := false
	for r := range chunks.Ranges() {
		r = r.Intersect(chunk.Range{End: s.tree.Chunks()})
		for i := r.Start; i < r.End; i++ {
			gone = s.unprove(i) || gone
		}
	}
	if !gone {
		return
	}
	for _, c := range s.order {
		if c.state == stateOpen {
			s.candidates.again(c.remote)
			c.close("hashes were lost that the peer believes we have")
		}
	}
}

// unprove tells whether hashes that prove chunk i are gone. Then it takes back, too, what is held
// beside them: to announce it would tell peers that we have them.
func (s *Swarm) unprove(i uint64) (gone bool) {
	for n := chunk.Leaf(i); n != chunk.NoBin; n = n.Parent() { // up to a peak, which is known
		if _, known := s.tree.Hash(n); known {
			break
		}
		gone = true
		if _, known := s.tree.Hash(n.Sibling()); !known {
			s.have.Remove(n.Parent().Range())
		}
	}
	return gone
}

// pickFilm follows the readers' windows, then what is left from a random place on, so that
// peers that fetch at the same time have different parts to give each other. The place
// stays the same, so that what is here are few long runs.
func (s *Swarm) pickFilm(now int64) {
	n := s.tree.Chunks()
	if n == 0 {
		s.probeSize(now)
		return
	}
	if !s.tree.Sized() && s.wanted() { // the last chunk proves the length (RFC 7574, 5.6.2)
		s.pickIn(now, chunk.Range{Start: n - 1, End: n})
	}
	s.rescue(now)
	for _, w := range s.static.windows {
		s.pickWindow(now, w.Intersect(chunk.Range{End: n}))
	}
	if !s.static.all {
		return
	}
	if len(s.static.windows) > 0 {
		s.picking.quarters = 3
	}
	if !s.static.placed && s.Peers() > 1 {
		s.static.placed, s.static.place = true, s.rand.Uint64N(n)
	}
	from := min(s.static.place, n)
	s.pickIn(now, chunk.Range{Start: from, End: n})
	s.pickIn(now, chunk.Range{End: from})
}

// pickWindow asks for what a reader waits for next in order, and for what it needs later in
// parts, of each from another place on: those who watch the same place then have different
// chunks to give each other, and do not all ask the seeder for the same.
func (s *Swarm) pickWindow(now int64, w chunk.Range) {
	urgent := chunk.Range{Start: w.Start, End: min(w.Start+inOrder, w.End)}
	s.picking.quarters = 0
	s.pickIn(now, urgent)
	s.picking.quarters = 2
	for at := urgent.End; at < w.End && len(s.picking.able) > 0; {
		part := chunk.Range{Start: at, End: min(at+2*(at-w.Start), w.End)}
		from := part.Start + s.static.turn%part.Len()
		s.pickIn(now, chunk.Range{Start: from, End: part.End})
		s.pickIn(now, chunk.Range{Start: part.Start, End: from})
		at = part.End
	}
}

// rescue moves requests from peers that are slower than they seemed to peers that have room
// and would likely have answered twice in that time: those for which a reader waits, and at
// the end of a download all. In a live stream everybody waits for everything.
func (s *Swarm) rescue(now int64) {
	last := s.tree != nil && s.have.Count()+s.requested.Count() == s.tree.Chunks()
	for _, c := range s.order {
		looked := 0
		for k := 0; k < c.outstanding.line.len() && looked < maxRescued; k++ {
			r := *c.outstanding.line.at(k)
			if now-r.at < rescueLate {
				break
			}
			for i := r.chunks.Start; i < r.chunks.End && looked < maxRescued; i++ {
				looked++
				if last || s.tree == nil || s.awaited(i) {
					s.rescueFrom(c, now, i, now-r.at)
				}
			}
		}
	}
}

// rescueFrom moves the request for chunk i, which has taken so long, if another peer is
// likely faster.
func (s *Swarm) rescueFrom(c *channel, now int64, i uint64, took int64) {
	patience := int64(rescueAfter)
	if s.late(now, i) {
		patience = rescueLate
	}
	if took < patience {
		return
	}
	o := s.bestFor(now, i)
	if o == nil || o == c || took < 2*o.expected()+patience {
		return
	}
	c.answered(took)
	c.cancel(i)
	s.give(now, o, i)
}

// awaited tells whether a reader waits for chunk i.
func (s *Swarm) awaited(i uint64) bool {
	return slices.ContainsFunc(s.static.windows, func(r chunk.Range) bool { return r.Contains(i) })
}

// urgent tells whether a reader waits for chunk i next.
func (s *Swarm) urgent(i uint64) bool {
	return slices.ContainsFunc(s.static.windows, func(r chunk.Range) bool { return i >= r.Start && i < min(r.Start+inOrder, r.End) })
}

// probeSize asks each peer for one chunk: the peaks come with it (RFC 7574, 5.6.2).
func (s *Swarm) probeSize(now int64) {
	if !s.wanted() {
		return
	}
	for _, c := range s.picking.able {
		first, ok := c.peerHave.First()
		if i := s.requested.NextMissing(first); ok && c.outstanding.live == 0 && c.peerHave.Has(i) {
			c.ask(now, chunk.One(i))
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
			r.Start = s.giveTrain(now, c, i, r.End)
			continue
		}
		r.Start = s.nextOffered(i + 1)
	}
}

// give asks c for chunk i within this round.
func (s *Swarm) give(now int64, c *channel, i uint64) {
	c.ask(now, chunk.One(i))
	s.used(c)
}

// used notes that one more chunk was asked of c, which may have no more room.
func (s *Swarm) used(c *channel) {
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

// giveTrain asks c for chunk i and those behind it in the same train, and before end, that it
// has and that are free, and returns the end of them.
func (s *Swarm) giveTrain(now int64, c *channel, i, end uint64) uint64 {
	r := chunk.Range{Start: i, End: min(i|(askTrain-1)+1, end, c.reach, i+uint64(max(c.spare-s.picking.kept(c), 1)))}
	if r.Len() > 1 {
		run, _ := c.peerHave.Covering(i)
		r = s.free(r.Intersect(run))
	}
	if r.Len() <= 1 {
		s.give(now, c, i)
		return i + 1
	}
	c.ask(now, r)
	c.spare -= int(r.Len()) - 1
	s.used(c)
	return r.End
}

// askTrain is how many neighbouring chunks are asked of one peer where it has them: they travel
// with one request, share their hashes, and are acknowledged and announced together.
const askTrain = 8

// kept is how much of the room at c is not to be used now.
func (p *picking) kept(c *channel) int {
	return p.keep + p.quarters*(c.spare+c.outstanding.live)/4
}

// reserved tells whether c is not to be asked now: what room there is is kept, or what can
// wait would wait in its line before what others, too, wait for. Who has nothing to do is asked.
func (s *Swarm) reserved(c *channel) bool {
	p := &s.picking
	if c.outstanding.live == 0 {
		return false
	}
	return c.spare <= p.kept(c) || p.quarters > 0 && c.latency > c.quickest+lineOfLater/int64(p.quarters)
}

// bestFor returns the peer that will likely deliver chunk i first, nil for none.
func (s *Swarm) bestFor(now int64, i uint64) *channel {
	var best *channel
	var least float64
	for _, c := range s.picking.able {
		if i >= c.reach || s.reserved(c) || !c.peerHave.Has(i) {
			continue
		}
		wait := float64(c.expected()) * (1 + float64(c.outstanding.live)/16)
		if now < c.snubbed {
			wait += maxTimeout
		}
		if s.live == nil && c.complete() {
			wait *= seedCost // what only it has comes from nobody else
		}
		if best == nil || wait < least {
			best, least = c, wait
		}
	}
	return best
}

// nextOffered returns the first chunk from i on that may be asked of a peer with room.
func (s *Swarm) nextOffered(i uint64) uint64 {
	next := uint64(math.MaxUint64)
	for _, c := range s.picking.able {
		if s.reserved(c) {
			continue
		}
		if r, ok := c.peerHave.NextIn(i); ok && r.Start < c.reach {
			next = min(next, r.Start)
		}
	}
	return next
}
