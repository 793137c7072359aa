package merkle

import "github.com/swarmgate/swarmgate/ppsp/chunk"

// block is a run of nodes in the order of their bins: the hashes one behind the other, and
// a bitmap that tells which of them are known.
type block struct {
	present []uint64
	hashes  []byte
}

func newBlock(nodes, size int) block {
	return block{make([]uint64, (nodes+63)/64), make([]byte, nodes*size)}
}

func (k *block) get(at, size int) []byte {
	if at>>6 >= len(k.present) || k.present[at>>6]&(1<<(at&63)) == 0 {
		return nil
	}
	return k.hashes[at*size : (at+1)*size : (at+1)*size]
}

func (k *block) put(at, size int, hash []byte) {
	if len(hash) != size || at>>6 >= len(k.present) || (at+1)*size > len(k.hashes) {
		return
	}
	k.present[at>>6] |= 1 << (at & 63)
	copy(k.hashes[at*size:], hash)
}

// Pages hold pageNodes nodes each, directories dirPages pages each.
const (
	pageBits  = 9
	pageNodes = 1 << pageBits
	dirBits   = 12
	dirPages  = 1 << dirBits
)

// pages is the flat array of all nodes of a tree by bin, of which only the parts exist
// that hold something: a peer can claim any number of chunks, but only verified chunks
// take memory.
type pages struct {
	size int // of a hash
	dirs [][]*block
}

// page returns page n, nil if it does not exist.
func (s *pages) page(n uint64) *block {
	d := n >> dirBits
	if d >= uint64(len(s.dirs)) {
		return nil
	}
	dir := s.dirs[d]
	if n &= dirPages - 1; n < uint64(len(dir)) {
		return dir[n]
	}
	return nil
}

// makePage returns page n and makes it if need be.
func (s *pages) makePage(n uint64) *block {
	if k := s.page(n); k != nil {
		return k
	}
	d := int(n >> dirBits)
	for len(s.dirs) <= d {
		s.dirs = append(s.dirs, nil)
	}
	at := int(n & (dirPages - 1))
	for len(s.dirs[d]) <= at {
		s.dirs[d] = append(s.dirs[d], nil)
	}
	k := newBlock(pageNodes, s.size)
	s.dirs[d][at] = &k
	return &k
}

func (s *pages) get(b chunk.Bin) []byte {
	k := s.page(uint64(b) >> pageBits)
	if k == nil {
		return nil
	}
	return k.get(int(b&(pageNodes-1)), s.size)
}

func (s *pages) put(b chunk.Bin, hash []byte) {
	if uint64(b)>>1 >= MaxChunks || len(hash) != s.size {
		return
	}
	s.makePage(uint64(b)>>pageBits).put(int(b&(pageNodes-1)), s.size, hash)
}
