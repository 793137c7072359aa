package merkle

import (
	"bytes"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

func hashOf(b byte) []byte { return bytes.Repeat([]byte{b}, 20) }

func TestProof(t *testing.T) {
	var p Proof
	if p.Get(3) != nil || (*Proof)(nil).Get(3) != nil {
		t.Error("an empty proof offers something")
	}
	p.Reset()
	p.Add(3, hashOf(1))
	p.Add(5, hashOf(2))
	p.Add(3, hashOf(3))
	for b, want := range map[chunk.Bin][]byte{3: hashOf(3), 5: hashOf(2), 4: nil} {
		if got := p.Get(b); !bytes.Equal(got, want) {
			t.Errorf("node %d: %x, want %x", b, got, want)
		}
	}
	p.Add(7, hashOf(1)[1:])
	p.Add(7, append(hashOf(1), 1))
	p.Add(7, make([]byte, 20))
	p.Add(7, nil)
	p.Add(7, make([]byte, MaxHashSize+1))
	p.Add(chunk.NoBin, hashOf(1))
	if len(p.bins) != 2 || p.Get(7) != nil || p.Get(chunk.NoBin) != nil {
		t.Error("what can't be a hash of content is kept")
	}
	_ = append(p.Get(3), 9)
	if !bytes.Equal(p.Get(5), hashOf(2)) {
		t.Error("a caller can write over the next hash")
	}
	p.Reset()
	if p.Get(3) != nil || p.untried {
		t.Error("Reset leaves something")
	}
	p.Add(5, hashOf(4))
	if !bytes.Equal(p.Get(5), hashOf(4)) {
		t.Error("a proof is of no use after Reset")
	}
}

func TestProofCopies(t *testing.T) {
	var p Proof
	mine := hashOf(1)
	p.Add(3, mine)
	mine[0] = 9
	if p.Get(3)[0] != 1 {
		t.Error("the caller's memory became part of the proof")
	}
}

func TestProofIsBounded(t *testing.T) {
	var p Proof
	n := func(k int) chunk.Bin { return chunk.Leaf(uint64(k)) }
	for k := range MaxProofNodes {
		p.Add(n(k), hashOf(byte(k)|1))
	}
	p.Add(n(7), hashOf(77)) // replaced, not new
	if !bytes.Equal(p.Get(n(0)), hashOf(1)) {
		t.Error("a full proof has forgotten something too early")
	}
	for k := MaxProofNodes; k < MaxProofNodes+10; k++ {
		p.Add(n(k), hashOf(byte(k)|1))
	}
	for k := range MaxProofNodes + 10 {
		got := p.Get(n(k))
		if k < 10 && got != nil {
			t.Errorf("old node %d is kept", k)
		}
		if k >= 10 && !bytes.Equal(got, hashOf(byte(k)|1)) {
			t.Errorf("node %d: %x", k, got)
		}
	}
	if len(p.bins) != MaxProofNodes || len(p.index.next) != MaxProofNodes || len(p.hashes) != 20*MaxProofNodes {
		t.Errorf("%d nodes, %d in the index, %d bytes", len(p.bins), len(p.index.next), len(p.hashes))
	}
}
