package tracker

// slab is a table whose entries have numbers from 1 and keep their place: it grows by whole
// pages, so that growing copies nothing. The zero value is empty.
type slab[T any] struct {
	pages []*[slabPage]T
	used  uint32 // numbers that were ever given
	freed []uint32
}

const slabPage = 1 << 11 // entries of a page

// at returns the entry of a number that new gave.
func (s *slab[T]) at(n uint32) *T { return &s.pages[(n-1)/slabPage][(n-1)%slabPage] }

// new returns the number of an entry that is zero.
func (s *slab[T]) new() uint32 {
	if n := len(s.freed); n > 0 {
		out := s.freed[n-1]
		s.freed = s.freed[:n-1]
		return out
	}
	if s.used == uint32(len(s.pages))*slabPage {
		s.pages = append(s.pages, new([slabPage]T))
	}
	s.used++
	return s.used
}

// free gives the number back; its entry becomes zero.
func (s *slab[T]) free(n uint32) {
	var zero T
	*s.at(n) = zero
	s.freed = append(s.freed, n)
}

// count returns how many numbers are in use.
func (s *slab[T]) count() int { return int(s.used) - len(s.freed) }
