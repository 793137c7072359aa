package merkle

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// ErrEmpty is returned for content of no bytes: it has no chunk, so no tree and no name.
var ErrEmpty = errors.New("content is empty, there is nothing to publish")

// readAhead is how many bytes are asked of a reader at once, at least one chunk.
const readAhead = 256 << 10

// Build reads content to its end and returns its whole tree, in memory, and its length in
// bytes. Content of more than MaxChunks chunks is refused; a larger chunk size helps.
func Build(h ppsp.Hash, chunkSize uint32, r io.Reader) (*Tree, int64, error) {
	if h.Size() == 0 {
		return nil, 0, fmt.Errorf("build hash tree: hash function %d is unknown", uint8(h))
	}
	b := NewBuilder(h)
	length, err := b.AddAll(r, chunkSize)
	if err != nil {
		return nil, 0, err
	}
	t, err := b.Tree()
	return t, length, err
}

// grow adds the next chunk and every node that it completes; false if it misses one.
func (t *Tree) grow(data []byte) bool {
	t.nodes.begin()
	at := chunk.Leaf(t.chunks)
	t.path = t.hasher.AppendLeaf(t.path[:0], data)
	t.nodes.put(at, t.path)
	for ; !at.IsLeft(); at = at.Parent() {
		left := t.nodes.get(at.Sibling())
		if left == nil {
			return false
		}
		t.path = t.hasher.AppendParent(t.path[:0], left, t.path)
		t.nodes.put(at.Parent(), t.path)
	}
	t.chunks++
	return true
}

// finish computes the root once all chunks are there; false if it misses a node.
func (t *Tree) finish() bool {
	t.nodes.begin()
	t.peaks = peakBins(t.chunks)
	for k := range t.peaks {
		peak := &t.peaks[k]
		if peak.Hash = bytes.Clone(t.nodes.get(peak.Bin)); peak.Hash != nil {
			continue
		}
		left := bytes.Clone(t.nodes.get(peak.Bin.Left())) // over MaxChunks: no page has its root
		right := t.nodes.get(peak.Bin.Right())
		if left == nil || right == nil {
			return false
		}
		peak.Hash = t.hasher.AppendParent(nil, left, right)
	}
	t.root = t.hasher.rootOf(t.peaks)
	t.settled, t.tall, t.sized = true, true, true
	return true
}
