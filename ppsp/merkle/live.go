package merkle

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Bounds of Live. Beyond them the oldest munros are forgotten; at 1024-byte chunks they
// hold 1 GiB of the stream.
const (
	MaxMunros      = 1 << 15 // subtrees
	MaxMunroChunks = 1 << 16 // chunks under one munro
	MaxLiveChunks  = 1 << 20 // chunks under all munros; their hashes take up to 2 × MaxHashSize each
)

// Live is the Unified Merkle Tree of a stream (RFC 7574, 6.1.2) within a window: disjoint
// subtrees, each under a munro that the source signed. The source fills it with
// Append and Munro, a receiver with AddMunro and Verify.
type Live struct {
	climber
	window []*subtree // by chunk number, disjoint
	chunks uint64     // under all of window
	recent int        // index in window of the last one found

	pending      []byte // source: leaf hashes of chunks that have no munro yet
	pendingStart uint64 // first of them
}

// subtree is what is verified under one munro. Its memory comes with the first chunk.
type subtree struct {
	munro Node
	block block
	size  int // of a hash
}

// NewLive returns an empty tree.
func NewLive(h ppsp.Hash) *Live {
	return &Live{climber: climber{hasher: *NewHasher(h)}}
}

func (s *subtree) first() chunk.Bin { return chunk.Leaf(s.munro.Bin.Range().Start) }

func (s *subtree) get(b chunk.Bin) []byte {
	if b == s.munro.Bin {
		return s.munro.Hash
	}
	if !s.munro.Bin.Covers(b) {
		return nil
	}
	return s.block.get(int(b-s.first()), s.size)
}

func (s *subtree) put(b chunk.Bin, hash []byte) {
	if !s.munro.Bin.Covers(b) {
		return
	}
	if s.block.hashes == nil {
		s.block = newBlock(2<<s.munro.Bin.Layer()-1, s.size)
	}
	s.block.put(int(b-s.first()), s.size, hash)
}

// search returns the index of the first subtree that ends behind chunk i.
func (l *Live) search(i uint64) int {
	return sort.Search(len(l.window), func(k int) bool { return l.window[k].munro.Bin.Range().End > i })
}

// find returns the subtree over chunk i, nil for none.
func (l *Live) find(i uint64) *subtree {
	if l.recent < len(l.window) && l.window[l.recent].munro.Bin.Range().Contains(i) {
		return l.window[l.recent]
	}
	k := l.search(i)
	if k == len(l.window) || !l.window[k].munro.Bin.Range().Contains(i) {
		return nil
	}
	l.recent = k
	return l.window[k]
}

// AddMunro takes a munro hash whose signature the caller has checked. The same munro may
// come again. It returns an error for a node that can't be a munro, for one that
// contradicts a munro already known, and for one older than all of a full window.
func (l *Live) AddMunro(b chunk.Bin, hash []byte) error {
	r := b.Range()
	if r.Empty() || r.Len() > MaxMunroChunks || len(hash) != l.hasher.size || l.hasher.size == 0 {
		return fmt.Errorf("node %d over %d chunks with a hash of %d bytes can't be a munro", b, r.Len(), len(hash))
	}
	k := l.search(r.Start)
	if k < len(l.window) {
		if old := l.window[k].munro; old.Bin == b && bytes.Equal(old.Hash, hash) {
			return nil
		} else if old.Bin.Range().Overlaps(r) {
			return fmt.Errorf("munro of chunks %d to %d contradicts one that the source signed before", r.Start, r.End-1)
		}
	}
	if k == 0 && l.full(r.Len()) {
		return errors.New("munro is older than all that is kept")
	}
	l.insert(k, &subtree{munro: Node{b, bytes.Clone(hash)}, size: l.hasher.size})
	return nil
}

// full tells whether one more subtree pushes out the oldest.
func (l *Live) full(chunks uint64) bool {
	return len(l.window) >= MaxMunros || l.chunks+chunks > MaxLiveChunks
}

func (l *Live) insert(k int, s *subtree) {
	l.window = append(l.window, nil)
	copy(l.window[k+1:], l.window[k:])
	l.window[k] = s
	l.chunks += s.munro.Bin.Range().Len()
	for len(l.window) > MaxMunros || l.chunks > MaxLiveChunks {
		l.drop(1)
	}
}

// drop forgets the n oldest subtrees.
func (l *Live) drop(n int) {
	for k := range n {
		l.chunks -= l.window[k].munro.Bin.Range().Len()
		l.window[k] = nil
	}
	l.window = l.window[n:]
}

// Discard forgets the subtrees that lie wholly before a chunk (RFC 7574, 6.2).
func (l *Live) Discard(before uint64) { l.drop(l.search(before)) }

// Munros returns how many subtrees are kept.
func (l *Live) Munros() int { return len(l.window) }

// MunroOf returns the munro over chunk i, if it is known.
func (l *Live) MunroOf(i uint64) (chunk.Bin, bool) {
	s := l.find(i)
	if s == nil {
		return chunk.NoBin, false
	}
	return s.munro.Bin, true
}

// Hash returns the hash of a munro or of a verified node below one: read it only.
func (l *Live) Hash(b chunk.Bin) ([]byte, bool) {
	s := l.find(b.Range().Start)
	if s == nil {
		return nil, false
	}
	hash := s.get(b)
	return hash, hash != nil
}

// Verify checks chunk i as Tree.Verify does, against its munro. It returns ErrMissingHash
// while the munro is unknown.
func (l *Live) Verify(i uint64, data []byte, p *Proof) error {
	s := l.find(i)
	if s == nil {
		return ErrMissingHash
	}
	return l.verify(s, i, data, s.munro, p)
}

// AppendUncles appends the nodes that a receiver of chunk i needs below the munro, as
// Tree.AppendUncles does. Nothing is appended while the munro is unknown.
func (l *Live) AppendUncles(dst []chunk.Bin, i uint64, known func(chunk.Bin) bool) []chunk.Bin {
	s := l.find(i)
	if s == nil {
		return dst
	}
	return appendUncles(dst, i, s.munro.Bin, known)
}
