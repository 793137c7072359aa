package swarm

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Bounds of what is asked of one peer at a time.
const (
	minPipeline   = 8     // chunks
	firstPipeline = 16    // chunks; doubles within a round trip while the peer keeps up
	snubPipeline  = 2     // chunks, of a peer that lets requests lie
	firstLatency  = 50e6  // ns from request to chunk that a new peer is credited with
	maxPipeline   = 2048  // chunks
	liveQueue     = 100e6 // ns that requests may wait at a live peer: short, as all wait for the newest
	filmQueue     = 500e6
	minTimeout    = 300e6 // ns without an asked chunk before it is asked of another peer
	maxTimeout    = 2e9
	filmOverdue   = 3   // times that, for a chunk of a film that others overtook
	snubAfter     = 2   // silences in a row after which a peer is snubbed
	snubFor       = 1e9 // ns, doubled by each further silence …
	snubDoublings = 5   // … so often at most
)

// request is a chunk asked of a peer.
type request struct {
	chunk uint64
	at    int64
	depth int  // requests that were open with it
	dead  bool // answered out of turn: stays in line until it is first
}

// requests are what was asked of one peer, oldest first.
type requests struct {
	line fifo[request]
	live int
}

func (q *requests) push(i uint64, now int64) {
	q.live++
	q.line.push(request{chunk: i, at: now, depth: q.live})
}

// oldest returns the first request that is still open, nil for none.
func (q *requests) oldest() *request {
	if q.live == 0 {
		return nil
	}
	return q.line.at(0)
}

// take removes the request for chunk i and returns it.
func (q *requests) take(i uint64) (taken request, ok bool) {
	for k := range q.line.len() {
		if r := q.line.at(k); r.chunk == i && !r.dead {
			taken = *r
			r.dead = true
			q.live--
			q.trim()
			return taken, true
		}
	}
	return taken, false
}

// trim keeps a request that is open at the head.
func (q *requests) trim() {
	for q.line.len() > 0 && q.line.at(0).dead {
		q.line.pop()
	}
}

// requesting is the side of a channel that asks.
type requesting struct {
	choked      bool
	spare       int    // room left in this round of picking
	reach       uint64 // end of what may be asked of the peer in this round
	outstanding requests
	toAsk       queue // chosen for this peer, REQUEST not yet sent
	toCancel    chunk.Set
	dataAt      int64   // when the peer last sent a chunk that counted
	silences    int     // in a row
	snubbed     int64   // until
	pipeline    float64 // chunks that may be asked of it at a time
	latency     int64   // ns from request to chunk, smoothed; 0 while unknown
	quickest    int64   // the shortest: what the way takes without waiting
	useful      bool    // it has delivered a chunk
}

// room returns how many more chunks may be asked of the peer now.
func (c *channel) room(now int64) int {
	if c.state != stateOpen || c.choked {
		return 0
	}
	limit := int(c.pipeline)
	if now < c.snubbed {
		limit = snubPipeline
	}
	if c.s.live != nil {
		limit += liveReserve // see pickLive
	}
	return limit - c.outstanding.live
}

// ask chooses c to deliver chunk i.
func (c *channel) ask(now int64, i uint64) {
	if c.outstanding.live == 0 {
		c.dataAt = now
	}
	c.outstanding.push(i, now)
	c.toAsk.add(chunk.One(i))
	c.s.requested.Add(chunk.One(i))
	c.s.markReady(c)
}

// took notes that the peer delivered chunk i, which is new or not, and tells whether it was
// asked to.
func (c *channel) took(now int64, i uint64, fresh bool) bool {
	r, asked := c.outstanding.take(i)
	if asked || fresh {
		c.dataAt = now
		c.snubbed, c.silences = 0, 0
	}
	if asked {
		c.useful = true
		c.answered(now - r.at)
		c.adjust(r.depth, now-r.at)
		c.s.requested.Remove(chunk.One(i))
		c.toAsk.remove(chunk.One(i))
	}
	c.s.picking.wanted = true
	return asked
}

// answered notes how long a request took.
func (c *channel) answered(took int64) {
	if c.latency == 0 {
		c.latency, c.quickest = took, took
	}
	c.latency += (took - c.latency) / 8
	c.quickest = min(c.quickest, took)
}

