package merkle

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// withPeaks puts the peaks of n chunks by the oracle into a proof, as the first datagram
// of a peer does.
func (f film) withPeaks(p *Proof, n int) *Proof {
	for _, peak := range f.peaks(n) {
		p.Add(peak.Bin, peak.Hash)
	}
	return p
}

// scaled returns the peaks as if every chunk were so many layers higher, which leads to
// the same root.
func scaled(peaks []Node, layers int) []Node {
	var out []Node
	for _, p := range peaks {
		out = append(out, Node{chunk.NewBin(uint(int(p.Bin.Layer())+layers), p.Bin.Offset()), p.Hash})
	}
	return out
}

func TestSetPeaksRefuses(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 700) // peaks 3, 9, 12
	good := f.peaks(7)
	node := func(b chunk.Bin) Node { return Node{b, f.nodes[b]} }
	zero := make([]byte, 32)
	for _, v := range []struct {
		what  string
		peaks []Node
		want  string
	}{
		{"none", nil, "don't lead to the root"},
		{"without the first", good[1:], "no peak behind chunk 0"},
		{"without the middle one", []Node{good[0], good[2]}, "no peak behind chunk 4"},
		{"without the last", good[:2], "don't lead to the root"},
		{"in another order", []Node{good[0], good[2], good[1]}, "no peak"},
		{"twice", append(slices.Clone(good), good...), "no peak"},
		{"two of one size", []Node{node(3), node(11)}, "no peak behind chunk 4"},
		{"with a wrong hash", []Node{node(3), node(9), {12, f.nodes[10]}}, "don't lead"},
		{"with a short hash", []Node{node(3), node(9), {12, f.nodes[12][1:]}}, "no hash of content"},
		{"with no node", []Node{{chunk.NoBin, f.nodes[3]}}, "no peak"},
		{"of one chunk more", []Node{node(3), node(9), node(12), {14, zero}}, "no peak"},
		{"of 2^33 chunks", []Node{{chunk.NewBin(33, 0), f.rootHash()}}, "no peak"},
	} {
		r := NewTree(ppsp.SHA256, f.rootHash())
		err := r.SetPeaks(v.peaks)
		if err == nil || !errors.Is(err, ErrBadHash) || !strings.Contains(err.Error(), v.want) {
			t.Errorf("peaks %s: %v, want %q", v.what, err, v.want)
		}
		if r.Chunks() != 0 || len(r.AppendPeaks(nil)) != 0 {
			t.Errorf("peaks %s left %d chunks", v.what, r.Chunks())
		}
	}
}

// Empty leaves hash to zeros, so zeros for peaks would lead to the root as well.
func TestPeaksOfNoContentAreRefused(t *testing.T) {
	f := newFilm(t, ppsp.SHA1, 100, 600) // peaks 3, 9
	r := NewTree(ppsp.SHA1, f.rootHash())
	longer := append(f.peaks(6), Node{12, make([]byte, 20)})
	if !bytes.Equal(r.hasher.rootOf(longer), f.rootHash()) {
		t.Fatal("the test is void: these peaks don't lead to the root")
	}
	if err := r.SetPeaks(longer); !errors.Is(err, ErrBadHash) {
		t.Errorf("seven chunks of which one is nothing: %v", err)
	}
}

func TestPeaksMayComeAgain(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 700)
	r := f.receiver(t)
	if err := r.Verify(6, f.chunks[6], f.proof(6)); err != nil {
		t.Fatal(err)
	}
	if err := r.SetPeaks(f.peaks(7)); err != nil {
		t.Errorf("the same peaks again: %v", err)
	}
	if err := r.SetPeaks(f.peaks(8)); err == nil || r.Chunks() != 7 {
		t.Errorf("other peaks after the last chunk was verified: %v, %d chunks", err, r.Chunks())
	}
}

