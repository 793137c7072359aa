package chunk

import (
	"math"
	"testing"
)

func TestRange(t *testing.T) {
	tests := []struct {
		r     Range
		len   uint64
		empty bool
	}{
		{Range{}, 0, true},
		{Range{5, 5}, 0, true},
		{Range{7, 5}, 0, true},
		{Range{0, 1}, 1, false},
		{Range{3, 10}, 7, false},
		{Range{0, math.MaxUint64}, math.MaxUint64, false},
		{One(0), 1, false},
		{One(41), 1, false},
		{One(math.MaxUint64), 0, true},
	}
	for _, tt := range tests {
		if got := tt.r.Len(); got != tt.len {
			t.Errorf("%v.Len() = %d, want %d", tt.r, got, tt.len)
		}
		if got := tt.r.Empty(); got != tt.empty {
			t.Errorf("%v.Empty() = %v", tt.r, got)
		}
	}
}

func TestRangeContains(t *testing.T) {
	r := Range{3, 6}
	for i, want := range []bool{false, false, false, true, true, true, false, false} {
		if got := r.Contains(uint64(i)); got != want {
			t.Errorf("%v.Contains(%d) = %v", r, i, got)
		}
	}
	if (Range{6, 3}).Contains(4) {
		t.Error("an inverted range contains a chunk")
	}
}

func TestRangeIntersect(t *testing.T) {
	tests := []struct{ a, b, want Range }{
		{Range{0, 10}, Range{3, 5}, Range{3, 5}},
		{Range{0, 4}, Range{3, 5}, Range{3, 4}},
		{Range{0, 3}, Range{3, 5}, Range{}},
		{Range{0, 3}, Range{9, 12}, Range{}},
		{Range{3, 3}, Range{0, 9}, Range{}},
		{Range{0, math.MaxUint64}, Range{5, 6}, Range{5, 6}},
	}
	for _, tt := range tests {
		for _, pair := range [][2]Range{{tt.a, tt.b}, {tt.b, tt.a}} {
			if got := pair[0].Intersect(pair[1]); got != tt.want {
				t.Errorf("%v.Intersect(%v) = %v, want %v", pair[0], pair[1], got, tt.want)
			}
			if got := pair[0].Overlaps(pair[1]); got != !tt.want.Empty() {
				t.Errorf("%v.Overlaps(%v) = %v", pair[0], pair[1], got)
			}
		}
	}
}
