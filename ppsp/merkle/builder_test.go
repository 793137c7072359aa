package merkle

import (
	"bytes"
	"errors"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// A Builder makes the tree that Build makes of the same chunks, and of any others: "the
// construction does not assume chunks of content to be of a fixed size" (RFC 7574, 5.1).
func TestBuilder(t *testing.T) {
	content := bytes.Repeat([]byte("chunks of content "), 100)
	want, _, err := Build(ppsp.SHA256, 64, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuilder(ppsp.SHA256)
	for rest := content; len(rest) > 0; {
		n := min(64, len(rest))
		if err := b.Add(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	got, err := b.Tree()
	if err != nil || !bytes.Equal(got.Root(), want.Root()) || got.Chunks() != want.Chunks() {
		t.Errorf("root %x of %d chunks, error %v; want %x of %d", got.Root(), got.Chunks(), err, want.Root(), want.Chunks())
	}
	// Any sizes: what a receiver verifies by the hashes that it needs.
	b = NewBuilder(ppsp.SHA1)
	sizes := []int{1, 300, 40, 7, 40_000, 2, 9}
	for k, n := range sizes {
		if err := b.Add(bytes.Repeat([]byte{byte(k)}, n)); err != nil || b.Chunks() != uint64(k+1) {
			t.Fatal(err)
		}
	}
	made, err := b.Tree()
	if err != nil {
		t.Fatal(err)
	}
	receiver, proof := NewTree(ppsp.SHA1, made.Root()), Proof{}
	for peak := range chunk.Peaks(made.Chunks()) {
		hash, _ := made.Hash(peak)
		proof.Add(peak, hash)
	}
	for k, n := range sizes {
		for _, bin := range made.AppendUncles(nil, uint64(k), func(chunk.Bin) bool { return false }) {
			hash, _ := made.Hash(bin)
			proof.Add(bin, hash)
		}
		if err := receiver.Verify(uint64(k), bytes.Repeat([]byte{byte(k)}, n), &proof); err != nil {
			t.Errorf("chunk %d of %d bytes: %v", k, n, err)
		}
	}
}

func TestBuilderRefuses(t *testing.T) {
	b := NewBuilder(ppsp.SHA256)
	if err := b.Add(nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty chunk: error %v", err)
	}
	if _, err := b.Tree(); !errors.Is(err, ErrEmpty) {
		t.Errorf("no chunk: error %v", err)
	}
	if err := NewBuilder(99).Add([]byte{1}); err == nil {
		t.Error("an unknown hash function was taken")
	}
}

// The last subtree of a broadcast: leaves behind the newest chunk "are assigned an empty hash
// value of all zeros" (RFC 7574, 5.1), and a receiver that takes such hashes verifies by them.
func TestLastSubtree(t *testing.T) {
	for n := uint64(1); n < 8; n++ {
		source, receiver := NewLive(ppsp.SHA256), NewLive(ppsp.SHA256)
		b := NewBuilder(ppsp.SHA256)
		for i := range 8 + n {
			source.Append(i, []byte{byte(i)})
			if err := b.Add([]byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, ok := source.Munro(chunk.Range{End: 8}); !ok {
			t.Fatal("no first munro")
		}
		last := chunk.Range{Start: 8, End: 16}
		hash, ok := source.Last(last)
		if !ok {
			t.Fatalf("%d chunks make no last subtree", n)
		}
		// It is the right half of the whole tree.
		film, err := b.Tree()
		if err != nil {
			t.Fatal(err)
		}
		first, _ := source.Hash(chunk.NewBin(3, 0))
		if root := NewHasher(ppsp.SHA256).AppendParent(nil, first, hash); !bytes.Equal(root, film.Root()) {
			t.Errorf("%d chunks: the root over both subtrees is not that of the film", n)
		}
		munro, _ := chunk.BinOf(last)
		if err := receiver.AddMunro(munro, hash); err != nil {
			t.Fatal(err)
		}
		var strict, proof Proof
		proof.TakeEmpties()
		for i := last.Start; i < 8+n; i++ {
			for _, bin := range source.AppendUncles(nil, i, func(chunk.Bin) bool { return false }) {
				h, _ := source.Hash(bin)
				proof.Add(bin, h)
				strict.Add(bin, h)
			}
			if n < 4 && i == last.Start { // some leaves of its own half are empty
				if err := receiver.Verify(i, []byte{byte(i)}, &strict); !errors.Is(err, ErrMissingHash) {
					t.Errorf("%d chunks: without hashes of no content: %v", n, err)
				}
			}
			if err := receiver.Verify(i, []byte{byte(i)}, &proof); err != nil {
				t.Errorf("%d chunks: chunk %d: %v", n, i, err)
			}
		}
	}
	if _, ok := NewLive(ppsp.SHA256).Last(chunk.Range{End: 8}); ok {
		t.Error("a subtree of nothing")
	}
}
