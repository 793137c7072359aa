package swarm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/wire"
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

// "the injector MUST NOT send a HAVE message for chunks in the new subtree until it has
// computed the signed munro hash for that subtree" (RFC 7574, 6.1.2.3); and the munro goes
// "in a single datagram" before its first chunk.
func TestMunroBeforeChunks(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h := l.host(st.home(16))
	h.meet(st.source)
	l.run(time.Second)
	l.logging = true
	st.append(7, 20*time.Millisecond)
	for _, d := range l.log {
		if len(messages(t, h.s.format, d.b)) != 0 {
			t.Fatalf("%v was sent before the subtree was whole", types(t, h.s.format, d.b))
		}
	}
	st.append(57, 20*time.Millisecond)
	l.run(time.Second)
	signed := map[chunk.Range]bool{}
	chunks := 0
	for _, d := range l.log {
		if d.from != st.source.addr {
			continue
		}
		all := messages(t, h.s.format, d.b)
		for k, m := range all {
			switch m.Type {
			case wire.TypeSignedIntegrity:
				if k == 0 || all[k-1].Type != wire.TypeIntegrity || all[k-1].Chunks != m.Chunks {
					t.Errorf("the signature of %v does not follow its hash", m.Chunks)
				}
				signed[m.Chunks] = true
			case wire.TypeData:
				chunks++
				i := m.Chunks.Start
				if munro := (chunk.Range{Start: i / 8 * 8, End: i/8*8 + 8}); !signed[munro] {
					t.Errorf("chunk %d went before its munro", i)
				}
			}
		}
	}
	if chunks != 64 {
		t.Errorf("%d chunks were sent, want 64", chunks)
	}
}

