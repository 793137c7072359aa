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
	pickLiveIn  = 8e6   // … of a stream, where news come all the time,
	pickCrowdIn = 20e6  // and of a film that many watch, …
	pickShare   = 16    // … unless one in so many of the chunks asked for has come
	inOrder     = 512   // chunks that a reader waits for next
	atOnce      = 192   // of these, it needs so many to go on, …
	soonMost    = 1024  // chunks that it needs soon
	almost      = 16    // … which it has when no more than so many of them are missing
	seedCost    = 4     // how much slower another may be that is asked before one that has all
	lineOfAhead = 250e6 // ns that requests may wait at a peer for what a reader needs later
	rateEvery   = 100e6 // ns between two looks at how much comes
	rateSpan    = 500e6 // ns over which that is smoothed
	seedShare   = 4     // one of so many peers, or less, that have all are few
	spareAfter  = 100e6 // ns after which what was asked of such a one is asked of others that have it
	spareWait   = 500e6 // ns longer that others may take with what is needed now
	slowOther   = 1e9   // ns that others take, beyond which what they have is asked of those with all, too
	standFor    = 10e9  // ns: what another has counts as far as it can give so much in this time, at its rate
	rescueEvery = 30e6  // ns between two looks for requests of a film that take too long
	maxSpared   = 32    // chunks that are tried to be moved in a look from one that has all
	maxRescued  = 8     // requests to one peer that are looked at in a round, whether others are faster
	liveReserve = 8     // more chunks that may be asked of a peer if they are new and it alone has them
	rescueAfter = 250e6 // ns
	rescueLate  = 80e6  // ns, for what a screen may soon wait for: see late
	rescueSoon  = 60e6  // ns, for what a reader of a film needs at once
)

// picking is the work of choosing what to ask of whom (RFC 7574, 9.1).
type picking struct {
	every  int64 // ns between two rounds
	lazy   int64 // the same, when only chunks or news came, and fewer than enough
	enough int
	wanted bool // something changed that could allow new requests
	// stirred says that chunks or news of them came. While many watch a film that is all the time.
	stirred bool
	at      int64 // when the last round was
	lookAt  int64 // when the next is due although nothing changed
	turn    int
	able    []*channel // peers with room, in this round
	open    []*channel // those of them that may be asked for what is picked now
	// Of the room at each peer, what is not to be used now: so many chunks, and what would
	// wait there for longer than line, 0 for no bound. What can wait must not stand in the way
	// of what a reader waits for.
	keep int
	line int64 // ns
	// spared says that few peers have all of a film, and many want it: what can wait and others
	// have, too, is not asked of those, so that they give what only they can give.
	spared   bool
	later    bool    // it is about what can wait
	seeds    int     // open channels to peers that have all of a film, as of the last round
	rescueAt int64   // film: when to look for requests that take too long
	freed    uint64  // counts what was asked for and did not come
	came     int     // chunks, since the last round
	arrived  int     // chunks, since ratedAt
	ratedAt  int64   //
	rate     float64 // chunks a second that come, smoothed
	others   bool    // none of those is to be asked
}

// pickAt returns when a round is due.
func (p *picking) pickAt() int64 {
	switch {
	case p.wanted || p.stirred && p.came >= p.enough:
		return p.at + p.every
	case p.stirred:
		return min(p.at+p.lazy, p.lookAt)
	}
	return p.lookAt
}

// pick gives free chunks to peers with room, most urgent chunks first.
func (s *Swarm) pick(now int64) {
	p := &s.picking
	if now < p.pickAt() {
		return
	}
	p.wanted, p.stirred, p.at, p.keep, p.line, p.later, p.others = false, false, now, 0, 0, false, false
	p.arrived += p.came
	p.came, p.lazy, p.enough = 0, p.every, 0
	p.lookAt = math.MaxInt64
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
	// unproveAt is when missedHashes may look again.
	unproveAt int64
	turn      uint64 // at random: where in each part of a window we begin
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
	s.picking.freed++
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
	if gone {
		s.greetAnew()
	}
}

