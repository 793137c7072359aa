package chunk

import (
	"math/bits"
	"slices"
	"sort"
)

// A Set with many holes at random would take 16 bytes a run; a bitmap takes an eighth of a
// byte a chunk. So beyond denseRuns runs, where that is not much more, a Set is dense: a list of
// spans of pages, each wholly in or with a bitmap of its own.
const (
	pageBits   = 12
	pageChunks = 1 << pageBits
	pageWords  = pageChunks / 64

	denseRuns  = 16 << 10 // runs from which on a Set may become dense
	sparseRuns = 4 << 10  // runs below which it is a list again
	denseCost  = 8        // how many times the memory of the list the bitmaps may take
)

type bitmap [pageWords]uint64

// span is the pages [start, end). One with a bitmap is one page, neither empty nor full.
type span struct {
	start, end uint64
	page       *bitmap // nil: all chunks are in
}

// dense is the bitmap form of a Set. Spans are sorted; of two that touch at least one has a
// bitmap.
type dense struct {
	spans []span
	runs  int
}

// find returns the index of the first span that ends behind a page.
func (d *dense) find(page uint64) int {
	return sort.Search(len(d.spans), func(k int) bool { return d.spans[k].end > page })
}

func (d *dense) has(i uint64) bool {
	page := i >> pageBits
	k := d.find(page)
	if k == len(d.spans) || d.spans[k].start > page {
		return false
	}
	at := i & (pageChunks - 1)
	return d.spans[k].page == nil || d.spans[k].page[at/64]>>(at%64)&1 != 0
}

// next returns the first chunk from i on that is in, false if none is.
func (d *dense) next(i uint64) (uint64, bool) {
	for k := d.find(i >> pageBits); k < len(d.spans); k++ {
		s := d.spans[k]
		i = max(i, s.start<<pageBits)
		if s.page == nil {
			return i, true
		}
		if at := nextBit(s.page[:], i-s.start<<pageBits, 0); at < pageChunks {
			return s.start<<pageBits + at, true
		}
	}
	return 0, false
}

// gap returns the first chunk from i on that is not in.
func (d *dense) gap(i uint64) uint64 {
	for k := d.find(i >> pageBits); k < len(d.spans) && d.spans[k].start <= i>>pageBits; k++ {
		s := d.spans[k]
		if s.page != nil {
			if at := nextBit(s.page[:], i-s.start<<pageBits, ^uint64(0)); at < pageChunks {
				return s.start<<pageBits + at
			}
		}
		i = s.end << pageBits
	}
	return i
}

// begin returns the first chunk of the run that chunk i, which is in, belongs to.
func (d *dense) begin(i uint64) uint64 {
	for k := d.find(i >> pageBits); k >= 0 && d.spans[k].end > i>>pageBits; k-- {
		s := d.spans[k]
		if s.page != nil {
			if at, found := lastClear(s.page, i-s.start<<pageBits); found {
				return s.start<<pageBits + at + 1
			}
		}
		if i = s.start << pageBits; i == 0 {
			return 0
		}
		i--
	}
	return i + 1
}

// lastClear returns the last bit up to at that is not set.
func lastClear(page *bitmap, at uint64) (uint64, bool) {
	for w := int(at / 64); w >= 0; w-- {
		word := ^page[w]
		if w == int(at/64) {
			word &= ^uint64(0) >> (63 - at%64)
		}
		if word != 0 {
			return uint64(64*w + 63 - bits.LeadingZeros64(word)), true
		}
	}
	return 0, false
}

// last returns the highest chunk of a set that is not empty.
func (d *dense) last() uint64 {
	s := d.spans[len(d.spans)-1]
	if s.page == nil {
		return s.end<<pageBits - 1
	}
	for w := pageWords - 1; ; w-- {
		if word := s.page[w]; word != 0 {
			return s.start<<pageBits + uint64(64*w+63-bits.LeadingZeros64(word))
		}
	}
}

// within returns how many chunks of r are in, and how many runs of them begin in r or right
// behind it.
func (d *dense) within(r Range) (count uint64, begins int) {
	for i, ok := d.next(r.Start); ok && i <= r.End; i, ok = d.next(i) {
		end := d.gap(i)
		if i > r.Start || i == 0 || !d.has(i-1) {
			begins++
		}
		if i < r.End {
			count += min(end, r.End) - i
		}
		i = end
	}
	return count, begins
}