// A liar claims more chunks than there are: hashes over nothing pass for content. The
// smallest claim is right, since nobody can make less of the content.
func TestSmallestClaimWins(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 500)
	for _, claim := range []int{6, 8} {
		r := NewTree(ppsp.SHA256, f.rootHash())
		liar := f.withPeaks(f.proof(0), claim)
		if err := r.Verify(0, f.chunks[0], liar); err != nil {
			t.Fatalf("claim of %d: %v", claim, err)
		}
		if r.Chunks() != uint64(claim) || r.Sized() {
			t.Fatalf("claim of %d: %d chunks, sized %v", claim, r.Chunks(), r.Sized())
		}
		honest := f.withPeaks(f.proof(1), 5)
		if err := r.Verify(1, f.chunks[1], honest); err != nil {
			t.Fatalf("claim of %d, honest peer: %v", claim, err)
		}
		if r.Chunks() != 5 {
			t.Errorf("claim of %d: still %d chunks", claim, r.Chunks())
		}
		if err := r.SetPeaks(f.peaks(claim)); !errors.Is(err, ErrBadHash) || r.Chunks() != 5 {
			t.Errorf("claim of %d again: %v, %d chunks", claim, err, r.Chunks())
		}
		if err := r.Verify(4, f.chunks[4], nil); err != nil || !r.Sized() {
			t.Errorf("claim of %d, last chunk: %v, sized %v", claim, err, r.Sized())
		}
		f.checkAgainst(t, r)
	}
}

// Another liar claims that the tree is taller: peaks of twice, four times … as many chunks
// lead to the root too. The first chunk proves it wrong, and must not cost an honest peer.
func TestTallerClaimIsDropped(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 700)
	for _, layers := range []int{1, 5, 29} {
		r := NewTree(ppsp.SHA256, f.rootHash())
		if err := r.SetPeaks(scaled(f.peaks(7), layers)); err != nil {
			t.Fatalf("the test is void: %v", err)
		}
		if got := r.Chunks(); got != 7<<layers {
			t.Fatalf("%d chunks are claimed, want %d", got, 7<<layers)
		}
		if err := r.Verify(2, f.chunks[2], f.proof(2)); !errors.Is(err, ErrMissingHash) {
			t.Errorf("%d layers: honest chunk without peaks: %v, want missing", layers, err)
		}
		if err := r.Verify(2, f.chunks[2], f.withPeaks(f.proof(2), 7)); err != nil {
			t.Errorf("%d layers: honest chunk with peaks: %v", layers, err)
		}
		if r.Chunks() != 7 {
			t.Errorf("%d layers: still %d chunks", layers, r.Chunks())
		}
		if err := r.SetPeaks(scaled(f.peaks(7), layers)); !errors.Is(err, ErrBadHash) {
			t.Errorf("%d layers: the claim again: %v", layers, err)
		}
	}
}

// The third liar claims that the tree is lower and sends two hashes for a chunk.
func TestTwoHashesAreNoChunk(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 400)
	inner := func(l, r chunk.Bin) []byte { return append(bytes.Clone(f.nodes[l]), f.nodes[r]...) }
	for _, size := range []uint32{0, 100} {
		r := NewTree(ppsp.SHA256, f.rootHash())
		r.SetChunkSize(size)
		one := scaled(f.peaks(4), -2)
		p := new(Proof)
		p.Add(one[0].Bin, one[0].Hash)
		if err := r.Verify(0, inner(1, 5), p); err == nil {
			t.Fatalf("chunk size %d: the root's children pass for the film", size)
		}
		p.Add(scaled(f.peaks(4), -1)[0].Bin, f.rootHash())
		p.Add(2, f.nodes[5])
		if err := r.Verify(0, inner(0, 2), p); err == nil {
			t.Fatalf("chunk size %d: two hashes pass for a chunk", size)
		}
		if err := r.Verify(0, f.chunks[0], f.withPeaks(f.proof(0), 4)); err != nil {
			t.Errorf("chunk size %d: honest peer: %v", size, err)
		}
		if r.Chunks() != 4 {
			t.Errorf("chunk size %d: %d chunks", size, r.Chunks())
		}
	}
}