// unproveEvery is the least time, in ns, between two looks whether hashes were lost.
const unproveEvery = 500e6

// missedHashes looks, when chunk i came without hashes that prove it, whether we told peers of chunks
// beside it whose hashes were lost since: then no peer sends these, for ever. It takes back what it
// finds, and tells whether it did. While nothing was lost it finds nothing, whatever a peer sends:
// who has a chunk has the hashes beside its way up, too.
func (s *Swarm) missedHashes(now int64, i uint64) bool {
	if s.live != nil || s.meta.Integrity != ppsp.IntegrityMerkle || now < s.static.unproveAt || i >= s.tree.Chunks() {
		return false
	}
	s.static.unproveAt = now + unproveEvery
	before := s.have.Count()
	s.unprove(i)
	if s.have.Count() == before {
		return false
	}
	s.picking.wanted = true
	s.picking.freed++
	s.greetAnew()
	return true
}

// greetAnew closes the channels and opens others, on which peers know nothing of us yet.
func (s *Swarm) greetAnew() {
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
	s.picking.spared = s.fewSeeds(now)
	s.measure(now)
	if s.wanted() && !s.Complete() && (s.picking.spared || s.requested.Count() > 0) {
		s.picking.lookAt = now + rescueEvery
	}
	s.rescue(now)
	if !s.pickNext(now, n) {
		return
	}
	if !s.static.placed && s.Peers() > 1 {
		s.static.placed, s.static.place = true, s.rand.Uint64N(n)
	}
	s.prefetch(now, n)
}

// measure notes how much comes, and sets when the next round is due: while many watch, chunks and news
// come all the time, and a round costs more than a chunk.
func (s *Swarm) measure(now int64) {
	p := &s.picking
	if span := now - p.ratedAt; span >= rateEvery {
		p.rate += (float64(p.arrived)*1e9/float64(span) - p.rate) * min(float64(span)/rateSpan, 1)
		p.arrived, p.ratedAt = 0, now
	}
	if len(s.order) > manyPeers {
		asked := 0
		for _, c := range s.order {
			asked += c.outstanding.live
		}
		p.lazy, p.enough = pickCrowdIn, asked/pickShare
	}
}

// fewSeeds tells whether few of many peers have all of the film.
func (s *Swarm) fewSeeds(now int64) bool {
	seeds, open := 0, 0
	for _, c := range s.order {
		if c.state == stateOpen {
			open++
			c.patient = now < c.laterAt
			if c.full = c.complete(); c.full {
				seeds++
			}
		}
	}
	s.picking.seeds = seeds
	return open > manyPeers && seeds*seedShare <= open
}

// pickNext asks for what readers need at once, and tells whether there is time for the rest. While a
// reader stands still, or is about to, nothing else is asked for: what can wait would take our
// downlink, and its place in the lines of our peers.
func (s *Swarm) pickNext(now int64, n uint64) bool {
	missing := uint64(0)
	for _, w := range s.static.windows {
		next := chunk.Range{Start: w.Start, End: min(w.Start+atOnce, w.End, n)}
		s.pickIn(now, next)
		for gap := range s.have.Missing(next) {
			missing += gap.Len()
		}
	}
	if missing > almost && s.owed(n) {
		s.picking.others = true
		if s.picking.spared {
			s.pickSoon(now, n)
		}
		return s.picking.spared && s.onlySeedsOwe(n)
	}
	for _, w := range s.static.windows {
		s.pickIn(now, chunk.Range{Start: w.Start, End: min(w.Start+inOrder, w.End, n)})
	}
	return missing == 0 || !s.owed(n)
}