// put takes the chunks of r in, or out.
func (d *dense) put(r Range, in bool) {
	first, last := r.Start>>pageBits, r.End>>pageBits
	if first == last {
		d.patch(first, r.Start&(pageChunks-1), r.End&(pageChunks-1), in)
		return
	}
	if at := r.Start & (pageChunks - 1); at != 0 {
		d.patch(first, at, pageChunks, in)
		first++
	}
	if at := r.End & (pageChunks - 1); at != 0 {
		d.patch(last, 0, at, in)
	}
	if first < last {
		d.fill(first, last, in)
	}
}

// patch changes the bits [from, to) of a page, which are not all of it.
func (d *dense) patch(page, from, to uint64, in bool) {
	k := d.find(page)
	there := k < len(d.spans) && d.spans[k].start <= page
	full := there && d.spans[k].page == nil
	if full && in || !there && !in {
		return
	}
	if full || !there {
		bits := new(bitmap)
		if full {
			for w := range bits {
				bits[w] = ^uint64(0)
			}
		}
		d.replace(page, page+1, &span{page, page + 1, bits})
		k = d.find(page)
	}
	bits := d.spans[k].page
	if in {
		setBits(bits[:], from, to)
	} else {
		clearBits(bits[:], from, to)
	}
	switch {
	case in && nextBit(bits[:], 0, ^uint64(0)) == pageChunks:
		d.fill(page, page+1, true)
	case !in && nextBit(bits[:], 0, 0) == pageChunks:
		d.fill(page, page+1, false)
	}
}

// fill makes the pages [first, last) all in, or out.
func (d *dense) fill(first, last uint64, in bool) {
	if !in {
		d.replace(first, last, nil)
		return
	}
	whole := span{start: first, end: last}
	if k := d.find(first); k < len(d.spans) && d.spans[k].page == nil && d.spans[k].start < first {
		whole.start = d.spans[k].start
	} else if k > 0 && d.spans[k-1].page == nil && d.spans[k-1].end == first {
		whole.start = d.spans[k-1].start
	}
	if k := d.find(last); k < len(d.spans) && d.spans[k].page == nil && d.spans[k].start <= last {
		whole.end = d.spans[k].end
	}
	d.replace(whole.start, whole.end, &whole)
}

// replace puts a span, or nothing, where the pages [first, last) are.
func (d *dense) replace(first, last uint64, by *span) {
	from, to := d.find(first), d.find(last)
	var put [3]span
	n := 0
	if from < len(d.spans) && d.spans[from].start < first {
		put[n] = span{start: d.spans[from].start, end: first}
		n++
	}
	if by != nil {
		put[n] = *by
		n++
	}
	if to < len(d.spans) && d.spans[to].start < last {
		put[n] = span{start: last, end: d.spans[to].end}
		n++
		to++
	}
	d.spans = slices.Replace(d.spans, from, to, put[:n]...)
}

// clearBits clears the bits [from, to).
func clearBits(words []uint64, from, to uint64) {
	for from < to {
		w := from / 64
		end := min(to, 64*(w+1))
		mask := ^uint64(0) << (from % 64)
		if end%64 != 0 {
			mask &= 1<<(end%64) - 1
		}
		words[w] &^= mask
		from = end
	}
}

func (d *dense) clone() *dense {
	c := &dense{slices.Clone(d.spans), d.runs}
	n := 0
	for _, s := range d.spans {
		if s.page != nil {
			n++
		}
	}
	pages := make([]bitmap, n)
	for k, s := range d.spans {
		if s.page != nil {
			n--
			pages[n] = *s.page
			c.spans[k].page = &pages[n]
		}
	}
	return c
}

// settle chooses the form of the set after a change.
func (s *Set) settle() {
	switch {
	case s.dense != nil && s.dense.runs < sparseRuns:
		d := s.dense
		s.runs, s.dense, s.looked = make([]Range, 0, d.runs), nil, 0
		for i, ok := d.next(0); ok; i, ok = d.next(i) {
			end := d.gap(i)
			s.runs = append(s.runs, Range{i, end})
			i = end
		}
	case s.dense == nil && len(s.runs) >= max(denseRuns, 2*s.looked):
		s.looked = len(s.runs)
		if partial(s.runs)*(8*pageWords+40) <= denseCost*16*len(s.runs) {
			s.condense()
		}
	}
}

// partial returns how many pages hold a begin or an end of a run.
func partial(runs []Range) int {
	n, seen := 0, ^uint64(0)
	for _, r := range runs {
		for _, i := range [2]uint64{r.Start, r.End} {
			if page := i >> pageBits; page != seen && i&(pageChunks-1) != 0 {
				n++
				seen = page
			}
		}
	}
	return n
}

// condense makes the set dense.
func (s *Set) condense() {
	d := &dense{runs: len(s.runs)}
	for _, r := range s.runs {
		d.put(r, true)
	}
	s.dense, s.runs = d, nil
}
