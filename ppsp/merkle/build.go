package merkle

import (
	"errors"
	"fmt"
	"io"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// ErrEmpty is returned for content of no bytes: it has no chunk, so no tree and no name.
var ErrEmpty = errors.New("content is empty, there is nothing to publish")

// readAhead is how many bytes Build asks the reader for at once, at least one chunk.
const readAhead = 256 << 10

// Build reads content to its end and returns its whole tree and its length in bytes.
// Content of more than MaxChunks chunks is refused; a larger chunk size helps.
func Build(h ppsp.Hash, chunkSize uint32, r io.Reader) (*Tree, int64, error) {
	if h.Size() == 0 {
		return nil, 0, fmt.Errorf("build hash tree: hash function %d is unknown", uint8(h))
	}
	if chunkSize < ppsp.MinChunkSize || chunkSize > ppsp.MaxChunkSize {
		return nil, 0, fmt.Errorf("build hash tree: chunk size %d is outside %d to %d bytes", chunkSize, ppsp.MinChunkSize, ppsp.MaxChunkSize)
	}
	t := NewTree(h, nil)
	t.chunkSize = chunkSize
	length := int64(0)
	buf := make([]byte, max(readAhead/int(chunkSize), 1)*int(chunkSize))
	for {
		n, err := io.ReadFull(r, buf)
		length += int64(n)
		for b := buf[:n]; len(b) > 0; {
			size := min(len(b), int(chunkSize))
			if t.chunks == MaxChunks {
				return nil, 0, fmt.Errorf("build hash tree: content has more than %d chunks of %d bytes, use a larger chunk size", uint64(MaxChunks), chunkSize)
			}
			t.grow(b[:size])
			b = b[size:]
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return nil, 0, fmt.Errorf("build hash tree: read at byte %d: %w", length, err)
		}
	}
	if length == 0 {
		return nil, 0, fmt.Errorf("build hash tree: %w", ErrEmpty)
	}
	t.finish()
	return t, length, nil
}

// grow adds the next chunk and every node that it completes.
func (t *Tree) grow(data []byte) {
	at := chunk.Leaf(t.chunks)
	t.path = t.hasher.AppendLeaf(t.path[:0], data)
	t.nodes.put(at, t.path)
	for ; !at.IsLeft(); at = at.Parent() {
		t.path = t.hasher.AppendParent(t.path[:0], t.nodes.get(at.Sibling()), t.path)
		t.nodes.put(at.Parent(), t.path)
	}
	t.chunks++
}

// finish computes the root once all chunks are there.
func (t *Tree) finish() {
	t.peaks = peakBins(t.chunks)
	for k := range t.peaks {
		t.peaks[k].Hash = t.nodes.get(t.peaks[k].Bin)
	}
	t.root = t.hasher.rootOf(t.peaks)
	t.settled, t.tall, t.sized = true, true, true
}
