package swarm

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
)

// A stream is played from the tune-in point on, whole and in order, with every signature
// algorithm and chunk addressing.
func TestStream(t *testing.T) {
	for _, alg := range []ppsp.Signature{ppsp.RSASHA1, ppsp.RSASHA256, ppsp.ECDSAP256SHA256, ppsp.ECDSAP384SHA384, ppsp.Ed25519} {
		t.Run(alg.String(), func(t *testing.T) {
			key, err := livesig.Generate(alg, rand.NewChaCha8([32]byte{6}))
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range addressings {
				l := newLab(t, 1)
				st := l.stream(8, nil)
				st.key = key
				st.meta = ppsp.LiveDefaults(key.SwarmID())
				st.meta.Addressing, st.meta.ChunkSize = a, 256
				st.source.start(st.config())
				h := l.host(st.home(16))
				st.append(64, 10*time.Millisecond)
				h.meet(st.source)
				st.append(64, 10*time.Millisecond)
				l.run(time.Second)
				st.check(t, h)
				// The edge was 64 when it joined, or 72 when it heard of it.
				if got := played(t, h); len(got) != 1 || got[0].End != 128 || got[0].Start < 48 || got[0].Start > 56 {
					t.Errorf("%v: played %v, want 48 or 56 to 128", a, got)
				}
				if len(h.of(EventSkip)) != 0 {
					t.Errorf("%v: skipped %v", a, h.of(EventSkip))
				}
			}
		})
	}
}

// Homes give each other what they have: the source sends each chunk about twice.
func TestStreamSwarm(t *testing.T) {
	for _, n := range []int{3, 6, 12} {
		l := newLab(t, uint64(n))
		st := l.stream(16, nil)
		st.append(160, time.Millisecond)
		var homes []*host
		for range n {
			h := l.host(st.home(64))
			homes = append(homes, h)
		}
		for _, h := range homes {
			h.meet(append([]*host{st.source}, homes...)...)
			l.run(50 * time.Millisecond)
		}
		l.run(time.Second)
		before := st.source.s.Counters().ChunksSent
		st.append(640, 8*time.Millisecond)
		sent := st.source.s.Counters().ChunksSent - before
		l.run(2 * time.Second)
		for _, h := range homes {
			st.check(t, h)
			if got := played(t, h); len(got) != 1 || got[0].End != 800 {
				t.Errorf("%d homes: %v played %v", n, h.addr, got)
			}
		}
		if sent > 640*offerCopies*12/10 {
			t.Errorf("%d homes: the source sent %d chunks of %d", n, sent, 640)
		}
	}
}

// A home that knows the source alone gets everything all the same, only later.
func TestStreamBehindTheSource(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(16, nil)
	var homes []*host
	for range 5 {
		homes = append(homes, l.host(st.home(64)))
	}
	lonely := l.host(st.home(64))
	l.tap = func(d flying) bool { // it can't reach the others
		return d.from != lonely.addr && d.to != lonely.addr || d.from == st.source.addr || d.to == st.source.addr
	}
	for _, h := range homes {
		h.meet(append([]*host{st.source}, homes...)...)
	}
	lonely.meet(st.source)
	st.append(1600, 4*time.Millisecond)
	l.run(3 * time.Second)
	st.check(t, lonely)
	if got := played(t, lonely); len(got) != 1 || got[0].End != 1600 || len(lonely.of(EventSkip)) != 0 {
		t.Errorf("played %v, skipped %v", got, lonely.of(EventSkip))
	}
}

// A stripe whose peers let it lie is given to others in time.
func TestStripeGivenAgain(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(16, nil)
	for range 6 { // puppets that take and do not give
		k := l.puppet().greet(st.source)
		defer k.heard()
	}
	l.run(2 * time.Second)
	h := l.host(st.home(32))
	h.meet(st.source)
	st.append(800, 4*time.Millisecond)
	l.run(3 * time.Second)
	st.check(t, h)
	if got := played(t, h); len(got) != 1 || got[0].End != 800 {
		t.Errorf("played %v among peers that give nothing", got)
	}
}

// What the network loses is sent again before it is missed.
func TestStreamOverBadNetwork(t *testing.T) {
	for seed := range uint64(4) {
		l := newLab(t, seed)
		l.loss, l.jitter, l.again = 0.02, 15e6, 0.05
		st := l.stream(16, nil)
		a, b := l.host(st.home(250)), l.host(st.home(250))
		st.append(320, 0)
		a.meet(st.source)
		b.meet(st.source, a)
		st.append(1600, 4*time.Millisecond)
		l.run(3 * time.Second)
		for _, h := range []*host{a, b} {
			st.check(t, h)
			if got := played(t, h); len(got) != 1 || got[0].End != 1920 {
				t.Errorf("seed %d: played %v", seed, got)
			}
			if c := h.s.Counters(); c.BadChunks+c.BadMessages != 0 {
				t.Errorf("seed %d: %+v", seed, c)
			}
		}
	}
}

