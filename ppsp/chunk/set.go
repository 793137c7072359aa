package chunk

import "slices"

// Set is a set of chunks, kept as sorted runs that neither overlap nor touch, or, where those
// are very many, as bitmaps. The zero Set is empty and ready to use. A Set must not be copied by
// assignment; see Clone.
//
// Its memory grows with Runs, not with Count, up to an eighth of a byte for each chunk
// between the first and the last. Whoever adds what a stranger says bounds Runs. A question
// costs a binary search; Add and Remove also move the runs behind the place when their number
// changes, and Add to a run that is there allocates nothing.
type Set struct {
	runs   []Range
	count  uint64
	dense  *dense // nil, or instead of runs
	looked int    // how many runs there were when it was not worth to be dense
}

// Add puts the chunks of r in.
func (s *Set) Add(r Range) {
	if r.Empty() {
		return
	}
	if s.dense != nil {
		s.addDense(r)
		return
	}
	from := 0
	if r.Start > 0 {
		from = s.search(r.Start - 1) // a run that ends where r starts is joined
	}
	to := s.search(r.End)
	if to < len(s.runs) && s.runs[to].Start <= r.End {
		to++
	}
	if from == to {
		s.runs = slices.Insert(s.runs, from, r)
		s.count += r.Len()
		if len(s.runs) >= denseRuns {
			s.settle()
		}
		return
	}
	joined := Range{min(r.Start, s.runs[from].Start), max(r.End, s.runs[to-1].End)}
	for _, run := range s.runs[from:to] {
		s.count -= run.Len()
	}
	s.count += joined.Len()
	s.runs[from] = joined
	s.runs = slices.Delete(s.runs, from+1, to)
}

// Remove takes the chunks of r out. It adds a run if r lies within one.
func (s *Set) Remove(r Range) {
	if r.Empty() {
		return
	}
	if s.dense != nil {
		s.removeDense(r)
		return
	}
	from, to := s.search(r.Start), s.search(r.End-1)
	if to < len(s.runs) && s.runs[to].Start < r.End {
		to++
	}
	if from == to {
		return
	}
	left := Range{s.runs[from].Start, r.Start}
	right := Range{r.End, s.runs[to-1].End}
	for _, run := range s.runs[from:to] {
		s.count -= run.Len()
	}
	s.count += left.Len() + right.Len()
	switch {
	case left.Empty() && right.Empty():
		s.runs = slices.Delete(s.runs, from, to)
	case right.Empty():
		s.runs[from] = left
		s.runs = slices.Delete(s.runs, from+1, to)
	case left.Empty():
		s.runs[to-1] = right
		s.runs = slices.Delete(s.runs, from, to-1)
	default:
		s.runs = slices.Replace(s.runs, from, to, left, right)
		if len(s.runs) >= denseRuns {
			s.settle()
		}
	}
}

func (s *Set) addDense(r Range) {
	d := s.dense
	count, begins := d.within(r)
	if count == r.Len() {
		return
	}
	if r.Start == 0 || !d.has(r.Start-1) {
		begins--
	}
	d.put(r, true)
	s.count += r.Len() - count
	d.runs -= begins
	s.settle()
}

func (s *Set) removeDense(r Range) {
	d := s.dense
	count, begins := d.within(r)
	if count == 0 {
		return
	}
	d.put(r, false)
	if d.has(r.End) {
		begins--
	}
	s.count -= count
	d.runs -= begins
	s.settle()
}

// Clear takes all chunks out and keeps the memory for reuse.
func (s *Set) Clear() { s.runs, s.count, s.dense, s.looked = s.runs[:0], 0, nil, 0 }

// Clone returns a Set of the same chunks that shares nothing with s.
func (s *Set) Clone() Set {
	c := Set{runs: slices.Clone(s.runs), count: s.count, looked: s.looked}
	if s.dense != nil {
		c.dense = s.dense.clone()
	}
	return c
}

// Equal tells whether both hold the same chunks.
func (s *Set) Equal(o *Set) bool {
	if s.dense == nil && o.dense == nil {
		return slices.Equal(s.runs, o.runs)
	}
	if s.count != o.count || s.Runs() != o.Runs() {
		return false
	}
	for r := range s.Ranges() {
		if !o.ContainsAll(r) {
			return false
		}
	}
	return true
}

// search returns the index of the first run that ends behind chunk i, which is the run
// that holds i if any does.
func (s *Set) search(i uint64) int {
	lo, hi := 0, len(s.runs)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.runs[mid].End > i {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}
