package merkle

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// The largest film is addressed to its last chunk, and not one further.
func TestMaxChunks(t *testing.T) {
	root := bytes.Repeat([]byte{7}, 32)
	r := NewTree(ppsp.SHA256, root)
	if err := r.SetPeaks([]Node{{chunk.NewBin(32, 0), root}}); err != nil || r.Chunks() != MaxChunks {
		t.Errorf("peaks of 2^32 chunks: %v, %d chunks", err, r.Chunks())
	}
	r = NewTree(ppsp.SHA256, root)
	if r.Expect(MaxChunks); r.Chunks() != MaxChunks {
		t.Errorf("a length of 2^32 chunks is not taken")
	}
	s := paged{Nodes: &memory{size: PageSlots * 32}, size: 32}
	last := chunk.Leaf(MaxChunks - 1)
	s.put(last, root)
	s.put(chunk.Leaf(MaxChunks), root)
	if !bytes.Equal(s.get(last), root) || s.get(chunk.Leaf(MaxChunks)) != nil {
		t.Error("the last chunk's hash is lost, or one behind it kept")
	}
	if s.get(chunk.NoBin-1) != nil {
		t.Error("a node far out is known")
	}
}

// H("") would be the root of content without any byte, which is nobody's film.
func TestEmptyChunkIsRefused(t *testing.T) {
	sum := sha256.Sum256(nil)
	r := NewTree(ppsp.SHA256, sum[:])
	p := new(Proof)
	p.Add(0, sum[:])
	if err := r.Verify(0, nil, p); !errors.Is(err, ErrBadHash) {
		t.Errorf("a chunk of no bytes: %v", err)
	}
}

// Only what is new is searched for peaks.
func TestPeaksAreSearchedOnce(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 700)
	r := NewTree(ppsp.SHA256, f.rootHash())
	p := new(Proof)
	p.Add(3, f.nodes[9])
	for range 5 {
		if err := r.Verify(0, f.chunks[0], p); !errors.Is(err, ErrMissingHash) {
			t.Fatal(err)
		}
	}
	if p.tries != 1 {
		t.Errorf("%d searches of the same nodes", p.tries)
	}
	p.Add(100, f.nodes[9])
	_ = r.Verify(0, f.chunks[0], p)
	if p.tries != 2 {
		t.Errorf("%d searches after one more node, want 2", p.tries)
	}
}

// A window exactly full keeps all of it.
func TestFullWindow(t *testing.T) {
	hash := bytes.Repeat([]byte{1}, 20)
	l := NewLive(ppsp.SHA1)
	for k := range uint64(MaxLiveChunks / MaxMunroChunks) {
		if err := l.AddMunro(chunk.NewBin(16, MaxLiveChunks/MaxMunroChunks-1-k), hash); err != nil {
			t.Errorf("munro %d, oldest last: %v", k, err)
		}
	}
	if l.Munros() != MaxLiveChunks/MaxMunroChunks {
		t.Errorf("%d munros are kept", l.Munros())
	}
	if err := l.AddMunro(chunk.NewBin(0, MaxLiveChunks), hash); err != nil || l.Munros() != MaxLiveChunks/MaxMunroChunks {
		t.Errorf("one chunk more: %v, %d munros", err, l.Munros())
	}
	if _, ok := l.MunroOf(0); ok {
		t.Error("the oldest is kept beyond the bound")
	}
}

// FuzzVerify plays chunks, altered ones and hashes in the order of a script, and holds what
// the tree says against the oracle.
func FuzzVerify(f *testing.F) {
	f.Add(uint8(7), []byte{0, 0, 1, 1, 2, 2, 6, 0, 0x46, 0, 3, 9})
	f.Add(uint8(60), []byte{59, 0, 0x80, 30, 0xc1, 1, 17, 5, 17, 0})
	f.Fuzz(func(t *testing.T, n uint8, script []byte) {
		if n == 0 || len(script) > 400 {
			return
		}
		film := newFilm(t, ppsp.SHA1, 10, 10*int(n)-3)
		r := NewTree(ppsp.SHA1, film.rootHash())
		var p, liar Proof
		film.withPeaks(&p, int(n))
		for ; len(script) >= 2; script = script[2:] {
			i := uint64(script[0]&0x3f) % uint64(n)
			data, how := film.chunks[i], script[0]>>6
			switch how {
			case 0: // an honest peer
				film.offer(&p, r, i)
				if err := r.Verify(i, data, &p); err != nil {
					t.Fatalf("honest chunk %d: %v", i, err)
				}
			case 1: // an altered chunk with right hashes
				film.offer(&p, r, i)
				bad := bytes.Clone(data)
				bad[int(script[1])%len(bad)] ^= 1
				if r.Verify(i, bad, &p) == nil {
					t.Fatalf("altered chunk %d is taken", i)
				}
			case 2: // a right chunk with whatever hashes
				film.offer(&liar, r, i)
				liar.Add(chunk.Bin(script[1]), film.nodes[chunk.Leaf(i)])
				_ = r.Verify(i, data, &liar)
			default: // peaks of whatever claim
				claim := int(script[1])%int(n) + 1
				_ = r.SetPeaks(film.peaks(claim))
				film.withPeaks(&liar, claim)
			}
			film.checkAgainst(t, r)
			if c := r.Chunks(); c != 0 && c < uint64(n) {
				t.Fatalf("%d chunks are counted of %d", c, n)
			}
		}
	})
}
