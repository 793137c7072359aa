package swarm

import (
	"math"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/ledbat"
)

// Bounds of what one peer may have us do.
const (
	maxQueued      = 8192 // chunks a peer may wait for
	maxQueueRanges = 512  // pieces in which it may ask for them
	maxSentHashes  = 8192 // hashes remembered as under way
	maxResends     = 4    // times a chunk is sent again before the peer must ask anew
	lossGap        = 3    // chunks acknowledged behind one that is then taken for lost
	maxRarestScan  = 256  // chunks the source looks at for the one sent least often
	sendBurst      = 5e6  // ns of pacing that may be caught up
)

// sent is a DATA message under way.
type sent struct {
	chunk uint64
	seq   uint64
	at    int64
	size  int
	tries int
}

// serving is the side of a channel that gives.
type serving struct {
	control    *ledbat.Controller
	queue      queue  // what the peer waits for
	flight     []sent // by seq
	again      []sent // lost, to be sent again first
	nextSeq    uint64
	sendAt     int64 // pacing: not before
	sentHashes map[chunk.Bin]int64
}

// count is how many chunks the peer waits for.
func (v *serving) count() uint64 { return v.queue.chunks + uint64(len(v.again)) }

// queue holds the ranges a peer asked for, in its order.
type queue struct {
	ranges []chunk.Range
	chunks uint64
}

// add appends r, less what is queued already; false when the peer asks for too much.
func (q *queue) add(r chunk.Range) bool {
	q.remove(r)
	if q.chunks+r.Len() > maxQueued || len(q.ranges) >= maxQueueRanges {
		return false
	}
	if n := len(q.ranges); n > 0 && q.ranges[n-1].End == r.Start {
		q.ranges[n-1].End = r.End
	} else {
		q.ranges = append(q.ranges, r)
	}
	q.chunks += r.Len()
	return true
}

// remove takes the chunks of r out.
func (q *queue) remove(r chunk.Range) {
	for k := 0; k < len(q.ranges); k++ {
		old := q.ranges[k]
		cut := old.Intersect(r)
		if cut.Empty() {
			continue
		}
		q.chunks -= cut.Len()
		left, right := chunk.Range{Start: old.Start, End: cut.Start}, chunk.Range{Start: cut.End, End: old.End}
		switch {
		case left.Empty() && right.Empty():
			q.ranges = slices.Delete(q.ranges, k, k+1)
			k--
		case left.Empty():
			q.ranges[k] = right
		case right.Empty():
			q.ranges[k] = left
		default:
			q.ranges[k] = left
			q.ranges = slices.Insert(q.ranges, k+1, right)
		}
	}
}

// first returns the chunk at the head.
func (q *queue) first() (uint64, bool) {
	if len(q.ranges) == 0 {
		return 0, false
	}
	return q.ranges[0].Start, true
}

// handleRequest queues what the peer asks for and we have (RFC 7574, 8.10). What we do not
// have is left out in silence: the peer will ask elsewhere.
func (c *channel) handleRequest(r chunk.Range) bool {
	if r.Len() > maxQueued {
		r.End = r.Start + maxQueued
	}
	for at := r.Start; at < r.End; {
		run, ok := c.s.have.NextIn(at)
		if !ok || run.Start >= r.End {
			break
		}
		part := run.Intersect(r)
		if !c.queue.add(part) {
			break
		}
		at = part.End
	}
	return true
}

// handleAck notes the arrival of chunks and feeds the congestion control (RFC 7574, 8.7).
func (c *channel) handleAck(now int64, r chunk.Range, delay uint64) bool {
	if !c.plausible(r) {
		return false
	}
	c.peerHas(r)
	c.queue.remove(r)
	c.again = slices.DeleteFunc(c.again, func(f sent) bool { return r.Contains(f.chunk) })
	newest := uint64(0)
	kept := c.flight[:0]
	for _, f := range c.flight {
		if !r.Contains(f.chunk) {
			kept = append(kept, f)
			continue
		}
		newest = max(newest, f.seq+1)
		rtt := now - f.at
		if f.tries > 0 {
			rtt = 0 // whose answer this is cannot be told (RFC 6298, 3)
		}
		c.control.Acked(now, f.size, int64(delay), rtt)
	}
	c.flight = kept
	c.detectLoss(now, newest)
	return true
}

