package swarm

import (
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// The third datagram may get lost: it is repeated until the peer is heard.
func TestThirdDatagramLost(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20*1024, nil)
	seeder, leech := l.host(f.seed(f.all())), l.host(f.leech())
	sent := 0
	l.tap = func(d flying) bool {
		if d.from == leech.addr {
			sent++
			return sent != 2 && sent != 3
		}
		return true
	}
	leech.want(true)
	leech.meet(seeder)
	l.until(2*time.Second, "complete", leech.s.Complete)
	if len(leech.s.order) != 1 || len(seeder.s.order) != 1 {
		t.Errorf("%d and %d channels", len(leech.s.order), len(seeder.s.order))
	}
}

// A peer that lets requests lie again and again is asked for little, and ever more rarely.
func TestSnubbed(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 400*1024, nil)
	cfg := f.leech()
	cfg.Tree = merkle.NewTree(f.meta.Hash, []byte(f.meta.SwarmID))
	cfg.Tree.Expect(f.chunks())
	leech, p := l.host(cfg), l.puppet()
	k := p.accept(leech)
	k.say(k.f.AppendHave(nil, f.all()))
	leech.want(true)
	asked := func(d time.Duration) (n uint64) {
		for until := l.now + int64(d); l.now < until; {
			l.run(50 * time.Millisecond)
			k.say(nil) // alive
			for _, m := range k.heard() {
				if m.Type == wire.TypeRequest {
					n += m.Chunks.Len()
				}
			}
		}
		return n
	}
	first, later := asked(2*time.Second), asked(20*time.Second)
	if first < firstPipeline || first > 60 {
		t.Errorf("asked for %d chunks in 2 s", first)
	}
	if later > 60 {
		t.Errorf("asked for %d chunks in the next 20 s", later)
	}
	c := leech.s.channelTo(p.addr)
	if c.snubbed <= l.now-2e9 || c.silences < snubAfter {
		t.Errorf("snubbed until %d s, now %d s, after %d silences", c.snubbed/1e9, l.now/1e9, c.silences)
	}
}

// What is new and one peer alone offers is asked for even if its line is full of older chunks.
func TestRoomForWhatIsNew(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	st.append(400, 0)
	h := l.host(st.home(300))
	var links []link
	for range 3 {
		links = append(links, l.puppet().accept(h))
	}
	for _, k := range links { // all have the old chunks; nobody answers
		k.say(k.f.AppendHave(st.munro(chunk.Range{Start: 392, End: 400}, time.Second), chunk.Range{Start: 100, End: 400}))
	}
	l.run(100 * time.Millisecond)
	for _, k := range links {
		k.heard()
		if room := h.s.channelTo(k.p.addr).room(l.now); room != liveReserve {
			t.Fatalf("room for %d more chunks, want %d kept", room, liveReserve)
		}
	}
	st.append(8, 0)
	links[1].say(links[1].f.AppendHave(st.munro(chunk.Range{Start: 400, End: 408}, 1100*time.Millisecond), chunk.Range{Start: 400, End: 404}))
	l.run(50 * time.Millisecond)
	if got := spread(links[1].heard(), wire.TypeRequest); !got.ContainsAll(chunk.Range{Start: 400, End: 404}) {
		t.Errorf("asked for %v", ranges(got))
	}
}

// Two peers whose connections cross settle on one, whichever opened first, and do not lose what
// was asked on the other.
func TestTwinsKeepRequests(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 400*1024, nil)
	cfg := f.seed(f.all())
	cfg.Upload = 500_000
	seeder, leech := l.host(cfg), l.host(f.leech())
	leech.want(true)
	leech.meet(seeder)
	l.run(300 * time.Millisecond)
	for range 5 { // the seed opens one of its own, again and again
		seeder.s.initiate(l.now, leech.addr)
		seeder.drain()
		l.run(150 * time.Millisecond)
		if n, m := len(seeder.s.order), len(leech.s.order); n > 2 || m > 2 {
			t.Fatalf("%d and %d channels", n, m)
		}
	}
	l.until(10*time.Second, "complete", leech.s.Complete)
	f.check(t, leech)
	if len(leech.of(EventBan)) != 0 || len(leech.s.order) != 1 {
		t.Errorf("%d channels at the end", len(leech.s.order))
	}
}
