package merkle

import (
	"errors"
	"math/bits"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// MaxChunks bounds the number of chunks of a film: all that 32-bit chunk ranges address.
const MaxChunks = 1 << 32

// Tree is the hash tree of a film as far as it is verified.
//
// The number of chunks comes from peers, and the root alone does not prove it: peaks that
// lead to the root can claim too many chunks (hashes of no content pass for content) or
// another height (a whole subtree passes for one chunk, or the reverse). So Tree takes a
// claim for what it is. The first verified chunk proves the height, since an inner node is
// the hash of just two hashes; from then on the smallest claim wins; and the verified last
// chunk proves the number. Expect, where a link tells the length, settles it at once.
type Tree struct {
	climber
	kind   ppsp.Hash
	root   []byte
	chunks uint64
	peaks  []Node // of chunks, left to right; none while unknown
	nodes  paged  // below the peaks

	chunkSize uint32 // bytes, 0 if not told
	settled   bool   // chunks was told by Expect or made by Build
	tall      bool   // the height is proven
	sized     bool   // the number of chunks is proven
	candidate []Node // memory for learn
}

// NewTree returns the tree of a receiver, which knows only the root.
func NewTree(h ppsp.Hash, root []byte) *Tree {
	t := &Tree{kind: h, root: append([]byte(nil), root...)}
	t.hasher = *NewHasher(h)
	t.nodes = paged{Nodes: &memory{size: PageSlots * h.Size()}, size: h.Size()}
	return t
}

// KeepIn makes n keep the verified hashes, instead of memory: before the first is known, or
// with what n kept of this very tree.
func (t *Tree) KeepIn(n Nodes) { t.nodes.Nodes = n }

// SetChunkSize tells the size in bytes of every chunk but the last. Verify then refuses
// others; and it is needed to accept chunks that are as long as two hashes before Expect
// or another chunk has proven the height.
func (t *Tree) SetChunkSize(n uint32) { t.chunkSize = n }

// Expect tells the number of chunks where it is known from elsewhere, as from a link that
// carries the length. Peaks of another number are refused from now on.
func (t *Tree) Expect(chunks uint64) {
	if chunks == 0 || chunks > MaxChunks || t.settled {
		return
	}
	if chunks != t.chunks && t.chunks != 0 {
		t.peaks = nil
		t.nodes.Clear()
	}
	t.chunks, t.settled, t.tall, t.sized = chunks, true, true, true
}

// Root returns the root hash, which names the swarm.
func (t *Tree) Root() []byte { return t.root }

// Chunks returns the number of chunks, 0 while unknown. Until Sized it is a peer's claim,
// which leads to the root but can shrink, and while no chunk is verified also grow.
func (t *Tree) Chunks() uint64 { return t.chunks }

// Sized tells whether the number of chunks is proven: the last chunk is verified, or
// Expect told it.
func (t *Tree) Sized() bool { return t.sized }

// AppendPeaks appends the peaks, left to right, none while they are unknown.
func (t *Tree) AppendPeaks(dst []Node) []Node { return append(dst, t.peaks...) }

// Hash returns the hash of a node if it is verified: read it only, and before the next call
// of a method of t.
func (t *Tree) Hash(b chunk.Bin) ([]byte, bool) {
	t.nodes.begin()
	for _, peak := range t.peaks {
		if peak.Bin == b {
			return peak.Hash, true
		}
	}
	hash := t.nodes.get(b)
	return hash, hash != nil
}

// peakOf returns the peak over chunk i, which is below t.chunks.
func (t *Tree) peakOf(i uint64) (Node, bool) {
	for _, peak := range t.peaks {
		if peak.Bin.Range().Contains(i) {
			return peak, true
		}
	}
	return Node{}, false
}

// Verify checks chunk i, with the hashes that its sender offered, up to the nearest
// verified node. On success it remembers all hashes it passed; on failure it learns
// nothing from the chunk.
//
// It returns ErrMissingHash if hashes are missing, or peaks, or if it can't yet tell the
// chunk from two hashes; ErrBadHash if the chunk or a hash of that peer is wrong.
func (t *Tree) Verify(i uint64, data []byte, p *Proof) error {
	t.nodes.begin()
	t.learn(p)
	top, ok := t.peakOf(i)
	if !ok && len(t.peaks) == 0 && t.learnRoot(i, data, p) {
		top, ok = t.peakOf(i)
	}
	switch {
	case !ok && (len(t.peaks) == 0 || !t.tall):
		return ErrMissingHash
	case !ok:
		return ErrBadHash
	case !t.fits(i, len(data)):
		return t.blame(p)
	case !t.tall && t.ambiguous(len(data)):
		return ErrMissingHash
	}
	err := t.verify(&t.nodes, i, data, top, p)
	if errors.Is(err, ErrBadHash) {
		return t.blame(p)
	}
	if err == nil {
		t.tall = true
		t.sized = t.sized || i == t.chunks-1
	}
	return err
}

// fits tells whether chunk i may be n bytes long: only the last one is short.
func (t *Tree) fits(i uint64, n int) bool {
	size := int(t.chunkSize)
	return n > 0 && (size == 0 || n == size || n < size && i == t.chunks-1)
}

// ambiguous tells whether a chunk of n bytes could be two hashes, an inner node of a
// taller tree. Where all chunks are as long as that, nothing can tell, and it is taken for
// content.
func (t *Tree) ambiguous(n int) bool {
	return n == 2*t.hasher.size && n != int(t.chunkSize)
}

// blame returns the error for a chunk that does not fit: while the height rests on
// another peer's claim, this one need not be the liar.
func (t *Tree) blame(p *Proof) error {
	if t.tall || (p != nil && p.claim == t.chunks) {
		return ErrBadHash
	}
	return ErrMissingHash
}

// AppendUncles appends the nodes that a receiver needs to verify chunk i, height
// descending (RFC 7574, 5.4): siblings from the first ancestor that known says it has, at
// most from the peak, down to the leaf's. Nothing is appended while the peaks are unknown.
func (t *Tree) AppendUncles(dst []chunk.Bin, i uint64, known func(chunk.Bin) bool) []chunk.Bin {
	top, ok := t.peakOf(i)
	if !ok {
		return dst
	}
	return appendUncles(dst, i, top.Bin, known)
}

// height is the layer of the root over n chunks.
func height(n uint64) int { return bits.Len64(n - 1) }
