package chunk

import "iter"

// Has tells whether chunk i is in.
func (s *Set) Has(i uint64) bool {
	if s.dense != nil {
		return s.dense.has(i)
	}
	_, ok := s.Covering(i)
	return ok
}

// ContainsAll tells whether every chunk of r is in, which holds for an empty r.
func (s *Set) ContainsAll(r Range) bool {
	if r.Empty() {
		return true
	}
	run, ok := s.Covering(r.Start)
	return ok && r.End <= run.End
}

// Covering returns the whole run around chunk i, false if i is not in.
func (s *Set) Covering(i uint64) (Range, bool) {
	if d := s.dense; d != nil {
		if !d.has(i) {
			return Range{}, false
		}
		return Range{d.begin(i), d.gap(i)}, true
	}
	at := s.search(i)
	if at == len(s.runs) || i < s.runs[at].Start {
		return Range{}, false
	}
	return s.runs[at], true
}

// Count returns the number of chunks.
func (s *Set) Count() uint64 { return s.count }

// Runs returns the number of ranges that Ranges yields: what the Set's memory grows with.
func (s *Set) Runs() int {
	if s.dense != nil {
		return s.dense.runs
	}
	return len(s.runs)
}

// First returns the lowest chunk, false if s is empty.
func (s *Set) First() (uint64, bool) {
	if s.dense != nil {
		return s.dense.next(0)
	}
	if len(s.runs) == 0 {
		return 0, false
	}
	return s.runs[0].Start, true
}

// Last returns the highest chunk, false if s is empty.
func (s *Set) Last() (uint64, bool) {
	if s.dense != nil {
		return s.dense.last(), true
	}
	if len(s.runs) == 0 {
		return 0, false
	}
	return s.runs[len(s.runs)-1].End - 1, true
}

// NextIn returns the first chunks in s from chunk from on: the rest of the run that
// holds from, or else the next run; false if there is none.
func (s *Set) NextIn(from uint64) (Range, bool) {
	if d := s.dense; d != nil {
		i, ok := d.next(from)
		if !ok {
			return Range{}, false
		}
		return Range{i, d.gap(i)}, true
	}
	at := s.search(from)
	if at == len(s.runs) {
		return Range{}, false
	}
	r := s.runs[at]
	r.Start = max(r.Start, from)
	return r, true
}

// NextMissing returns the first chunk from chunk from on that is not in.
func (s *Set) NextMissing(from uint64) uint64 {
	if s.dense != nil {
		return s.dense.gap(from)
	}
	if run, ok := s.Covering(from); ok {
		return run.End
	}
	return from
}

// Ranges yields the runs in ascending order. s must not be changed meanwhile.
func (s *Set) Ranges() iter.Seq[Range] {
	return func(yield func(Range) bool) {
		if s.dense != nil {
			for r, ok := s.NextIn(0); ok && yield(r); {
				r, ok = s.NextIn(r.End)
			}
			return
		}
		for _, r := range s.runs {
			if !yield(r) {
				return
			}
		}
	}
}

// Missing yields the ranges of chunks in within that are not in s, in ascending order.
// s must not be changed meanwhile.
func (s *Set) Missing(within Range) iter.Seq[Range] {
	return func(yield func(Range) bool) {
		at := within.Start
		if s.dense != nil {
			s.missingDense(within, yield)
			return
		}
		for i := s.search(at); i < len(s.runs) && s.runs[i].Start < within.End; i++ {
			if gap := (Range{at, s.runs[i].Start}); !gap.Empty() && !yield(gap) {
				return
			}
			at = s.runs[i].End
		}
		if gap := (Range{at, within.End}); !gap.Empty() {
			yield(gap)
		}
	}
}

func (s *Set) missingDense(within Range, yield func(Range) bool) {
	for at := s.dense.gap(within.Start); at < within.End; {
		end, ok := s.dense.next(at)
		if !ok || end > within.End {
			end = within.End
		}
		if !yield(Range{at, end}) {
			return
		}
		at = s.dense.gap(end)
	}
}
