package merkle

import (
	"bytes"
	"fmt"
	"math/bits"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// SetPeaks takes the peak hashes of the content, left to right, and with them the number
// of chunks, if they lead to the root (RFC 7574, 5.6.1). Tree says what such a claim is
// worth: offer the peaks of every peer until Sized. Verify does so by itself with those
// that it finds in a Proof.
//
// It returns an error that is ErrBadHash, and changes nothing, if the nodes are no peaks,
// don't lead to the root, or contradict what is proven.
func (t *Tree) SetPeaks(peaks []Node) error {
	n, err := t.checkPeaks(peaks)
	switch {
	case err != nil:
		return err
	case n == t.chunks && len(t.peaks) != 0:
		return nil
	case t.sized && n != t.chunks:
		return fmt.Errorf("peaks claim %d chunks, but there are %d: %w", n, t.chunks, ErrBadHash)
	case t.tall && (height(n) != height(t.chunks) || n > t.chunks):
		return fmt.Errorf("peaks claim %d chunks, but there are at most %d: %w", n, t.chunks, ErrBadHash)
	}
	t.chunks = n
	t.peaks = t.peaks[:0]
	for _, peak := range peaks {
		t.peaks = append(t.peaks, Node{peak.Bin, bytes.Clone(peak.Hash)})
	}
	return nil
}

// checkPeaks returns the number of chunks that the peaks cover.
func (t *Tree) checkPeaks(peaks []Node) (uint64, error) {
	n := uint64(0)
	for k, peak := range peaks {
		r := peak.Bin.Range()
		switch {
		case r.Empty() || r.Start != n || r.End > MaxChunks,
			k > 0 && peak.Bin.Layer() >= peaks[k-1].Bin.Layer():
			return 0, fmt.Errorf("node %d is no peak behind chunk %d: %w", peak.Bin, n, ErrBadHash)
		case len(peak.Hash) != t.hasher.size || isZero(peak.Hash):
			return 0, fmt.Errorf("hash of peak %d is no hash of content: %w", peak.Bin, ErrBadHash)
		}
		n = r.End
	}
	if n == 0 || !bytes.Equal(t.hasher.rootOf(peaks), t.root) {
		return 0, fmt.Errorf("peaks of %d chunks don't lead to the root: %w", n, ErrBadHash)
	}
	return n, nil
}

// rootOf computes the root over peaks, of which there is at least one: from the last one
// up, with the next peak to the left or, where there is none, with nothing to the right.
func (h *Hasher) rootOf(peaks []Node) []byte {
	left := len(peaks) - 1
	at := peaks[left].Bin
	sum := append(make([]byte, 0, MaxHashSize), peaks[left].Hash...)
	for ; at.Offset() != 0; at = at.Parent() {
		if at.IsLeft() {
			sum = h.AppendParent(sum[:0], sum, zeros[:h.size])
		} else {
			left--
			sum = h.AppendParent(sum[:0], peaks[left].Hash, sum)
		}
	}
	return sum
}

// learn looks for peaks among the hashes of a peer while the number of chunks is open. The
// root itself may be among them, which hides the peaks, so a second search begins below
// the biggest node.
func (t *Tree) learn(p *Proof) {
	if p == nil || !p.origin || p.tries >= maxPeakTries || (t.sized && len(t.peaks) != 0) {
		return
	}
	agreed := p.claim == t.chunks && t.tall
	overruled := p.claim != t.chunks && p.claim != 0 && !t.tall
	if agreed || (!p.untried && !overruled) {
		return
	}
	p.untried = false
	layer := height(MaxChunks)
	for range 2 {
		t.candidate = p.appendPeaks(t.candidate[:0], layer)
		if len(t.candidate) == 0 {
			return
		}
		p.tries++
		if n, err := t.checkPeaks(t.candidate); err == nil {
			p.claim = n
			_ = t.SetPeaks(t.candidate)
		}
		layer = int(t.candidate[0].Bin.Layer()) - 1
	}
}

// learnRoot finds the one peak of 2^k chunks where a peer that announced so many left it out:
// it is the root, which everyone knows. Chunk i and the hashes of the peer must lead there. It
// tells whether the peaks are known now.
func (t *Tree) learnRoot(i uint64, data []byte, p *Proof) bool {
	if p == nil || bits.OnesCount64(p.announced) != 1 {
		return false
	}
	at := chunk.Leaf(i)
	t.path = t.hasher.AppendLeaf(t.path[:0], data)
	for sum := t.path; !bytes.Equal(sum, t.root); at = at.Parent() {
		beside := p.Get(at.Sibling())
		if len(beside) != t.hasher.size {
			return false
		}
		if at.IsLeft() {
			t.path = t.hasher.AppendParent(t.path, sum, beside)
		} else {
			t.path = t.hasher.AppendParent(t.path, beside, sum)
		}
		sum = t.path[len(t.path)-t.hasher.size:]
	}
	if at.Offset() != 0 || at.Range().Len() != p.announced {
		return false
	}
	p.Add(at, t.root)
	t.learn(p)
	return len(t.peaks) > 0
}

// peakBins returns the peaks of n chunks without hashes.
func peakBins(n uint64) []Node {
	var peaks []Node
	for b := range chunk.Peaks(n) {
		peaks = append(peaks, Node{Bin: b})
	}
	return peaks
}
