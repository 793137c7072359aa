package merkle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// restored is a tree that begins with the state and the nodes of another.
func restored(t testing.TB, h ppsp.Hash, root []byte, from *Tree) *Tree {
	t.Helper()
	back := NewTree(h, root)
	back.KeepIn(from.nodes.Nodes)
	if err := back.SetState(from.AppendState(nil)); err != nil {
		t.Fatal(err)
	}
	return back
}

func TestStateRoundTrip(t *testing.T) {
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
				b := tree.AppendState([]byte("x"))
				if len(b) > 1+MaxStateSize {
					t.Errorf("%v, %s tree of %d chunks: %d bytes", h, what, n, len(b))
				}
				back := restored(t, h, f.rootHash(), tree)
				if !bytes.Equal(back.AppendState([]byte("x")), b) {
					t.Fatalf("%v, %s tree of %d chunks comes back as another", h, what, n)
				}
				if back.Chunks() != tree.Chunks() || back.Sized() != tree.Sized() || !bytes.Equal(back.Root(), tree.Root()) {
					t.Errorf("%v, %s tree: %d chunks, sized %v", h, what, back.Chunks(), back.Sized())
				}
				if x, y := f.checkAgainst(t, back), f.checkAgainst(t, tree); x != y {
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
	back := restored(t, ppsp.SHA256, f.rootHash(), r)
	if err := back.Verify(1, f.chunks[1], nil); err != nil {
		t.Errorf("sibling of a stored chunk: %v", err)
	}
	if err := back.Verify(9, f.chunks[9], f.proof(9)); err != nil || !back.Sized() {
		t.Errorf("last chunk: %v, sized %v", err, back.Sized())
	}
}

// Whoever stores the state finds accidents by a checksum; but numbers that can't be do no
// harm either.
func TestStateOfNonsense(t *testing.T) {
	f := newFilm(t, ppsp.SHA1, 50, 333)
	whole := f.tree.AppendState(nil)
	alter := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(whole)) }
	for what, b := range map[string][]byte{
		"nothing":         nil,
		"an unknown hash": alter(func(b []byte) []byte { b[0] = 77; return b }),
		"no root":         alter(func(b []byte) []byte { return b[:stateHeader+19] }),
		"too many chunks": alter(func(b []byte) []byte { b[6] = 1; return b }),
		"other peaks":     alter(func(b []byte) []byte { b[stateHeader+20] ^= 1; return b }),
		"another number":  alter(func(b []byte) []byte { b[stateHeader-1]++; return b }),
		"half a peak":     alter(func(b []byte) []byte { return b[:len(b)-1] }),
		"a byte more":     alter(func(b []byte) []byte { return append(b, 0) }),
	} {
		r := NewTree(ppsp.SHA1, f.rootHash())
		if err := r.SetState(b); !errors.Is(err, errDamaged) || r.Chunks() != 0 {
			t.Errorf("%s: %v, %d chunks; want damaged", what, err, r.Chunks())
		}
	}
}

func TestStateOfOtherContent(t *testing.T) {
	f, other := newFilm(t, ppsp.SHA256, 50, 333), newFilm(t, ppsp.SHA256, 50, 334)
	r := NewTree(ppsp.SHA256, f.rootHash())
	if err := r.SetState(other.tree.AppendState(nil)); err == nil || !strings.Contains(err.Error(), "is of content") {
		t.Errorf("another film's tree: %v", err)
	}
	r.Expect(8)
	if err := r.SetState(f.tree.AppendState(nil)); err == nil || !strings.Contains(err.Error(), "7 chunks") {
		t.Errorf("tree of 7 chunks where the link says 8: %v", err)
	}
	r = NewTree(ppsp.SHA256, f.rootHash())
	r.Expect(7)
	r.SetChunkSize(50)
	if err := r.SetState(NewTree(ppsp.SHA256, f.rootHash()).AppendState(nil)); err == nil {
		t.Error("tree without chunks where the link says 7: taken")
	}
	if err := r.SetState(f.receiver(t).AppendState(nil)); err != nil || !r.Sized() {
		t.Errorf("a receiver's tree of 7 chunks: %v, sized %v", err, r.Sized())
	}
}

func FuzzState(f *testing.F) {
	film := newFilm(f, ppsp.SHA1, 50, 333)
	for _, tree := range []*Tree{film.tree, film.receiver(f), NewTree(ppsp.SHA1, film.rootHash())} {
		f.Add(tree.AppendState(nil))
	}
	f.Add(binary.BigEndian.AppendUint64([]byte{0, flagPeaks, 0, 0, 4, 0}, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewTree(ppsp.SHA1, film.rootHash())
		if r.SetState(b) != nil {
			return
		}
		back := NewTree(ppsp.SHA1, film.rootHash())
		if err := back.SetState(r.AppendState(nil)); err != nil {
			t.Errorf("what was read can't be read again: %v", err)
		}
		_ = r.Verify(0, []byte("chunk"), nil)
	})
}