// "A discarding peer in a live stream MUST enable the Live Discard Window protocol option …
// Its peers SHOULD apply this number as a sliding window filter over the peer's chunk
// availability" (RFC 7574, 6.2).
func TestDiscardWindow(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h := l.host(st.home(16))
	small := st.config()
	small.Window = 64
	st.source.start(small)
	h.meet(st.source)
	st.append(800, 3*time.Millisecond)
	l.run(time.Second)
	c := h.s.channelTo(st.source.addr)
	if first, _ := c.peerHave.First(); c.discard != 64 || c.peerHave.Count() != 64 || first != 736 {
		t.Errorf("the source is taken to have %d chunks from %d on, want 64 from 736 on", c.peerHave.Count(), first)
	}
	// Ours slides too, by what the source has signed.
	if n := st.source.s.have.Count(); n != 64 {
		t.Errorf("the source offers %d chunks, want 64", n)
	}
	if n := len(st.source.s.live.munros); n != 8 {
		t.Errorf("the source keeps %d munros, want 8", n)
	}
	if got := played(t, h); len(got) != 1 || got[0].End != 800 {
		t.Errorf("played %v", got)
	}
}

// The source is started again and goes on with a later chunk: playing goes on in less than
// five seconds, under the same name.
func TestSourceStartedAgain(t *testing.T) {
	for _, gap := range []uint64{0, 8, 4096, 1 << 20} {
		t.Run(fmt.Sprint(gap), func(t *testing.T) {
			l := newLab(t, 1)
			st := l.stream(8, nil)
			a, b := l.host(st.home(32)), l.host(st.home(32))
			a.meet(st.source)
			b.meet(st.source, a)
			st.append(400, 5*time.Millisecond)
			l.run(500 * time.Millisecond)
			st.first = 400 + gap
			st.source.start(st.config())
			from := l.now
			resumed := func(h *host) bool {
				runs := played(t, h)
				return runs[len(runs)-1].End > 400+gap
			}
			for !resumed(a) || !resumed(b) {
				st.append(1, 5*time.Millisecond)
				if l.now-from > 5e9 {
					t.Fatalf("not resumed after 5 s: %v, %v", played(t, a), played(t, b))
				}
			}
			st.append(100, 5*time.Millisecond)
			l.run(time.Second)
			for _, h := range []*host{a, b} {
				st.check(t, h)
				if got := played(t, h); got[len(got)-1].End != st.source.s.NextChunk()/8*8 {
					t.Errorf("played %v, edge %d", got, st.source.s.NextChunk())
				}
			}
		})
	}
}

// A chunk that nobody has is skipped after a while, one that comes late is waited for.
func TestSkip(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h := l.host(st.home(16))
	h.meet(st.source)
	hole := chunk.Range{Start: 60, End: 63}
	st.append(64, 5*time.Millisecond)
	h2 := l.host(st.home(64))
	gone := st.source.s
	for i := hole.Start; i < hole.End; i++ { // the source's store loses them
		delete(st.source.store.chunks, i)
	}
	_ = gone
	h.off = true
	h2.meet(st.source)
	st.append(80, 5*time.Millisecond)
	l.run(5 * time.Second)
	skips := h2.of(EventSkip)
	if len(skips) != 1 || skips[0].Chunks != hole {
		t.Fatalf("skipped %v, want %v", skips, hole)
	}
	got := played(t, h2)
	if len(got) != 2 || got[0].End != hole.Start || got[1] != (chunk.Range{Start: hole.End, End: 144}) {
		t.Errorf("played %v around %v", got, hole)
	}
}

// While nobody is there nothing is skipped: it is waited for, and played when they are back.
func TestNoSkipWhileAlone(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h := l.host(st.home(16))
	h.meet(st.source)
	st.append(80, 5*time.Millisecond)
	l.run(200 * time.Millisecond)
	l.tap = func(flying) bool { return false }
	st.append(160, 5*time.Millisecond)
	l.run(8 * time.Second)
	if len(h.of(EventSkip)) != 0 {
		t.Errorf("skipped %v while nobody was there", h.of(EventSkip))
	}
	l.tap = nil
	st.append(80, 5*time.Millisecond)
	l.run(4 * time.Second)
	if got := played(t, h); len(got) != 1 || got[0].End != 320 || len(h.of(EventSkip)) != 0 {
		t.Errorf("played %v, skipped %v", got, h.of(EventSkip))
	}
}

