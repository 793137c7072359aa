package swarm

import (
	"math"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Bounds of what is asked of one peer at a time.
const (
	minPipeline   = 8     // chunks
	firstPipeline = 16    // chunks, until the peer's rate is known
	firstLatency  = 50e6  // ns from request to chunk that a new peer is credited with
	maxPipeline   = 2048  // chunks
	liveSpan      = 200e6 // ns of a live peer's rate that may be asked ahead: short, as all wait for the newest
	filmSpan      = 600e6
	minTimeout    = 300e6 // ns without an asked chunk before it is asked of another peer
	maxTimeout    = 2e9
	snubFor       = 1e9 // ns that a peer that let requests lie gets few new ones
)

// staticState is what a receiver of a film wants.
type staticState struct {
	windows []chunk.Range // what readers wait for, most urgent first
	all     bool          // the rest too
	sized   bool          // EventSize was told
}

// request is a chunk asked of a peer.
type request struct {
	chunk uint64
	at    int64
}

// requesting is the side of a channel that asks.
type requesting struct {
	choked      bool
	spare       int       // room left in this round of picking
	outstanding []request // oldest first
	toAsk       chunk.Set // chosen for this peer, REQUEST not yet sent
	toCancel    chunk.Set
	dataAt      int64 // when the peer last sent a chunk that counted
	snubbed     int64 // until
	rateFrom    int64
	rateCount   int
	rate        float64 // chunks per second the peer delivers, smoothed
	latency     int64   // ns from request to chunk, smoothed; 0 while unknown
}

// room returns how many more chunks may be asked of the peer now.
func (c *channel) room(now int64) int {
	if c.state != stateOpen || c.choked {
		return 0
	}
	limit := firstPipeline
	if c.rate > 0 {
		span := int64(filmSpan)
		if c.s.live != nil {
			span = liveSpan
		}
		limit = int(c.rate*float64(span+c.control.RTT())/1e9) + minPipeline
	}
	if now < c.snubbed {
		limit = minPipeline
	}
	return min(limit, maxPipeline) - len(c.outstanding)
}

// ask chooses c to deliver chunk i.
func (c *channel) ask(now int64, i uint64) {
	if len(c.outstanding) == 0 {
		c.dataAt = now
	}
	c.outstanding = append(c.outstanding, request{i, now})
	c.toAsk.Add(chunk.One(i))
	c.s.requested.Add(chunk.One(i))
	c.s.markReady(c)
}

// took notes that the peer delivered chunk i.
func (c *channel) took(now int64, i uint64) {
	c.dataAt = now
	c.snubbed = 0
	k := slices.IndexFunc(c.outstanding, func(r request) bool { return r.chunk == i })
	if k >= 0 {
		c.answered(now - c.outstanding[k].at)
		c.outstanding = slices.Delete(c.outstanding, k, k+1)
	}
	c.rateCount++
	if c.rateFrom == 0 {
		c.rateFrom = now
	}
	if span := now - c.rateFrom; span >= 200e6 {
		rate := float64(c.rateCount) * 1e9 / float64(span)
		if c.rate == 0 {
			c.rate = rate
		}
		c.rate += (rate - c.rate) / 3
		c.rateFrom, c.rateCount = now, 0
	}
	c.s.picking.wanted = true
}

// answered notes how long a request took.
func (c *channel) answered(took int64) {
	if c.latency == 0 {
		c.latency = took
	}
	c.latency += (took - c.latency) / 8
}

// expected is how long the next request will take, nanoseconds.
func (c *channel) expected() int64 {
	if c.latency > 0 {
		return c.latency
	}
	return max(c.control.RTT(), int64(firstLatency))
}

// cancel takes back the request for chunk i, which came from elsewhere.
func (c *channel) cancel(i uint64) {
	k := slices.IndexFunc(c.outstanding, func(r request) bool { return r.chunk == i })
	if k < 0 {
		return
	}
	c.outstanding = slices.Delete(c.outstanding, k, k+1)
	if c.toAsk.Has(i) {
		c.toAsk.Remove(chunk.One(i))
	} else if c.state == stateOpen {
		c.toCancel.Add(chunk.One(i))
		c.s.markReady(c)
	}
}

// release makes chunk i free to be asked of anyone.
func (c *channel) release(i uint64) {
	c.s.requested.Remove(chunk.One(i))
	c.toAsk.Remove(chunk.One(i))
}

// releaseAll gives up every request to this peer.
func (c *channel) releaseAll() {
	for _, r := range c.outstanding {
		c.release(r.chunk)
	}
	c.outstanding = nil
	c.s.picking.wanted = true
}

// patience is how long the peer may leave its oldest request without sending anything.
func (c *channel) patience() int64 {
	return min(max(4*c.control.RTT(), 3*c.latency, int64(minTimeout)), int64(maxTimeout))
}

// requestTimeout returns when checkRequests has something to do.
func (c *channel) requestTimeout() int64 {
	if len(c.outstanding) == 0 {
		return math.MaxInt64
	}
	return max(c.outstanding[0].at, c.dataAt) + c.patience()
}

// checkRequests takes back what the peer has left lying: everything when it is silent, and
// single chunks that were overtaken by many later ones.
func (c *channel) checkRequests(now int64) {
	if len(c.outstanding) == 0 {
		return
	}
	if now >= c.requestTimeout() {
		c.s.counts.Timeouts += uint64(len(c.outstanding))
		c.snubbed = now + snubFor
		c.rate /= 2
		c.releaseAll()
		c.reprobe(now)
		return
	}
	overdue := now - 3*c.patience()
	for len(c.outstanding) > 0 && c.outstanding[0].at < overdue && c.dataAt > overdue {
		c.s.counts.Timeouts++
		c.release(c.outstanding[0].chunk)
		c.outstanding = c.outstanding[1:]
		c.s.picking.wanted = true
	}
}

// Want says which chunks of a film readers wait for, most urgent first, and whether all
// the rest is wanted too. It replaces what was wanted before; requests for what is no
// longer wanted are cancelled (RFC 7574, 3.8).
func (s *Swarm) Want(_ int64, windows []chunk.Range, all bool) {
	if s.live != nil {
		return
	}
	s.static.windows = append(s.static.windows[:0], windows...)
	s.static.all = all
	s.picking.wanted = true
	if all {
		return
	}
	wanted := func(i uint64) bool {
		return slices.ContainsFunc(s.static.windows, func(r chunk.Range) bool { return r.Contains(i) })
	}
	for _, c := range s.order {
		for k := len(c.outstanding) - 1; k >= 0; k-- {
			if i := c.outstanding[k].chunk; !wanted(i) {
				s.requested.Remove(chunk.One(i))
				c.cancel(i)
			}
		}
	}
}

// Lost takes back chunks that the store no longer has: they are fetched again.
func (s *Swarm) Lost(chunks *chunk.Set) {
	for r := range chunks.Ranges() {
		s.have.Remove(r)
	}
	s.picking.wanted = true
}
