package chunk

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// "So bin 7 represents the complete interval, bin 3 represents the interval of chunk
// C0..C3, bin 1 represents the interval of chunks C0 and C1, and bin 2 represents chunk
// C1." (RFC 7574, 4.2; the other numbers are from its Figure 2.)
func TestBinFigure2(t *testing.T) {
	tests := []struct {
		bin    Bin
		chunks Range
	}{
		{7, Range{0, 8}},
		{3, Range{0, 4}},
		{11, Range{4, 8}},
		{1, Range{0, 2}},
		{5, Range{2, 4}},
		{9, Range{4, 6}},
		{13, Range{6, 8}},
		{0, Range{0, 1}},
		{2, Range{1, 2}},
		{14, Range{7, 8}},
	}
	for _, tt := range tests {
		if got := tt.bin.Range(); got != tt.chunks {
			t.Errorf("Bin(%d).Range() = %v, want %v", tt.bin, got, tt.chunks)
		}
		if got, ok := BinOf(tt.chunks); !ok || got != tt.bin {
			t.Errorf("BinOf(%v) = %d, %v, want %d", tt.chunks, got, ok, tt.bin)
		}
	}
}

// "The special numbers [...] 0xFFFFFFFFFFFFFFFF (64-bit) stands for an empty interval, and
// 0x7FFF...FFF stands for "everything"." "[...] the largest interval is a complete range
// of 2**63 chunks." (RFC 7574, 4.2)
func TestBinSpecialNumbers(t *testing.T) {
	if got := NoBin.Range(); !got.Empty() {
		t.Errorf("NoBin.Range() = %v, want none", got)
	}
	if NoBin != 0xFFFFFFFFFFFFFFFF {
		t.Errorf("NoBin = %x", uint64(NoBin))
	}
	all := Bin(0x7FFFFFFFFFFFFFFF)
	if got := all.Range(); got != (Range{0, 1 << 63}) {
		t.Errorf("everything is %v", got)
	}
	if got, ok := BinOf(Range{0, 1 << 63}); !ok || got != all {
		t.Errorf("BinOf(everything) = %x, %v", uint64(got), ok)
	}
	if got := all.Layer(); got != 63 {
		t.Errorf("layer of everything is %d, want 63", got)
	}
	for name, got := range map[string]Bin{
		"parent of everything":  all.Parent(),
		"sibling of everything": all.Sibling(),
		"parent of none":        NoBin.Parent(),
		"sibling of none":       NoBin.Sibling(),
		"left of none":          NoBin.Left(),
		"right of none":         NoBin.Right(),
		"left of a leaf":        Leaf(9).Left(),
		"right of a leaf":       Leaf(9).Right(),
		"leaf 1<<63":            Leaf(1 << 63),
		"layer 64":              NewBin(64, 0),
		"layer 1000":            NewBin(1000, 0),
		"offset off the tree":   NewBin(60, 8),
		"top layer, offset 1":   NewBin(63, 1),
	} {
		if got != NoBin {
			t.Errorf("%s = %x, want NoBin", name, uint64(got))
		}
	}
	if !all.IsLeft() || NoBin.IsLeft() {
		t.Error("IsLeft: want the root left, NoBin not")
	}
	if NoBin.Covers(0) || NoBin.Covers(NoBin) || all.Covers(NoBin) {
		t.Error("NoBin covers or is covered")
	}
}

// randomBin draws layers evenly.
func randomBin(r *rand.Rand) Bin {
	layer := uint(r.IntN(topLayer + 1))
	return NewBin(layer, r.Uint64()>>1>>layer)
}

// "binP = (binL + binR) / 2" (RFC 7574, 4.2)
func TestBinFamily(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := randomBin(r)
		if got := NewBin(b.Layer(), b.Offset()); got != b {
			t.Fatalf("NewBin(%d, %d) = %x, want %x", b.Layer(), b.Offset(), got, b)
		}
		if b.Layer() == 0 {
			continue
		}
		left, right := b.Left(), b.Right()
		if left/2+right/2+(left&right&1) != b {
			t.Fatalf("bin %x is not the mean of its children %x and %x", b, left, right)
		}
		if left.Parent() != b || right.Parent() != b {
			t.Fatalf("children of %x have parents %x and %x", b, left.Parent(), right.Parent())
		}
		if left.Sibling() != right || right.Sibling() != left {
			t.Fatalf("children of %x are not siblings", b)
		}
		if !left.IsLeft() || right.IsLeft() {
			t.Fatalf("children of %x are on the wrong sides", b)
		}
		lr, rr, br := left.Range(), right.Range(), b.Range()
		if lr.Start != br.Start || lr.End != rr.Start || rr.End != br.End {
			t.Fatalf("children of %x cover %v and %v, not %v", b, lr, rr, br)
		}
		if !b.Covers(left) || !b.Covers(right) || left.Covers(b) || left.Covers(right) {
			t.Fatalf("Covers is wrong around bin %x", b)
		}
	}
}