// Who falls behind by more than the ring keeps tunes in again.
func TestLeftBehind(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	small := st.config()
	small.Window = 256
	st.source.start(small)
	h := l.host(st.home(16))
	h.meet(st.source)
	st.append(80, 5*time.Millisecond)
	l.run(200 * time.Millisecond)
	l.tap = func(flying) bool { return false }
	st.append(800, time.Millisecond)
	l.tap = nil
	st.append(80, 5*time.Millisecond)
	l.run(4 * time.Second)
	got := played(t, h)
	if last := got[len(got)-1]; last.End != 960 || last.Start < 960-256-80 {
		t.Errorf("played %v", got)
	}
	if skips := h.of(EventSkip); len(skips) == 0 || skips[0].Chunks.Start != 80 {
		t.Errorf("skipped %v", skips)
	}
}

// Behind 0 begins at the edge, and with it the next subtree; more than there is begins with
// what there is.
func TestTuneInPoint(t *testing.T) {
	tests := []struct {
		behind, from uint64 // where the first run begins
	}{{0, 64}, {8, 56}, {20, 44}, {64, 0}, {1000, 0}, {1 << 62, 0}}
	for _, tt := range tests {
		l := newLab(t, 1)
		st := l.stream(8, nil)
		st.append(64, 0)
		h := l.host(st.home(tt.behind))
		h.meet(st.source)
		l.run(500 * time.Millisecond)
		if _, next := h.s.Edge(); tt.behind == 0 && next != 64 {
			t.Errorf("behind 0: next is %d", next)
		}
		st.append(64, 10*time.Millisecond)
		l.run(time.Second)
		if got := played(t, h); len(got) != 1 || got[0] != (chunk.Range{Start: tt.from, End: 128}) {
			t.Errorf("behind %d: played %v, want %d to 128", tt.behind, got, tt.from)
		}
	}
}

// A stream that is younger than what a tune-in would go back begins at once with what is
// offered, though its numbers do not begin with 0.
func TestTuneInYoungStream(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	st.first = 8000
	st.source.start(st.config())
	st.append(16, 0)
	h := l.host(st.home(500))
	h.meet(st.source)
	l.run(time.Second)
	if got := played(t, h); len(got) != 1 || got[0] != (chunk.Range{Start: 8000, End: 8016}) {
		t.Errorf("played %v after a second, want 8000 to 8016", got)
	}
}

// Homes that are told of each other only by their HAVE messages know the edge too.
func TestEdgeSpreads(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	a, b := l.host(st.home(16)), l.host(st.home(16))
	a.meet(st.source)
	b.meet(a)
	st.append(400, 5*time.Millisecond)
	l.run(time.Second)
	st.check(t, b)
	if got := played(t, b); len(got) != 1 || got[0].End != 400 {
		t.Errorf("played %v by way of another home", got)
	}
}

// Where nothing is protected, an announcement alone moves nothing still: a peer that says to
// have a chunk far ahead, and does not deliver it, hurts nobody.
func TestFalseNewsWithoutProtection(t *testing.T) {
	for _, first := range []bool{false, true} {
		l := newLab(t, 1)
		st := l.stream(0, func(m *ppsp.Metadata) { m.Integrity = ppsp.IntegrityNone })
		h, p := l.host(st.home(16)), l.puppet()
		var k link
		if first {
			k = p.accept(h)
			k.say(k.f.AppendHave(nil, chunk.One(1<<30)))
			l.run(time.Second)
		}
		h.meet(st.source)
		l.run(time.Second)
		st.append(500, 5*time.Millisecond)
		if !first {
			k = p.accept(h)
		}
		for n := range uint64(10) {
			k.say(k.f.AppendHave(nil, chunk.One(1<<30+n)))
			st.append(150, 5*time.Millisecond)
		}
		l.run(time.Second)
		st.check(t, h)
		if edge, _ := h.s.Edge(); edge != 2000 {
			t.Errorf("liar first: %v: edge %d", first, edge)
		}
		if runs := played(t, h); len(runs) != 1 || runs[0].End != 2000 || runs[0].Len() < 1900 {
			t.Errorf("liar first: %v: played %v", first, runs)
		}
	}
}
