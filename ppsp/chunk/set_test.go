package chunk

import (
	"math"
	"slices"
	"testing"
)

// setOf builds a Set without its own Add, so that tests don't rest on what they test.
func setOf(runs ...Range) *Set {
	s := &Set{runs: slices.Clone(runs)}
	for _, r := range runs {
		s.count += r.Len()
	}
	return s
}

func wantRuns(t *testing.T, what string, s *Set, want ...Range) {
	t.Helper()
	if got := slices.Collect(s.Ranges()); !slices.Equal(got, want) {
		t.Errorf("%s: runs %v, want %v", what, got, want)
	}
	if w := setOf(want...); s.Count() != w.count || s.Runs() != len(want) {
		t.Errorf("%s: Count %d, Runs %d, want %d, %d", what, s.Count(), s.Runs(), w.count, len(want))
	}
}

func TestSetAdd(t *testing.T) {
	base := []Range{{10, 20}, {30, 40}, {50, 60}}
	tests := []struct {
		name string
		add  Range
		want []Range
	}{
		{"nothing", Range{25, 25}, base},
		{"inverted", Range{29, 21}, base},
		{"inside", Range{12, 15}, base},
		{"same", Range{30, 40}, base},
		{"before all", Range{0, 5}, []Range{{0, 5}, {10, 20}, {30, 40}, {50, 60}}},
		{"touching the first", Range{0, 10}, []Range{{0, 20}, {30, 40}, {50, 60}}},
		{"behind all", Range{70, 71}, []Range{{10, 20}, {30, 40}, {50, 60}, {70, 71}}},
		{"touching the last", Range{60, 61}, []Range{{10, 20}, {30, 40}, {50, 61}}},
		{"between", Range{22, 28}, []Range{{10, 20}, {22, 28}, {30, 40}, {50, 60}}},
		{"closing a gap", Range{20, 30}, []Range{{10, 40}, {50, 60}}},
		{"over a gap", Range{15, 35}, []Range{{10, 40}, {50, 60}}},
		{"over a run", Range{25, 45}, []Range{{10, 20}, {25, 45}, {50, 60}}},
		{"over all", Range{0, 100}, []Range{{0, 100}}},
		{"from a run's end over all", Range{20, 50}, []Range{{10, 60}}},
	}
	for _, tt := range tests {
		s := setOf(base...)
		s.Add(tt.add)
		wantRuns(t, tt.name, s, tt.want...)
	}
}

func TestSetRemove(t *testing.T) {
	base := []Range{{10, 20}, {30, 40}, {50, 60}}
	tests := []struct {
		name   string
		remove Range
		want   []Range
	}{
		{"nothing", Range{15, 15}, base},
		{"inverted", Range{18, 12}, base},
		{"a gap", Range{20, 30}, base},
		{"before all", Range{0, 10}, base},
		{"behind all", Range{60, 99}, base},
		{"a run", Range{30, 40}, []Range{{10, 20}, {50, 60}}},
		{"more than a run", Range{25, 45}, []Range{{10, 20}, {50, 60}}},
		{"a head", Range{30, 33}, []Range{{10, 20}, {33, 40}, {50, 60}}},
		{"a tail", Range{37, 45}, []Range{{10, 20}, {30, 37}, {50, 60}}},
		{"a middle", Range{33, 37}, []Range{{10, 20}, {30, 33}, {37, 40}, {50, 60}}},
		{"tail to head", Range{15, 55}, []Range{{10, 15}, {55, 60}}},
		{"a run and a head", Range{10, 35}, []Range{{35, 40}, {50, 60}}},
		{"a tail and a run", Range{35, 60}, []Range{{10, 20}, {30, 35}}},
		{"all", Range{0, math.MaxUint64}, nil},
	}
	for _, tt := range tests {
		s := setOf(base...)
		s.Remove(tt.remove)
		wantRuns(t, tt.name, s, tt.want...)
	}
}

func TestSetZeroValue(t *testing.T) {
	var s Set
	s.Remove(Range{0, 9})
	wantRuns(t, "zero", &s)
	if _, ok := s.First(); ok {
		t.Error("an empty set has a first chunk")
	}
	if _, ok := s.Last(); ok {
		t.Error("an empty set has a last chunk")
	}
	if _, ok := s.NextIn(0); ok {
		t.Error("an empty set has a next chunk")
	}
	if !s.ContainsAll(Range{5, 5}) || s.ContainsAll(Range{5, 6}) {
		t.Error("an empty set contains all of nothing, and nothing else")
	}
	if got := s.NextMissing(7); got != 7 {
		t.Errorf("NextMissing(7) = %d", got)
	}
	s.Clear()
	s.Add(One(3))
	wantRuns(t, "after Add", &s, Range{3, 4})
}

