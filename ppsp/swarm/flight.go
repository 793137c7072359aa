package swarm

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

const (
	maxResends = 4 // times a chunk is sent again before the peer must ask anew
	// reorderLeast is the least time, in ns, for which a datagram may be overtaken by later
	// ones before it is taken for lost; a quarter of the round trip if that is more, as in
	// RACK (RFC 8985, 6.2). It is longer than acknowledgements wait.
	reorderLeast = ackDelay + 5e6
	// deafAfter is how many datagrams may go unanswered before the requests of a peer that
	// acknowledges nothing are forgotten.
	deafAfter = 20
	// Up to lineLosses in a round trip, or one in lineShare of what is under way if that is
	// more, are taken for faults of the line while the queueing delay is below lineQueue ns, or in
	// a film, whose uploads aim at a queue of uploadQueue, below filmQueued.
	lineQueue  = 25e6
	filmQueued = 75e6
	lineLosses = 2
	lineShare  = 25
	// lossRun is how many chunks that were sent in a row are lost together: what proves the
	// later ones often was in the datagram of the first.
	lossRun = 8
)

// sent is DATA messages of neighbouring chunks under way, as far as they are open.
type sent struct {
	chunks chunk.Range
	seq    uint64 // of the first of chunks
	at     int64
	size   int // bytes of a chunk with what goes with it
	tries  int
	probe  int // bytes of the datagram, if that was to try whether it gets through
}

// flight is the DATA messages under way to a peer, in the order they were sent.
type flight struct {
	line    fifo[sent]
	next    uint64 // seq
	passed  uint64 // seq behind the newest that was acknowledged
	ackAt   int64  // when something was last acknowledged
	losses  int    // in the round trip that began …
	lostAt  int64  // … then
	lost    uint64 // seq from which on a loss is another one than the last
	delay   int64  // µs, the newest that was measured
	triedAt int64  // film: when the last chunk was sent again to see whether only its acknowledgement is missing
}

func (f *flight) push(r chunk.Range, now int64, size, tries int) {
	f.line.push(sent{chunks: r, seq: f.next, at: now, size: size, tries: tries})
	f.next += r.Len()
}

// cutAt takes the chunks of cut, which the k-th item holds, out of the line, and returns how
// many items are left of it.
func cutAt(line *fifo[sent], k int, cut chunk.Range) int {
	e := line.at(k)
	left, right := chunk.Range{Start: e.chunks.Start, End: cut.Start}, chunk.Range{Start: cut.End, End: e.chunks.End}
	rest := *e
	rest.chunks, rest.seq = right, e.seq+cut.End-e.chunks.Start
	switch {
	case left.Empty() && right.Empty():
		line.remove(k)
		return 0
	case left.Empty():
		*e = rest
	case right.Empty():
		e.chunks = left
	default:
		e.chunks = left
		line.insert(k+1, rest)
		return 2
	}
	return 1
}

// handleAck notes the arrival of chunks and feeds the congestion control (RFC 7574, 8.7).
func (c *channel) handleAck(now int64, r chunk.Range, delay uint64) bool {
	if !c.plausible(r) {
		return false
	}
	c.peerHas(r)
	c.removeQueued(r)
	f := &c.flight
	passed := f.passed
	for k, left := 0, r.Len(); k < f.line.len() && left > 0; {
		c.s.work--
		e := f.line.at(k)
		cut := e.chunks.Intersect(r)
		if cut.Empty() {
			k++
			continue
		}
		left -= cut.Len()
		c.s.work -= f.line.len() / 64
		f.passed = max(f.passed, e.seq+cut.End-e.chunks.Start)
		rtt := now - e.at
		if e.tries > 0 || e.seq < passed {
			rtt = 0 // whose answer this is, or when it came, cannot be told (RFC 6298, 3)
		}
		f.ackAt, f.delay = now, int64(delay)
		if e.probe > 0 {
			c.path.carried(e.probe)
		}
		c.control.Acked(now, int(cut.Len())*e.size, f.delay, rtt)
		k += cutAt(&f.line, k, cut)
	}
	c.detectLoss(now)
	if f.line.len() == 0 && c.again.len() == 0 {
		clear(c.sentHashes) // nothing is under way
	}
	c.s.markReady(c)
	return true
}

// overtakenAt returns when the first of the flight is to be taken for lost, because something
// sent later has arrived; never while nothing has.
func (c *channel) overtakenAt() int64 {
	if c.flight.line.len() == 0 || c.control.RTT() == 0 {
		return math.MaxInt64
	}
	f := c.flight.line.at(0)
	if f.seq >= c.flight.passed {
		return math.MaxInt64
	}
	return f.at + c.control.RTT() + max(c.control.RTT()/4, int64(reorderLeast))
}

// detectLoss takes for lost what was overtaken, unless the peer told by a HAVE to have it.
func (c *channel) detectLoss(now int64) {
	for now >= c.overtakenAt() {
		f := c.flight.line.at(0)
		overtaken := chunk.Range{Start: f.chunks.Start, End: min(f.chunks.End, f.chunks.Start+c.flight.passed-f.seq)}
		lost := *f
		lost.chunks = overtaken
		cutAt(&c.flight.line, 0, overtaken)
		c.settle(now, lost)
	}
}

