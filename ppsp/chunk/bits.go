package chunk

import "math/bits"

// Bits sets in words the bits of those chunks that are in s: bit k of word w stands for chunk
// from+64w+k. The other bits stay as they are.
func (s *Set) Bits(from uint64, words []uint64) {
	within := Range{from, from + 64*uint64(len(words))}
	for r, ok := s.NextIn(from); ok && r.Start < within.End; r, ok = s.NextIn(r.End) {
		setBits(words, r.Start-from, min(r.End, within.End)-from)
	}
}

// AddBits puts in the chunks whose bits are set in words, as Bits sets them.
func (s *Set) AddBits(from uint64, words []uint64) {
	end := uint64(64 * len(words))
	for at := nextBit(words, 0, 0); at < end; {
		to := nextBit(words, at, ^uint64(0))
		s.Add(Range{from + at, from + to})
		at = nextBit(words, to, 0)
	}
}

// setBits sets the bits [from, to).
func setBits(words []uint64, from, to uint64) {
	for from < to {
		w := from / 64
		end := min(to, 64*(w+1))
		mask := ^uint64(0) << (from % 64)
		if end%64 != 0 {
			mask &= 1<<(end%64) - 1
		}
		words[w] |= mask
		from = end
	}
}

// nextBit returns the first bit from at on that differs from those of flip, the number of
// bits if none does.
func nextBit(words []uint64, at, flip uint64) uint64 {
	for w := at / 64; w < uint64(len(words)); w++ {
		word := words[w] ^ flip
		if w == at/64 {
			word &= ^uint64(0) << (at % 64)
		}
		if word != 0 {
			return 64*w + uint64(bits.TrailingZeros64(word))
		}
	}
	return uint64(64 * len(words))
}

// AddSet puts in the chunks of o.
func (s *Set) AddSet(o *Set) {
	if s.count == 0 {
		*s = o.Clone()
		return
	}
	for r := range o.Ranges() {
		s.Add(r)
	}
}
