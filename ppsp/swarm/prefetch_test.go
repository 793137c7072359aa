package swarm

import (
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// What can wait is bounded by what comes: a reader's requests do not fill the lines of its peers.
func TestPrefetchIsBounded(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20_000*1024, nil)
	var seeds []*host
	for range 8 {
		cfg := f.seed(f.all())
		cfg.Upload = 50_000
		seeds = append(seeds, l.host(cfg))
	}
	h := l.host(f.leech())
	h.want(true, chunk.Range{End: 256}, chunk.Range{End: 8192})
	h.meet(seeds...)
	l.run(3 * time.Second)
	most := 0
	for range 100 {
		l.run(20 * time.Millisecond)
		asked := 0
		for _, c := range h.s.order {
			asked += c.outstanding.live
		}
		most = max(most, asked)
	}
	rate := h.s.picking.rate
	if rate < 200 || rate > 500 {
		t.Fatalf("%.0f chunks/s come, of 390 that could", rate)
	}
	if bound := int(rate*0.6) + laterLeast + 8*laterTrain; most > bound {
		t.Errorf("%d chunks were asked for at a time, want at most %d", most, bound)
	}
}

// Of what a peer can give, that goes first which fewest others have.
func TestRareFirst(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 3200*1024, nil)
	h := l.host(f.seed(chunk.Range{End: 1}))
	peers := h.strangers(5)
	for _, c := range peers[1:] {
		c.peerHas(chunk.Range{End: 1600})
	}
	peers[0].peerHas(chunk.Range{End: 3000})
	h.s.static.windows = []chunk.Range{{End: 1}}
	rare := 0
	for range 100 {
		if r := h.s.rarest(l.now, peers[0], f.chunks()); r.Start >= 1600 {
			rare++
		} else if !r.Empty() && !peers[0].peerHave.ContainsAll(chunk.One(r.Start)) {
			t.Fatalf("%v is not there", r)
		}
	}
	if rare < 80 {
		t.Errorf("%d of 100 picks were of the rarer half", rare)
	}
}

// Who had nothing for us is asked again once it announces more, or something asked of another does not
// come.
func TestDryPeers(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 640*1024, nil)
	h := l.host(f.leech())
	c := h.s.newChannel(l.now, l.puppet().addr, false)
	c.state = stateOpen
	h.s.static.all = true
	if r := h.s.nextLater(l.now, c, f.chunks()); !r.Empty() || c.dry != h.s.picking.freed+1 {
		t.Fatalf("%v of a peer that has nothing; dry %d", r, c.dry)
	}
	c.peerHas(chunk.Range{Start: 10, End: 20})
	if r := h.s.nextLater(l.now, c, f.chunks()); c.dry != 0 || r.Start != 10 {
		t.Errorf("after news: %v, dry %d", r, c.dry)
	}
	h.s.requested.Add(chunk.Range{Start: 10, End: 20})
	h.s.nextLater(l.now, c, f.chunks())
	if c.dry != h.s.picking.freed+1 {
		t.Error("all that it has is asked for, and it is not dry")
	}
	other := h.s.newChannel(l.now, l.puppet().addr, false)
	other.outstanding.push(chunk.Range{Start: 10, End: 20}, l.now)
	other.releaseAll()
	if r := h.s.nextLater(l.now, c, f.chunks()); c.dry == h.s.picking.freed+1 || r.Start != 10 {
		t.Errorf("after another gave up: %v", r)
	}
}

// Who answers late is left alone for longer each time, and sooner asked again while it answers soon.
func TestRestrain(t *testing.T) {
	c := &channel{}
	c.quickest = 50e6
	now := int64(1e9)
	last := int64(0)
	for range 10 {
		c.restrain(now, c.quickest+slowAnswer+1)
		if c.rest < last || c.laterAt != now+c.rest {
			t.Fatalf("left alone for %d ms after %d", c.rest/1e6, last/1e6)
		}
		last = c.rest
		c.restrain(now+1, c.quickest+slowAnswer+1)
		if c.rest != last {
			t.Fatal("two answers of the same time counted twice")
		}
		now = c.laterAt
	}
	if last != restMost {
		t.Errorf("at most %d ms, want %d", last/1e6, int64(restMost)/1e6)
	}
	for range 100 {
		c.restrain(now, c.quickest)
	}
	if c.rest > restLeast {
		t.Errorf("after 100 quick answers it is still left alone for %d ms", c.rest/1e6)
	}
}

// A lost acknowledgement at the end costs one chunk, not all that was under way.
func TestLastIsTriedFirst(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 60*1024, nil)
	h, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(h)
	l.run(time.Second)
	c := h.s.channelTo(p.addr)
	c.control.Sample(50e6)
	k.say(k.f.AppendRequest(nil, chunk.Range{End: 2}))
	l.run(100 * time.Millisecond)
	under := c.flight.line.len()
	l.run(time.Duration(c.control.RTO()) + 50*time.Millisecond)
	if n := h.s.Counters().Retransmits; under == 0 || n != 1 {
		t.Errorf("%d chunks were sent again of those in %d parts under way, want the last", n, under)
	}
}