// pickSoon asks for what comes behind what readers need at once, while they stand still in a crowd: the more is asked
// for, the larger is our share of what peers give, and who fetches what nobody waits for has much asked for. It
// begins at a place of our own, so that those who stand still at the same place get different chunks to give each other.
func (s *Swarm) pickSoon(now int64, n uint64) {
	for _, w := range s.static.windows {
		soon := chunk.Range{Start: w.Start + atOnce, End: min(w.Start+soonMost, w.End, n)}
		if soon.Empty() {
			continue
		}
		from := soon.Start + s.static.turn%soon.Len()
		s.pickIn(now, chunk.Range{Start: from, End: soon.End})
		s.pickIn(now, chunk.Range{Start: soon.Start, End: from})
	}
}

// owed tells whether any of what readers need at once is asked of somebody: what nobody can give us
// now is not worth to wait for with all else.
func (s *Swarm) owed(n uint64) bool {
	for _, w := range s.static.windows {
		next := chunk.Range{Start: w.Start, End: min(w.Start+atOnce, w.End, n)}
		if r, ok := s.requested.NextIn(next.Start); ok && r.Start < next.End {
			return true
		}
	}
	return false
}

// onlySeedsOwe tells whether what readers need at once was all asked, and of such as have all of the
// film: then others may as well give us something else meanwhile.
func (s *Swarm) onlySeedsOwe(n uint64) bool {
	for _, w := range s.static.windows {
		next := chunk.Range{Start: w.Start, End: min(w.Start+atOnce, w.End, n)}
		if !s.free(next).Empty() {
			return false
		}
		for _, c := range s.order {
			for k := 0; !c.full && k < c.outstanding.line.len(); k++ {
				if c.outstanding.line.at(k).chunks.Overlaps(next) {
					return false
				}
			}
		}
	}
	return true
}

// rescue moves requests from peers that are slower than they seemed to peers that have room
// and would likely have answered twice in that time: those for which a reader waits, and at
// the end of a download all. In a live stream everybody waits for everything.
func (s *Swarm) rescue(now int64) {
	if s.live == nil {
		if now < s.picking.rescueAt {
			return
		}
		s.picking.rescueAt = now + rescueEvery
	}
	last := s.tree != nil && s.have.Count()+s.requested.Count() == s.tree.Chunks()
	for _, c := range s.order {
		if s.picking.spared && c.full {
			s.spare(now, c)
		}
		looked := 0
		for k := 0; k < c.outstanding.line.len() && looked < maxRescued; k++ {
			r := *c.outstanding.line.at(k)
			after := int64(rescueAfter)
			switch {
			case s.live != nil:
				after = rescueLate // which late says of each chunk
			case last || s.atOnce(r.chunks.Start):
				after = rescueSoon
			}
			if now-r.at < after {
				break
			}
			for i := r.chunks.Start; i < r.chunks.End && looked < maxRescued; i++ {
				looked++
				if last || s.tree == nil || s.urgent(i) {
					s.rescueFrom(c, now, i, now-r.at, after)
				}
			}
		}
	}
}

