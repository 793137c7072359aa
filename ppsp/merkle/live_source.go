package merkle

import "github.com/swarmgate/swarmgate/ppsp/chunk"

// Append takes chunk i of the source. Chunks come in order; after a gap the tree goes on
// with chunk i, and chunks without a munro are forgotten. No more than MaxMunroChunks
// chunks wait for their munro: the oldest are forgotten.
func (l *Live) Append(i uint64, data []byte) {
	size := l.hasher.size
	if size == 0 {
		return
	}
	waiting := uint64(len(l.pending) / size)
	if i != l.pendingStart+waiting {
		l.pending, l.pendingStart, waiting = l.pending[:0], i, 0
	}
	if waiting == MaxMunroChunks {
		half := waiting / 2
		l.pending = append(l.pending[:0], l.pending[half*uint64(size):]...)
		l.pendingStart += half
	}
	l.pending = l.hasher.AppendLeaf(l.pending, data)
}

// Munro returns the hash of the subtree over a range of appended chunks, a power of two
// long and aligned to it, and moves it into the window: sign it and announce the chunks
// (RFC 7574, 6.1.2.1). It answers for a range that it built before, too; false means that
// some chunk is not there.
func (l *Live) Munro(chunks chunk.Range) ([]byte, bool) {
	b, ok := chunk.BinOf(chunks)
	if !ok || chunks.Len() > MaxMunroChunks || l.hasher.size == 0 {
		return nil, false
	}
	if s := l.find(chunks.Start); s != nil {
		return s.munro.Hash, s.munro.Bin == b
	}
	size := uint64(l.hasher.size)
	end := l.pendingStart + uint64(len(l.pending))/size
	if chunks.Start < l.pendingStart || chunks.End > end {
		return nil, false
	}
	leaves := l.pending[(chunks.Start-l.pendingStart)*size : (chunks.End-l.pendingStart)*size]
	s := l.build(b, leaves)
	l.pending = append(l.pending[:0], l.pending[(chunks.End-l.pendingStart)*size:]...)
	l.pendingStart = chunks.End
	if k := l.search(chunks.Start); k > 0 || !l.full(chunks.Len()) {
		l.insert(k, s)
	}
	return s.munro.Hash, true
}

// Last returns the hash of the last subtree of a broadcast, as Munro does: those of its
// leaves that lie behind the newest appended chunk "are assigned an empty hash value of all
// zeros" (RFC 7574, 5.1).
func (l *Live) Last(chunks chunk.Range) ([]byte, bool) {
	size := uint64(l.hasher.size)
	end := l.pendingStart + uint64(len(l.pending))/max(size, 1)
	if size == 0 || chunks.Len() > MaxMunroChunks || end <= chunks.Start {
		return nil, false
	}
	for ; end < chunks.End; end++ {
		l.pending = append(l.pending, zeros[:size]...)
	}
	return l.Munro(chunks)
}

// build computes the whole subtree over leaves.
func (l *Live) build(b chunk.Bin, leaves []byte) *subtree {
	size := l.hasher.size
	s := &subtree{munro: Node{Bin: b}, size: size}
	for i := b.Range().Start; i < b.Range().End; i++ {
		at := chunk.Leaf(i)
		l.path = append(l.path[:0], leaves[:size]...)
		leaves = leaves[size:]
		s.put(at, l.path)
		for ; at != b && !at.IsLeft(); at = at.Parent() {
			l.path = l.hasher.AppendParent(l.path[:0], s.get(at.Sibling()), l.path)
			s.put(at.Parent(), l.path)
		}
	}
	s.munro.Hash = s.block.get(int(b-s.first()), size)
	return s
}
