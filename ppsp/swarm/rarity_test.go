package swarm

import (
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// Offers are counted for no more chunks than the window and what lies a bit ahead, however far
// a peer says that the stream has gone.
func TestCountsOfFarOffersAreBounded(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(0, func(m *ppsp.Metadata) { m.Integrity, m.Addressing = ppsp.IntegrityNone, ppsp.ChunkRanges64 })
	h, p := l.host(st.home(16)), l.puppet()
	k := p.accept(h)
	k.say(k.f.AppendHave(nil, chunk.Range{End: 10}))
	l.run(1300 * time.Millisecond)
	k.say(k.f.AppendHave(k.f.AppendHave(nil, chunk.One(1<<60)), chunk.One(1<<60-2)))
	l.run(100 * time.Millisecond)
	for shift := 4; shift < 61; shift++ {
		l.run(100 * time.Millisecond)
		k.say(k.f.AppendHave(k.f.AppendHave(nil, chunk.One(1<<shift)), chunk.One(1<<shift-2)))
	}
	if l.run(time.Second); h.s.counts.BadMessages != 0 {
		t.Errorf("%+v", h.s.counts)
	}
}

// A home that has tuned in and played nothing yet follows a source that comes back with the
// numbers of a later start, and needs no more memory for it.
func TestSourceBackBeforeAnythingPlayed(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, func(m *ppsp.Metadata) { m.Addressing = ppsp.ChunkRanges64 })
	h, p := l.host(st.home(16)), l.puppet()
	k := p.accept(h)
	const far = 1_780_000_000 * 4096
	k.say(st.munro(chunk.Range{Start: 32, End: 40}, 0))
	l.run(2 * time.Second)
	if edge, next := h.s.Edge(); edge != 40 || next > 32 || len(h.of(EventPlay)) != 0 {
		t.Fatalf("edge %d, next %d", edge, next)
	}
	r := chunk.Range{Start: far, End: far + 8}
	k.say(k.f.AppendHave(st.munro(r, 2*time.Second), r))
	l.run(100 * time.Millisecond)
	if edge, next := h.s.Edge(); edge != r.End || next+16 < r.Start {
		t.Errorf("edge %d, next %d, want near %d", edge, next, r.End)
	}
	if len(h.of(EventSkip)) != 0 {
		t.Errorf("skipped %v, but nothing was played", h.of(EventSkip))
	}
}

// What a peer offered is offered no more when it is gone: what another alone has then is new and
// rare, and what nobody has is not asked for.
func TestOffersGoWithTheirPeer(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h := l.host(st.home(16))
	var links []link
	for range 3 {
		links = append(links, l.puppet().accept(h))
	}
	st.append(32, 0)
	links[0].say(st.munro(chunk.Range{Start: 24, End: 32}, 0))
	l.run(100 * time.Millisecond)
	for _, k := range links {
		k.say(k.f.AppendHave(nil, chunk.Range{Start: 16, End: 32}))
	}
	links[2].say(links[2].f.AppendHave(nil, chunk.Range{Start: 32, End: 40}))
	l.run(100 * time.Millisecond)
	want := func(early, late uint8) {
		t.Helper()
		y := &h.s.live.rarity
		if y.count(20) != early || y.count(35) != late {
			t.Errorf("%d peers offer chunk 20 and %d chunk 35, want %d and %d", y.count(20), y.count(35), early, late)
		}
	}
	want(3, 1)
	goodbye := wire.AppendHandshake(nil, &wire.Handshake{Version: wire.Version})
	links[0].say(goodbye)
	l.run(100 * time.Millisecond)
	want(2, 1)
	links[2].say(goodbye)
	l.run(100 * time.Millisecond)
	want(1, 0)
	if at, ok := h.s.live.rarity.next(chunk.Range{Start: 32, End: 40}, 255); ok {
		t.Errorf("chunk %d is asked for, which nobody has", at)
	}
}

// Who lets go of chunks at once, and tells of them again, is one peer that has them, and pays for
// its messages.
func TestOneWhoRepeatsIsOne(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h := l.host(st.home(16))
	k := l.puppet().accept(h)
	st.append(32, 0)
	k.say(st.munro(chunk.Range{Start: 24, End: 32}, 0))
	l.run(100 * time.Millisecond)
	h.s.channelTo(k.p.addr).discard = 1
	for range 20 {
		k.say(k.f.AppendHave(nil, chunk.Range{Start: 16, End: 32}))
		l.run(10 * time.Millisecond)
	}
	if n := h.s.live.rarity.count(20); n != 1 {
		t.Errorf("one peer counts as %d", n)
	}
}
