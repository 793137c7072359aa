package swarm

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Bounds of what is asked of one peer at a time.
const (
	minPipeline      = 8       // chunks
	firstPipeline    = 16      // chunks; doubles within a round trip while the peer keeps up
	snubPipeline     = 2       // chunks, of a peer that lets requests lie
	firstLatency     = 50e6    // ns from request to chunk that a new peer is credited with
	maxPipeline      = 2048    // chunks
	maxPipelineBytes = 7 << 19 // less than may wait for a swarm in the node
	liveQueue        = 100e6   // ns that requests may wait at a live peer: short, as all wait for the newest
	filmQueue        = 500e6
	minTimeout       = 300e6 // ns without an asked chunk before it is asked of another peer
	maxTimeout       = 2e9
	filmOverdue      = 3     // times that, for a chunk of a film that others overtook
	askAgainAfter    = 100e6 // ns beyond two round trips without anything, before a peer is asked again for the same
	maxAskedAgain    = 128   // requests that are then repeated
	// Of a peer whose answer took slowAnswer ns longer than the way takes, nothing that can wait is
	// asked for a while, which doubles when that happens again and shrinks while it answers soon: where
	// many wait for one that alone has what they need, all leave it to those who need it now.
	slowAnswer    = 200e6
	restLeast     = 200e6 // ns
	restMost      = 4e9   // ns
	overtaken     = 4     // chunks asked for later that came, after which a request is repeated
	snubAfter     = 2     // silences in a row after which a peer is snubbed
	snubFor       = 1e9   // ns, doubled by each further silence …
	snubDoublings = 5     // … so often at most
)

// request is neighbouring chunks asked of a peer at one time, as far as they are open.
type request struct {
	chunks chunk.Range
	at     int64
	depth  int // requests that were open with the first of chunks; with the next one more
	passed int // chunks asked for later that came since, of the oldest request
}

// requests are what was asked of one peer, oldest first.
type requests struct {
	line fifo[request]
	live int // chunks
}

func (q *requests) push(r chunk.Range, now int64) {
	if n := q.line.len(); n > 0 {
		if last := q.line.at(n - 1); last.at == now && last.chunks.End == r.Start {
			last.chunks.End = r.End
			q.live += int(r.Len())
			return
		}
	}
	q.line.push(request{chunks: r, at: now, depth: q.live + 1})
	q.live += int(r.Len())
}

// oldest returns the first request that is still open, nil for none.
func (q *requests) oldest() *request {
	if q.line.len() == 0 {
		return nil
	}
	return q.line.at(0)
}

// take removes the oldest request for chunks of r, as far as r goes, and returns it.
func (q *requests) take(r chunk.Range) (taken request, ok bool) {
	for k := range q.line.len() {
		e := q.line.at(k)
		cut := e.chunks.Intersect(r)
		if cut.Empty() {
			continue
		}
		taken = request{chunks: cut, at: e.at, depth: e.depth + int(cut.Start-e.chunks.Start)}
		q.live -= int(cut.Len())
		left, right := chunk.Range{Start: e.chunks.Start, End: cut.Start}, chunk.Range{Start: cut.End, End: e.chunks.End}
		rest := request{chunks: right, at: e.at, depth: e.depth + int(cut.End-e.chunks.Start)}
		switch {
		case left.Empty() && right.Empty():
			q.line.remove(k)
		case left.Empty():
			*e = rest
		case right.Empty():
			e.chunks = left
		default:
			e.chunks = left
			q.line.insert(k+1, rest)
		}
		return taken, true
	}
	return request{}, false
}

