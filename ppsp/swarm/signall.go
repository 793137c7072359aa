package swarm

import (
	"errors"
	"fmt"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

const (
	// maxHeld bounds the signatures of one peer that wait for their chunks.
	maxHeld = 64
	// aheadSigned is how far beyond the newest verified chunk peers are believed, in chunks:
	// with Sign All only the chunks themselves show where the edge is.
	aheadSigned = 256
	// signedSize is what SIGNED_INTEGRITY takes beside the signature, in bytes.
	signedSize = 1 + maxSpec + 8
)

// signature is what proves one chunk with Sign All (RFC 7574, 6.1.1).
type signature struct {
	chunk uint64
	ntp   uint64
	spec  []byte // as it stood on the wire: it is signed too
	bytes []byte // none: there is no signature
	size  int    // of the chunk, once that was verified
}

// signatures are those that a peer sent and whose chunks have not come yet: in the same
// datagram, or ahead of it (RFC 7574, 6.1.1).
type signatures struct {
	list []signature // a ring
	next int
}

// get returns the signature of chunk i, nil for none.
func (v *signatures) get(i uint64) *signature {
	for k := range v.list {
		if g := &v.list[k]; g.chunk == i && len(g.bytes) > 0 {
			return g
		}
	}
	return nil
}

// hold keeps a copy; the oldest makes room.
func (v *signatures) hold(m *wire.Message) {
	g := v.get(m.Chunks.Start)
	if g == nil {
		if len(v.list) < maxHeld {
			v.list = append(v.list, signature{})
			g = &v.list[len(v.list)-1]
		} else {
			g = &v.list[v.next]
			v.next = (v.next + 1) % maxHeld
		}
	}
	*g = signature{chunk: m.Chunks.Start, ntp: m.Time, spec: append(g.spec[:0], m.Spec...), bytes: append(g.bytes[:0], m.Payload...)}
}

// holdSignature keeps the signature of a chunk until that comes.
func (c *channel) holdSignature(m *wire.Message) bool {
	if m.Chunks.Len() != 1 {
		return false
	}
	if i := m.Chunks.Start; !c.s.have.Has(i) && c.s.takes(i) {
		c.signatures.hold(m)
	}
	return true
}

// verifySigned checks a chunk by its signature. "The signature is computed over a
// concatenation of the on-the-wire representation of the chunk specification, a 64-bit
// timestamp in NTP Timestamp format, and the chunk, in that order" (RFC 7574, 6.1.1).
func (c *channel) verifySigned(i uint64, b []byte) error {
	g := c.signatures.get(i)
	switch l := c.s.live; {
	case g == nil:
		return merkle.ErrMissingHash
	case !l.inTime(i, g.ntp):
		return errReplayed
	case !l.check.Verify(g.spec, g.ntp, b, g.bytes):
		return errBadSignature
	}
	g.size = len(b)
	return nil
}

var errBadSignature = errors.New("chunk does not match its signature")

// signatureOf returns the signature of chunk i, nil for none.
func (l *liveState) signatureOf(i uint64) *signature {
	if len(l.signatures) == 0 {
		return nil
	}
	g := &l.signatures[i%uint64(len(l.signatures))]
	if g.chunk != i || len(g.bytes) == 0 {
		return nil
	}
	return g
}

// inTime tells whether chunk i can have been signed at a time: the source signs chunks in
// their order, so what does not fit its neighbours and the edge was replayed, or there are
// two sources with one key (RFC 7574, 12.6.5).
func (l *liveState) inTime(i, ntp uint64) bool {
	if g := l.signatureOf(i - 1); i > 0 && g != nil && g.ntp > ntp {
		return false
	}
	if g := l.signatureOf(i + 1); g != nil && g.ntp < ntp {
		return false
	}
	switch {
	case l.edge == 0:
		return true
	case i < l.edge:
		return ntp <= l.edgeNTP
	}
	return ntp >= l.edgeNTP
}

// keepSignature moves the signature of a chunk that was just stored to where it is served
// from, and the edge of the stream.
func (s *Swarm) keepSignature(now int64, c *channel, i uint64) {
	g := c.signatures.get(i)
	if g == nil {
		return
	}
	s.live.putSignature(*g)
	s.moveEdge(now, i+1, g.ntp)
	g.bytes = g.bytes[:0]
}

// putSignature keeps a copy of g.
func (l *liveState) putSignature(g signature) {
	if l.signatures == nil {
		l.signatures = make([]signature, l.window)
	}
	slot := &l.signatures[g.chunk%l.window]
	*slot = signature{chunk: g.chunk, ntp: g.ntp, size: g.size, bytes: append(slot.bytes[:0], g.bytes...)}
}

// signChunk signs a chunk at the source.
func (s *Swarm) signChunk(now int64, r chunk.Range, b []byte) error {
	ntp := s.ntp(now)
	made, err := s.live.source.Sign(s.format.AppendSpec(nil, r), ntp, b)
	if err != nil {
		return fmt.Errorf("sign chunk %d: %w", r.Start, err)
	}
	s.live.putSignature(signature{chunk: r.Start, ntp: ntp, bytes: made, size: len(b)})
	s.moveEdge(now, r.End, ntp)
	return nil
}

// ntp is the wall clock as signatures carry it.
func (s *Swarm) ntp(now int64) uint64 { return livesig.NTP(time.Unix(0, s.cfg.Epoch+now)) }

// appendSignature adds the signature of chunk i. "If the SIGNED_INTEGRITY message and DATA
// message cannot be contained into a single datagram, because of a limitation on datagram
// size, the SIGNED_INTEGRITY message MUST be sent first in a separate datagram" (RFC 7574,
// 6.1.1). It returns false when the datagram has no room for what has to go together.
func (c *channel) appendSignature(now int64, b []byte, start int, i uint64) ([]byte, bool) {
	g := c.s.live.signatureOf(i)
	if g == nil {
		return b, false
	}
	leaf := chunk.Leaf(i)
	if at, sent := c.sentHashes[leaf]; sent && c.alone && now-at < 2*c.control.RTO() {
		return b, true // it went ahead
	}
	signed := signedSize + len(g.bytes)
	data := 1 + maxSpec + 8 + g.size
	together := channelBytes+signed+data <= MaxDatagram
	switch {
	case together && !fits(b, start, signed+data), !fits(b, start, signed):
		return b, false
	case !together:
		c.remember(leaf, now)
	}
	return c.s.format.AppendSignedIntegrity(b, chunk.One(i), g.ntp, g.bytes), true
}