// detectLoss takes for lost what was sent well before something that has arrived.
func (c *channel) detectLoss(now int64, newest uint64) {
	lost := 0
	for lost < len(c.flight) && c.flight[lost].seq+lossGap < newest {
		lost++
	}
	if lost > 0 {
		for _, f := range c.flight[:lost] {
			c.control.Lost(now, f.size)
		}
		c.resend(lost)
	}
}

// resend moves the first n of the flight to those that are sent again, with all their
// hashes, since these may be what was lost.
func (c *channel) resend(n int) {
	for _, f := range c.flight[:n] {
		if f.tries++; f.tries <= maxResends && c.s.have.Has(f.chunk) {
			c.again = append(c.again, f)
		}
	}
	c.flight = slices.Delete(c.flight, 0, n)
	clear(c.sentHashes)
}

// servingTimeout returns when checkServing, or a paced datagram, is due.
func (c *channel) servingTimeout() int64 {
	at := int64(math.MaxInt64)
	if len(c.flight) > 0 {
		at = c.flight[0].at + c.control.RTO()
	}
	if c.count() > 0 {
		if c.control.CanSend(int(c.s.meta.ChunkSize)) {
			at = min(at, max(c.sendAt, c.s.budget.fullAt(c.s.budget.filled)))
		}
	}
	return at
}

// checkServing takes the whole flight for lost when no acknowledgement came for long.
func (c *channel) checkServing(now int64) {
	if len(c.flight) == 0 || now < c.flight[0].at+c.control.RTO() {
		return
	}
	c.control.TimedOut(now)
	c.resend(len(c.flight))
	if c.unanswered > 20 { // it is gone, or was started again: do not fill its line
		c.again = nil
		c.queue = queue{}
	}
}

// nextToServe returns the chunk to send now, and how often it was sent before.
func (c *channel) nextToServe(now int64) (i uint64, tries int, ok bool) {
	if c.count() == 0 || now < c.sendAt || c.s.budget.empty(now) || !c.control.CanSend(int(c.s.meta.ChunkSize)) {
		return 0, 0, false
	}
	for len(c.again) > 0 {
		f := c.again[0]
		if c.s.have.Has(f.chunk) {
			return f.chunk, f.tries, true
		}
		c.again = c.again[1:]
	}
	for {
		i, ok = c.queue.first()
		if !ok {
			return 0, 0, false
		}
		if c.s.have.Has(i) {
			break
		}
		c.queue.remove(chunk.One(i)) // the ring has gone on
	}
	if c.s.live != nil && c.s.live.source != nil {
		i = c.s.live.rarest(&c.queue, i)
	}
	return i, 0, true
}

// rarest returns the chunk of the queue that the source has sent least often so far: what
// has left it once, other peers can give.
func (l *liveState) rarest(q *queue, first uint64) uint64 {
	best, least, scanned := first, l.copies[first%l.window], 0
	for _, r := range q.ranges {
		for i := r.Start; i < r.End && least > 0 && scanned < maxRarestScan; i++ {
			scanned++
			if n := l.copies[i%l.window]; n < least {
				best, least = i, n
			}
		}
	}
	return best
}

// served notes that chunk i was sent in a datagram of so many bytes.
func (c *channel) served(now int64, i uint64, tries, size int) {
	if len(c.again) > 0 && c.again[0].chunk == i {
		c.again = c.again[1:]
		c.s.counts.Retransmits++
	} else {
		c.queue.remove(chunk.One(i))
	}
	if l := c.s.live; l != nil && l.source != nil && l.copies[i%l.window] < math.MaxUint8 {
		l.copies[i%l.window]++
	}
	c.flight = append(c.flight, sent{i, c.nextSeq, now, size, tries})
	c.nextSeq++
	c.control.Sent(now, size)
	c.s.budget.take(size)
	c.sendAt = max(c.sendAt, now-sendBurst) + c.control.PacingInterval(size)
	c.s.counts.ChunksSent++
}