// Content that looks like two hashes is still content where the link tells its length.
func TestExpect(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 64)
	r := f.receiver(t)
	if err := r.Verify(0, f.chunks[0], nil); !errors.Is(err, ErrMissingHash) {
		t.Errorf("64 bytes of unknown length: %v, want missing", err)
	}
	r.Expect(1)
	if err := r.Verify(0, f.chunks[0], nil); err != nil {
		t.Errorf("64 bytes of known length: %v", err)
	}

	f = newFilm(t, ppsp.SHA256, 100, 500)
	r = NewTree(ppsp.SHA256, f.rootHash())
	r.Expect(5)
	if r.Chunks() != 5 || !r.Sized() {
		t.Errorf("%d chunks, sized %v", r.Chunks(), r.Sized())
	}
	if err := r.Verify(0, f.chunks[0], f.proof(0)); !errors.Is(err, ErrMissingHash) {
		t.Errorf("chunk before the peaks: %v", err)
	}
	for _, wrong := range [][]Node{f.peaks(6), f.peaks(8), scaled(f.peaks(5), 1)} {
		if err := r.SetPeaks(wrong); !errors.Is(err, ErrBadHash) || r.Chunks() != 5 {
			t.Errorf("wrong peaks: %v, %d chunks", err, r.Chunks())
		}
	}
	if err := r.Verify(0, f.chunks[0], f.withPeaks(f.proof(0), 5)); err != nil {
		t.Errorf("chunk with the peaks: %v", err)
	}
	r.Expect(6)
	if r.Chunks() != 5 {
		t.Error("the length changed after it was told")
	}
}

func TestExpectCorrectsAClaim(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 500)
	r := NewTree(ppsp.SHA256, f.rootHash())
	if err := r.SetPeaks(f.peaks(8)); err != nil {
		t.Fatal(err)
	}
	r.Expect(0)
	r.Expect(MaxChunks + 1)
	if r.Chunks() != 8 {
		t.Errorf("an impossible length is taken: %d chunks", r.Chunks())
	}
	r.Expect(5)
	if r.Chunks() != 5 || len(r.AppendPeaks(nil)) != 0 {
		t.Errorf("%d chunks and %d peaks after the length was told", r.Chunks(), len(r.AppendPeaks(nil)))
	}
}

// All chunks as long as two hashes: nothing can tell, so the chunk size has to be known.
func TestChunksAsLongAsTwoHashes(t *testing.T) {
	f := newFilm(t, ppsp.SHA1, 40, 40*5)
	r := f.receiver(t)
	if err := r.Verify(1, f.chunks[1], f.proof(1)); !errors.Is(err, ErrMissingHash) {
		t.Errorf("chunk size unknown: %v", err)
	}
	r.SetChunkSize(40)
	if err := r.Verify(1, f.chunks[1], f.proof(1)); err != nil {
		t.Errorf("chunk size known: %v", err)
	}
}

// "all chunks except the last are of a fixed size" (RFC 7574, 5.6.1)
func TestChunkSizeIsEnforced(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 350)
	r := f.receiver(t)
	r.SetChunkSize(120)
	if err := r.Verify(0, f.chunks[0], f.withPeaks(f.proof(0), 4)); !errors.Is(err, ErrBadHash) {
		t.Errorf("short chunk in the middle: %v", err)
	}
	if err := r.Verify(3, f.chunks[3], f.proof(3)); err != nil {
		t.Errorf("short last chunk: %v", err)
	}
	r = f.receiver(t)
	r.SetChunkSize(90)
	for _, i := range []uint64{0, 3} {
		err := r.Verify(i, f.chunks[i], f.withPeaks(f.proof(i), 4))
		if long := len(f.chunks[i]) > 90; long != errors.Is(err, ErrBadHash) {
			t.Errorf("chunk %d of %d bytes, chunk size 90: %v", i, len(f.chunks[i]), err)
		}
	}
}

// Peaks are found among the hashes of a peer whatever else it sent, in any order.
func TestVerifyFindsPeaksInProof(t *testing.T) {
	for n := 1; n <= 33; n++ {
		f := newFilm(t, ppsp.SHA256, 10, 10*n)
		for i := range n {
			p := f.proof(uint64(i)) // uncles up to the root, some of them incomplete
			p = f.withPeaks(p, n)
			p.Add(f.root, f.rootHash()) // some send the root too
			r := NewTree(ppsp.SHA256, f.rootHash())
			if err := r.Verify(uint64(i), f.chunks[i], p); err != nil {
				t.Fatalf("%d chunks, chunk %d: %v", n, i, err)
			}
			if r.Chunks() != uint64(n) {
				t.Fatalf("%d chunks, chunk %d: %d are counted", n, i, r.Chunks())
			}
		}
	}
}

