package merkle

import (
	"fmt"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Builder makes the tree of content whose chunks come one by one and may be of any length:
// a broadcast as it goes, or a film of chunks that vary in size (RFC 7574, 5.1: "the
// construction does not assume chunks of content to be of a fixed size").
type Builder struct{ tree *Tree }

// NewBuilder returns a Builder with no chunk yet.
func NewBuilder(h ppsp.Hash) *Builder { return &Builder{NewTree(h, nil)} }

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
	}
	b.tree.grow(data)
	return nil
}

// Tree returns the whole tree. The Builder is used up.
func (b *Builder) Tree() (*Tree, error) {
	if b.tree.chunks == 0 {
		return nil, fmt.Errorf("build hash tree: %w", ErrEmpty)
	}
	b.tree.finish()
	return b.tree, nil
}
