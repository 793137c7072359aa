package swarm

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/ledbat"
)

const (
	sendBurst  = 5e6  // ns of pacing that may be caught up; a home in a live swarm sends …
	burstQueue = 40e6 // … while the queue is shorter than this, what is asked for together, at once
	// uploadQueue is the queue, in ns, that uploads aim at on an uplink: "TARGET MUST be 100
	// milliseconds or less" (RFC 6817, 2.5); it swings by a third.
	uploadQueue = 70e6
	serveQueue  = 100e6 // ns of queue on the way to a peer, above which a home holds back
	// maxScarceScan bounds the chunks looked at for one that the source has hardly sent.
	maxScarceScan = 256
	maxPassed     = 7       // times that such chunks go before those that were asked for earlier
	manyPeers     = 4       // of a seed, beyond which it minds what it has given already
	givenFor      = 60e9    // ns, or twice that, for which it does
	maxGivenRuns  = 1 << 14 // of what is remembered of that
)

// serving is the side of a channel that gives.
type serving struct {
	account
	control    *ledbat.Controller
	queue      queue      // what the peer waits for
	flight     flight     // what is under way
	again      fifo[sent] // lost, to be sent again first
	sendAt     int64      // pacing: not before
	deferAt    int64      // live source, congested: not before
	edgeShown  bool       // live: a signed munro was sent …
	edgeStart  uint64     // … that begins here
	passed     int        // film: how often later chunks went before the first of queue
	sentHashes map[chunk.Bin]int64
	ahead      chunk.Range // chunks whose hashes were sent ahead of them
	path       path
	apart      bool  // it has its own window only, see coupled
	setback    int64 // when congestion control was last told of a loss, 0 for never
	repeating  bool  // hashes are sent again although they are under way, see repeats
}

// count is how many chunks the peer waits for.
func (v *serving) count() uint64 {
	n := v.queue.chunks
	for k := range v.again.len() {
		n += v.again.at(k).chunks.Len()
	}
	return n
}

// maxRepeats is how many requests of a datagram may be for what others in it ask for already.
// Honest peers make none.
const maxRepeats = 16

// floods tells whether the requests of this datagram repeat each other, which is of no use but to keep
// us busy.
func (c *channel) floods(now int64, r chunk.Range) bool {
	s := c.s
	if !s.asked.ContainsAll(r) {
		s.asked.Add(r)
		return false
	}
	if s.repeats++; s.repeats <= maxRepeats {
		return false
	}
	c.ban(now, "a flood of requests")
	return true
}

// handleRequest queues what the peer asks for and we have (RFC 7574, 8.10). What we do not
// have is left out in silence: the peer will ask elsewhere.
func (c *channel) handleRequest(now int64, r chunk.Range) bool {
	if c.floods(now, r) {
		return false
	}
	if !c.mayRequest(now) {
		return true
	}
	if r.Len() > maxQueued {
		r.End = r.Start + maxQueued
	}
	idle := c.queue.chunks == 0
	for at := r.Start; at < r.End && c.s.work >= 0; {
		run, ok := c.s.have.NextIn(at)
		if !ok || run.Start >= r.End {
			break
		}
		part := run.Intersect(r)
		c.s.work -= 1 + len(c.queue.ranges)/8
		if had, ok := c.peerHave.NextIn(part.Start); ok && had.Start <= part.Start {
			at = had.End // it has shown to have these: to send them for ever is what a flood wants
			continue
		} else if ok {
			part.End = min(part.End, had.Start)
		}
		if c.queue.full(part) {
			break
		}
		c.suspectHashes(part)
		if c.s.live != nil || c.draft10 {
			c.queue.add(part)
		} else {
			c.enqueue(now, part)
		}
		c.queue.trim()
		at = part.End
	}
	if idle && c.queue.chunks > 0 {
		c.s.began(now, c)
	}
	c.deferAt = 0
	c.s.markReady(c)
	return true
}

