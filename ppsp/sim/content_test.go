package sim

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
)

type addrPort = netip.AddrPort

// A host's store holds the bytes of the source, and tells when a chunk is another.
func TestShelf(t *testing.T) {
	c := newContent(4, 100)
	for i := range uint64(20) {
		if err := c.WriteChunk(i, []byte{byte(i), 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	s := newShelf(c, 8)
	for i := uint64(5); i < 20; i++ {
		if err := s.WriteChunk(i, []byte{byte(i), 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := s.AppendChunk([]byte{9}, 15); err != nil || !slices.Equal(b, []byte{9, 15, 1, 2, 3}) {
		t.Errorf("chunk 15 is %v, %v", b, err)
	}
	for what, i := range map[string]uint64{"fell out of the ring of 8": 11, "was never written": 3} {
		if _, err := s.AppendChunk(nil, i); err == nil {
			t.Errorf("chunk %d %s, and is there", i, what)
		}
	}
	if err := s.WriteChunk(19, []byte{19, 1, 2, 4}); err == nil {
		t.Error("a chunk that the source did not publish was taken")
	}
	if err := s.WriteChunk(21, []byte{21, 1, 2, 3}); err == nil {
		t.Error("a chunk that the source has not was taken")
	}
}

// A remembered answer is the key's own, and another byte anywhere is another question.
func TestMemo(t *testing.T) {
	chacha, _ := newRandom(1)
	key, err := livesig.Generate(ppsp.Ed25519, chacha)
	if err != nil {
		t.Fatal(err)
	}
	public, err := livesig.ParsePublicKey(key.SwarmID())
	if err != nil {
		t.Fatal(err)
	}
	m := &memo{key: public}
	random := rand.New(rand.NewPCG(1, 1))
	hash := make([]byte, 32)
	for ntp := range uint64(20) {
		fill(random, hash)
		spec := []byte{0, 0, 0, byte(ntp)}
		signature, err := key.Sign(spec, ntp, hash)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if !m.Verify(spec, ntp, hash, signature) {
				t.Fatal("a good signature is refused")
			}
			hash[3] ^= 1
			if m.Verify(spec, ntp, hash, signature) || m.Verify(spec, ntp+1, hash, signature) {
				t.Fatal("a signature of something else is taken")
			}
			hash[3] ^= 1
			signature[9] ^= 1
			if m.Verify(spec, ntp, hash, signature) {
				t.Fatal("a bad signature is taken")
			}
			signature[9] ^= 1
		}
	}
	if len(m.known) != 80 {
		t.Errorf("%d answers are remembered, want 80", len(m.known))
	}
}

// Percentiles of a histogram are those of its times, up to the step.
func TestHistogram(t *testing.T) {
	var g, h histogram
	h.add(5) // does not count
	g.open()
	h.open()
	for ms := range int64(1000) {
		g.add(ms * 1e6)
		h.add((2000 + 10*ms) * 1e6)
	}
	if p := g.percentile(95); p < 0.95 || p > 0.952 {
		t.Errorf("95th percentile %f", p)
	}
	g.merge(&h)
	if g.total != 2000 || g.percentile(50) > 1.001 || g.percentile(50) < 0.999 || g.percentile(75) < 6.9 || g.percentile(75) > 7.1 {
		t.Errorf("%d times, median %f, 75th percentile %f", g.total, g.percentile(50), g.percentile(75))
	}
	if (&histogram{}).percentile(50) != 0 {
		t.Error("nothing has a median")
	}
	g.add(1e18)
	if g.percentile(100) != 60 {
		t.Errorf("the longest is %f", g.percentile(100))
	}
}
