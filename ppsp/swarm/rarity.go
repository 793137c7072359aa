package swarm

import "github.com/swarmgate/swarmgate/ppsp/chunk"

// rarity counts, for each chunk of a stream from the next to be played on, how many peers
// have offered it: a ring of one byte a chunk, since it is looked at for each chunk and each
// round of picking.
type rarity struct {
	counts []uint8 // by chunk modulo their number, a power of two
	chunks chunk.Range
}

// add notes that one more peer has the chunks of r, of which those in within are of interest.
func (y *rarity) add(r, within chunk.Range) {
	y.forget(within.Start)
	r = r.Intersect(within)
	if r.Empty() {
		return
	}
	y.grow(r.End)
	mask := uint64(len(y.counts) - 1)
	for i := r.Start; i < r.End; i++ {
		if n := &y.counts[i&mask]; *n < 255 {
			*n++
		}
	}
}

// grow makes room up to end.
func (y *rarity) grow(end uint64) {
	if end <= y.chunks.End {
		return
	}
	if y.chunks.Empty() {
		y.chunks.End = y.chunks.Start
	}
	n := uint64(max(len(y.counts), 512))
	for n < end-y.chunks.Start {
		n *= 2
	}
	if n > uint64(len(y.counts)) {
		counts := make([]uint8, n)
		for i := y.chunks.Start; i < y.chunks.End; i++ {
			counts[i&(n-1)] = y.counts[i&uint64(len(y.counts)-1)]
		}
		y.counts = counts
	}
	y.chunks.End = end
}

// forget drops what lies before a chunk.
func (y *rarity) forget(before uint64) {
	if before <= y.chunks.Start {
		return
	}
	for i := y.chunks.Start; i < min(before, y.chunks.End); i++ {
		y.counts[i&uint64(len(y.counts)-1)] = 0
	}
	y.chunks.Start = before
	y.chunks.End = max(y.chunks.End, before)
}

// clear forgets everything.
func (y *rarity) clear() {
	clear(y.counts)
	y.chunks = chunk.Range{}
}

// count returns how many peers have offered chunk i, 255 for more.
func (y *rarity) count(i uint64) uint8 {
	if !y.chunks.Contains(i) {
		return 0
	}
	return y.counts[i&uint64(len(y.counts)-1)]
}

// next returns the first chunk of r that some peer has offered, at most so many of them.
func (y *rarity) next(r chunk.Range, most uint8) (uint64, bool) {
	r = r.Intersect(y.chunks)
	mask := uint64(len(y.counts) - 1)
	for i := r.Start; i < r.End; i++ {
		if n := y.counts[i&mask]; n != 0 && n <= most {
			return i, true
		}
	}
	return 0, false
}