// settle takes for lost what of f the peer has not told by a HAVE to have; else only its
// acknowledgement was lost.
func (c *channel) settle(now int64, f sent) {
	all := f.chunks
	for at := all.Start; at < all.End; {
		f.chunks = chunk.Range{Start: at, End: all.End}
		if had, some := c.peerHave.NextIn(at); some && had.Start < all.End {
			f.chunks.End = had.Start
			at = min(had.End, all.End)
			c.control.Acked(now, int(at-had.Start)*f.size, c.flight.delay, 0)
		} else {
			at = all.End
		}
		switch lost := int(f.chunks.Len()) * f.size; {
		case f.chunks.Empty():
			continue
		case f.probe > c.path.size: // which says nothing of congestion
			c.path.dropped(f.probe)
			c.control.Acked(now, lost, c.flight.delay, 0)
		default:
			c.lost(now, f.seq, lost)
		}
		c.resend(f)
	}
}

// lost tells the congestion control of a loss, unless it is one of few in a round trip and no
// queue preceded it: a line that drops now and then does not slow the transfer down. Live
// streams may be "as aggressive as TCP (or even more)" (RFC 7574, 8.15); for films it departs
// from RFC 6817, 2.4.2, which halves the window at each such loss: with 1 % of loss they would
// stand still.
func (c *channel) lost(now int64, seq uint64, size int) {
	f := &c.flight
	if now-f.lostAt > c.control.RTT() {
		f.lostAt, f.losses = now, 0
	}
	if seq >= f.lost {
		f.losses++
		f.lost = seq + lossRun
	}
	few := f.losses <= max(lineLosses, max(c.control.Window(), c.control.Flight())/(lineShare*c.s.usualChunk()))
	short := int64(lineQueue)
	if c.s.live == nil {
		short = filmQueued
	}
	if few && c.control.QueueDelay() < short {
		c.control.Acked(now, size, f.delay, 0)
		return
	}
	c.control.Lost(now, size)
	if !few {
		c.setback = now
	}
}

// resend puts f among those that are sent again, with all their hashes, since these may be
// what was lost.
func (c *channel) resend(f sent) {
	clear(c.sentHashes)
	c.ahead = chunk.Range{}
	f.probe = 0
	if f.tries++; f.tries <= maxResends {
		c.again.push(f)
	}
}

// lossTimeout returns when checkLoss has something to do: the timer runs from when the first
// of the flight was sent, and again from each acknowledgement (RFC 6298, 5.3).
func (c *channel) lossTimeout() int64 {
	if c.flight.line.len() == 0 {
		return math.MaxInt64
	}
	return min(c.overtakenAt(), max(c.flight.line.at(0).at, c.flight.ackAt, c.flight.triedAt)+c.control.RTO())
}

// checkLoss takes for lost what was overtaken, and the whole flight when no acknowledgement
// came for long.
func (c *channel) checkLoss(now int64) {
	if c.detectLoss(now); now < c.lossTimeout() {
		return
	}
	if c.tryLast(now) {
		return
	}
	c.control.TimedOut(now)
	c.path.doubt(now)
	for c.flight.line.len() > 0 {
		c.resend(c.flight.line.pop())
	}
	if c.unanswered > deafAfter { // it is gone, or was started again: do not fill its line
		c.again.clear()
		c.queue.clear()
	}
}

// tryLast sends, in a film, the last chunk of the flight again when no acknowledgement came for long, before
// all of it is taken for lost: its acknowledgement covers what else has come, and shows what has not, as
// something sent later (a tail loss probe, RFC 8985, 7). Else each lost acknowledgement at the end of
// what was asked for would bring all of that again.
func (c *channel) tryLast(now int64) bool {
	f := &c.flight
	k := f.line.len() - 1
	last := *f.line.at(k)
	if c.s.live != nil || c.draft10 || c.path.size > 0 || last.tries > 0 || f.triedAt > max(f.ackAt, f.line.at(0).at) {
		return false
	}
	f.triedAt = now
	last.seq += last.chunks.Len() - 1
	last.chunks = chunk.One(last.chunks.End - 1)
	cutAt(&f.line, k, last.chunks)
	c.settle(now, last)
	return true
}

// removeQueued takes out what the peer no longer waits for.
func (c *channel) removeQueued(r chunk.Range) {
	if len(c.queue.ranges) > 0 {
		c.s.work -= 1 + len(c.queue.ranges)/8
		c.queue.remove(r)
		c.queue.trim()
	}
}

// handleCancel takes back requests (RFC 7574, 8.11).
func (c *channel) handleCancel(r chunk.Range) {
	c.removeQueued(r)
	for k := 0; k < c.again.len(); {
		c.s.work--
		if cut := c.again.at(k).chunks.Intersect(r); !cut.Empty() {
			k += cutAt(&c.again, k, cut)
			continue
		}
		k++
	}
}
