package swarm

import (
	"slices"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// holders counts, for each block of a film whose length is proven, how many peers have all of it.
// It follows what they announce, since to go through what all of them have costs more than all else
// that a round of picking does.
type holders struct {
	counts []uint8 // by block; MaxChannels fit
	size   uint64  // chunks of a block, 0 for blockChunks
}

const (
	blockChunks = 16      // of a block, which is aligned …
	maxBlocks   = 1 << 16 // … and larger in long films: to count a peer that has all must not cost more than its handshake
	maxRare     = 32      // blocks that a peer had first that are noted
	rareShare   = 4
	fewHolders  = 3 // of a block, up to which it is looked at who they are
)

// holdersOf counts for a film of so many chunks.
func holdersOf(chunks uint64) holders {
	y := holders{size: blockChunks}
	for chunks > maxBlocks*y.size {
		y.size *= 2
	}
	y.counts = make([]uint8, (chunks+y.size-1)/y.size)
	return y
}

// chunks is how many a block has.
func (y *holders) chunks() uint64 { return max(y.size, blockChunks) }

// behind returns the first chunk behind the block of chunk i.
func (y *holders) behind(i uint64) uint64 { return i - i%y.chunks() + y.chunks() }

// blocksIn returns which blocks the chunks of r lie in, none while the length is not proven.
func (s *Swarm) blocksIn(r chunk.Range) chunk.Range {
	if r.End = min(r.End, uint64(len(s.holders.counts))*s.holders.chunks()); r.Empty() {
		return chunk.Range{}
	}
	size := s.holders.chunks()
	return chunk.Range{Start: r.Start / size, End: (r.End + size - 1) / size}
}

// block returns the chunks of block b.
func (s *Swarm) block(b uint64) chunk.Range {
	size := s.holders.chunks()
	return chunk.Range{Start: b * size, End: min((b+1)*size, s.tree.Chunks())}
}

// gainsChunks adds r to what c has of a film.
func (c *channel) gainsChunks(r chunk.Range) {
	s := c.s
	if !c.peerHave.ContainsAll(r) {
		c.dry = 0
	}
	if s.holders.counts == nil {
		s.countHolders()
	}
	if s.holders.counts == nil {
		c.peerHave.Add(r)
		return
	}
	for at := c.peerHave.NextMissing(r.Start); at < r.End; at = c.peerHave.NextMissing(at) {
		gap := chunk.Range{Start: at, End: r.End}
		if run, ok := c.peerHave.NextIn(at); ok {
			gap.End = min(gap.End, run.Start)
		}
		c.peerHave.Add(gap)
		blocks := s.blocksIn(gap)
		for b := blocks.Start; b < blocks.End; b++ {
			if c.peerHave.ContainsAll(s.block(b)) {
				if s.holders.counts[b]++; s.holders.counts[b] == 1 {
					c.noteRare(b)
				}
			}
		}
	}
}

// noteRare notes that c is the first that is known to have block b. One of rareShare peers fetches such a
// block soon, so that it is within everybody's reach before readers come there.
func (c *channel) noteRare(b uint64) {
	if c.s.rand.IntN(rareShare) != 0 {
		return
	}
	if len(c.rare) >= maxRare {
		c.rare = slices.Delete(c.rare, 0, 1)
	}
	c.rare = append(c.rare, b)
}

// nextRare returns what we lack of the first of such blocks, of which nothing was asked for.
func (c *channel) nextRare() chunk.Range {
	for len(c.rare) > 0 {
		block := c.s.block(c.rare[0])
		c.rare = slices.Delete(c.rare, 0, 1)
		if r := c.s.free(block); !r.Empty() {
			return r
		}
	}
	return chunk.Range{}
}

// countHolders begins to count once the length is proven.
func (s *Swarm) countHolders() {
	if s.tree == nil || !s.tree.Sized() || len(s.order) < manyPeers {
		return
	}
	s.holders = holdersOf(s.tree.Chunks())
	for _, c := range s.order {
		for r := range c.peerHave.Ranges() {
			s.countRun(r, 1)
		}
	}
}

// countRun adds n to the counts of the blocks that lie wholly in r.
func (s *Swarm) countRun(r chunk.Range, n int) {
	blocks := s.blocksIn(r)
	for b := blocks.Start; b < blocks.End; b++ {
		if whole := s.block(b); r.Start <= whole.Start && whole.End <= r.End {
			s.holders.counts[b] = uint8(int(s.holders.counts[b]) + n)
		}
	}
}

// uncount takes out what c, which is gone, had.
func (s *Swarm) uncount(c *channel) {
	if s.holders.counts == nil {
		return
	}
	for r := range c.peerHave.Ranges() {
		s.countRun(r, -1)
	}
}

// elsewhere tells whether some peer that has not all of the film will likely give what lies around chunk i.
func (s *Swarm) elsewhere(now int64, i uint64) bool {
	b := i / s.holders.chunks()
	if b >= uint64(len(s.holders.counts)) {
		return false
	}
	n := int(s.holders.counts[b]) - s.picking.seeds
	if n <= 0 || n > fewHolders {
		return n > 0
	}
	whole := s.block(b)
	for _, c := range s.order {
		if !c.full && c.state == stateOpen && c.standsFor(now, b) && c.peerHave.ContainsAll(whole) {
			return true
		}
	}
	return false
}

// standsFor tells whether c will likely give block b if it has it: not when it takes so long that all would wait
// for it, or leaves requests lying; and no more of what it has and we lack than it gives in standFor, since
// a peer that claims much and gives little would else stand for all that it claims.
func (c *channel) standsFor(now int64, b uint64) bool {
	if c.choked || c.silences > 0 || now < c.snubbed || c.latency > slowOther {
		return false
	}
	s := c.s
	gives := c.pipeline * standFor / float64(c.expected())
	lacking := float64(c.peerHave.Count()) * (1 - float64(s.have.Count())/float64(s.tree.Chunks()))
	part := (b*0x9e3779b97f4a7c15 + s.static.turn<<32) >> 40 // of 1<<24, the same block always on the same side
	return float64(part) < gives/max(lacking, 1)*(1<<24)
}
