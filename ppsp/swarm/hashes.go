package swarm

import (
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

const (
	// maxSentHashes bounds the hashes remembered as under way to a peer.
	maxSentHashes = 8192
	// maxSpec is the length of the longest chunk specification in bytes.
	maxSpec = 16
	// signedExtra is what INTEGRITY and SIGNED_INTEGRITY take beside hash and signature.
	signedExtra = 2 * (1 + maxSpec + 8)
)

// appendChunk adds the hashes that the peer misses for chunk i, then the chunk. What does
// not fit into one datagram is sent as several, hashes first (RFC 7574, 5.3).
func (c *channel) appendChunk(now int64, b []byte, start int, i uint64, tries int) []byte {
	b, whole := c.appendWhatProves(now, b, start, i)
	if !whole {
		c.alone = true
		return b
	}
	size := c.s.sizeOf(i)
	if len(b)-start > channelBytes && !fits(b, start, size+1+maxSpec+8) {
		c.alone = true
		return b // the chunk goes alone, next
	}
	mark := len(b)
	b = c.s.format.AppendDataHeader(b, i, uint64(c.s.micros(now)))
	out, err := c.s.cfg.Store.AppendChunk(b, i)
	if err != nil || len(out) == len(b) {
		c.s.have.Remove(chunk.One(i))
		return b[:mark]
	}
	if mark-start > channelBytes && len(out)-start > MaxDatagram {
		c.alone = true
		return b[:mark]
	}
	c.alone = false
	c.served(now, chunk.One(i), tries, len(out)-start)
	return out
}

// appendHashes adds the peaks, or the signed munro, and the uncle hashes of chunk i that
// the peer neither has shown to have nor was sent lately; false when not all of them fit.
func (c *channel) appendHashes(now int64, b []byte, start int, i uint64) ([]byte, bool) {
	s := c.s
	c.repeating = c.repeats(b, start, i)
	known := func(n chunk.Bin) bool { return c.knows(n, now) }
	if s.live != nil {
		m := c.munroFor(i)
		if m == nil { // nothing proves it; nextToServe leaves it out
			return b, false
		}
		if !c.peerKnows(m.bin, m.chunks, now) {
			if !fits(b, start, signedExtra+len(m.hash)+len(m.signature)) {
				return b, false
			}
			b = c.appendMunro(b, m)
			c.remember(m.bin, now)
		}
	} else {
		var whole bool
		if b, whole = c.appendPeaks(now, b, start); !whole {
			return b, false
		}
	}
	s.bins = s.appendUncles(s.bins[:0], i, known)
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
	for n := range chunk.Peaks(c.s.tree.Chunks()) {
		if c.peerKnows(n, chunk.Range{}, now) {
			continue
		}
		hash, ok := c.s.hash(n)
		if !ok || !fits(b, start, 1+maxSpec+len(hash)) {
			return b, false
		}
		b = c.s.format.AppendIntegrity(b, n.Range(), hash)
		c.remember(n, now)
	}
	return b, true
}

// appendUncles appends the nodes that are needed to verify chunk i and are not known.
func (s *Swarm) appendUncles(dst []chunk.Bin, i uint64, known func(chunk.Bin) bool) []chunk.Bin {
	if s.live != nil {
		return s.live.tree.AppendUncles(dst, i, known)
	}
	return s.tree.AppendUncles(dst, i, known)
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
	if c.holdsPart(r) {
		return true
	}
	if len(c.sentHashes) == 0 || c.repeating {
		return false
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

// appendEdge adds our newest signed munro from the third datagram on until the peer has
// shown to hold a chunk of it or of a newer one (RFC 7574, 6.1.2.4). By then it has tuned
// in, and gets later munros with their chunks (6.1.2.3), unless it falls far behind.
func (c *channel) appendEdge(b []byte, start int) []byte {
	l := c.s.live
	if l == nil || len(l.munros) == 0 {
		return b
	}
	m := &l.munros[len(l.munros)-1]
	if !c.proves(m) {
		return b
	}
	if c.edgeShown && c.seen > c.edgeStart && c.seen+l.window/2 > l.edge {
		return b
	}
	if !fits(b, start, signedExtra+len(m.hash)+len(m.signature)) {
		return b
	}
	if !c.edgeShown {
		c.edgeShown, c.edgeStart = true, m.chunks.Start
	}
	return c.appendMunro(b, m)
}
