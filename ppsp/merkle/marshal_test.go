package merkle

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

var (
	_ encoding.BinaryMarshaler   = (*Tree)(nil)
	_ encoding.BinaryAppender    = (*Tree)(nil)
	_ encoding.BinaryUnmarshaler = (*Tree)(nil)
)

func TestMarshalRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, h := range hashes {
		for _, n := range []int{1, 2, 7, 60, 300} {
			f := newFilm(t, h, 50, 50*n-3)
			r := f.receiver(t)
			r.SetChunkSize(50)
			for _, i := range random.Perm(n)[:n/2] {
				if err := r.Verify(uint64(i), f.chunks[i], f.proof(uint64(i))); err != nil {
					t.Fatal(err)
				}
			}
			for what, tree := range map[string]*Tree{"whole": f.tree, "half": r, "empty": NewTree(h, f.rootHash())} {
				b := mustMarshal(t, tree)
				var back Tree
				if err := back.UnmarshalBinary(b); err != nil {
					t.Fatalf("%v, %s tree of %d chunks: %v", h, what, n, err)
				}
				if !bytes.Equal(mustMarshal(t, &back), b) {
					t.Fatalf("%v, %s tree of %d chunks comes back as another", h, what, n)
				}
				if back.Chunks() != tree.Chunks() || back.Sized() != tree.Sized() || !bytes.Equal(back.Root(), tree.Root()) {
					t.Errorf("%v, %s tree: %d chunks, sized %v", h, what, back.Chunks(), back.Sized())
				}
				if x, y := f.checkAgainst(t, &back), f.checkAgainst(t, tree); x != y {
					t.Errorf("%v, %s tree of %d chunks: %d nodes come back of %d", h, what, n, x, y)
				}
			}
		}
	}
}

func TestRestoredTreeGoesOn(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 100, 1000)
	r := f.receiver(t)
	if err := r.Verify(0, f.chunks[0], f.proof(0)); err != nil {
		t.Fatal(err)
	}
	back := NewTree(ppsp.SHA256, f.rootHash())
	if err := back.UnmarshalBinary(mustMarshal(t, r)); err != nil {
		t.Fatal(err)
	}
	if err := back.Verify(1, f.chunks[1], nil); err != nil {
		t.Errorf("sibling of a stored chunk: %v", err)
	}
	if err := back.Verify(9, f.chunks[9], f.proof(9)); err != nil || !back.Sized() {
		t.Errorf("last chunk: %v, sized %v", err, back.Sized())
	}
}

func TestUnmarshalFindsDamage(t *testing.T) {
	f := newFilm(t, ppsp.SHA1, 50, 333)
	b := mustMarshal(t, f.tree)
	for at := range b {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(b)
			bad[at] ^= bit
			r := NewTree(ppsp.SHA1, f.rootHash())
			if err := r.UnmarshalBinary(bad); err == nil {
				t.Fatalf("byte %d altered: taken", at)
			}
			if r.Chunks() != 0 {
				t.Fatalf("byte %d altered: left %d chunks", at, r.Chunks())
			}
		}
	}
	for n := range b {
		if err := new(Tree).UnmarshalBinary(b[:n]); !errors.Is(err, errDamaged) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if err := new(Tree).UnmarshalBinary(append(bytes.Clone(b), 0)); err == nil {
		t.Error("a byte more is taken")
	}
}

// seal gives altered bytes the checksum of an author who meant them.
func seal(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// A right checksum over wrong numbers must do no harm either.
func TestUnmarshalRefusesNonsense(t *testing.T) {
	f := newFilm(t, ppsp.SHA1, 50, 333)
	whole := mustMarshal(t, f.tree)
	body := whole[:len(whole)-sha256.Size]
	page := headerSize + 20*(1+3)
	alter := func(change func(b []byte) []byte) []byte { return seal(change(bytes.Clone(body))) }
	for what, b := range map[string][]byte{
		"an unknown hash":      alter(func(b []byte) []byte { b[4] = 77; return b }),
		"no root":              alter(func(b []byte) []byte { return b[:headerSize+19] }),
		"too many chunks":      alter(func(b []byte) []byte { b[10] = 1; return b }),
		"other peaks":          alter(func(b []byte) []byte { b[headerSize+20] ^= 1; return b }),
		"another number":       alter(func(b []byte) []byte { b[headerSize-1]++; return b }),
		"no peaks":             alter(func(b []byte) []byte { return b[:headerSize+20*3] }),
		"half a page's header": alter(func(b []byte) []byte { return b[:page+20] }),
		"half a page":          alter(func(b []byte) []byte { return b[:len(b)-1] }),
		"a page far out":       alter(func(b []byte) []byte { binary.BigEndian.PutUint64(b[page:], 1<<24); return b }),
	} {
		if err := new(Tree).UnmarshalBinary(b); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v, want damaged", what, err)
		}
	}
}

func TestUnmarshalRefusesOtherContent(t *testing.T) {
	f, other := newFilm(t, ppsp.SHA256, 50, 333), newFilm(t, ppsp.SHA256, 50, 334)
	r := NewTree(ppsp.SHA256, f.rootHash())
	if err := r.UnmarshalBinary(mustMarshal(t, other.tree)); err == nil || !strings.Contains(err.Error(), "is of content") {
		t.Errorf("another film's tree: %v", err)
	}
	r.Expect(8)
	if err := r.UnmarshalBinary(mustMarshal(t, f.tree)); err == nil || !strings.Contains(err.Error(), "7 chunks") {
		t.Errorf("tree of 7 chunks where the link says 8: %v", err)
	}
	r = NewTree(ppsp.SHA256, f.rootHash())
	r.Expect(7)
	r.SetChunkSize(50)
	if err := r.UnmarshalBinary(mustMarshal(t, NewTree(ppsp.SHA256, f.rootHash()))); err == nil {
		t.Error("tree without chunks where the link says 7: taken")
	}
	if err := r.UnmarshalBinary(mustMarshal(t, f.receiver(t))); err != nil || !r.Sized() {
		t.Errorf("a receiver's tree of 7 chunks: %v, sized %v", err, r.Sized())
	}
}

func FuzzUnmarshal(f *testing.F) {
	film := newFilm(f, ppsp.SHA1, 50, 333)
	for _, tree := range []*Tree{film.tree, film.receiver(f), NewTree(ppsp.SHA1, film.rootHash())} {
		b := mustMarshal(f, tree)
		f.Add(b[:len(b)-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Tree
		if r.UnmarshalBinary(seal(bytes.Clone(b))) != nil {
			return
		}
		again, err := r.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var back Tree
		if err := back.UnmarshalBinary(again); err != nil {
			t.Errorf("what was read can't be read again: %v", err)
		}
		_ = r.Verify(0, []byte("chunk"), nil)
	})
}
