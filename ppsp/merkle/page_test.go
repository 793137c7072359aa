package merkle

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Every node below layer 32 has one place, no place has two nodes, and two are never used.
func TestPageOf(t *testing.T) {
	type place struct {
		id   PageID
		slot int
	}
	taken := map[place]chunk.Bin{}
	for layer := range uint(20) {
		for at := range uint64(1<<20) >> layer {
			if at > 3000 {
				break
			}
			b := chunk.NewBin(layer, at)
			id, slot := PageOf(b)
			if old, twice := taken[place{id, slot}]; twice {
				t.Fatalf("nodes %d and %d share slot %d of %v", old, b, slot, id)
			}
			taken[place{id, slot}] = b
			if slot < 0 || slot >= PageSlots || slot == PageSlots/2-1 || slot == PageSlots-1 {
				t.Fatalf("node %d lies in slot %d", b, slot)
			}
			if back := id.Bin(slot); back != b {
				t.Fatalf("node %d lies in slot %d of %v, where node %d is", b, slot, id, back)
			}
			if r := b.Range(); !id.Chunks().Contains(r.Start) || r.End > id.Chunks().End {
				t.Fatalf("node %d over %v lies in %v over %v", b, r, id, id.Chunks())
			}
		}
	}
	for _, b := range []chunk.Bin{chunk.Leaf(MaxChunks - 1), chunk.NewBin(31, 1), chunk.NewBin(24, 255)} {
		if id, slot := PageOf(b); id.Level >= PageLevels || id.Bin(slot) != b {
			t.Errorf("node %d lies in slot %d of %v", b, slot, id)
		}
	}
}

func TestPageParents(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		id := PageID{uint8(random.IntN(PageLevels - 1)), 0}
		id.Number = random.Uint32N(1 << (24 - 8*id.Level))
		up, slot := id.Parent()
		if up.Child(slot/2) != id {
			t.Fatalf("%v is not child %d of its parent %v", id, slot/2, up)
		}
		top := chunk.NewBin(uint(id.Level+1)*8, uint64(id.Number))
		if b := up.Bin(slot); b != top || b.Range() != id.Chunks() {
			t.Fatalf("the root of %v is node %d, want %d", id, b, top)
		}
		if l, r := id.Bin(127), id.Bin(383); l.Parent() != top || r.Parent() != top {
			t.Fatalf("the highest nodes of %v are %d and %d, not below %d", id, l, r, top)
		}
	}
}

// strict is Nodes that holds its user to the rules: what a method returned is void with the
// next call.
type strict struct {
	memory
	out  []byte
	from []byte // where changes to out go, nil if it is only read
}

func (s *strict) settle() {
	if s.from != nil {
		copy(s.from, s.out)
	}
	for k := range s.out {
		s.out[k] = 0xdd
	}
	s.out, s.from = nil, nil
}

func (s *strict) Page(id PageID) []byte {
	s.settle()
	if page := s.memory.Page(id); page != nil {
		s.out = bytes.Clone(page)
	}
	return s.out
}

func (s *strict) Edit(id PageID) []byte {
	s.settle()
	s.from = s.memory.Edit(id)
	s.out = bytes.Clone(s.from)
	return s.out
}

// A tree grown over Nodes that keep nothing valid longer than they must.
func TestBuilderBorrowsPages(t *testing.T) {
	const chunks = 1300
	f := newFilm(t, ppsp.SHA1, 16, 16*chunks-5)
	b := NewBuilder(ppsp.SHA1)
	kept := &strict{memory: memory{size: PageSlots * 20}}
	b.KeepIn(kept)
	n, err := b.AddAll(bytes.NewReader(bytes.Join(f.chunks, nil)), 16)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := b.Tree()
	if err != nil || n != 16*chunks-5 || !bytes.Equal(tree.Root(), f.rootHash()) {
		t.Fatalf("built %x of %d bytes, %v", tree.Root(), n, err)
	}
	kept.settle()
	if known := f.checkAgainst(t, tree); known < 2*chunks-17 {
		t.Errorf("only %d nodes are known", known)
	}
}