// requesting is the side of a channel that asks.
type requesting struct {
	choked      bool
	laterAt     int64  // not before is it asked for what can wait
	rest        int64  // ns that it was left alone so
	patient     bool   // it is not, as of the last round
	full        bool   // it has all of a film, as of the last round of picking
	dry         uint64 // picking.freed + 1 when it could give nothing of what can wait, 0 since it announced more
	dryUntil    int64
	rare        []uint64 // blocks of a film that it had before all others that we know
	placed      bool     // film: it is asked for what no reader waits for …
	restFrom    uint64   // … from here on
	seedLookAt  int64    // not before is it asked for what only it can give
	spare       int      // room left in this round of picking
	reach       uint64   // end of what may be asked of the peer in this round
	outstanding requests
	toAsk       queue // chosen for this peer, REQUEST not yet sent
	toCancel    chunk.Set
	dataAt      int64   // when the peer last sent a chunk that counted, or was asked again
	gaveAt      int64   // when it last sent one that counted, 0 for never
	silences    int     // in a row
	askedAgain  int     // times since then that the requests were repeated
	askedAt     int64   // when something was asked last
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

// ask chooses c to deliver the chunks of r, none of which is asked of anyone.
func (c *channel) ask(now int64, r chunk.Range) {
	if c.outstanding.live == 0 {
		c.dataAt = now
	}
	c.askedAt = now
	c.outstanding.push(r, now)
	c.toAsk.add(r)
	c.s.requested.Add(r)
	c.s.markReady(c)
}

// took notes that the peer delivered chunk i, which is new or not, and tells whether it was
// asked to.
func (c *channel) took(now int64, i uint64, fresh bool) bool {
	r, asked := c.outstanding.take(chunk.One(i))
	if fresh {
		c.s.picking.came++
	}
	if asked || fresh {
		c.dataAt, c.gaveAt = now, now
		c.snubbed, c.silences, c.askedAgain = 0, 0, 0
	}
	if asked {
		c.useful = true
		c.answered(now - r.at)
		if !c.s.urgent(i) {
			c.restrain(now, now-r.at)
		}
		c.adjust(r.depth, now-r.at)
		c.s.requested.Remove(chunk.One(i))
		c.toAsk.remove(chunk.One(i))
		c.overtook(now, r.at)
	}
	c.s.picking.stirred = true
	return asked
}

// restrain sets how long the peer, which answered in that time, is left to those who need something of it
// at once.
func (c *channel) restrain(now, took int64) {
	switch {
	case took <= c.quickest+slowAnswer:
		c.rest -= c.rest / 16
	case now >= c.laterAt:
		c.rest = min(max(2*c.rest, restLeast), restMost)
		c.laterAt = now + c.rest
	}
}

// overtook repeats the oldest request once many chunks that were asked for later have come:
// "Peer Q SHOULD process the REQUESTs in the order received" (RFC 7574, 3.7), so it was lost.
func (c *channel) overtook(now, at int64) {
	r := c.outstanding.oldest()
	if r == nil || r.at >= at || c.s.live != nil {
		return
	}
	if r.passed++; r.passed >= overtaken && now-r.at > 2*(now-at) {
		r.passed = -overtaken
		c.toAsk.add(r.chunks)
		c.s.markReady(c)
	}
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
	ideal := min(float64(depth)*float64(aim)/float64(max(took, 1)), c.s.pipelineMost())
	if ideal > c.pipeline || took > aim {
		c.pipeline = max(c.pipeline+(ideal-c.pipeline)/8, minPipeline)
	}
	if c.pipeline <= minPipeline && took > aim { // the way has become longer
		c.quickest += (took - aim) / 8
	}
}

// pipelineMost bounds the pipeline: chunks that are asked for need room where they wait for us.
func (s *Swarm) pipelineMost() float64 {
	return float64(max(min(maxPipeline, maxPipelineBytes/s.usualChunk()), minPipeline))
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
	if _, ok := c.outstanding.take(chunk.One(i)); !ok {
		return false
	}
	c.s.requested.Remove(chunk.One(i))
	c.s.picking.freed++
	if !c.toAsk.remove(chunk.One(i)) && c.state == stateOpen {
		c.toCancel.Add(chunk.One(i))
		c.s.markReady(c)
	}
	return true
}

// release takes back the request for chunk i, to be asked of anyone.
func (c *channel) release(i uint64) {
	c.cancel(i)
	c.s.picking.wanted = true
}

// releaseAll gives up every request to this peer. It is not told: it is silent, choked us,
// or is being left.
func (c *channel) releaseAll() {
	for q := &c.outstanding; q.line.len() > 0; {
		r := q.line.pop()
		c.s.requested.Remove(r.chunks)
	}
	c.outstanding.live = 0
	c.s.picking.freed++
	c.toAsk.clear()
	c.toCancel.Clear()
	c.s.picking.wanted = true
}

// giveUp is releaseAll for a peer that may be there, which is told in a film: else it would send
// all of it at last, when others have.
func (c *channel) giveUp() {
	for k := range min(c.outstanding.line.len(), maxAskedAgain) {
		if c.s.live == nil && !c.draft10 {
			c.toCancel.Add(c.outstanding.line.at(k).chunks)
		}
	}
	gone := c.toCancel
	c.toCancel = chunk.Set{}
	c.releaseAll()
	c.toCancel = gone
	c.s.markReady(c)
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
	if r := c.outstanding.oldest(); r != nil && c.s.urgent(r.chunks.Start) {
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
	return min(max(r.at, c.dataAt)+c.patience(), r.at+c.overdue(), c.askAgainAt())
}

// askAgainAt returns when to repeat what was asked for, as the peer sends nothing at all. "Responding
// to REQUESTs is OPTIONAL" (RFC 7574, 3.9) and nothing acknowledges them: a datagram with many
// that was lost would else cost all our patience.
func (c *channel) askAgainAt() int64 {
	if c.s.live != nil || c.draft10 || c.askedAgain >= maxEchoes {
		return math.MaxInt64
	}
	way := max(c.control.RTT(), c.quickest, int64(firstLatency))
	return max(c.askedAt, c.dataAt) + (2*way+askAgainAfter)<<c.askedAgain
}

// askAgain repeats the requests that are open, oldest first.
func (c *channel) askAgain(now int64) {
	c.askedAgain++
	c.askedAt = now
	for k := range min(c.outstanding.line.len(), maxAskedAgain) {
		c.toAsk.add(c.outstanding.line.at(k).chunks)
	}
	c.s.markReady(c)
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
		c.giveUp()
		c.reprobe(now)
		return
	}
	if now >= c.askAgainAt() {
		c.askAgain(now)
	}
	limit := now - c.overdue()
	for r != nil && r.at <= limit {
		c.s.counts.Timeouts++
		c.answered(now - r.at)
		c.release(r.chunks.Start)
		r = c.outstanding.oldest()
	}
}
