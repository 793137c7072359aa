package merkle

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Three other implementations agree on the first root for this content.
func TestRootsOfCapturedSessions(t *testing.T) {
	for h, want := range map[ppsp.Hash]string{
		ppsp.SHA1:   "f0fc2fa21dad1429d4ad8ee1dd034489f482aa19",
		ppsp.SHA256: "92484abbcca0c07a2b01455a5085f18c04acd313d6a212501be14f609474fb71",
	} {
		f := newFilm(t, h, 1024, 61440)
		if got := hex.EncodeToString(f.tree.Root()); got != want {
			t.Errorf("%v: root %s, want %s", h, got, want)
		}
		if f.tree.Chunks() != 60 || !f.tree.Sized() {
			t.Errorf("%v: %d chunks, sized %v", h, f.tree.Chunks(), f.tree.Sized())
		}
	}
}

func TestBuildAgainstOracle(t *testing.T) {
	for _, h := range hashes {
		for n := 1; n <= 40; n++ {
			for _, short := range []int{0, 1, 15} {
				f := newFilm(t, h, 16, 16*n-short)
				if !bytes.Equal(f.tree.Root(), f.rootHash()) {
					t.Fatalf("%v, %d chunks, last %d short: root %x, want %x", h, n, short, f.tree.Root(), f.rootHash())
				}
				if known := f.checkAgainst(t, f.tree); known < 2*n-len(f.peaks(n)) {
					t.Fatalf("%v, %d chunks: only %d nodes are known", h, n, known)
				}
			}
		}
	}
}

// RFC 7574, 5.6.1: "a file is 7162 bytes long and a chunk is 1 kilobyte. That file fits
// into 7 chunks, the tail chunk being 1018 bytes long. … the peak hashes of this file are
// in nodes 3, 9, and 12".
func TestPeaksOfFigure4(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 1024, 7162)
	var bins []chunk.Bin
	for _, peak := range f.tree.AppendPeaks(nil) {
		bins = append(bins, peak.Bin)
		if !bytes.Equal(peak.Hash, f.nodes[peak.Bin]) {
			t.Errorf("hash of peak %d is wrong", peak.Bin)
		}
	}
	if !slices.Equal(bins, []chunk.Bin{3, 9, 12}) {
		t.Errorf("peaks are %d, want 3, 9, 12", bins)
	}
	r := f.receiver(t)
	if r.Chunks() != 7 {
		t.Errorf("receiver counts %d chunks, want 7", r.Chunks())
	}
}

// RFC 7574, 5.5, Table 1: hashes sent for a progressive download of the example tree, here
// with an eighth chunk, so that node 11 is no incomplete one.
func TestHashesSentOfTable1(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 1024, 8192)
	want := [][]chunk.Bin{{11, 5, 2}, nil, {6}, nil, {13, 10}, nil, {14}, nil}
	r := f.receiver(t)
	total := 0
	for i, data := range f.chunks {
		bins := f.tree.AppendUncles(nil, uint64(i), func(b chunk.Bin) bool { _, ok := r.Hash(b); return ok })
		if !slices.Equal(bins, want[i]) {
			t.Errorf("chunk %d takes hashes %d, want %d", i, bins, want[i])
		}
		total += len(bins)
		var p Proof
		f.offer(&p, r, uint64(i))
		if err := r.Verify(uint64(i), data, &p); err != nil {
			t.Fatalf("chunk %d: %v", i, err)
		}
	}
	if total != 7 {
		t.Errorf("%d hashes in total, want 7", total)
	}
}

func TestVerifyInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, h := range hashes {
		for _, n := range []int{1, 2, 3, 5, 8, 13, 60, 100, 257} {
			f := newFilm(t, h, 100, 100*n-n%7)
			r := f.receiver(t)
			var p Proof
			for _, i := range random.Perm(n) {
				f.offer(&p, r, uint64(i))
				if err := r.Verify(uint64(i), f.chunks[i], &p); err != nil {
					t.Fatalf("%v, %d chunks, chunk %d: %v", h, n, i, err)
				}
				if !r.Sized() && i == n-1 {
					t.Fatalf("%v, %d chunks: the last one does not prove their number", h, n)
				}
			}
			f.checkAgainst(t, r)
			for b := range f.nodes {
				if _, ok := f.tree.Hash(b); ok {
					if _, ok := r.Hash(b); !ok {
						t.Fatalf("%v, %d chunks: complete receiver lacks node %d", h, n, b)
					}
				}
			}
		}
	}
}

