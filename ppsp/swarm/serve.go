package swarm

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/ledbat"
)

const (
	sendBurst  = 5e6   // ns of pacing that may be caught up
	serveQueue = 100e6 // ns of queue on the way to a peer, above which a home holds back
	// maxScarceScan bounds the chunks looked at for one that the source has hardly sent.
	maxScarceScan = 256
)

// serving is the side of a channel that gives.
type serving struct {
	control    *ledbat.Controller
	queue      queue      // what the peer waits for
	flight     flight     // what is under way
	again      fifo[sent] // lost, to be sent again first
	sendAt     int64      // pacing: not before
	deferAt    int64      // live source, congested: not before
	edgeShown  bool       // live: a signed munro was sent …
	edgeStart  uint64     // … that begins here
	sentHashes map[chunk.Bin]int64
}

// count is how many chunks the peer waits for.
func (v *serving) count() uint64 { return v.queue.chunks + uint64(v.again.len()) }

// handleRequest queues what the peer asks for and we have (RFC 7574, 8.10). What we do not
// have is left out in silence: the peer will ask elsewhere.
func (c *channel) handleRequest(r chunk.Range) bool {
	if r.Len() > maxQueued {
		r.End = r.Start + maxQueued
	}
	for at := r.Start; at < r.End && c.s.work >= 0; {
		run, ok := c.s.have.NextIn(at)
		if !ok || run.Start >= r.End {
			break
		}
		part := run.Intersect(r)
		c.s.work -= 1 + len(c.queue.ranges)/8
		if c.queue.full(part) {
			break
		}
		c.queue.add(part)
		at = part.End
	}
	c.deferAt = 0
	c.s.markReady(c)
	return true
}

// clear tells whether the congestion control lets one more chunk go. Live streams are eager,
// but no home has to fill its uplink for others, and delay what it says itself: where a queue
// shows, it has one chunk under way to each peer.
func (c *channel) clear() bool {
	l := c.s.live
	if l != nil && l.source == nil && c.flight.line.len() > 0 && c.control.QueueDelay() > serveQueue {
		return false
	}
	return c.control.CanSend(c.s.usualChunk())
}

// serveAt returns when the next chunk may be sent.
func (c *channel) serveAt() int64 {
	if c.count() == 0 || !c.clear() {
		return math.MaxInt64
	}
	return max(c.sendAt, c.deferAt, c.s.budget.ready())
}

// nextToServe returns the chunk to send now, and how often it was sent before.
func (c *channel) nextToServe(now int64) (i uint64, tries int, ok bool) {
	if now < c.serveAt() || c.s.budget.empty(now) {
		return 0, 0, false
	}
	for c.again.len() > 0 {
		f := c.again.at(0)
		if c.s.have.Has(f.chunk) && !c.peerHave.Has(f.chunk) {
			return f.chunk, f.tries, true
		}
		c.again.pop() // it arrived after all, or the ring has gone on
	}
	if c.s.congested(now) {
		if i, ok = c.scarce(); !ok {
			c.deferAt = now + offerCheck
		}
		return i, 0, ok
	}
	for {
		i, ok = c.queue.first()
		switch {
		case !ok:
			return 0, 0, false
		case !c.s.have.Has(i):
			c.queue.remove(chunk.Range{Start: i, End: c.s.nextHad(c.queue.ranges[0])})
		case !c.s.provable(i):
			c.queue.remove(chunk.One(i)) // nothing proves it any longer
		default:
			return i, 0, true
		}
	}
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
			if l.copies[i%l.window] < offerCopies && c.s.have.Has(i) && c.s.provable(i) {
				return i, true
			}
		}
	}
	return 0, false
}

// served notes that chunk i was sent in a datagram of so many bytes.
func (c *channel) served(now int64, i uint64, tries, size int) {
	if c.again.len() > 0 && c.again.at(0).chunk == i {
		c.again.pop()
		c.s.counts.Retransmits++
	} else {
		c.queue.remove(chunk.One(i))
		if l := c.s.live; l != nil && l.source != nil && l.copies[i%l.window] < math.MaxUint8 {
			l.copies[i%l.window]++
		}
	}
	c.flight.push(i, now, size, tries)
	c.control.Sent(now, size)
	c.sendAt = max(c.sendAt, now-sendBurst) + c.control.PacingInterval(size)
	c.s.counts.ChunksSent++
}