// A tree of three levels of pages, verified over such Nodes.
func TestTreeBorrowsPages(t *testing.T) {
	const chunks = 66_000
	f := newFilm(t, ppsp.SHA1, 16, 16*chunks-5)
	r := f.receiver(t)
	nodes := &strict{memory: memory{size: PageSlots * 20}}
	r.KeepIn(nodes)
	random := rand.New(rand.NewPCG(3, 3))
	for range 150 {
		i := random.Uint64N(chunks)
		if err := r.Verify(i, f.chunks[i], f.proof(i)); err != nil {
			t.Fatalf("chunk %d: %v", i, err)
		}
		if err := r.Verify(i, f.chunks[i], nil); err != nil {
			t.Fatalf("chunk %d again: %v", i, err)
		}
	}
	nodes.settle()
	f.checkAgainst(t, r)
}

// A publisher that needs only root and peaks takes the memory of some pages.
func TestBuilderOfRootAlone(t *testing.T) {
	for _, n := range []int{1, 255, 256, 257, 511, 513, 65_537} {
		f := newFilm(t, ppsp.SHA1, 16, 16*n)
		b := NewBuilder(ppsp.SHA1)
		b.KeepNone()
		if _, err := b.AddAll(bytes.NewReader(bytes.Join(f.chunks, nil)), 16); err != nil {
			t.Fatal(err)
		}
		tree, err := b.Tree()
		if err != nil || !bytes.Equal(tree.Root(), f.rootHash()) {
			t.Fatalf("%d chunks: root %x, %v", n, tree.Root(), err)
		}
		for _, peak := range tree.AppendPeaks(nil) {
			if !bytes.Equal(peak.Hash, f.nodes[peak.Bin]) {
				t.Fatalf("%d chunks: peak %d is %x", n, peak.Bin, peak.Hash)
			}
		}
	}
}

// breaking is a reader that fails after some bytes.
type breaking struct {
	r    io.Reader
	left int
}

var errBroken = errors.New("broken")

func (b *breaking) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errBroken
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func TestBuilderResumes(t *testing.T) {
	const chunks = 70_000
	f := newFilm(t, ppsp.SHA1, 16, 16*chunks-1)
	content := bytes.Join(f.chunks, nil)
	kept := &memory{size: PageSlots * 20}
	for done, tries := uint64(0), 0; ; tries++ {
		b := NewBuilder(ppsp.SHA1)
		b.KeepIn(kept)
		if !b.Resume(done) {
			t.Fatalf("try %d: can't go on behind %d chunks", tries, done)
		}
		n, err := b.AddAll(&breaking{bytes.NewReader(content[16*done:]), 300_000}, 16)
		if errors.Is(err, errBroken) && n > 0 && n == 16*int64(b.Chunks()-done) {
			done = b.Chunks()
			continue
		}
		if err != nil || 16*done+uint64(n) != uint64(len(content)) || tries < 3 {
			t.Fatalf("try %d: %d bytes behind %d chunks, %v", tries, n, done, err)
		}
		tree, err := b.Tree()
		if err != nil || !bytes.Equal(tree.Root(), f.rootHash()) {
			t.Fatalf("root %x, %v", tree.Root(), err)
		}
		f.checkAgainst(t, tree)
		break
	}
	if b := NewBuilder(ppsp.SHA1); b.Resume(5) || b.Chunks() != 0 {
		t.Error("goes on behind chunks of which nothing is kept")
	}
}

// forgetful is Nodes that can't keep anything, as on a full disk.
type forgetful struct{ memory }

func (*forgetful) Edit(PageID) []byte { return nil }

func TestNodesThatCanNotBeKept(t *testing.T) {
	f := newFilm(t, ppsp.SHA1, 16, 160)
	b := NewBuilder(ppsp.SHA1)
	b.KeepIn(&forgetful{})
	if _, err := b.AddAll(bytes.NewReader(bytes.Join(f.chunks, nil)), 16); !errors.Is(err, errNotKept) {
		t.Errorf("built in spite of it: %v", err)
	}
	r := f.receiver(t)
	r.KeepIn(&forgetful{})
	if err := r.Verify(3, f.chunks[3], f.proof(3)); err != nil {
		t.Errorf("a chunk with all its hashes: %v", err)
	}
	if err := r.Verify(2, f.chunks[2], nil); !errors.Is(err, ErrMissingHash) {
		t.Errorf("a chunk without: %v, want ErrMissingHash", err)
	}
}