// enqueue puts r into the line, but what waits there already keeps its place: requests are repeated
// when nothing comes, since they may have been lost. What was sent less than a round trip ago may
// have crossed the request; what was sent earlier is taken for lost.
func (c *channel) enqueue(now int64, r chunk.Range) {
	if c.s.work -= 1 + (len(c.queue.ranges)+c.flight.line.len())/8; c.s.work < 0 {
		return
	}
	for _, q := range c.queue.ranges {
		if q.Overlaps(r) {
			c.enqueueLess(now, r, q)
			return
		}
	}
	for k := range c.again.len() {
		if f := c.again.at(k); f.chunks.Overlaps(r) {
			c.enqueueLess(now, r, f.chunks)
			return
		}
	}
	for k := range c.flight.line.len() {
		f := *c.flight.line.at(k)
		cut := f.chunks.Intersect(r)
		if cut.Empty() {
			continue
		}
		if now-f.at >= max(c.control.RTT(), int64(firstLatency)) {
			f.seq += cut.Start - f.chunks.Start
			f.chunks = cut
			cutAt(&c.flight.line, k, cut)
			c.settle(now, f)
		}
		c.enqueueLess(now, r, cut)
		return
	}
	c.queue.add(r)
}

// enqueueLess is enqueue for what of r is not in less.
func (c *channel) enqueueLess(now int64, r, less chunk.Range) {
	if r.Start < less.Start {
		c.enqueue(now, chunk.Range{Start: r.Start, End: less.Start})
	}
	if less.End < r.End {
		c.enqueue(now, chunk.Range{Start: less.End, End: r.End})
	}
}

// suspectHashes takes a request for a chunk that is under way for a sign that hashes were lost: they
// go again with it. The sender may only skip hashes that it "believes" the receiver to have
// (RFC 7574, 5.3).
func (c *channel) suspectHashes(r chunk.Range) {
	if c.flight.line.len() == 0 {
		return
	}
	for k := range c.flight.line.len() {
		if f := c.flight.line.at(k); f.size != 0 && r.Overlaps(f.chunks) {
			clear(c.sentHashes)
			c.ahead = chunk.Range{}
			break
		}
	}
	c.s.work -= 1 + c.flight.line.len()/8
}

// clear tells whether the congestion control lets one more chunk go. Live streams are eager,
// but no home has to fill its uplink for others, and delay what it says itself: where a queue
// shows, it has one chunk under way to each peer.
func (c *channel) clear() bool {
	l := c.s.live
	if l != nil && l.source == nil && c.flight.line.len() > 0 && c.control.QueueDelay() > serveQueue {
		return false
	}
	return c.control.CanSend(c.s.usualChunk()) || c.lent()
}

// serveAt returns when the next chunk may be sent.
func (c *channel) serveAt() int64 {
	if c.queue.chunks == 0 && c.again.len() == 0 || !c.clear() {
		return math.MaxInt64
	}
	at := max(c.sendAt, c.deferAt, c.s.budget.ready())
	switch k := &c.s.uploads.coupled; {
	case c.held && c.again.len() == 0:
		at = max(at, k.idleAt())
	case !c.control.CanSend(c.s.usualChunk()):
		at = max(at, k.sendAt)
	}
	return at
}

// nextToServe returns the chunks to send now, one but in bulk, and how often they were sent
// before.
func (c *channel) nextToServe(now int64) (r chunk.Range, tries int, ok bool) {
	if now < c.serveAt() || c.s.budget.empty(now) {
		return r, 0, false
	}
	if r, tries, ok = c.nextAgain(); ok {
		return r, tries, true
	}
	if c.held && now < c.s.uploads.coupled.idleAt() {
		return r, 0, false
	}
	if c.s.congested(now) {
		i, ok := c.scarce()
		if !ok {
			c.deferAt = now + offerCheck
		}
		return chunk.One(i), 0, ok
	}
	if c.passed < maxPassed {
		if r, ok = c.notGiven(); ok && c.s.have.Has(r.Start) {
			c.passed++
			return c.run(r), 0, true
		}
	}
	c.passed = 0
	for {
		i, ok := c.queue.first()
		switch {
		case !ok:
			return r, 0, false
		case !c.s.have.Has(i):
			c.queue.remove(chunk.Range{Start: i, End: c.s.nextHad(c.queue.ranges[0])})
		case !c.provable(i):
			c.queue.remove(chunk.One(i)) // nothing proves it any longer
		default:
			return c.run(c.queue.ranges[0]), 0, true
		}
	}
}