// "Peer A MUST send its rightmost signed munro hash to Peer B in the third datagram, and in
// any subsequent datagrams to Peer B, until Peer B indicates that it possess a chunk with the
// same corresponding munro or a more recent munro … when Peer B sends the fourth datagram or
// any subsequent datagram to Peer A, Peer B MUST send its rightmost signed munro hash … MUST
// NOT send the signed munro hash in the first datagram … and Peer B MUST NOT send it in the
// second" (RFC 7574, 6.1.2.4).
func TestSecureTuneIn(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	st.append(64, 0)
	edge := chunk.Range{Start: 56, End: 64}
	signs := func(d flying) bool {
		for _, m := range messages(t, st.source.s.format, d.b) {
			if m.Type == wire.TypeSignedIntegrity && m.Chunks == edge {
				return true
			}
		}
		return false
	}
	t.Run("fourth", func(t *testing.T) { // the source answers
		h := l.host(st.home(16))
		l.logging, l.log = true, nil
		h.meet(st.source)
		l.run(500 * time.Millisecond)
		if signs(l.log[0]) || signs(l.log[1]) {
			t.Error("a munro before the third datagram")
		}
		fourth := l.log[3]
		if fourth.from != st.source.addr || !signs(fourth) {
			t.Errorf("the fourth datagram holds %v", types(t, h.s.format, fourth.b))
		}
		st.check(t, h)
	})
	t.Run("third", func(t *testing.T) { // the source begins
		p := l.puppet()
		p.inbox = nil
		st.source.meet(p)
		l.until(time.Second, "greeted", func() bool { return len(p.inbox) > 0 })
		k := link{p: p, to: st.source, f: st.source.s.format, id: messages(t, st.source.s.format, p.inbox[0].b)[0].Handshake.SourceChannel}
		reply := greeting(st.meta, 77)
		p.inbox = nil
		l.send(p.addr, st.source.addr, wire.AppendHandshake(wire.AppendChannel(nil, k.id), &reply))
		l.run(50 * time.Millisecond)
		if len(p.inbox) == 0 || !signs(p.inbox[0]) {
			t.Fatal("no munro in the third datagram")
		}
		for range 3 { // and in any subsequent one
			p.inbox = nil
			k.say(k.f.AppendRequest(nil, chunk.One(60)))
			l.run(time.Second)
			if len(p.inbox) == 0 || !signs(p.inbox[0]) {
				t.Fatal("no munro in a later datagram")
			}
		}
		k.say(k.f.AppendHave(nil, chunk.One(57))) // a chunk with the same munro
		l.run(100 * time.Millisecond)
		p.inbox = nil
		k.say(k.f.AppendRequest(nil, chunk.One(61)))
		l.run(100 * time.Millisecond)
		if len(p.inbox) == 0 || signs(p.inbox[0]) {
			t.Error("the munro is sent on after a chunk of it was shown")
		}
	})
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

// munro returns the messages that prove chunks r of the stream, signed at the time given.
func (st *stream) munro(r chunk.Range, at time.Duration) []byte {
	st.l.t.Helper()
	hash, ok := st.source.s.live.tree.Munro(r)
	if !ok {
		hash = bytes.Repeat([]byte{5}, 32) // one that the source never made
	}
	f := st.source.s.format
	ntp := livesig.NTP(time.Unix(1_700_000_000, int64(at)))
	signature, err := st.key.Sign(f.AppendSpec(nil, r), ntp, hash)
	if err != nil {
		st.l.t.Fatal(err)
	}
	return f.AppendSignedIntegrity(f.AppendIntegrity(nil, r, hash), r, ntp, signature)
}

// "When a peer receives a SIGNED_INTEGRITY message with a signed munro hash but the timestamp
// is too old, the peer MUST discard the message" (RFC 7574, 6.1.2.4).
func TestOldMunros(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	st.append(80, 0)
	h, p := l.host(st.home(16)), l.puppet()
	k := p.accept(h)
	at := func(chunks uint64) chunk.Range { return chunk.Range{Start: chunks - 8, End: chunks} }
	edge := func() uint64 { e, _ := h.s.Edge(); return e }
	k.say(st.munro(at(40), 40*time.Second))
	l.run(50 * time.Millisecond)
	if edge() != 40 {
		t.Fatalf("edge %d after the first munro, want 40", edge())
	}
	refused := map[string][]byte{
		"later chunks signed earlier": st.munro(at(64), 30*time.Second),
		"earlier chunks signed later": st.munro(at(32), 50*time.Second),
		"the same chunks again":       st.munro(at(40), 41*time.Second),
		"overlapping":                 st.munro(chunk.Range{Start: 32, End: 48}, 41*time.Second),
		"within":                      st.munro(chunk.Range{Start: 36, End: 40}, 39*time.Second),
	}
	for name, b := range refused {
		k.say(b)
		l.run(50 * time.Millisecond)
		if edge() != 40 || len(h.s.live.munros) != 1 {
			t.Errorf("%s: edge %d, %d munros", name, edge(), len(h.s.live.munros))
		}
	}
	k.say(st.munro(at(24), 20*time.Second)) // older, and signed before: in order
	k.say(st.munro(at(72), 60*time.Second))
	l.run(50 * time.Millisecond)
	if edge() != 72 || len(h.s.live.munros) != 3 {
		t.Errorf("edge %d, %d munros, want 72 and 3", edge(), len(h.s.live.munros))
	}
	if len(h.of(EventBan)) != 0 {
		t.Error("a replay is no reason to ban: the peer may not know")
	}
}

// Who tuned in by an old munro, and has played nothing, tunes in again when it learns of the
// edge; a munro that is merely the next does not move the place.
func TestTuneInByOldMunro(t *testing.T) {
	for _, stale := range []bool{false, true} {
		l := newLab(t, 1)
		st := l.stream(8, nil)
		st.append(800, 0)
		h, p := l.host(st.home(16)), l.puppet()
		k := p.accept(h)
		k.say(st.munro(chunk.Range{Start: 72, End: 80}, time.Second))
		l.run(200 * time.Millisecond)
		later := 1200 * time.Millisecond
		if stale {
			later = 9 * time.Second
		}
		k.say(st.munro(chunk.Range{Start: 792, End: 800}, later))
		l.run(50 * time.Millisecond)
		want := uint64(64)
		if stale {
			want = 784
		}
		if _, next := h.s.Edge(); next != want {
			t.Errorf("stale %v: playing begins with %d, want %d", stale, next, want)
		}
	}
}

// "a peer MUST check the signature before forwarding the chunks" (RFC 7574, 6.1.2.1): a forged
// one shuts its sender out, and nothing of it is believed.
func TestForgedMunro(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	st.append(80, 0)
	good := st.munro(chunk.Range{Start: 32, End: 40}, time.Second)
	size := st.source.s.format.SpecSize()
	tests := map[string]int{ // byte to change, from the end of INTEGRITY and SIGNED_INTEGRITY
		"hash":      1 + size,
		"timestamp": 1 + size + 32 + 1 + size,
		"signature": len(good) - 1,
	}
	for name, at := range tests {
		t.Run(name, func(t *testing.T) {
			h, p := l.host(st.home(16)), l.puppet()
			k := p.accept(h)
			b := append([]byte{}, good...)
			b[at] ^= 1
			k.say(b)
			l.run(50 * time.Millisecond)
			if bans := h.of(EventBan); len(bans) != 1 || bans[0].Peer != p.addr || !strings.Contains(bans[0].Reason, "signature") {
				t.Errorf("bans: %v", bans)
			}
			if e, _ := h.s.Edge(); e != 0 || len(h.s.live.munros) != 0 {
				t.Errorf("edge %d by a forged munro", e)
			}
			h.meet(st.source)
			l.run(time.Second)
			if e, _ := h.s.Edge(); e != 80 {
				t.Errorf("edge %d from the honest source, want 80", e)
			}
		})
	}
	// The range is signed too. Here the hash does not come for it, so it is dropped.
	h, p := l.host(st.home(16)), l.puppet()
	k := p.accept(h)
	b := append([]byte{}, good...)
	b[1+size+32+1+3] ^= 8
	k.say(b)
	l.run(50 * time.Millisecond)
	if e, _ := h.s.Edge(); e != 0 {
		t.Errorf("edge %d by a munro of another range", e)
	}
}

// Subtrees that no source makes are refused.
func TestMunroSizes(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h, p := l.host(st.home(16)), l.puppet()
	k := p.accept(h)
	hash := make([]byte, 32)
	for _, r := range []chunk.Range{chunk.One(5), {Start: 0, End: 3}, {Start: 2, End: 6}, {Start: 0, End: 2 * MaxMunro}} {
		ntp := livesig.NTP(time.Unix(1_700_000_000, 0))
		signature, err := st.key.Sign(k.f.AppendSpec(nil, r), ntp, hash)
		if err != nil {
			t.Fatal(err)
		}
		k.say(k.f.AppendSignedIntegrity(k.f.AppendIntegrity(nil, r, hash), r, ntp, signature))
		l.run(50 * time.Millisecond)
		if e, _ := h.s.Edge(); e != 0 {
			t.Errorf("a munro over %v was taken", r)
		}
	}
}

// What Append refuses, and what New refuses of a source.
func TestSourceRefuses(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	if err := st.source.s.Append(0, make([]byte, 255)); err == nil {
		t.Error("a short chunk was appended")
	}
	h := l.host(st.home(8))
	if err := h.s.Append(0, make([]byte, 256)); err == nil {
		t.Error("a home appends")
	}
	f := newFilm(t, 100, nil)
	if err := l.host(f.leech()).s.Append(0, make([]byte, 1024)); err == nil {
		t.Error("a film is appended to")
	}
	other, err := livesig.Generate(ppsp.Ed25519, rand.NewChaCha8([32]byte{9}))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no window":         func(c *Config) { c.Window = 0 },
		"huge window":       func(c *Config) { c.Window = MaxLiveWindow + 1 },
		"one a signature":   func(c *Config) { c.ChunksPerSignature = 1 },
		"no power of two":   func(c *Config) { c.ChunksPerSignature = 24 },
		"too many":          func(c *Config) { c.ChunksPerSignature = 2 * MaxMunro },
		"small window":      func(c *Config) { c.Window = 15 },
		"first not aligned": func(c *Config) { c.FirstChunk = 4 },
		"another key":       func(c *Config) { c.Key = other },
		"no store":          func(c *Config) { c.Store = nil },
		"no key in the ID":  func(c *Config) { c.Meta.SwarmID = "\x0fabc" },
		"sign all":          func(c *Config) { c.Meta.Integrity = ppsp.IntegritySignAll },
		"no integrity":      func(c *Config) { c.Meta.Integrity = ppsp.IntegrityNone },
		"unknown hash":      func(c *Config) { c.Meta.Hash = 9 },
	} {
		cfg := l.config(st.config())
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: New took it", name)
		}
	}
	st.source.store.err = errFull
	if err := st.source.s.Append(0, make([]byte, 256)); err == nil || !strings.Contains(err.Error(), string(errFull)) {
		t.Errorf("append to a full store: %v", err)
	}
	if st.source.s.NextChunk() != 0 || h.s.NextChunk() != 0 {
		t.Error("a chunk that was refused was counted")
	}
}

// Chunk addressing has an end, which the source reports instead of going around.
func TestLastChunkNumber(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(2, func(m *ppsp.Metadata) { m.Addressing = ppsp.Bins32 })
	st.first = 1<<31 - 4
	st.source.start(st.config())
	var err error
	for range 8 {
		if err = st.source.s.Append(0, make([]byte, 256)); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "new key") {
		t.Errorf("behind the last chunk number: %v", err)
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
