package swarm

import (
	"math/rand/v2"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Whatever peers announce, in whatever order, and whoever goes: each block's count is how many of
// those that are here have all of it.
func TestHoldersAreCounted(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 1000*1024+300, nil) // the last block is short
	h := l.host(f.seed(chunk.Range{End: 1}))
	random := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		h.s.newChannel(l.now, l.puppet().addr, false)
	}
	for round := range 400 {
		c := h.s.order[random.IntN(len(h.s.order))]
		start := random.Uint64N(f.chunks())
		c.peerHas(chunk.Range{Start: start, End: min(start+1+random.Uint64N(60), f.chunks())})
		if round == 100 {
			h.s.drop(h.s.order[2])
		}
	}
	if h.s.holders.counts == nil {
		t.Fatal("nothing was counted")
	}
	some := false
	for b := range h.s.holders.counts {
		n := 0
		for _, c := range h.s.order {
			if c.peerHave.ContainsAll(h.s.block(uint64(b))) {
				n++
			}
		}
		if got := int(h.s.holders.counts[b]); got != n {
			t.Errorf("block %d: counted %d, want %d", b, got, n)
		}
		some = some || n > 0
	}
	if !some {
		t.Error("no block is whole anywhere: the test tests nothing")
	}
}

// strangers opens channels to peers that never speak.
func (h *host) strangers(n int) (peers []*channel) {
	for range n {
		c := h.s.newChannel(h.l.now, h.l.puppet().addr, false)
		c.state = stateOpen
		peers = append(peers, c)
	}
	return peers
}

// However long a film, who says to have all of it is counted in a bounded number of steps.
func TestBlocksAreBounded(t *testing.T) {
	for _, chunks := range []uint64{1, 15, 16, 17, 1 << 20, 1<<20 + 1, 1 << 32} {
		y := holdersOf(chunks)
		if n := uint64(len(y.counts)); n > maxBlocks || n*y.size < chunks || (n-1)*y.size >= chunks || y.size > blockChunks && n <= maxBlocks/2 {
			t.Errorf("%d chunks: %d blocks of %d", chunks, n, y.size)
		}
		if i := chunks / 2; y.behind(i)%y.size != 0 || y.behind(i) <= i || y.behind(i) > i+y.size {
			t.Errorf("%d chunks: behind the block of %d is %d", chunks, i, y.behind(i))
		}
	}
}

// What a peer has that answers nobody, or only after long, is not elsewhere: else nobody would ask the
// one that can give it.
func TestElsewhere(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 640*1024, nil)
	h := l.host(f.seed(chunk.Range{End: 1}))
	peers := h.strangers(5)
	peers[0].peerHas(chunk.Range{End: f.chunks()})
	h.s.fewSeeds(l.now)
	if h.s.elsewhere(l.now, 40) {
		t.Error("what only the seed has is elsewhere")
	}
	peers[1].peerHas(chunk.Range{Start: 32, End: 48})
	for name, v := range map[string]struct {
		change func(c *channel)
		want   bool
	}{
		"idle":    {func(*channel) {}, true},
		"slow":    {func(c *channel) { c.latency = slowOther + 1 }, false},
		"choked":  {func(c *channel) { c.choked = true }, false},
		"snubbed": {func(c *channel) { c.snubbed = l.now + 1 }, false},
		"leaving": {func(c *channel) { c.state = stateLeaving }, false},
	} {
		was := *peers[1]
		v.change(peers[1])
		if got := h.s.elsewhere(l.now, 40); got != v.want {
			t.Errorf("%s: elsewhere %v, want %v", name, got, v.want)
		}
		if h.s.elsewhere(l.now, 50) {
			t.Errorf("%s: the next block is elsewhere", name)
		}
		*peers[1] = was
	}
}

// Of the blocks that a peer has before all others that we know some are noted, and asked for before all else
// that can wait; not those that another had, nor more than are bounded.
func TestNewBlocksAreFetched(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 4800*1024, nil)
	h := l.host(f.seed(chunk.Range{End: 1}))
	for range 5 {
		h.s.newChannel(l.now, l.puppet().addr, false).state = stateOpen
	}
	first, second := h.s.order[0], h.s.order[1]
	first.peerHas(chunk.Range{Start: 160, End: 4800})
	if n := len(first.rare); n != maxRare {
		t.Fatalf("%d of 290 new blocks were noted, want %d", n, maxRare)
	}
	second.peerHas(chunk.Range{End: 4800})
	for _, b := range second.rare {
		if b >= 10 {
			t.Errorf("block %d was noted, which another had", b)
		}
	}
	want := h.s.block(first.rare[1])
	h.s.requested.Add(h.s.block(first.rare[0]))
	if r := h.s.nextLater(l.now, first, f.chunks()); !r.Empty() {
		t.Errorf("%v was taken although nothing is wanted", r)
	}
	h.s.static.all = true
	if r := h.s.nextLater(l.now, first, f.chunks()); r != want {
		t.Errorf("%v is asked for next, want %v: the one before was asked for", r, want)
	}
}
