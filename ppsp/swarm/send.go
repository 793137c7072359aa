package swarm

import (
	"math"
	"math/bits"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// channelBytes is the length of the channel ID that begins a datagram.
const channelBytes = wire.ChannelSize

// appendDatagram appends the channel's next datagram to b, or a train of datagrams that are
// segment bytes long but for the last; false when it has none now.
func (c *channel) appendDatagram(now int64, b []byte) (out []byte, segment int, ok bool) {
	start := len(b)
	switch c.state {
	case stateInitiating:
		if now < c.handshakeAt || c.handshakes >= c.handshakeLimit() {
			return b, 0, false
		}
		if c.way == 0 {
			c.draft10 = c.triesDraft10()
		}
		if !c.nextWay(now) {
			return b, 0, false
		}
		h := c.localHandshake()
		b = wire.AppendHandshake(wire.AppendChannel(b, 0), &h)
	case stateResponding:
		if !c.replyDue {
			return b, 0, false
		}
		c.replyDue = false
		h := c.localHandshake()
		b = wire.AppendHandshake(wire.AppendChannel(b, c.remoteID), &h)
		b = c.appendAvailability(b, start)
	case stateLeaving:
		c.state = stateGone
		b = wire.AppendHandshake(wire.AppendChannel(b, c.remoteID), c.farewell())
	case stateOpen:
		b, segment = c.appendMessages(now, b)
		if len(b) == start {
			return b, 0, false
		}
		c.speakDue = false
	default:
		return b, 0, false
	}
	c.spokeAt = now
	c.unanswered++
	if segment == 0 {
		segment = len(b) - start
	}
	return b, segment, true
}

// appendMessages adds the datagram of an open channel: acknowledgements, requests, news,
// the signed edge of the stream, and then hashes and a chunk. Acknowledgements and news
// wait until they are due, or something else is said. In bulk, chunks go in trains of their
// own, of which it tells the segment. Nothing to say leaves b as it is.
func (c *channel) appendMessages(now int64, b []byte) (out []byte, segment int) {
	serving, tries, serves := c.nextToServe(now)
	bulk := serves && serving.Len() > 1
	due := c.speakDue || now >= c.ackAt || now >= c.havesAt || c.toAsk.chunks > 0 || c.toCancel.Runs() > 0 || c.tellPermit
	if bulk && !due {
		return c.appendRun(now, b, serving, tries)
	}
	if !serves && !due {
		return b, 0
	}
	start := len(b)
	b = wire.AppendChannel(b, c.remoteID)
	if !serves || bulk || !c.alone {
		b = c.appendChoke(now, b)
		b = c.appendAcks(now, b, start)
		b = c.appendRequests(b, start)
		if c.haves.Runs() > 0 && now >= c.quiet {
			b = c.appendHaves(now, b, start)
		}
		b = c.appendEdge(b, start)
		b = c.appendExchange(now, b, start)
	}
	if serves && !bulk {
		b = c.appendChunk(now, b, start, serving.Start, tries)
	}
	if len(b) == start+channelBytes && !c.speakDue {
		b = b[:start] // all of it has become void
		if bulk {
			return c.appendRun(now, b, serving, tries)
		}
	}
	return b, 0
}

// fits tells whether n more bytes may go into the datagram that began at start.
func fits(b []byte, start, n int) bool { return len(b)-start+n <= MaxDatagram }

// specRoom returns how many bytes messages about r may take, each with so many bytes
// behind the chunk specification.
func (s *Swarm) specRoom(r chunk.Range, tail int) int {
	n := 1
	if a := s.format.Addressing; a == ppsp.Bins32 || a == ppsp.Bins64 {
		n = 2 * bits.Len64(r.Len())
	}
	return n * (1 + s.specSize + tail)
}

func (c *channel) appendRequests(b []byte, start int) []byte {
	if !c.understands(wire.TypeCancel) {
		c.toCancel.Clear()
	}
	for c.toCancel.Runs() > 0 {
		r, _ := c.toCancel.NextIn(0)
		if !fits(b, start, c.s.specRoom(r, 0)) {
			return b
		}
		c.toCancel.Remove(r)
		b = c.s.format.AppendCancel(b, r)
	}
	for c.toAsk.chunks > 0 {
		r := c.toAsk.ranges[0]
		if !fits(b, start, c.s.specRoom(r, 0)) {
			return b
		}
		c.toAsk.remove(r)
		b = c.s.format.AppendRequest(b, r)
	}
	return b
}

// Acknowledgements wait for others a moment, as LEDBAT allows (RFC 7574, 3.4).
const (
	ackDelay = 10e6 // ns
	ackMost  = 8    // chunks, and no more than …
	ackBytes = 16 << 10
	maxAcks  = 256 // messages that wait; more are dropped, and the chunks come again
)

// acknowledgements are those to be sent (RFC 7574, 8.7).
type acknowledgements struct {
	acks     fifo[ack]
	ackAt    int64 // when to send them at the latest
	ackCount int   // chunks
}

type ack struct {
	chunks chunk.Range
	delay  uint64 // µs
}

// acknowledge queues the acknowledgement of chunk i; one message does for neighbours.
func (c *channel) acknowledge(now int64, i, delay uint64) {
	if !c.understands(wire.TypeAck) { // RFC 7574, 7.10
		c.tell(chunk.One(i), now)
		return
	}
	n := c.acks.len()
	if n >= maxAcks {
		return
	}
	if n > 0 && c.acks.at(n-1).chunks.End == i && !c.draft10 {
		last := c.acks.at(n - 1)
		last.chunks.End, last.delay = i+1, min(last.delay, delay)
	} else {
		c.acks.push(ack{chunk.One(i), delay})
	}
	if c.ackCount++; c.ackCount >= ackMost || c.ackCount*c.s.usualChunk() >= ackBytes || c.draft10 {
		c.ackAt = now
		c.s.markReady(c)
	} else if c.ackAt == math.MaxInt64 {
		c.ackAt = now + ackDelay
	}
}

func (c *channel) appendAcks(now int64, b []byte, start int) []byte {
	for c.acks.len() > 0 {
		a := c.acks.at(0)
		whole, room := c.interval(a.chunks)
		if !fits(b, start, room) {
			c.ackAt = math.MinInt64 // in the next datagram
			return b
		}
		b = c.s.format.AppendAck(b, whole, a.delay)
		c.toldBy(now, whole)
		if a.chunks.Start = whole.End; a.chunks.Start >= a.chunks.End {
			c.acks.pop()
		}
	}
	c.ackAt, c.ackCount = math.MaxInt64, 0
	return b
}

// interval returns what acknowledges the first chunks of r, which have come: the "biggest, complete
// interval covering" them (RFC 7574, 4.3.2), where bins are used the biggest complete bin; and how
// many bytes that takes at most. A peer of draft 10 is told of each chunk by itself.
func (c *channel) interval(r chunk.Range) (whole chunk.Range, room int) {
	s := c.s
	one := 1 + s.specSize + 8
	whole, ok := s.have.Covering(r.Start)
	if !ok || whole.End < r.End || c.draft10 { // gone meanwhile
		return r, s.specRoom(r, 8)
	}
	if a := s.format.Addressing; a != ppsp.Bins32 && a != ppsp.Bins64 {
		return whole, one
	}
	bin := chunk.Leaf(r.Start)
	for over := bin.Parent(); over.Range().Start >= whole.Start && over.Range().End <= whole.End; over = bin.Parent() {
		bin = over
	}
	return bin.Range(), one
}
