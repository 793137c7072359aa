package swarm

import (
	"errors"
	"fmt"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// The content integrity protection methods (RFC 7574, 7.5) differ in what proves a chunk,
// and in how a receiver of a live stream learns where its edge is:
//
//	method          proof of a chunk                             edge of a live stream
//	0 none          –                                            the newest chunk that came
//	1 merkle        hashes up to the root (5)                    –
//	2 signall       a signature of its own (6.1.1)               the newest chunk that was verified
//	3 unified       hashes up to a signed munro (6.1.2)          the newest signed munro
//
// All that depends on the method is decided in this file, in signall.go and in munro.go.

// protect prepares the method of the swarm.
func (s *Swarm) protect() (err error) {
	signature := 0
	if s.meta.Kind() == ppsp.Live {
		if s.live, err = newLiveState(&s.cfg); err != nil {
			return err
		}
		if s.meta.Signed() {
			signature = s.live.key.SignatureSize()
		}
	} else if err = s.protectFilm(); err != nil {
		return err
	}
	s.format = wire.NewFormat(s.meta, signature)
	s.swarmID, s.specSize = []byte(s.meta.SwarmID), s.format.SpecSize()
	return nil
}

// protectFilm prepares the tree of a film. Without hashes it only tells the number of chunks.
func (s *Swarm) protectFilm() error {
	s.tree = s.cfg.Tree
	if s.tree == nil {
		s.tree = merkle.NewTree(s.meta.Hash, []byte(s.meta.SwarmID))
	}
	if s.meta.ChunkSize != ppsp.VariableChunks {
		s.tree.SetChunkSize(s.meta.ChunkSize)
	}
	if s.meta.Integrity == ppsp.IntegrityNone && !s.tree.Sized() {
		// "If automatic content size detection is not used, the content length is also part
		// of the metadata" (RFC 7574, 3.1), and without hashes there is no such detection.
		return errors.New("without integrity protection nothing but the link can tell the length of the film; take a link with the parameter len")
	}
	return nil
}

// errReplayed is returned for a chunk whose signature is genuine, but not of its time.
var errReplayed = errors.New("the chunk was signed at another time than its place in the stream tells")

// verify checks chunk i as it came from c. merkle.ErrMissingHash tells that what proves it
// has not come yet.
func (s *Swarm) verify(c *channel, i uint64, b []byte) error {
	switch s.meta.Integrity {
	case ppsp.IntegrityMerkle:
		return s.tree.Verify(i, b, &c.proof)
	case ppsp.IntegrityUnified:
		return s.live.tree.Verify(i, b, &c.proof)
	case ppsp.IntegritySignAll:
		return c.verifySigned(i, b)
	}
	return s.fitsFilm(i, len(b))
}

// fitsFilm is all that can be said of a chunk without protection.
func (s *Swarm) fitsFilm(i uint64, n int) error {
	size := s.meta.LargestChunk()
	switch {
	case s.live != nil || s.meta.ChunkSize == ppsp.VariableChunks:
		return nil
	case i >= s.tree.Chunks() || i+1 < s.tree.Chunks() && n != size:
		return fmt.Errorf("chunk %d of %d bytes is no part of the film", i, n)
	}
	return nil
}

// fitsStream tells whether the source may append a chunk of n bytes.
func (s *Swarm) fitsStream(n int) error {
	size := s.meta.LargestChunk()
	if n == 0 || n > size || n != size && s.meta.ChunkSize != ppsp.VariableChunks {
		return fmt.Errorf("append: chunk of %d bytes, want %d", n, size)
	}
	return nil
}

// usualChunk is how many bytes a chunk most likely has.
func (s *Swarm) usualChunk() int {
	if s.meta.ChunkSize == ppsp.VariableChunks {
		return ppsp.DefaultChunkSize
	}
	return s.meta.LargestChunk()
}

// sizeOf returns how many bytes chunk i has, at most; 0 where that is seen only when it is read.
func (s *Swarm) sizeOf(i uint64) int {
	if s.meta.Integrity == ppsp.IntegritySignAll {
		if g := s.live.signatureOf(i); g != nil {
			return g.size
		}
	}
	if s.meta.ChunkSize == ppsp.VariableChunks {
		return 0
	}
	return s.meta.LargestChunk()
}

// appendWhatProves adds what the peer lacks to verify chunk i; false when not all of it fits.
func (c *channel) appendWhatProves(now int64, b []byte, start int, i uint64) ([]byte, bool) {
	switch c.s.meta.Integrity {
	case ppsp.IntegrityNone:
		return b, true
	case ppsp.IntegritySignAll:
		return c.appendSignature(now, b, start, i)
	}
	return c.appendHashes(now, b, start, i)
}

// proven notes that chunk i, which came from c, is verified and stored.
func (s *Swarm) proven(now int64, c *channel, i uint64) {
	switch {
	case s.meta.Integrity == ppsp.IntegritySignAll:
		s.keepSignature(now, c, i)
	case s.meta.Integrity == ppsp.IntegrityNone && s.live != nil:
		s.moveEdge(now, i+1, 0)
	}
}

// provable tells whether what proves chunk i to the peer, which is in the store, is here too.
func (c *channel) provable(i uint64) bool {
	switch c.s.meta.Integrity {
	case ppsp.IntegrityUnified:
		return c.munroFor(i) != nil
	case ppsp.IntegritySignAll:
		return c.s.live.signatureOf(i) != nil
	}
	return true
}

// handleSigned takes in a SIGNED_INTEGRITY message; false discards the rest of the datagram.
func (c *channel) handleSigned(now int64, m *wire.Message) bool {
	switch c.s.meta.Integrity {
	case ppsp.IntegrityUnified:
		return c.handleMunro(now, m)
	case ppsp.IntegritySignAll:
		return c.holdSignature(m)
	}
	return false
}

// takes tells whether chunk i of a live stream may be kept: whether it lies in the window,
// as far as the edge is known, or was asked for to find that, see findEdge. The source takes
// nothing: what it has not signed yet nobody else can have.
func (s *Swarm) takes(i uint64) bool {
	l := s.live
	switch {
	case l.source != nil:
		return false
	case s.meta.Integrity == ppsp.IntegrityUnified:
		return l.wants(i)
	}
	return !l.tuned || i+l.window >= l.edge && (i < max(l.edge, s.horizon()) || s.requested.Has(i))
}

// horizon is the end of what is asked for of a live stream before it is known to be genuine.
func (s *Swarm) horizon() uint64 {
	l := s.live
	switch {
	case !l.tuned:
		return l.edge
	case s.meta.Integrity != ppsp.IntegrityUnified:
		return l.edge + aheadSigned
	case len(l.munros) == 0:
		return 0
	}
	return l.edge + aheadMunros*l.munros[len(l.munros)-1].chunks.Len()
}

// reach returns the end of what is asked of a peer of a live stream. But for Unified only chunks
// beyond the edge can move it, so that every peer is believed that far.
func (s *Swarm) reach(now int64, c *channel) uint64 {
	if s.meta.Integrity != ppsp.IntegrityUnified || c.useful && now >= c.snubbed {
		return s.horizon()
	}
	return s.live.edge
}

// edgeLost is for how long the edge has not moved, in ns, when it is looked for as at the
// start: who was asleep for more than a ring finds nobody who still has what comes next.
const edgeLost = 2e9

// findEdge asks each peer with nothing else to do for the newest chunk that it announced, where
// nothing but the chunks themselves shows the edge of the stream.
func (s *Swarm) findEdge(now int64) {
	if s.meta.Integrity == ppsp.IntegrityUnified || s.live.source != nil {
		return
	}
	for _, c := range s.picking.able {
		last, ok := c.peerHave.Last()
		if ok && last >= s.live.edge && c.outstanding.live == 0 && !s.have.Has(last) && !s.requested.Has(last) {
			c.ask(now, chunk.One(last))
		}
	}
}

// sign makes what proves the chunks that end at the newest one, if that falls due, and
// returns the chunks that may be announced now.
func (s *Swarm) sign(now int64, b []byte) (chunk.Range, error) {
	l := s.live
	last := chunk.One(l.appendNext - 1)
	switch s.meta.Integrity {
	case ppsp.IntegrityNone:
		s.moveEdge(now, last.End, 0)
		return last, nil
	case ppsp.IntegritySignAll:
		return last, s.signChunk(now, last, b)
	}
	l.tree.Append(last.Start, b)
	if l.appendNext%l.perMunro != 0 {
		return chunk.Range{}, nil
	}
	r := chunk.Range{Start: l.appendNext - l.perMunro, End: l.appendNext}
	return r, s.signMunro(now, r)
}

// signRest signs the chunks at the end of a broadcast that fill no subtree, and returns them:
// NCHUNKS_PER_SIG is "a fixed power of 2" (RFC 7574, 6.1.2.1), so the subtree is as wide as
// the others, and its last leaves are empty (RFC 7574, 5.1).
func (s *Swarm) signRest(now int64) (chunk.Range, error) {
	l := s.live
	rest := l.appendNext % l.perMunro
	if rest == 0 || s.meta.Integrity != ppsp.IntegrityUnified {
		return chunk.Range{}, nil
	}
	r := chunk.Range{Start: l.appendNext - rest, End: l.appendNext}
	whole := chunk.Range{Start: r.Start, End: r.Start + l.perMunro}
	if _, ok := l.tree.Last(whole); !ok {
		return chunk.Range{}, fmt.Errorf("append: chunks %d to %d make no subtree", r.Start, r.End-1)
	}
	return r, s.signMunro(now, whole)
}