func TestSetLimits(t *testing.T) {
	var s Set
	s.Add(Range{0, math.MaxUint64})
	wantRuns(t, "everything", &s, Range{0, math.MaxUint64})
	s.Remove(One(math.MaxUint64 - 1))
	wantRuns(t, "all but the last", &s, Range{0, math.MaxUint64 - 1})
	s.Add(One(math.MaxUint64))
	wantRuns(t, "the number that is in no range", &s, Range{0, math.MaxUint64 - 1})
	if got := s.NextMissing(0); got != math.MaxUint64-1 {
		t.Errorf("NextMissing(0) = %d", got)
	}
	if s.Has(math.MaxUint64) {
		t.Error("has 1<<64-1")
	}
	if _, ok := s.NextIn(math.MaxUint64); ok {
		t.Error("something follows 1<<64-1")
	}
}

func TestSetQueries(t *testing.T) {
	s := setOf(Range{2, 4}, Range{7, 8}, Range{10, 15})
	if got, ok := s.First(); !ok || got != 2 {
		t.Errorf("First = %d, %v", got, ok)
	}
	if got, ok := s.Last(); !ok || got != 14 {
		t.Errorf("Last = %d, %v", got, ok)
	}
	nextIn := []Range{0: {2, 4}, 2: {2, 4}, 3: {3, 4}, 4: {7, 8}, 8: {10, 15}, 12: {12, 15}}
	for from, want := range nextIn {
		if got, ok := s.NextIn(uint64(from)); !want.Empty() && (!ok || got != want) {
			t.Errorf("NextIn(%d) = %v, %v, want %v", from, got, ok, want)
		}
	}
	if got, ok := s.NextIn(15); ok {
		t.Errorf("NextIn(15) = %v, want none", got)
	}
	for _, tt := range []struct{ from, want uint64 }{{0, 0}, {2, 4}, {3, 4}, {7, 8}, {14, 15}, {20, 20}} {
		if got := s.NextMissing(tt.from); got != tt.want {
			t.Errorf("NextMissing(%d) = %d, want %d", tt.from, got, tt.want)
		}
	}
	if got, ok := s.Covering(12); !ok || got != (Range{10, 15}) {
		t.Errorf("Covering(12) = %v, %v", got, ok)
	}
	if got, ok := s.Covering(9); ok || got != (Range{}) {
		t.Errorf("Covering(9) = %v, %v", got, ok)
	}
	if !s.ContainsAll(Range{11, 15}) || s.ContainsAll(Range{11, 16}) || s.ContainsAll(Range{3, 8}) {
		t.Error("ContainsAll is wrong")
	}
}

func TestSetMissing(t *testing.T) {
	s := setOf(Range{2, 4}, Range{7, 8}, Range{10, 15})
	tests := []struct {
		within Range
		want   []Range
	}{
		{Range{0, 20}, []Range{{0, 2}, {4, 7}, {8, 10}, {15, 20}}},
		{Range{2, 15}, []Range{{4, 7}, {8, 10}}},
		{Range{3, 5}, []Range{{4, 5}}},
		{Range{5, 6}, []Range{{5, 6}}},
		{Range{10, 15}, nil},
		{Range{11, 13}, nil},
		{Range{20, 30}, []Range{{20, 30}}},
		{Range{9, 9}, nil},
		{Range{9, 5}, nil},
	}
	for _, tt := range tests {
		if got := slices.Collect(s.Missing(tt.within)); !slices.Equal(got, tt.want) {
			t.Errorf("Missing(%v) = %v, want %v", tt.within, got, tt.want)
		}
	}
	for r := range s.Missing(Range{0, 20}) {
		if r != (Range{0, 2}) {
			t.Errorf("went on to %v after break", r)
		}
		break
	}
}

func TestSetCloneEqualClear(t *testing.T) {
	a := setOf(Range{2, 4}, Range{7, 8})
	b := a.Clone()
	if !a.Equal(&b) || b.Count() != 3 {
		t.Fatal("a clone differs")
	}
	b.Add(One(4))
	if a.Equal(&b) || a.Has(4) {
		t.Error("a clone shares its chunks")
	}
	a.Clear()
	wantRuns(t, "cleared", a)
	a.Add(Range{0, 2})
	wantRuns(t, "reused", a, Range{0, 2})
}

func TestSetAddAllocatesNothing(t *testing.T) {
	var s Set
	s.Add(One(0))
	s.Add(One(1 << 40))
	next := uint64(1)
	allocs := testing.AllocsPerRun(1000, func() {
		s.Add(One(next))             // adjacent, growing up
		s.Add(One(1<<40 - next))     // adjacent, growing down
		s.Add(Range{next / 2, next}) // there already
		next++
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

func BenchmarkSetAddInOrder(b *testing.B) {
	var s Set
	b.ReportAllocs()
	for i := range b.N {
		s.Add(One(uint64(i)))
	}
}

func BenchmarkSetHas(b *testing.B) {
	var s Set
	for i := range uint64(1000) {
		s.Add(One(3 * i))
	}
	b.ReportAllocs()
	for i := range b.N {
		s.Has(uint64(i) % 3000)
	}
}