func TestBinCoversLikeItsRange(t *testing.T) {
	for b := range Bin(64) {
		for c := range Bin(64) {
			br, cr := b.Range(), c.Range()
			want := br.Start <= cr.Start && cr.End <= br.End
			if got := b.Covers(c); got != want {
				t.Errorf("Bin(%d).Covers(%d) = %v", b, c, got)
			}
		}
	}
}

func TestBinOfRefuses(t *testing.T) {
	for _, r := range []Range{
		{},
		{4, 4},
		{5, 4},
		{0, 3},
		{1, 3},
		{2, 6},
		{6, 10},
		{1 << 63, 1<<63 + 1},
		{0, math.MaxUint64},
		{math.MaxUint64 - 1, math.MaxUint64},
	} {
		if b, ok := BinOf(r); ok || b != NoBin {
			t.Errorf("BinOf(%v) = %x, %v, want none", r, uint64(b), ok)
		}
	}
}

func TestRangeBins(t *testing.T) {
	tests := []struct {
		r    Range
		want []Bin
	}{
		{Range{}, nil},
		{Range{9, 3}, nil},
		{Range{0, 8}, []Bin{7}},
		{Range{0, 7}, []Bin{3, 9, 12}},
		{Range{1, 8}, []Bin{2, 5, 11}},
		{Range{3, 5}, []Bin{6, 8}},
		{Range{0, 1 << 63}, []Bin{1<<63 - 1}},
		{Range{0, math.MaxUint64}, []Bin{1<<63 - 1}},
		{Range{1<<63 - 1, 1<<63 + 5}, []Bin{1<<64 - 2}},
		{Range{1 << 63, 1<<63 + 5}, nil},
	}
	for _, tt := range tests {
		if got := slices.Collect(tt.r.Bins()); !slices.Equal(got, tt.want) {
			t.Errorf("%v.Bins() = %v, want %v", tt.r, got, tt.want)
		}
	}
}

// Bins cover exactly, in order, and no two neighbours that are siblings remain.
func TestRangeBinsCoverMinimally(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		a, b := r.Uint64()>>1>>r.UintN(63), r.Uint64()>>1>>r.UintN(63)
		whole := Range{min(a, b), max(a, b)}
		at, last, n := whole.Start, NoBin, 0
		for bin := range whole.Bins() {
			if got := bin.Range(); got.Start != at {
				t.Fatalf("%v: bin %x covers %v, want a start at %d", whole, bin, got, at)
			}
			if bin.Sibling() == last {
				t.Fatalf("%v: bins %x and %x could be one", whole, last, bin)
			}
			at, last, n = bin.Range().End, bin, n+1
		}
		if at != whole.End && !whole.Empty() {
			t.Fatalf("%v: bins end at %d", whole, at)
		}
		if n > 126 {
			t.Fatalf("%v: %d bins, documented are at most 126", whole, n)
		}
	}
}

func TestRangeBinsStops(t *testing.T) {
	n := 0
	for range (Range{1, 1000}).Bins() {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("stopped after %d bins, want 3", n)
	}
}

// "Following the definition, the peak hashes of this file [of 7 chunks] are in nodes 3, 9,
// and 12" (RFC 7574, 5.6.1)
func TestPeaksFigure4(t *testing.T) {
	if got := slices.Collect(Peaks(7)); !slices.Equal(got, []Bin{3, 9, 12}) {
		t.Errorf("Peaks(7) = %v, want [3 9 12]", got)
	}
}

// "Every "1" in binary representation of the file's packet length corresponds to a peak
// hash." "Any peak hash is always the left sibling." (RFC 7574, 5.6.1)
func TestPeaks(t *testing.T) {
	for n := range uint64(3000) {
		var sum uint64
		for b := range Peaks(n) {
			size := b.Range().Len()
			if n&size == 0 || sum&size != 0 {
				t.Fatalf("Peaks(%d) has a peak of %d chunks", n, size)
			}
			if !b.IsLeft() {
				t.Fatalf("Peaks(%d): bin %d is a right sibling", n, b)
			}
			sum += size
		}
		if sum != n {
			t.Fatalf("Peaks(%d) cover %d chunks", n, sum)
		}
	}
}

func TestBinsAllocateNothing(t *testing.T) {
	var sum uint64
	allocs := testing.AllocsPerRun(100, func() {
		for b := range (Range{1, 999}).Bins() {
			sum += uint64(b)
		}
		for b := range Peaks(12345) {
			sum += uint64(b)
		}
	})
	if allocs != 0 || sum == 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}
