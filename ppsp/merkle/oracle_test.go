package merkle

import (
	"bytes"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

var hashes = []ppsp.Hash{ppsp.SHA1, ppsp.SHA224, ppsp.SHA256, ppsp.SHA384, ppsp.SHA512}

// generate returns content by the rule that captured sessions between other peers use.
func generate(seed uint32, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		seed = seed*1103515245 + 12345
		b[i] = byte(seed >> 16)
	}
	return b
}

func split(content []byte, size int) [][]byte {
	var chunks [][]byte
	for len(content) > 0 {
		n := min(size, len(content))
		chunks = append(chunks, content[:n])
		content = content[n:]
	}
	return chunks
}

// naive is the tree of RFC 7574, 5.1, by its letter: every node of the padded tree.
type naive struct {
	hash  ppsp.Hash
	nodes map[chunk.Bin][]byte
	root  chunk.Bin
}

func newNaive(h ppsp.Hash, chunks [][]byte) naive {
	o := naive{hash: h, nodes: map[chunk.Bin][]byte{}}
	width := 1
	for width < len(chunks) {
		width *= 2
	}
	layer := make([][]byte, width)
	for i := range layer {
		layer[i] = make([]byte, h.Size())
		if i < len(chunks) {
			layer[i] = o.sum(chunks[i])
		}
	}
	for l := uint(0); ; l++ {
		for i, sum := range layer {
			o.nodes[chunk.NewBin(l, uint64(i))] = sum
		}
		if len(layer) == 1 {
			o.root = chunk.NewBin(l, 0)
			return o
		}
		layer = o.above(layer)
	}
}

func (o naive) above(layer [][]byte) [][]byte {
	empty := make([]byte, o.hash.Size())
	up := make([][]byte, len(layer)/2)
	for i := range up {
		if bytes.Equal(layer[2*i], empty) && bytes.Equal(layer[2*i+1], empty) {
			up[i] = empty
		} else {
			up[i] = o.sum(layer[2*i], layer[2*i+1])
		}
	}
	return up
}

func (o naive) sum(parts ...[]byte) []byte {
	h := o.hash.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func (o naive) rootHash() []byte { return o.nodes[o.root] }

func (o naive) peaks(n int) []Node {
	var peaks []Node
	for b := range chunk.Peaks(uint64(n)) {
		peaks = append(peaks, Node{b, o.nodes[b]})
	}
	return peaks
}

// proof returns what a peer that has everything offers for chunk i, up to the root.
func (o naive) proof(i uint64) *Proof {
	p := new(Proof)
	for b := chunk.Leaf(i); b != o.root; b = b.Parent() {
		p.Add(b.Sibling(), o.nodes[b.Sibling()])
	}
	return p
}

// film is content with both trees.
type film struct {
	naive
	chunks [][]byte
	tree   *Tree
	length int
}

func newFilm(t testing.TB, h ppsp.Hash, size, length int) film {
	t.Helper()
	content := generate(1, length)
	tree, n, err := Build(h, uint32(size), bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(length) {
		t.Fatalf("length is %d, want %d", n, length)
	}
	chunks := split(content, size)
	return film{newNaive(h, chunks), chunks, tree, length}
}

// receiver returns a tree that knows the root and, from an honest peer, the peaks.
func (f film) receiver(t testing.TB) *Tree {
	t.Helper()
	r := NewTree(f.hash, f.rootHash())
	if err := r.SetPeaks(f.peaks(len(f.chunks))); err != nil {
		t.Fatal(err)
	}
	return r
}

// offer puts into p what the receiver lacks for chunk i, as a sender does.
func (f film) offer(p *Proof, r *Tree, i uint64) int {
	bins := f.tree.AppendUncles(nil, i, func(b chunk.Bin) bool { _, ok := r.Hash(b); return ok })
	for _, b := range bins {
		hash, _ := f.tree.Hash(b)
		p.Add(b, hash)
	}
	return len(bins)
}

// checkAgainst fails if a hash that the tree calls verified differs from the oracle's.
func (f film) checkAgainst(t testing.TB, tree *Tree) (known int) {
	t.Helper()
	for b, want := range f.nodes {
		if got, ok := tree.Hash(b); ok {
			known++
			if !bytes.Equal(got, want) {
				t.Fatalf("%v, %d chunks: node %d holds %x, want %x", f.hash, len(f.chunks), b, got, want)
			}
		}
	}
	return known
}