// adjust moves the pipeline towards what keeps the peer busy and lets requests wait for
// liveQueue or filmQueue in its line. A peer that answered so many requests in the time one
// of them took would have answered as many more, or fewer, in the time that is aimed at.
// What came sooner can only say that there is room for more.
func (c *channel) adjust(depth int, took int64) {
	aim := c.quickest + int64(filmQueue)
	if c.s.live != nil {
		aim = c.quickest + liveQueue
	}
	ideal := min(float64(depth)*float64(aim)/float64(max(took, 1)), maxPipeline)
	if ideal > c.pipeline || took > aim {
		c.pipeline = max(c.pipeline+(ideal-c.pipeline)/8, minPipeline)
	}
	if c.pipeline <= minPipeline && took > aim { // the way has become longer
		c.quickest += (took - aim) / 8
	}
}

// expected is how long the next request will take, nanoseconds.
func (c *channel) expected() int64 {
	if c.latency > 0 {
		return c.latency
	}
	return max(c.control.RTT(), int64(firstLatency))
}

// cancel takes back the request for chunk i, which is not needed from this peer; false when
// it was not asked.
func (c *channel) cancel(i uint64) bool {
	if _, ok := c.outstanding.take(i); !ok {
		return false
	}
	c.s.requested.Remove(chunk.One(i))
	if !c.toAsk.remove(chunk.One(i)) && c.state == stateOpen {
		c.toCancel.Add(chunk.One(i))
		c.s.markReady(c)
	}
	return true
}

// release takes back the request for chunk i, to be asked of anyone.
func (c *channel) release(i uint64) {
	if c.cancel(i) && c.s.live != nil {
		c.s.live.askable.Add(chunk.One(i))
	}
	c.s.picking.wanted = true
}

// releaseAll gives up every request to this peer. It is not told: it is silent, choked us,
// or is being left.
func (c *channel) releaseAll() {
	for q := &c.outstanding; q.live > 0; {
		r := q.line.pop()
		if !r.dead {
			q.live--
			c.s.requested.Remove(chunk.One(r.chunk))
			if c.s.live != nil {
				c.s.live.askable.Add(chunk.One(r.chunk))
			}
		}
	}
	c.outstanding.line.clear()
	c.toAsk.clear()
	c.toCancel.Clear()
	c.s.picking.wanted = true
}

// patience is how long the peer may leave its oldest request without sending anything.
func (c *channel) patience() int64 {
	return min(max(4*c.control.RTT(), 3*c.latency, int64(minTimeout)), int64(maxTimeout))
}

// overdue is how long a single chunk may take while others arrive. In a film it is worth
// waiting for, since asking again costs a duplicate; in a live stream it is not.
func (c *channel) overdue() int64 {
	if c.s.live != nil {
		return c.patience()
	}
	return filmOverdue * c.patience()
}

// requestTimeout returns when checkRequests has something to do.
func (c *channel) requestTimeout() int64 {
	r := c.outstanding.oldest()
	if r == nil {
		return math.MaxInt64
	}
	return min(max(r.at, c.dataAt)+c.patience(), r.at+c.overdue())
}

// checkRequests takes back what the peer has left lying: everything when it is silent, and
// single chunks that were overtaken by many later ones.
func (c *channel) checkRequests(now int64) {
	r := c.outstanding.oldest()
	if r == nil {
		return
	}
	if now >= max(r.at, c.dataAt)+c.patience() {
		c.s.counts.Timeouts += uint64(c.outstanding.live)
		c.answered(now - r.at)
		c.pipeline = max(c.pipeline/2, minPipeline)
		if c.silences++; c.silences >= snubAfter {
			c.snubbed = now + int64(snubFor)<<min(c.silences-snubAfter, snubDoublings)
		}
		c.releaseAll()
		c.reprobe(now)
		return
	}
	limit := now - c.overdue()
	for r != nil && r.at <= limit {
		c.s.counts.Timeouts++
		c.answered(now - r.at)
		c.release(r.chunk)
		r = c.outstanding.oldest()
	}
}
