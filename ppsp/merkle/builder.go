package merkle

import (
	"errors"
	"fmt"
	"io"

	"github.com/swarmgate/swarmgate/ppsp"
)

// errNotKept tells that the Nodes of a Builder failed.
var errNotKept = errors.New("build hash tree: a hash that was computed could not be kept")

// Builder makes the tree of content whose chunks come one by one and may be of any length:
// a film from its file, a broadcast as it goes, or a film of chunks that vary in size
// (RFC 7574, 5.1: "the construction does not assume chunks of content to be of a fixed size").
type Builder struct{ tree *Tree }

// NewBuilder returns a Builder with no chunk yet.
func NewBuilder(h ppsp.Hash) *Builder { return &Builder{NewTree(h, nil)} }

// KeepIn makes n keep the nodes, instead of memory. It is called before anything else.
func (b *Builder) KeepIn(n Nodes) { b.tree.KeepIn(n) }

// KeepNone forgets all nodes but root and peaks, for whom only these matter: a Builder then
// takes the memory of a few pages. It is called before anything else.
func (b *Builder) KeepNone() { b.tree.KeepIn(&scratch{size: PageSlots * b.tree.hasher.size}) }

// Resume goes on behind so many chunks, whose nodes are kept from an earlier try (KeepIn). It
// returns false, and begins anew, if one that is needed is not there.
func (b *Builder) Resume(chunks uint64) bool {
	t := b.tree
	t.nodes.begin()
	for _, peak := range peakBins(min(chunks, MaxChunks)) {
		if t.nodes.get(peak.Bin) == nil {
			t.nodes.Clear()
			return false
		}
	}
	t.chunks = chunks
	return true
}

// Chunks returns how many chunks were added.
func (b *Builder) Chunks() uint64 { return b.tree.chunks }

// Add takes the next chunk, of at least 1 byte.
func (b *Builder) Add(data []byte) error {
	switch {
	case b.tree.hasher.size == 0:
		return fmt.Errorf("build hash tree: hash function %d is unknown", uint8(b.tree.kind))
	case len(data) == 0:
		return fmt.Errorf("build hash tree: chunk %d: %w", b.tree.chunks, ErrEmpty)
	case b.tree.chunks == MaxChunks:
		return fmt.Errorf("build hash tree: content has more than %d chunks, use larger ones", uint64(MaxChunks))
	case !b.tree.grow(data):
		return errNotKept
	}
	return nil
}

// AddAll reads content to its end and adds it in chunks of so many bytes, the last one
// shorter. It returns how many bytes it added. After an error of the reader what is added
// stays for Resume.
func (b *Builder) AddAll(r io.Reader, chunkSize uint32) (int64, error) {
	if chunkSize < ppsp.MinChunkSize || chunkSize > ppsp.MaxChunkSize {
		return 0, fmt.Errorf("build hash tree: chunk size %d is outside %d to %d bytes", chunkSize, ppsp.MinChunkSize, ppsp.MaxChunkSize)
	}
	b.tree.chunkSize = chunkSize
	size, length := int(chunkSize), int64(0)
	buf := make([]byte, max(readAhead/size, 1)*size)
	for {
		n, end := io.ReadFull(r, buf)
		if end != nil && !errors.Is(end, io.EOF) && !errors.Is(end, io.ErrUnexpectedEOF) {
			return length, fmt.Errorf("build hash tree: read at byte %d: %w", length+int64(n), end)
		}
		for data := buf[:n]; len(data) > 0; {
			part := data[:min(len(data), size)]
			if err := b.Add(part); err != nil {
				return length, err
			}
			length += int64(len(part))
			data = data[len(part):]
		}
		if end != nil {
			return length, nil
		}
	}
}

// Tree returns the whole tree. The Builder is used up.
func (b *Builder) Tree() (*Tree, error) {
	if b.tree.chunks == 0 {
		return nil, fmt.Errorf("build hash tree: %w", ErrEmpty)
	}
	if !b.tree.finish() {
		return nil, errNotKept
	}
	return b.tree, nil
}