// "Suppose the receiver had acknowledged chunks C0 and C1 …, then it must already have
// uncle hashes 5, 11, and so on. … Hence, to send chunk C7, the sender needs to include just
// the hashes for nodes 14 and 9" (RFC 7574, 5.3; its C7 is our chunk 6).
func TestVerifyClimbsToNearestKnownNode(t *testing.T) {
	f := newFilm(t, ppsp.SHA1, 64, 8*64)
	r := f.receiver(t)
	if err := r.Verify(0, f.chunks[0], f.proof(0)); err != nil {
		t.Fatal(err)
	}
	var p Proof
	p.Add(14, f.nodes[14])
	if err := r.Verify(6, f.chunks[6], &p); !errors.Is(err, ErrMissingHash) {
		t.Errorf("without node 9: %v, want missing", err)
	}
	p.Add(9, f.nodes[9])
	if err := r.Verify(6, f.chunks[6], &p); err != nil {
		t.Errorf("with nodes 14 and 9: %v", err)
	}
	for _, b := range []chunk.Bin{0, 1, 2, 3, 5, 7, 9, 11, 12, 13, 14} {
		if hash, ok := r.Hash(b); !ok || !bytes.Equal(hash, f.nodes[b]) {
			t.Errorf("node %d is not remembered", b)
		}
	}
	for _, b := range []chunk.Bin{4, 6, 8, 10} {
		if _, ok := r.Hash(b); ok {
			t.Errorf("node %d is called verified, though nothing led there", b)
		}
	}
	if err := r.Verify(7, f.chunks[7], nil); err != nil {
		t.Errorf("sibling of a verified chunk, without hashes: %v", err)
	}
}

// snapshot is all that a tree in memory holds.
func snapshot(t *Tree) []byte {
	b := t.AppendState(nil)
	pages := t.nodes.Nodes.(*memory).pages
	for _, id := range slices.SortedFunc(maps.Keys(pages), func(a, b PageID) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.Number, b.Number))
	}) {
		b = append(fmt.Appendf(b, "%v", id), pages[id]...)
	}
	return b
}

func TestVerifyRefusesWithoutPoison(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 100*21)
	r := f.receiver(t)
	if err := r.Verify(3, f.chunks[3], f.proof(3)); err != nil {
		t.Fatal(err)
	}
	before := snapshot(r)
	refused := func(what string, want error, i uint64, data []byte, p *Proof) {
		t.Helper()
		if err := r.Verify(i, data, p); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if !bytes.Equal(snapshot(r), before) {
			t.Fatalf("%s left something in the tree", what)
		}
	}
	refused("a chunk of another place", ErrBadHash, 9, f.chunks[10], f.proof(9))
	refused("a chunk without its last byte", ErrBadHash, 9, f.chunks[9][:99], f.proof(9))
	refused("an empty chunk", ErrBadHash, 9, nil, f.proof(9))
	refused("a chunk that is known otherwise", ErrBadHash, 3, f.chunks[4], nil)
	refused("a chunk behind the end", ErrBadHash, 21, f.chunks[9], f.proof(9))
	refused("a chunk far behind the end", ErrBadHash, 1<<63, f.chunks[9], f.proof(9))
	refused("no hashes", ErrMissingHash, 9, f.chunks[9], nil)
	refused("no hashes but a proof", ErrMissingHash, 9, f.chunks[9], new(Proof))
	for bit := range 8 * len(f.chunks[9]) {
		altered := bytes.Clone(f.chunks[9])
		altered[bit/8] ^= 1 << (bit % 8)
		if err := r.Verify(9, altered, f.proof(9)); !errors.Is(err, ErrBadHash) {
			t.Fatalf("bit %d altered: %v", bit, err)
		}
	}
	for _, b := range []chunk.Bin{16, 21, 27, 3 /* known: not looked at */} {
		p := f.proof(9)
		if p.Get(b) == nil {
			continue
		}
		p.Add(b, bytes.Repeat([]byte{9}, 32))
		refused(fmt.Sprintf("a wrong hash for node %d", b), ErrBadHash, 9, f.chunks[9], p)
	}
	if err := r.Verify(9, f.chunks[9], f.proof(9)); err != nil {
		t.Errorf("the right chunk after all that: %v", err)
	}
}

