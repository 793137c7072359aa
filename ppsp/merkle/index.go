package merkle

import "github.com/swarmgate/swarmgate/ppsp/chunk"

// index finds the place of a node in the list of a Proof: a hash table of chains, small enough
// for the nearest cache and without allocation once it is there. The zero value is empty.
type index struct {
	heads []int16 // by bucket: 1 + place of the first node, 0 for none
	next  []int16 // by place: 1 + place of the next node in the bucket
}

const (
	indexBits = 11 // log2 of MaxProofNodes: one node to a bucket on average
	// maxChain bounds what a search costs. Peers that do not aim at it never have so many
	// nodes in one bucket.
	maxChain = 32
)

// bucket spreads bins by the golden ratio (Knuth, The Art of Computer Programming, 6.4).
func bucket(b chunk.Bin) uint64 { return uint64(b) * 0x9e3779b97f4a7c15 >> (64 - indexBits) }

// find returns the place of b in bins, -1 if it is not there; room tells that it may be added.
func (x *index) find(b chunk.Bin, bins []chunk.Bin) (at int, room bool) {
	if x.heads == nil {
		return -1, true
	}
	n := 0
	for k := x.heads[bucket(b)]; k != 0; k = x.next[k-1] {
		if bins[k-1] == b {
			return int(k - 1), true
		}
		n++
	}
	return -1, n < maxChain
}

// add notes that b, which is not there, is at a place below MaxProofNodes.
func (x *index) add(b chunk.Bin, at int) {
	if x.heads == nil {
		x.heads = make([]int16, 1<<indexBits)
	}
	for len(x.next) <= at {
		x.next = append(x.next, 0)
	}
	h := &x.heads[bucket(b)]
	x.next[at] = *h
	*h = int16(at + 1)
}

// remove forgets b, which is at that place.
func (x *index) remove(b chunk.Bin, at int) {
	for k := &x.heads[bucket(b)]; *k != 0; k = &x.next[*k-1] {
		if int(*k) == at+1 {
			*k = x.next[at]
			return
		}
	}
}

// clear forgets all.
func (x *index) clear() {
	clear(x.heads)
	x.next = x.next[:0]
}
