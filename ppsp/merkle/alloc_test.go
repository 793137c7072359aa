package merkle

import (
	"bytes"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

func TestHasher(t *testing.T) {
	for _, kind := range hashes {
		h := NewHasher(kind)
		if h.Size() != kind.Size() {
			t.Errorf("%v: size %d", kind, h.Size())
		}
		left, right := h.AppendLeaf(nil, []byte("left")), h.AppendLeaf(nil, []byte("right"))
		naive := naive{hash: kind}
		if !bytes.Equal(left, naive.sum([]byte("left"))) {
			t.Errorf("%v: leaf is %x", kind, left)
		}
		want := naive.sum(left, right)
		if got := h.AppendParent([]byte("x"), left, right); !bytes.Equal(got[1:], want) || got[0] != 'x' {
			t.Errorf("%v: parent is %x, want %x", kind, got[1:], want)
		}
		if got := h.AppendParent(left[:0], left, right); !bytes.Equal(got, want) {
			t.Errorf("%v: parent over its own child is %x, want %x", kind, got, want)
		}
		// "If the two children are empty hashes, the parent is an empty all-zeros hash as
		// well" (RFC 7574, 5.1)
		zero := make([]byte, kind.Size())
		if got := h.AppendParent(nil, zero, zero); !bytes.Equal(got, zero) {
			t.Errorf("%v: parent of nothing is %x", kind, got)
		}
		if got := h.AppendParent(nil, right, zero); bytes.Equal(got, zero) || !bytes.Equal(got, naive.sum(right, zero)) {
			t.Errorf("%v: parent of something and nothing is %x", kind, got)
		}
	}
	if got := NewHasher(99).AppendLeaf(nil, []byte("x")); len(got) != 0 {
		t.Errorf("an unknown function gives %x", got)
	}
}

func TestNothingAllocatesPerChunk(t *testing.T) {
	f := newFilm(t, ppsp.SHA256, 1024, 1024*1024)
	r := f.receiver(t)
	var p Proof
	for i := range uint64(MaxProofNodes) {
		p.Add(chunk.Leaf(1<<20+i), f.nodes[0])
	}
	for i := range 8 {
		f.offer(&p, r, uint64(i))
		if err := r.Verify(uint64(i), f.chunks[i], &p); err != nil {
			t.Fatal(err)
		}
	}
	h, buf := NewHasher(ppsp.SHA256), make([]byte, 0, 64)
	bins := make([]chunk.Bin, 0, 64)
	hash := f.nodes[0]
	i := uint64(8)
	for what, do := range map[string]func(){
		"AppendLeaf":   func() { buf = h.AppendLeaf(buf[:0], f.chunks[0]) },
		"AppendParent": func() { buf = h.AppendParent(buf[:0], f.nodes[0], f.nodes[2]) },
		"AppendUncles": func() { bins = f.tree.AppendUncles(bins[:0], i, func(chunk.Bin) bool { return false }) },
		"Add":          func() { p.Add(chunk.Leaf(1<<21+i), hash) },
		"Verify": func() {
			i++
			f.offerTo(&p, r, &bins, i)
			if err := r.Verify(i, f.chunks[i], &p); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if n := testing.AllocsPerRun(200, do); n != 0 {
			t.Errorf("%s allocates %v times", what, n)
		}
	}
}

// offerTo is offer without allocation.
func (f film) offerTo(p *Proof, r *Tree, bins *[]chunk.Bin, i uint64) {
	*bins = f.tree.AppendUncles((*bins)[:0], i, func(b chunk.Bin) bool { _, ok := r.Hash(b); return ok })
	for _, b := range *bins {
		hash, _ := f.tree.Hash(b)
		p.Add(b, hash)
	}
}

func BenchmarkHasher(b *testing.B) {
	for _, kind := range []ppsp.Hash{ppsp.SHA1, ppsp.SHA256, ppsp.SHA512} {
		h, data := NewHasher(kind), make([]byte, 1024)
		left, right := h.AppendLeaf(nil, data), h.AppendLeaf(nil, data[1:])
		buf := make([]byte, 0, MaxHashSize)
		b.Run(kind.String()+"/leaf", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(1024)
			for b.Loop() {
				buf = h.AppendLeaf(buf[:0], data)
			}
		})
		b.Run(kind.String()+"/parent", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = h.AppendParent(buf[:0], left, right)
			}
		})
	}
}

// BenchmarkVerify is a progressive download of 16 MiB, hashes included.
func BenchmarkVerify(b *testing.B) {
	f := newFilm(b, ppsp.SHA256, 1024, 16<<20)
	b.ReportAllocs()
	b.SetBytes(1024)
	var r *Tree
	var p Proof
	var bins []chunk.Bin
	i := uint64(0)
	for b.Loop() {
		if r == nil || i == r.Chunks() {
			r, i = f.receiver(b), 0
			p.Reset()
		}
		f.offerTo(&p, r, &bins, i)
		if err := r.Verify(i, f.chunks[i], &p); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkBuild(b *testing.B) {
	content := make([]byte, 16<<20)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		if _, _, err := Build(ppsp.SHA256, 1024, bytes.NewReader(content)); err != nil {
			b.Fatal(err)
		}
	}
}