// Datagrams with one message each bring the peaks one by one.
func TestPeaksOneByOne(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 700)
	r := NewTree(ppsp.SHA256, f.rootHash())
	p := f.proof(0)
	for _, peak := range f.peaks(7) {
		if err := r.Verify(0, f.chunks[0], p); !errors.Is(err, ErrMissingHash) {
			t.Errorf("before peak %d: %v", peak.Bin, err)
		}
		p.Add(peak.Bin, peak.Hash)
	}
	if err := r.Verify(0, f.chunks[0], p); err != nil {
		t.Errorf("with all peaks: %v", err)
	}
}

// Claims take no memory until chunks bear them out.
func TestClaimsTakeNoMemory(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 700)
	r := NewTree(ppsp.SHA256, f.rootHash())
	if err := r.SetPeaks(scaled(f.peaks(7), 29)); err != nil {
		t.Fatal(err)
	}
	if m, ok := r.nodes.Nodes.(*memory); !ok || len(m.pages) != 0 {
		t.Errorf("a claim of %d chunks made %d pages", r.Chunks(), len(m.pages))
	}
}

// A peer can make us look for peaks only so often.
func TestPeakSearchesAreBounded(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 700)
	r := NewTree(ppsp.SHA256, f.rootHash())
	p := new(Proof)
	p.Add(3, f.nodes[9])
	for k := range 10 * maxPeakTries {
		p.Add(chunk.Leaf(uint64(100+k)), f.nodes[3])
		if err := r.Verify(0, f.chunks[0], p); !errors.Is(err, ErrMissingHash) {
			t.Fatal(err)
		}
	}
	if p.tries > maxPeakTries+1 {
		t.Errorf("%d tries, want at most %d", p.tries, maxPeakTries)
	}
}

// The peak of 2^k chunks is the root, and a peer may think that needs no telling: the hashes
// up to it are proof enough. Nothing less is.
func TestRootIsPeak(t *testing.T) {
	for _, n := range []int{1, 2, 4, 64} {
		f := newFilm(t, ppsp.SHA1, 100, 100*n)
		r, p := NewTree(ppsp.SHA1, f.rootHash()), new(Proof)
		r.SetChunkSize(100)
		p.Announced(uint64(n))
		for i := range uint64(n) {
			if n > 1 {
				if err := r.Verify(i, f.chunks[i], p); !errors.Is(err, ErrMissingHash) && i == 0 {
					t.Errorf("%d chunks, the first without hashes: %v", n, err)
				}
			}
			for at := chunk.Leaf(i); at.Range().Len() < uint64(n); at = at.Parent() {
				p.Add(at.Sibling(), f.nodes[at.Sibling()])
			}
			bad := bytes.Clone(f.chunks[i])
			bad[0] ^= 1
			if err := r.Verify(i, bad, p); err == nil {
				t.Errorf("%d chunks: chunk %d was taken although it is wrong", n, i)
			}
			if err := r.Verify(i, f.chunks[i], p); err != nil {
				t.Errorf("%d chunks: chunk %d: %v", n, i, err)
			}
		}
		if r.Chunks() != uint64(n) || !r.Sized() {
			t.Errorf("%d chunks: the tree has %d, proven: %v", n, r.Chunks(), r.Sized())
		}
	}
	// Who announced another number is not taken at its word for this one.
	for _, announced := range []uint64{0, 3, 8, 2, 6} {
		f := newFilm(t, ppsp.SHA1, 100, 400)
		r, p := NewTree(ppsp.SHA1, f.rootHash()), f.proof(0)
		p.Announced(announced)
		if err := r.Verify(0, f.chunks[0], p); !errors.Is(err, ErrMissingHash) {
			t.Errorf("%d announced: %v", announced, err)
		}
	}
	// A path to the root that does not begin with chunk 0 is none.
	f := newFilm(t, ppsp.SHA1, 100, 400)
	r, p := NewTree(ppsp.SHA1, f.rootHash()), new(Proof)
	p.Announced(4)
	for at := chunk.Leaf(0); at.Range().Len() < 4; at = at.Parent() {
		p.Add(chunk.NewBin(at.Layer(), at.Sibling().Offset()+4>>at.Layer()), f.nodes[at.Sibling()])
	}
	if err := r.Verify(4, f.chunks[0], p); err == nil || r.Chunks() != 0 {
		t.Errorf("chunk 0 passes for chunk 4: %v, %d chunks", err, r.Chunks())
	}
}
