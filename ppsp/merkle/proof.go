package merkle

import "github.com/swarmgate/swarmgate/ppsp/chunk"

// MaxProofNodes bounds how many hashes of one peer wait for their chunks, in nodes; the
// oldest is forgotten for a new one. A sender may be this many chunks ahead with hashes,
// and a peer that sends only hashes can make us keep about 200 KiB.
const MaxProofNodes = 2048

// maxPeakTries bounds how often one peer's nodes are tried as peaks, because each try
// costs up to 33 hashes.
const maxPeakTries = 64

// Proof keeps the hashes that one peer offered in INTEGRITY messages, none of which need
// be true. The zero value is empty. A peer that lies spoils its own Proof only.
type Proof struct {
	size   int
	bins   []chunk.Bin
	hashes []byte
	index  index
	oldest int

	announced uint64 // chunks that the peer says the content has, 0 if it does not

	origin  bool // some node began at chunk 0, as the first peak does
	untried bool // nodes came since the last search for peaks
	tries   int
	claim   uint64 // chunks of the content by this peer's peaks, once they led to the root
	empties bool   // hashes of no content are taken
}

// TakeEmpties lets Add take hashes of no content: those in the last subtree of a broadcast.
// In the tree of a film they prove nothing, for peaks have none below them.
func (p *Proof) TakeEmpties() { p.empties = true }

// Add takes a hash offered for a node. A newer hash for the same node replaces the older.
// Hashes of no content, and those of another length than the first, are ignored.
func (p *Proof) Add(b chunk.Bin, hash []byte) {
	n := len(hash)
	if b == chunk.NoBin || n == 0 || n > MaxHashSize || !p.empties && isZero(hash) {
		return
	}
	if p.size == 0 {
		p.size = n
	}
	if n != p.size {
		return
	}
	p.untried = true
	p.origin = p.origin || b.Offset() == 0
	at, room := p.index.find(b, p.bins)
	switch {
	case at >= 0:
	case !room:
		return // only one who chooses nodes for it gets here, and misses nothing but this one
	case len(p.bins) < MaxProofNodes:
		at = len(p.bins)
		p.bins = append(p.bins, b)
		p.hashes = append(p.hashes, hash...)
		p.index.add(b, at)
	default:
		at = p.oldest
		p.oldest = (at + 1) % MaxProofNodes
		p.index.remove(p.bins[at], at)
		p.bins[at] = b
		p.index.add(b, at)
	}
	copy(p.hashes[at*n:], hash)
}

// Announced notes that the peer says to have the content's chunks up to the n-th, which may be
// the last.
func (p *Proof) Announced(n uint64) { p.announced = n }

// Claim returns how many chunks the content has by the peaks of the peer, which lead to the root:
// 0 while there are none.
func (p *Proof) Claim() uint64 { return p.claim }

// Get returns the hash offered for a node, nil for none. It is valid until the next Add.
func (p *Proof) Get(b chunk.Bin) []byte {
	if p == nil {
		return nil
	}
	at, _ := p.index.find(b, p.bins)
	if at < 0 {
		return nil
	}
	return p.hashes[at*p.size : (at+1)*p.size : (at+1)*p.size]
}

// Reset forgets everything but keeps the memory.
func (p *Proof) Reset() {
	p.index.clear()
	*p = Proof{size: p.size, empties: p.empties, bins: p.bins[:0], hashes: p.hashes[:0], index: p.index}
}

// appendPeaks appends the nodes that look like the peaks of some content: the biggest that
// begins at chunk 0 in at most the given layer, then each behind the other, ever smaller.
// An ancestor of a peak never comes into it: it would not be smaller than the one before.
func (p *Proof) appendPeaks(dst []Node, layer int) []Node {
	start := uint64(0)
	for l := layer; l >= 0; l-- {
		if start&(1<<l-1) != 0 {
			continue
		}
		b := chunk.NewBin(uint(l), start>>l)
		if hash := p.Get(b); hash != nil {
			dst = append(dst, Node{b, hash})
			start += 1 << l
		}
	}
	return dst
}