// notGiven returns the first chunks that the peer waits for of those that a seed of a film with
// many peers has given to nobody lately: what it gave, they can have of each other. The rest
// comes behind, if it is not asked of others by then.
func (c *channel) notGiven() (chunk.Range, bool) {
	s := c.s
	if !s.uploads.scarce {
		return chunk.Range{}, false
	}
	looks := 0 // at runs of what was given, which a peer can make many
	for _, r := range c.queue.ranges[:min(len(c.queue.ranges), maxScarceScan)] {
		for at := r.Start; at < r.End && looks < maxScarceScan; looks++ {
			i := s.given.NextMissing(at)
			if at = s.givenBefore.NextMissing(i); at != i {
				continue
			}
			if i >= r.End {
				break
			}
			r.Start = i
			for _, set := range []*chunk.Set{&s.given, &s.givenBefore} {
				if next, ok := set.NextIn(i); ok {
					r.End = min(r.End, next.Start)
				}
			}
			return r, true
		}
	}
	return chunk.Range{}, false
}

// gave notes what was sent, within bounds.
func (s *Swarm) gave(now int64, r chunk.Range) {
	if s.live != nil || len(s.order) < manyPeers {
		return
	}
	if s.given.Runs() >= maxGivenRuns || now-s.givenAt > givenFor {
		s.given, s.givenBefore = s.givenBefore, s.given
		s.given.Clear()
		s.givenAt = now
	}
	s.given.Add(r)
}

// nextAgain returns the first chunks to be sent again. Those that arrived after all, and those
// that the ring has let go, it takes out.
func (c *channel) nextAgain() (r chunk.Range, tries int, ok bool) {
	for c.again.len() > 0 {
		f := c.again.at(0)
		switch had, some := c.peerHave.NextIn(f.chunks.Start); {
		case some && had.Start <= f.chunks.Start:
			f.chunks.Start = had.End
		case !c.s.have.Has(f.chunks.Start):
			f.chunks.Start = c.s.nextHad(f.chunks)
		default:
			r = f.chunks
			if some {
				r.End = min(r.End, had.Start)
			}
			return c.run(r), f.tries, true
		}
		if f.chunks.Empty() {
			c.again.pop()
		}
	}
	return r, 0, false
}

// scarce returns the first chunk that the peer waits for of those that the source has sent
// less than offerCopies times. While its uplink is congested others have to wait: who waits
// long asks those who have the chunk.
func (c *channel) scarce() (uint64, bool) {
	l := c.s.live
	scanned := 0
	for _, r := range c.queue.ranges {
		for i := r.Start; i < r.End && scanned < maxScarceScan; i++ {
			scanned++
			if l.copies[i%l.window] < offerCopies && c.s.have.Has(i) && c.provable(i) {
				return i, true
			}
		}
	}
	return 0, false
}

// served notes that the chunks of r were sent, each with so many bytes of datagrams.
func (c *channel) served(now int64, r chunk.Range, tries, size int) {
	if c.again.len() > 0 && c.again.at(0).chunks.Start == r.Start {
		cutAt(&c.again, 0, r)
		c.s.counts.Retransmits += r.Len()
	} else {
		c.queue.remove(r)
		c.queue.trim()
		c.s.gave(now, r)
		if l := c.s.live; l != nil && l.source != nil && l.copies[r.Start%l.window] < math.MaxUint8 {
			l.copies[r.Start%l.window]++
		}
	}
	all := int(r.Len()) * size
	c.flight.push(r, now, size, tries)
	c.control.Sent(now, all)
	c.paced(now, all)
	c.s.counts.ChunksSent += r.Len()
	c.s.spent(now, c, all)
}

// paced notes that so many bytes were sent.
func (c *channel) paced(now int64, size int) {
	interval := c.control.PacingInterval(size)
	if share, own := c.share(), c.control.Window(); share > own {
		interval = interval * int64(own) / int64(share)
	}
	burst := int64(sendBurst)
	if l := c.s.live; l != nil && l.source == nil && c.control.QueueDelay() < burstQueue {
		burst = max(burst, askTrain*interval)
	}
	c.sendAt = max(c.sendAt, now-burst) + interval
}
