// Package merkle verifies chunks against hash trees: the static tree of a film, which its
// root names (RFC 7574, 5), and the growing tree of a live stream, of which the source
// signs one subtree after the other (RFC 7574, 6.1.2).
//
//	      7 = root
//	    /   \
//	  3*      11        leaf = H(chunk); missing leaves are all zeros
//	 / \     /  \       parent = H(left ‖ right), of two zeros: zeros
//	1   5   9*   13     * peaks of 7 chunks (RFC 7574, 5.6.1)
//	…   …   …   12* 14
//
// A Tree or Live holds verified hashes only. What a peer offers waits in a Proof of that
// peer's own until a chunk shows it to be right. Nothing here is safe for concurrent use,
// and no input makes it panic.
package merkle

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// MaxHashSize is the length in bytes of the longest hash, SHA-512.
const MaxHashSize = sha512.Size

// Node is one hash of a tree and its place. Hash often points into the tree it came from:
// read it only.
type Node struct {
	Bin  chunk.Bin
	Hash []byte
}

// Hasher computes the hashes of a tree without allocating. Use it from one goroutine.
type Hasher struct {
	kind ppsp.Hash
	size int
	pair [2 * MaxHashSize]byte
}

var zeros [MaxHashSize]byte

// NewHasher returns a Hasher of h. Of an unknown function it appends nothing.
func NewHasher(h ppsp.Hash) *Hasher { return &Hasher{kind: h, size: h.Size()} }

// Size returns the length of a hash in bytes.
func (h *Hasher) Size() int { return h.size }

// AppendLeaf appends the hash of a chunk; the last chunk is hashed at its true length.
func (h *Hasher) AppendLeaf(dst, data []byte) []byte {
	switch h.kind {
	case ppsp.SHA1:
		sum := sha1.Sum(data)
		return append(dst, sum[:]...)
	case ppsp.SHA224:
		sum := sha256.Sum224(data)
		return append(dst, sum[:]...)
	case ppsp.SHA256:
		sum := sha256.Sum256(data)
		return append(dst, sum[:]...)
	case ppsp.SHA384:
		sum := sha512.Sum384(data)
		return append(dst, sum[:]...)
	case ppsp.SHA512:
		sum := sha512.Sum512(data)
		return append(dst, sum[:]...)
	}
	return dst
}

// AppendParent appends the hash over two children, each Size bytes long; dst may share
// memory with them. "If the two children are empty hashes, the parent is an empty
// all-zeros hash as well" (RFC 7574, 5.1).
func (h *Hasher) AppendParent(dst, left, right []byte) []byte {
	if isZero(left) && isZero(right) {
		return append(dst, zeros[:h.size]...)
	}
	n := copy(h.pair[:], left)
	n += copy(h.pair[n:], right)
	return h.AppendLeaf(dst, h.pair[:n])
}

// isZero tells whether a hash stands for no content.
func isZero(hash []byte) bool {
	return len(hash) <= MaxHashSize && bytes.Equal(hash, zeros[:len(hash)])
}
