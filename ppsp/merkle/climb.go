package merkle

import (
	"bytes"
	"errors"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// What Verify returns for a chunk that it does not accept.
var (
	// ErrBadHash: chunk and hashes do not lead to what is known. The peer that sent them
	// lies or was altered on the way; which of them is wrong can't be told.
	ErrBadHash = errors.New("chunk does not match the hash tree")
	// ErrMissingHash: more hashes are needed before the chunk can be judged. It may come
	// again, with hashes.
	ErrMissingHash = errors.New("hashes are missing to verify the chunk")
)

// nodes holds verified hashes.
type nodes interface {
	get(b chunk.Bin) []byte // nil if not known
	put(b chunk.Bin, hash []byte)
}

// climber verifies chunks; it keeps the memory for one path between calls.
type climber struct {
	hasher Hasher
	path   []byte // computed hashes, leaf first
}

// verify hashes its way from chunk i to the nearest verified node, at most to top, whose
// hash is given. On success the path and the siblings beside it are verified too and
// remembered, so that the neighbours of the chunk need no more hashes.
func (c *climber) verify(known nodes, i uint64, data []byte, top Node, p *Proof) error {
	c.path = c.hasher.AppendLeaf(c.path[:0], data)
	size := c.hasher.size
	at := chunk.Leaf(i)
	for sum := c.path; ; at = at.Parent() {
		want := known.get(at)
		if at == top.Bin {
			want = top.Hash
		}
		if want != nil {
			if !bytes.Equal(sum, want) {
				return ErrBadHash
			}
			break
		}
		beside := known.get(at.Sibling())
		if beside == nil {
			if beside = p.Get(at.Sibling()); len(beside) != size {
				return ErrMissingHash
			}
		}
		if at.IsLeft() {
			c.path = c.hasher.AppendParent(c.path, sum, beside)
		} else {
			c.path = c.hasher.AppendParent(c.path, beside, sum)
		}
		sum = c.path[len(c.path)-size:]
	}
	c.remember(known, i, at, p)
	return nil
}

// remember stores the path from chunk i up to, not including, the node that was known, and
// the siblings beside it.
func (c *climber) remember(known nodes, i uint64, reached chunk.Bin, p *Proof) {
	size := c.hasher.size
	sum := c.path
	for at := chunk.Leaf(i); at != reached; at = at.Parent() {
		known.put(at, sum[:size])
		if s := at.Sibling(); known.get(s) == nil {
			known.put(s, p.Get(s))
		}
		sum = sum[size:]
	}
}

// appendUncles appends what a receiver needs to verify chunk i against top: the siblings
// along the path, height descending (RFC 7574, 5.4), from the first node it knows down.
func appendUncles(dst []chunk.Bin, i uint64, top chunk.Bin, known func(chunk.Bin) bool) []chunk.Bin {
	first := len(dst)
	for at := chunk.Leaf(i); at != top && !known(at); at = at.Parent() {
		if s := at.Sibling(); !known(s) {
			dst = append(dst, s)
		}
	}
	for l, r := first, len(dst)-1; l < r; l, r = l+1, r-1 {
		dst[l], dst[r] = dst[r], dst[l]
	}
	return dst
}
