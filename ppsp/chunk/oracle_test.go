package chunk

import (
	"math/rand/v2"
	"testing"
)

// oracle is a Set as one would write it without a care: a map of chunks.
type oracle map[uint64]bool

// domain is the number of chunks the oracle looks at: all that two bytes of fuzz input name.
const domain = 256

func (o oracle) set(r Range, in bool) {
	for i := r.Start; i < r.End; i++ {
		if in {
			o[i] = true
		} else {
			delete(o, i)
		}
	}
}

// runs returns the runs of chunks that are in, or not in, within r.
func (o oracle) runs(r Range, in bool) (runs []Range) {
	for i := r.Start; i < r.End; i++ {
		switch n := len(runs); {
		case o[i] != in:
		case n > 0 && runs[n-1].End == i:
			runs[n-1].End++
		default:
			runs = append(runs, One(i))
		}
	}
	return runs
}

// check compares everything that can be asked of s with the oracle.
func (o oracle) check(t *testing.T, s *Set) {
	t.Helper()
	all := Range{0, domain}
	wantRuns(t, "oracle", s, o.runs(all, true)...)
	for i := range uint64(domain) {
		if s.Has(i) != o[i] {
			t.Fatalf("Has(%d) = %v", i, s.Has(i))
		}
		next := i
		for o[next] {
			next++
		}
		if got := s.NextMissing(i); got != next {
			t.Fatalf("NextMissing(%d) = %d, want %d", i, got, next)
		}
		rest := o.runs(Range{i, domain}, true)
		got, ok := s.NextIn(i)
		if ok != (len(rest) > 0) || ok && got != rest[0] {
			t.Fatalf("NextIn(%d) = %v, %v, want %v", i, got, ok, rest)
		}
	}
}

// checkWithin compares the questions that take a range.
func (o oracle) checkWithin(t *testing.T, s *Set, r Range) {
	t.Helper()
	missing := o.runs(r, false)
	if got := s.ContainsAll(r); got != (len(missing) == 0) {
		t.Fatalf("ContainsAll(%v) = %v, missing %v", r, got, missing)
	}
	n := 0
	for gap := range s.Missing(r) {
		if n >= len(missing) || gap != missing[n] {
			t.Fatalf("Missing(%v) yields %v as number %d, want %v", r, gap, n, missing)
		}
		n++
	}
	if n != len(missing) {
		t.Fatalf("Missing(%v) yields %d ranges, want %v", r, n, missing)
	}
}

// play runs a script of three bytes a step: what to do, and a range.
func play(t *testing.T, script []byte) {
	t.Helper()
	var s Set
	o := oracle{}
	for ; len(script) >= 3; script = script[3:] {
		r := Range{uint64(script[1]), uint64(script[2])}
		switch script[0] % 4 {
		case 0, 1:
			s.Add(r)
			o.set(r, true)
		case 2:
			s.Remove(r)
			o.set(r, false)
		case 3:
			o.checkWithin(t, &s, r)
		}
	}
	o.check(t, &s)
}

func TestSetAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		script := make([]byte, 3*(1+r.IntN(60)))
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		for i := 0; i < len(script); i += 3 { // short ranges make many runs
			if r.IntN(2) == 0 {
				script[i+2] = script[i+1] + byte(r.IntN(6))
			}
		}
		play(t, script)
	}
}

func FuzzSet(f *testing.F) {
	f.Add([]byte{0, 10, 20, 0, 30, 40, 0, 20, 30})
	f.Add([]byte{0, 0, 255, 2, 5, 9, 2, 5, 20, 3, 0, 50})
	f.Add([]byte{0, 5, 6, 0, 7, 8, 0, 9, 10, 2, 6, 9, 3, 5, 10, 0, 4, 11})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 600 {
			t.Skip("longer scripts find nothing more")
		}
		play(t, script)
	})
}

func FuzzBin(f *testing.F) {
	f.Add(uint64(0), uint64(7))
	f.Add(uint64(1<<63-1), uint64(1<<64-1))
	f.Fuzz(func(t *testing.T, x, y uint64) {
		b := Bin(x)
		if r := b.Range(); b != NoBin {
			if back, ok := BinOf(r); !ok || back != b {
				t.Fatalf("BinOf(%v) = %x, %v, want %x", r, back, ok, x)
			}
		}
		r, at := Range{x, y}, x
		for bin := range r.Bins() {
			if bin.Range().Start != at {
				t.Fatalf("%v: bin %x leaves out chunk %d", r, bin, at)
			}
			at = bin.Range().End
		}
		if want := min(y, maxBinned); at < want {
			t.Fatalf("%v: bins end at %d", r, at)
		}
	})
}
