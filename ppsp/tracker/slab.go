package tracker

import "slices"

// slab is a table whose entries have numbers from 1 and keep their place: it grows by whole
// pages, so that growing copies nothing, and gives a page back to the system when nothing is in
// it and there is room elsewhere. The zero value is empty.
type slab[T any] struct {
	pages  []*slabRoom[T] // nil for one that was given back
	open   []uint32       // pages with room, in no order
	vacant []uint32       // pages that are nil
	used   uint32         // highest number that was ever given
	live   int
}

const slabPage = 1 << 11 // entries of a page

type slabRoom[T any] struct {
	entries [slabPage]T
	free    []uint16 // entries given back
	used    uint16   // entries that were ever in use
	live    uint16
}

// at returns the entry of a number that new gave.
func (s *slab[T]) at(n uint32) *T { return &s.pages[(n-1)/slabPage].entries[(n-1)%slabPage] }

// has tells whether there may be an entry of that number.
func (s *slab[T]) has(n uint32) bool { return s.pages[(n-1)/slabPage] != nil }

// new returns the number of an entry that is zero.
func (s *slab[T]) new() uint32 {
	if len(s.open) == 0 {
		s.grow()
	}
	page := s.open[len(s.open)-1]
	p := s.pages[page]
	at := p.used
	if k := len(p.free); k > 0 {
		at, p.free = p.free[k-1], p.free[:k-1]
	} else {
		p.used++
	}
	s.live++
	if p.live++; p.live == slabPage {
		s.open = s.open[:len(s.open)-1]
	}
	n := page*slabPage + uint32(at) + 1
	s.used = max(s.used, n)
	return n
}

// grow makes a page.
func (s *slab[T]) grow() {
	if k := len(s.vacant); k > 0 {
		s.open, s.vacant = append(s.open, s.vacant[k-1]), s.vacant[:k-1]
		s.pages[s.open[0]] = new(slabRoom[T])
		return
	}
	s.open = append(s.open, uint32(len(s.pages)))
	s.pages = append(s.pages, new(slabRoom[T]))
}

// free gives the number back; its entry becomes zero.
func (s *slab[T]) free(n uint32) {
	var zero T
	*s.at(n) = zero
	page := (n - 1) / slabPage
	p := s.pages[page]
	p.free = append(p.free, uint16((n-1)%slabPage))
	s.live--
	p.live--
	switch {
	case p.live == slabPage-1:
		s.open = append(s.open, page)
	case p.live == 0 && len(s.open) > 1:
		s.pages[page] = nil
		s.vacant = append(s.vacant, page)
		s.open = slices.Delete(s.open, slices.Index(s.open, page), slices.Index(s.open, page)+1)
	}
}

// count returns how many numbers are in use.
func (s *slab[T]) count() int { return s.live }
