package chunk

import (
	"iter"
	"math/bits"
)

// Bin numbers a node of the binary tree over all chunks in order (RFC 7574, 4.2): the
// leaf of chunk i is bin 2i, and a parent is the mean of its two children.
//
//	      3
//	    /   \
//	  1       5
//	 / \     / \
//	0   2   4   6
//	C0  C1  C2  C3
//
// In binary, a bin of layer l is its offset in that layer, a 0, and l ones.
type Bin uint64

// NoBin is the empty interval (RFC 7574, 4.2); it stands wherever there is no such node.
const NoBin Bin = ^Bin(0)

// topLayer is the layer of the root, "everything": 1<<63 chunks.
const topLayer = 63

// maxBinned is the number of chunks that have bins.
const maxBinned = 1 << topLayer

// Leaf returns the bin of chunk i alone, NoBin from chunk 1<<63 on.
func Leaf(i uint64) Bin { return NewBin(0, i) }

// NewBin returns the node at the offset, counted from the left, of the layer, counted
// from the leaves; NoBin if the tree has none there.
func NewBin(layer uint, offset uint64) Bin {
	if layer > topLayer || offset>>(topLayer-layer) != 0 {
		return NoBin
	}
	return Bin(offset<<(layer+1) | (1<<layer - 1))
}

// Layer returns the height over the leaves: b covers 1<<Layer chunks. NoBin's is 64.
func (b Bin) Layer() uint { return uint(bits.TrailingZeros64(^uint64(b))) }

// Offset returns how many nodes are left of b in its layer.
func (b Bin) Offset() uint64 { return uint64(b) >> (b.Layer() + 1) }

// Range returns the chunks that b covers, none for NoBin.
func (b Bin) Range() Range {
	if b == NoBin {
		return Range{}
	}
	l := b.Layer()
	start := b.Offset() << l
	return Range{start, start + 1<<l}
}

// Parent returns the node over b, NoBin over the root.
func (b Bin) Parent() Bin {
	return NewBin(b.Layer()+1, b.Offset()>>1)
}

// Sibling returns the other child of b's parent, NoBin for the root.
func (b Bin) Sibling() Bin {
	l := b.Layer()
	if l >= topLayer {
		return NoBin
	}
	return b ^ 2<<l
}

// Left returns the left child, NoBin for a leaf.
func (b Bin) Left() Bin {
	if b.Layer() == 0 || b == NoBin {
		return NoBin
	}
	return b - 1<<(b.Layer()-1)
}

// Right returns the right child, NoBin for a leaf.
func (b Bin) Right() Bin {
	if b.Layer() == 0 || b == NoBin {
		return NoBin
	}
	return b + 1<<(b.Layer()-1)
}

// IsLeft tells whether b is a left child; the root is, NoBin is not.
func (b Bin) IsLeft() bool { return b != NoBin && b&(2<<b.Layer()) == 0 }

// Covers tells whether c is b or below it. NoBin neither covers nor is covered.
func (b Bin) Covers(c Bin) bool {
	if b == NoBin || c == NoBin {
		return false
	}
	l := b.Layer()
	return c.Layer() <= l && b>>(l+1) == c>>(l+1)
}

// BinOf returns the bin that covers exactly r, if r is a power of two long, aligned to
// its length and below chunk 1<<63.
func BinOf(r Range) (Bin, bool) {
	n := r.Len()
	if n == 0 || n&(n-1) != 0 || r.Start&(n-1) != 0 || r.End > maxBinned {
		return NoBin, false
	}
	l := uint(bits.TrailingZeros64(n))
	return NewBin(l, r.Start>>l), true
}

// Bins returns the fewest bins that together cover exactly r, from left to right: at
// most 126. Chunks from 1<<63 on have no bin and are left out.
func (r Range) Bins() iter.Seq[Bin] {
	return func(yield func(Bin) bool) {
		end := min(r.End, maxBinned)
		for at := r.Start; at < end; {
			b := biggestAt(at, end)
			if !yield(b) {
				return
			}
			at += 1 << b.Layer()
		}
	}
}

// biggestAt returns the biggest bin that starts with chunk at and stays below end; at < end.
func biggestAt(at, end uint64) Bin {
	l := uint(bits.Len64(end-at)) - 1
	if at != 0 {
		l = min(l, uint(bits.TrailingZeros64(at)))
	}
	return NewBin(l, at>>l)
}

// Peaks returns the peaks of a tree of n chunks from left to right, one for each 1 in the
// binary form of n (RFC 7574, 5.6.1): together they cover the content exactly.
func Peaks(n uint64) iter.Seq[Bin] { return Range{0, n}.Bins() }
