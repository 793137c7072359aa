package merkle

import (
	"math/rand/v2"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// The index finds what a map would.
func TestIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var x index
	bins := make([]chunk.Bin, MaxProofNodes)
	want := map[chunk.Bin]int{}
	at := 0
	for n := range 50_000 {
		b := chunk.Bin(random.Uint64N(6000))
		if n%20_000 == 19_999 {
			x.clear()
			clear(want)
			at = 0
			bins = make([]chunk.Bin, MaxProofNodes)
		}
		got, room := x.find(b, bins)
		place, known := want[b]
		if known && got != place || !known && got != -1 || !room {
			t.Fatalf("%d is at %d, %v; want %d, %v", b, got, room, place, known)
		}
		if known {
			continue
		}
		if len(want) >= MaxProofNodes {
			x.remove(bins[at], at)
			delete(want, bins[at])
		}
		bins[at] = b
		x.add(b, at)
		want[b] = at
		at = (at + 1) % MaxProofNodes
	}
}

// Who chooses nodes that fall into one bucket does not slow us down.
func TestIndexIsBounded(t *testing.T) {
	var p Proof
	hash := make([]byte, 32)
	hash[0] = 1
	added := 0
	for b := chunk.Bin(0); added < 200; b++ {
		if bucket(b) == 7 {
			p.Add(b, hash)
			added++
		}
	}
	if len(p.bins) != maxChain {
		t.Errorf("%d nodes in one bucket, want %d", len(p.bins), maxChain)
	}
}

// What honest senders offer never fills a bucket: runs of neighbours with all nodes over them,
// wherever they begin.
func TestIndexSpreads(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		var p Proof
		hash := make([]byte, 32)
		hash[0] = 1
		first := random.Uint64N(1<<32-MaxProofNodes) &^ 63
		for i := range uint64(MaxProofNodes) {
			for b := chunk.Leaf(first + i); b.Layer() < 32; b = b.Parent() {
				p.Add(b, hash)
				if p.Get(b) == nil {
					t.Fatalf("node %d was not taken", b)
				}
			}
		}
	}
}