// A liar spoils its own proof only.
func TestProofsOfPeersAreApart(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 1600)
	r := f.receiver(t)
	if err := r.Verify(15, f.chunks[15], f.proof(15)); err != nil {
		t.Fatal(err)
	}
	var liar, honest Proof
	f.offer(&liar, r, 5)
	f.offer(&honest, r, 5)
	liar.Add(chunk.Leaf(4), bytes.Repeat([]byte{1}, 32))
	if err := r.Verify(5, f.chunks[5], &liar); !errors.Is(err, ErrBadHash) {
		t.Fatalf("liar: %v", err)
	}
	if err := r.Verify(5, f.chunks[5], &honest); err != nil {
		t.Errorf("honest peer after the liar: %v", err)
	}
	liar.Add(chunk.Leaf(4), f.nodes[chunk.Leaf(4)]) // corrected, it is believed again
	if err := r.Verify(4, f.chunks[4], &liar); err != nil {
		t.Errorf("corrected liar: %v", err)
	}
}

func TestAppendUncles(t *testing.T) {
	f := newFilm(t, ppsp.SHA1, 100, 1300) // peaks 7, 19, 24
	none := func(chunk.Bin) bool { return false }
	for _, v := range []struct {
		i     uint64
		known []chunk.Bin
		want  []chunk.Bin
	}{
		{0, nil, []chunk.Bin{11, 5, 2}},
		{7, nil, []chunk.Bin{3, 9, 12}},
		{9, nil, []chunk.Bin{21, 16}},
		{12, nil, nil},
		{13, nil, nil}, // there is none
		{7, []chunk.Bin{13}, []chunk.Bin{12}},
		{7, []chunk.Bin{14}, nil},
		{7, []chunk.Bin{9}, []chunk.Bin{3, 12}}, // sent before, though the parent isn't known
	} {
		bins := f.tree.AppendUncles([]chunk.Bin{99}, v.i, func(b chunk.Bin) bool { return slices.Contains(v.known, b) })
		if !slices.Equal(bins[1:], v.want) || bins[0] != 99 {
			t.Errorf("chunk %d to a receiver that has %d: %d, want %d", v.i, v.known, bins[1:], v.want)
		}
	}
	if bins := NewTree(ppsp.SHA1, f.rootHash()).AppendUncles(nil, 0, none); len(bins) != 0 {
		t.Errorf("a tree without peaks names uncles %d", bins)
	}
}

// 12.5: SHA-1 is mandatory; an unknown function must not pass for a tree of no hashes.
func TestUnknownHashFunction(t *testing.T) {
	if _, _, err := Build(9, 1024, bytes.NewReader([]byte{1})); err == nil {
		t.Error("Build takes hash function 9")
	}
	r := NewTree(9, nil)
	if err := r.SetPeaks([]Node{{0, nil}}); err == nil {
		t.Error("peaks without hashes are taken")
	}
	if err := r.Verify(0, []byte{1}, nil); !errors.Is(err, ErrMissingHash) {
		t.Errorf("chunk: %v", err)
	}
	if err := NewLive(9).AddMunro(1, nil); err == nil {
		t.Error("a munro without hash is taken")
	}
}

func TestZeroTree(t *testing.T) {
	var r Tree
	p := new(Proof)
	p.Add(0, make([]byte, 20))
	p.Add(0, bytes.Repeat([]byte{1}, 20))
	if err := r.Verify(0, []byte{1}, p); !errors.Is(err, ErrMissingHash) {
		t.Errorf("chunk: %v", err)
	}
	if _, ok := r.Hash(0); ok || r.Chunks() != 0 || r.Root() != nil {
		t.Error("zero tree knows something")
	}
}
