package swarm

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Bounds of the third stage of offers, see offer.go.
const (
	offerBlock   = 16   // chunks of a block of the third stage, or a subtree if that has more
	offerWaiting = 2    // blocks of chunks that may wait to be sent while one more is offered
	offerPace    = 20e6 // ns between two blocks
	offerOld     = 4e9  // ns since its signing, after which a chunk is offered without such care: few ask for it
)

// offerRest offers one block of the third stage to the next peer that lacks one, if little
// waits to be sent. Those who get nothing from others have less of it, together little more than
// the stream: they would take all there is.
func (s *Swarm) offerRest(now int64) {
	o := &s.live.offers
	o.restAt = now + offerPace
	busy := s.congested(now) || s.waiting(now) > offerWaiting*s.offerBlock()
	choosy, some := s.looksAtFed(now)
	again := int64(math.MaxInt64) // all have been offered what they lack
	if busy {
		again = now + offerCheck
		if !choosy || !some {
			o.restAt = again // nothing is stuck
			return
		}
	}
	for range s.order {
		o.restTurn++
		c := s.order[o.restTurn%len(s.order)]
		lonely := choosy && !c.fed(now)
		switch {
		case c.state != stateOpen || now-c.heardAt >= offerSilent:
		case now < c.quiet:
			again = min(again, c.quiet)
		case lonely && now < o.lonelyAt:
			again = min(again, o.lonelyAt)
		default:
			if block := s.blockFor(now, c, busy); !block.Empty() {
				if lonely {
					o.lonelyAt = now + s.lasting()*4/5
				} else {
					count(o.promised, block)
				}
				s.let(now, c, block)
				return
			}
		}
	}
	o.restAt = again
}

// lasting is how long the stream takes for a block, ns, by when the newest subtrees were signed.
func (s *Swarm) lasting() int64 {
	m := s.live.munros
	n := min(len(m), 8)
	if n < 2 {
		return 0
	}
	first, last := &m[len(m)-n], &m[len(m)-1]
	return (last.at - first.at) * int64(s.offerBlock()) / int64(max(last.chunks.End-first.chunks.End, 1))
}

// offerBlock is how many chunks are offered at a time in the third stage.
func (s *Swarm) offerBlock() uint64 { return max(offerBlock, s.live.perMunro) }

// waiting is how many chunks the peers wait for; of who asks for much, or is gone, little counts.
func (s *Swarm) waiting(now int64) uint64 {
	n := uint64(0)
	for _, c := range s.order {
		if now-c.heardAt < offerSilent {
			n += min(c.count(), offerBlock)
		}
	}
	return n
}

// blockFor returns what c is to be offered next of what it lacks: of the blocks with what fewest
// have, or were offered, the oldest. What is so old that hardly anybody asks for it is
// offered together. While the uplink has enough to do, only what is stuck is offered: what was
// sent to somebody who does not pass it on.
func (s *Swarm) blockFor(now int64, c *channel, stuck bool) chunk.Range {
	l := s.live
	first, ok := c.peerHave.First()
	if from := s.oldEnd(now); !ok || first < from {
		old := chunk.Range{Start: l.edge - min(l.edge, l.window), End: from}
		if _, lacks := s.lacks(c, old); lacks && !stuck {
			return old
		}
		first = from
	}
	rare := math.MaxInt
	if stuck {
		rare = offerCopies + 1
	}
	size := s.offerBlock()
	var best chunk.Range
	for at := first - first%size; at < l.offers.public; at += size {
		block := chunk.Range{Start: max(at, first), End: min(at+size, l.offers.public)}
		i, lacks := s.lacks(c, block)
		if !lacks {
			continue
		}
		n := int(l.offers.promised[i%l.window])
		if stuck {
			n += int(l.offers.holders[i%l.window])
		}
		if n < rare && (!stuck || l.copies[i%l.window] > 0) {
			best, rare = block, n
		}
	}
	return best
}

// oldEnd is the end of what was signed long ago.
func (s *Swarm) oldEnd(now int64) uint64 {
	l := s.live
	for k := len(l.munros) - 1; k >= 0; k-- {
		if now-l.munros[k].at > offerOld {
			return min(l.munros[k].chunks.End, l.offers.public)
		}
	}
	return l.edge - min(l.edge, l.window)
}

// lacks returns the first chunk of r that c neither has shown to hold nor was offered.
func (s *Swarm) lacks(c *channel, r chunk.Range) (uint64, bool) {
	for i := r.Start; i < r.End; {
		if run, ok := c.peerHave.Covering(i); ok {
			i = run.End
		} else if run, ok := c.offered.Covering(i); ok {
			i = run.End
		} else {
			return i, s.have.Has(i)
		}
	}
	return 0, false
}

// count adds one to the counters of the chunks of r.
func count(counters []uint8, r chunk.Range) {
	for i := r.Start; i < r.End; i++ {
		if n := &counters[i%uint64(len(counters))]; *n < math.MaxUint8 {
			*n++
		}
	}
}