// rescueFrom moves the request for chunk i, which has taken so long, if another peer is
// likely faster.
func (s *Swarm) rescueFrom(c *channel, now int64, i uint64, took, after int64) {
	if s.live != nil && !s.late(now, i) {
		after = rescueAfter
	}
	if took < after {
		return
	}
	o := s.bestFor(now, i)
	if o == nil || o == c || took < 2*o.expected()+after {
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

// atOnce tells whether a reader needs chunk i to go on.
func (s *Swarm) atOnce(i uint64) bool {
	return slices.ContainsFunc(s.static.windows, func(r chunk.Range) bool { return i >= r.Start && i < min(r.Start+atOnce, r.End) })
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
	p := &s.picking
	p.open = p.open[:0]
	for _, c := range p.able { // once, not at each chunk: most are reserved when it is about what can wait
		if !s.reserved(c) {
			p.open = append(p.open, c)
		}
	}
	for scanned := 0; scanned < maxPickScan && len(p.open) > 0; scanned++ {
		run := s.free(r)
		if run.Empty() {
			return
		}
		i := run.Start
		c := s.bestOf(p.open, now, i)
		if c == nil {
			r.Start = s.nextOffered(p.open, i+1)
			continue
		}
		r.Start = s.giveTrain(now, c, i, r.End)
		if s.reserved(c) {
			p.open = slices.DeleteFunc(p.open, func(o *channel) bool { return o == c })
		}
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

// kept is how much of the room at c is not to be used now. The whole of it is what c answers in
// the way there and back and filmQueue more, see adjust.
func (p *picking) kept(c *channel) int {
	if p.line == 0 {
		return p.keep
	}
	all := c.spare + c.outstanding.live
	used := max(int(int64(all)*(c.quickest+p.line)/(c.quickest+filmQueue)), minPipeline)
	return p.keep + max(all-used, 0)
}

// reserved tells whether c is not to be asked now: what room there is is kept, or what can
// wait would wait in its line before what others, too, wait for. Who has nothing to do is asked.
func (s *Swarm) reserved(c *channel) bool {
	p := &s.picking
	if c.full && (p.others || p.line > 0 && p.spared && c.patient) {
		return true
	}
	return c.outstanding.live > 0 && c.spare <= p.kept(c)
}

// spare asks others for what was asked of c, one of few that have all of the film, and they have
// by now: unless a reader waits for it and c is likely faster.
func (s *Swarm) spare(now int64, c *channel) {
	tries, n := 0, c.outstanding.line.len()
	for k := 0; k < n && tries < maxSpared; k++ {
		if n = c.outstanding.line.len(); n == 0 {
			return
		}
		r := *c.outstanding.line.at((k + s.picking.turn) % n) // elsewhere each time, as some can't be moved
		if now-r.at < spareAfter {
			continue
		}
		for i := r.chunks.Start; i < r.chunks.End && tries < maxSpared; i++ {
			tries++
			if !s.elsewhere(now, i) {
				i = s.holders.behind(i) - 1
				continue
			}
			o := s.bestOther(now, i)
			if o == nil || s.urgent(i) && o.expected() > c.expected() {
				break
			}
			c.cancel(i)
			s.give(now, o, i)
		}
	}
}

// bestOther is bestFor among those that have not all of the film.
func (s *Swarm) bestOther(now int64, i uint64) *channel {
	s.picking.others = true
	defer func() { s.picking.others = false }()
	return s.bestFor(now, i)
}

// bestFor returns the peer that will likely deliver chunk i first, nil for none.
func (s *Swarm) bestFor(now int64, i uint64) *channel { return s.bestOf(s.picking.able, now, i) }

// bestOf is bestFor among some of those with room.
func (s *Swarm) bestOf(able []*channel, now int64, i uint64) *channel {
	var best *channel
	var least float64
	for _, c := range able {
		if i >= c.reach || s.reserved(c) || !c.peerHave.Has(i) {
			continue
		}
		wait := float64(c.expected()) * (1 + float64(c.outstanding.live)/16)
		if now < c.snubbed {
			wait += maxTimeout
		}
		if s.live == nil && c.full {
			if s.picking.others || s.picking.spared && s.picking.later && s.elsewhere(now, i) {
				continue // what only it has comes from nobody else
			}
			wait *= seedCost
			if s.picking.spared && s.elsewhere(now, i) {
				wait += spareWait
			}
		}
		if best == nil || wait < least {
			best, least = c, wait
		}
	}
	return best
}

// nextOffered returns the first chunk from i on that may be asked of one of those with room.
func (s *Swarm) nextOffered(able []*channel, i uint64) uint64 {
	next := uint64(math.MaxUint64)
	for _, c := range able {
		if s.reserved(c) {
			continue
		}
		if r, ok := c.peerHave.NextIn(i); ok && r.Start < c.reach {
			next = min(next, r.Start)
		}
	}
	return next
}
