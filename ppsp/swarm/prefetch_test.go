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

// What nobody waits for is not asked of a peer at which requests wait while many watch a film: nor what it alone has, but
// what it had before all others is, so that it spreads. What is known of its line gets old.
func TestYieldsToReaders(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 640*1024, nil)
	h := l.host(f.seed(chunk.Range{End: 1}))
	l.now = 10e9
	c := h.s.newChannel(l.now, l.puppet().addr, false)
	c.state = stateOpen
	h.s.static.all = true
	c.peerHas(chunk.Range{Start: 10, End: 200})
	for name, v := range map[string]struct {
		spared  bool
		waited  int64 // ns at the peer
		askedAt int64
		rare    bool
		given   bool
	}{
		"few watch":           {false, 2 * yieldQueue, l.now, false, true},
		"nobody waits there":  {true, yieldQueue, l.now, false, true},
		"others wait there":   {true, yieldQueue + 1, l.now, false, false},
		"it was first":        {true, yieldQueue + 1, l.now, true, true},
		"others waited there": {true, yieldQueue + 1, l.now - yieldFor, false, true},
	} {
		c.dry, c.rare = 0, nil
		h.s.picking.spared, c.quickest, c.latency, c.askedAt = v.spared, 50e6, 50e6+v.waited, v.askedAt
		if v.rare {
			c.rare = []uint64{1}
		}
		if r := h.s.nextLater(l.now, c, f.chunks()); r.Empty() == v.given {
			t.Errorf("%s: %v is asked for", name, r)
		}
		if dry := c.dry == h.s.picking.freed+1 && l.now < c.dryUntil; dry == v.given {
			t.Errorf("%s: looked at again at once: %v", name, !dry)
		}
	}
}

// A reader who stands still in a crowd asks for what comes soon, too, and for no more.
func TestStandingStillAsksForMore(t *testing.T) {
	for _, crowd := range []bool{false, true} {
		l := newLab(t, 1)
		f := newFilm(t, 8000*1024, nil)
		var peers []*host
		for range 16 {
			cfg := f.seed(f.all())
			if crowd {
				cfg = f.seed(chunk.Range{End: f.chunks() - 1})
			}
			cfg.Upload = 1_000
			peers = append(peers, l.host(cfg))
		}
		h := l.host(f.leech())
		h.want(true, chunk.Range{End: 7000})
		h.meet(peers...)
		l.run(2 * time.Second)
		for _, c := range h.s.order {
			c.pipeline = 128
		}
		h.s.picking.wanted = true
		l.run(50 * time.Millisecond)
		least, most := uint64(atOnce/2), uint64(atOnce)
		if crowd {
			least, most = atOnce+1, soonMost
		}
		if n := h.s.requested.Count(); n < least || n > most+1 { // and the last, which proves the length
			t.Errorf("crowd %v: %d chunks are asked for, want %d to %d", crowd, n, least, most)
		}
		if r, ok := h.s.requested.NextIn(most); ok && r.Start < f.chunks()-1 {
			t.Errorf("crowd %v: %v is asked for, which can wait", crowd, r)
		}
	}
}
