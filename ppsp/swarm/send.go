package swarm

import (
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// Sizes of the largest messages that are put into a datagram before its DATA, in bytes;
// with them a datagram stays below MaxDatagram.
const (
	maxSpec      = 16
	signedExtra  = 2 * (1 + maxSpec + 8)
	channelBytes = 4
)

// appendDatagram appends the channel's next datagram to b; false when it has none now.
func (c *channel) appendDatagram(now int64, b []byte) ([]byte, bool) {
	start := len(b)
	switch c.state {
	case stateInitiating:
		if now < c.handshakeAt || c.handshakes >= handshakeTries {
			return b, false
		}
		c.handshakeAt = now + handshakeRetry<<c.handshakes
		c.handshakes++
		h := c.localHandshake()
		b = wire.AppendHandshake(wire.AppendChannel(b, 0), &h)
	case stateResponding:
		if !c.replyDue {
			return b, false
		}
		c.replyDue = false
		h := c.localHandshake()
		b = wire.AppendHandshake(wire.AppendChannel(b, c.remoteID), &h)
		b = c.appendAvailability(b, start)
	case stateLeaving:
		c.state = stateGone
		b = wire.AppendHandshake(wire.AppendChannel(b, c.remoteID), &wire.Handshake{Has: wire.HasVersion, Version: 1})
	case stateOpen:
		b = c.appendMessages(now, b)
		if len(b) == start {
			return b, false
		}
		c.speakDue = false
	default:
		return b, false
	}
	c.spokeAt = now
	c.unanswered++
	return b, true
}

// appendAvailability adds HAVE messages for what we have, as many as fit (RFC 7574, 3.2).
func (c *channel) appendAvailability(b []byte, start int) []byte {
	for r := range c.s.have.Ranges() {
		if len(b)-start > MaxDatagram-64*maxSpec {
			break // the rest follows once the channel is open
		}
		b = c.s.format.AppendHave(b, r)
	}
	return b
}

// announceAll queues everything we have for a peer whose channel has just opened.
func (c *channel) announceAll() {
	c.haves = c.s.have.Clone()
	c.havesAt = c.heardAt
}

// announce queues r to be told to the peer soon.
func (c *channel) announce(now int64, r chunk.Range) {
	if c.haves.Count() == 0 {
		c.havesAt = now + haveDelay
	}
	c.haves.Add(r)
}

// appendMessages adds the datagram of an open channel: acknowledgements, requests, news,
// the signed edge of the stream, and then hashes and a chunk. Nothing to say leaves b as it is.
func (c *channel) appendMessages(now int64, b []byte) []byte {
	start := len(b)
	b = wire.AppendChannel(b, c.remoteID)
	empty := len(b)
	b = c.appendAcks(b, start)
	b = c.appendRequests(b, start)
	serving, tries, serves := c.nextToServe(now)
	if c.haves.Count() > 0 && (now >= c.havesAt || len(b) > empty || serves) {
		b = c.appendHaves(b, start)
	}
	if len(b) > empty || serves || c.speakDue {
		b = c.appendEdge(b, start)
	}
	if serves {
		b = c.appendChunk(now, b, start, serving, tries)
	}
	if len(b) == empty && !c.speakDue {
		return b[:start]
	}
	return b
}

// fits tells whether n more bytes may go into the datagram that began at start.
func fits(b []byte, start, n int) bool { return len(b)-start+n <= MaxDatagram }

func (c *channel) appendAcks(b []byte, start int) []byte {
	for len(c.acks) > 0 && fits(b, start, 1+maxSpec+8) {
		a := c.acks[0]
		c.acks = c.acks[1:]
		for len(c.acks) > 0 && c.acks[0].chunks.Start == a.chunks.End { // RFC 7574, 4.3.2
			a.chunks.End = c.acks[0].chunks.End
			a.delay = min(a.delay, c.acks[0].delay)
			c.acks = c.acks[1:]
		}
		b = c.s.format.AppendAck(b, a.chunks, a.delay)
	}
	if len(c.acks) == 0 {
		c.acks = nil
	}
	return b
}

func (c *channel) appendRequests(b []byte, start int) []byte {
	for c.toCancel.Count() > 0 && fits(b, start, 64*maxSpec) {
		r, _ := c.toCancel.NextIn(0)
		c.toCancel.Remove(r)
		b = c.s.format.AppendCancel(b, r)
	}
	for c.toAsk.Count() > 0 && fits(b, start, 64*maxSpec) {
		r, _ := c.toAsk.NextIn(0)
		c.toAsk.Remove(r)
		b = c.s.format.AppendRequest(b, r)
	}
	return b
}

func (c *channel) appendHaves(b []byte, start int) []byte {
	for c.haves.Count() > 0 && fits(b, start, 64*maxSpec) {
		r, _ := c.haves.NextIn(0)
		c.haves.Remove(r)
		for part := range c.s.have.Ranges() { // the largest interval that holds it (RFC 7574, 4.3.1)
			if part.Overlaps(r) {
				c.haves.Remove(part)
				b = c.s.format.AppendHave(b, part)
			}
			if part.Start >= r.End || !fits(b, start, 64*maxSpec) {
				break
			}
		}
	}
	return b
}

// appendEdge adds our newest signed munro while the peer has not shown to know it or a
// newer one (RFC 7574, 6.1.2.4).
func (c *channel) appendEdge(b []byte, start int) []byte {
	l := c.s.live
	if l == nil || len(l.munros) == 0 {
		return b
	}
	m := &l.munros[len(l.munros)-1]
	if c.munroSeen > m.chunks.Start || !fits(b, start, signedExtra+len(m.hash)+len(m.signature)) {
		return b
	}
	return c.appendMunro(b, m)
}

func (c *channel) appendMunro(b []byte, m *munro) []byte {
	b = c.s.format.AppendIntegrity(b, m.chunks, m.hash)
	return c.s.format.AppendSignedIntegrity(b, m.chunks, m.ntp, m.signature)
}

// appendChunk adds the hashes that the peer misses for chunk i, then the chunk. What does
// not fit into one datagram is sent as several, hashes first (RFC 7574, 5.3).
func (c *channel) appendChunk(now int64, b []byte, start int, i uint64, tries int) []byte {
	b, whole := c.appendHashes(now, b, start, i)
	if !whole {
		return b
	}
	size := int(c.s.meta.ChunkSize)
	if len(b)-start > channelBytes && !fits(b, start, size+1+maxSpec+8) {
		return b // the chunk goes alone, next
	}
	mark := len(b)
	b = c.s.format.AppendDataHeader(b, i, uint64(c.s.micros(now)))
	out, err := c.s.cfg.Store.AppendChunk(b, i)
	if err != nil {
		c.s.have.Remove(chunk.One(i))
		c.queue.remove(chunk.One(i))
		return b[:mark]
	}
	c.served(now, i, tries, len(out)-start)
	return out
}

// appendHashes adds the peaks, or the signed munro, and the uncle hashes of chunk i that
// the peer neither has shown to have nor was sent lately; false when not all of them fit.
func (c *channel) appendHashes(now int64, b []byte, start int, i uint64) ([]byte, bool) {
	s := c.s
	if s.live != nil {
		m := s.live.munroOf(i)
		if m == nil {
			return b, true
		}
		if !c.peerKnows(m.bin, m.chunks, now) {
			if !fits(b, start, signedExtra+len(m.hash)+len(m.signature)) {
				return b, false
			}
			b = c.appendMunro(b, m)
			c.sentHashes[m.bin] = now
		}
		s.bins = s.live.tree.AppendUncles(s.bins[:0], i, func(n chunk.Bin) bool { return c.knows(n, now) })
	} else {
		var whole bool
		if b, whole = c.appendPeaks(now, b, start); !whole {
			return b, false
		}
		s.bins = s.tree.AppendUncles(s.bins[:0], i, func(n chunk.Bin) bool { return c.knows(n, now) })
	}
	for _, n := range s.bins {
		hash, ok := s.hash(n)
		if !ok {
			continue
		}
		if !fits(b, start, 1+maxSpec+len(hash)) {
			return b, false
		}
		b = s.format.AppendIntegrity(b, n.Range(), hash)
		c.remember(n, now)
		c.remember(n.Sibling(), now) // which the peer computes on its way up
	}
	return b, true
}

// appendPeaks adds the peak hashes until the peer has acknowledged a chunk (RFC 7574, 5.6.2).
func (c *channel) appendPeaks(now int64, b []byte, start int) ([]byte, bool) {
	if c.peerHave.Count() > 0 {
		return b, true
	}
	first := true
	for n := range chunk.Peaks(c.s.tree.Chunks()) {
		if first && c.peerKnows(n, chunk.Range{}, now) {
			return b, true
		}
		first = false
		hash, ok := c.s.hash(n)
		if !ok || !fits(b, start, 1+maxSpec+len(hash)) {
			return b, false
		}
		b = c.s.format.AppendIntegrity(b, n.Range(), hash)
		c.remember(n, now)
	}
	return b, true
}

// hash returns a verified node of the tree.
func (s *Swarm) hash(n chunk.Bin) ([]byte, bool) {
	if s.live != nil {
		return s.live.tree.Hash(n)
	}
	return s.tree.Hash(n)
}

// knows tells whether the peer has the hash of n: it verified a chunk below n's parent, for
// which it needed n or computed it (RFC 7574, 5.3), or it was sent n lately.
func (c *channel) knows(n chunk.Bin, now int64) bool {
	return c.peerKnows(n, n.Parent().Range(), now)
}

// peerKnows tells whether the peer has some chunk of r, or was sent n lately.
func (c *channel) peerKnows(n chunk.Bin, r chunk.Range, now int64) bool {
	if have, ok := c.peerHave.NextIn(r.Start); ok && have.Start < r.End {
		return true
	}
	at, ok := c.sentHashes[n]
	return ok && now-at < 2*c.control.RTO()
}

// remember notes that n is under way to the peer.
func (c *channel) remember(n chunk.Bin, now int64) {
	if len(c.sentHashes) >= maxSentHashes {
		clear(c.sentHashes)
	}
	c.sentHashes[n] = now
}
