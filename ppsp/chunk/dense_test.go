package chunk

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// naive is a set as an array.
type naive []bool

func (n naive) runs() []Range {
	var all []Range
	for i, in := range n {
		switch {
		case !in:
		case len(all) > 0 && all[len(all)-1].End == uint64(i):
			all[len(all)-1].End++
		default:
			all = append(all, One(uint64(i)))
		}
	}
	return all
}

// check compares all questions.
func (n naive) check(t *testing.T, s *Set, random *rand.Rand) {
	t.Helper()
	want := n.runs()
	if got := slices.Collect(s.Ranges()); !slices.Equal(got, want) {
		t.Fatalf("%d runs, want %d", len(got), len(want))
	}
	count := uint64(0)
	for _, r := range want {
		count += r.Len()
	}
	if s.Count() != count || s.Runs() != len(want) {
		t.Fatalf("%d chunks in %d runs, want %d in %d", s.Count(), s.Runs(), count, len(want))
	}
	first, some := s.First()
	last, _ := s.Last()
	if some != (len(want) > 0) || some && (first != want[0].Start || last != want[len(want)-1].End-1) {
		t.Fatalf("first %d, last %d of %d runs", first, last, len(want))
	}
	var gaps []Range
	within := Range{random.Uint64N(uint64(len(n))), random.Uint64N(uint64(len(n)))}
	for gap := range s.Missing(within) {
		gaps = append(gaps, gap)
	}
	at := within.Start
	for _, gap := range append(gaps, Range{max(within.End, within.Start), 0}) {
		for ; at < gap.Start; at++ {
			if !n[at] {
				t.Fatalf("chunk %d is missing but not told", at)
			}
		}
		for ; at < gap.End; at++ {
			if n[at] {
				t.Fatalf("chunk %d is told to be missing", at)
			}
		}
	}
	for range 300 {
		n.ask(t, s, random.Uint64N(uint64(len(n))))
	}
}

// ask compares the questions about chunk i.
func (n naive) ask(t *testing.T, s *Set, i uint64) {
	t.Helper()
	start, end := i, i
	for ; n[i] && start > 0 && n[start-1]; start-- {
	}
	for ; end < uint64(len(n)) && n[end]; end++ {
	}
	run, ok := s.Covering(i)
	if ok != n[i] || s.Has(i) != n[i] || ok && run != (Range{start, end}) {
		t.Fatalf("chunk %d: run %v %v, want %v %v", i, run, ok, Range{start, end}, n[i])
	}
	if got := s.NextMissing(i); got != end {
		t.Fatalf("NextMissing(%d) = %d, want %d", i, got, end)
	}
	next := i
	for ; next < uint64(len(n)) && !n[next]; next++ {
	}
	if got, ok := s.NextIn(i); ok != (next < uint64(len(n))) || ok && got.Start != next {
		t.Fatalf("NextIn(%d) = %v, want one from %d", i, got, next)
	}
}

// TestManyHoles: a set that becomes dense and a list again answers all the time as an array
// would.
func TestManyHoles(t *testing.T) {
	const domain = 400_000
	random := rand.New(rand.NewPCG(1, 2))
	var s Set
	n := make(naive, domain)
	was, turns := false, 0
	for step := range 120_000 {
		r := One(random.Uint64N(domain))
		switch random.IntN(10_000) {
		case 0:
			r.End = min(r.Start+random.Uint64N(20_000), domain)
		case 1, 2:
			r = Range{r.Start &^ (pageChunks - 1), min(r.Start&^(pageChunks-1)+pageChunks*random.Uint64N(4), domain)}
		case 3, 4, 5:
			r.End = min(r.Start+random.Uint64N(200), domain)
		}
		in := random.IntN(10) < [...]int{9, 9, 3, 10}[step/30_000]
		if in {
			s.Add(r)
		} else {
			s.Remove(r)
		}
		for i := r.Start; i < r.End; i++ {
			n[i] = in
		}
		if dense := s.dense != nil; dense != was {
			was = dense
			turns++
			n.check(t, &s, random)
		}
		if step%10_000 == 0 {
			n.check(t, &s, random)
		}
	}
	for i := uint64(0); i < domain; i += 1000 { // all holes are filled
		s.Add(Range{i, i + 1000})
	}
	if turns == 0 || s.dense != nil || s.Runs() != 1 {
		t.Errorf("%d turns; in the end it is dense: %v, %d runs", turns, s.dense != nil, s.Runs())
	}
}

// TestDenseCopies: what is done to a copy is not done to the original.
func TestDenseCopies(t *testing.T) {
	var s Set
	for i := range uint64(denseRuns + 10) {
		s.Add(One(3 * i))
	}
	if s.dense == nil {
		t.Fatal("not dense")
	}
	c := s.Clone()
	if !c.Equal(&s) || !s.Equal(&c) {
		t.Fatal("a copy is not equal")
	}
	c.Remove(One(30))
	c.Add(One(31))
	if c.Equal(&s) || !s.Has(30) || s.Has(31) {
		t.Fatal("the original changed with its copy")
	}
	var sum Set
	sum.AddSet(&s)
	sum.AddSet(&c)
	if !sum.Has(30) || !sum.Has(31) || sum.Count() != s.Count()+1 {
		t.Fatalf("the sum has %d chunks", sum.Count())
	}
	words := make([]uint64, 10)
	s.Bits(29, words)
	var back Set
	back.AddBits(29, words)
	for i := range uint64(700) {
		if want := i >= 29 && i < 29+640 && s.Has(i); back.Has(i) != want {
			t.Fatalf("chunk %d by bits: %v, want %v", i, back.Has(i), want)
		}
	}
	if s.Clear(); s.Count() != 0 || s.Runs() != 0 || s.Has(3) {
		t.Error("cleared, but not empty")
	}
}

// TestHolesTakeLittle: 20 million chunks, each of which is there or not by chance, take a few
// megabytes; and so does a download in random order at every moment.
func TestHolesTakeLittle(t *testing.T) {
	const chunks = 20 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var s Set
	random := rand.New(rand.NewPCG(3, 4))
	most := uint64(0)
	for step := range 600_000 {
		s.Add(One(random.Uint64N(chunks)))
		if step%100_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			most = max(most, after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc))
		}
	}
	words := make([]uint64, 1024)
	for from := uint64(0); from < chunks; from += 65536 {
		for k := range words {
			words[k] = random.Uint64()
		}
		s.AddBits(from, words)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	most = max(most, after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc))
	if s.Count() < chunks/2 || s.Runs() < chunks/8 {
		t.Fatalf("%d chunks in %d runs", s.Count(), s.Runs())
	}
	if most > 4<<20 {
		t.Errorf("%d bytes for %d runs", most, s.Runs())
	}
	runtime.KeepAlive(&s)
}

func BenchmarkSetAddAtRandom(b *testing.B) {
	const chunks = 20 << 20
	random := rand.New(rand.NewPCG(3, 4))
	var s Set
	for b.Loop() {
		s.Add(One(random.Uint64N(chunks)))
	}
}
