package swarm

import (
	"math"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// crowd adds homes that fetch all of a film of one peer; nobody reaches another.
func (l *lab) crowd(n int, f film, of *host) []*host {
	var homes []*host
	l.tap = func(d flying) bool { return d.from == of.addr || d.to == of.addr }
	for range n {
		h := l.host(f.leech())
		h.want(true)
		h.meet(of)
		homes = append(homes, h)
	}
	return homes
}

// A need that has just come up is met before the needs of those that have been given much: of a
// fair share it would take 1.6 s.
func TestNewNeedGoesFirst(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20_000*1024, nil)
	cfg := f.seed(chunk.Range{End: 19_999}) // one who has all would leave to the others what they have
	cfg.Upload = 2_500_000
	seed := l.host(cfg)
	l.crowd(40, f, seed)
	l.run(2 * time.Second)
	h, window := l.host(f.leech()), chunk.Range{Start: 13_000, End: 13_100}
	h.want(false, window)
	from := l.now
	h.meet(seed)
	l.until(10*time.Second, "there", func() bool { return missing(h, window) == 0 })
	if took := l.now - from; took > 800e6 {
		t.Errorf("100 KB came after %d ms at 2.5 MB/s, beside 40 that fetch everything", took/1e6)
	}
}

// "Peer and chunk selection algorithms … will implement fairness and provide sharing incentives"
// (RFC 7574, 12.6.2): who gives is given before who only takes, who is not left without.
func TestReciprocity(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 8100*1024, nil) // of which nobody has the end
	mine, theirs := chunk.Range{End: 4000}, chunk.Range{Start: 4000, End: 8000}
	cfg := f.seed(mine)
	cfg.Upload = 100_000
	home := l.host(cfg)
	home.want(true)
	takers := l.crowd(6, f, home)
	var givers []*host
	for range 6 {
		h := l.host(f.seed(theirs))
		h.want(true)
		h.meet(home)
		givers = append(givers, h)
	}
	l.run(15 * time.Second)
	given, taken := uint64(0), uint64(0)
	for k := range givers {
		given += givers[k].s.Counters().ChunksReceived
		taken += takers[k].s.Counters().ChunksReceived
	}
	if home.s.have.Count() < 7000 {
		t.Fatalf("the givers gave %d chunks: the test tests nothing", home.s.have.Count()-mine.Len())
	}
	if given < 2*taken || taken == 0 {
		t.Errorf("who gives got %d chunks, who does not %d", given, taken)
	}
}

// "Peer A can send a CHOKE message to Peer B to signal it will no longer be responding to REQUEST
// messages … because Peer A's upload capacity is exhausted. Peer A MAY send a subsequent UNCHOKE
// message" (RFC 7574, 3.9). Nobody is left out for good, and the upload does not stand still.
func TestChokesWhoWouldWait(t *testing.T) {
	l := newLab(t, 1)
	l.logging = true
	f := newFilm(t, 4000*1024, nil)
	cfg := f.seed(f.all())
	cfg.Upload = 40_000
	seed := l.host(cfg)
	homes := l.crowd(20, f, seed)
	l.run(60 * time.Second)
	choked, _ := l.when(seed, wire.TypeChoke)
	unchoked, _ := l.when(seed, wire.TypeUnchoke)
	if len(choked) == 0 || len(unchoked) == 0 {
		t.Fatalf("%d times CHOKE, %d times UNCHOKE", len(choked), len(unchoked))
	}
	for k, h := range homes {
		if n := h.s.Counters().ChunksReceived; n < 2400/20/10 {
			t.Errorf("home %d got %d chunks of about 2400", k, n)
		}
	}
	if n := seed.s.Counters().BytesSent; n < 40_000*60*85/100 {
		t.Errorf("%d bytes were sent in a minute, with a limit of 40000 a second", n)
	}
}

// "Peer A will just discard the unwanted REQUESTs and resend the CHOKE, assuming it got lost"
// (RFC 7574, 12.6.8). "Peer A SHOULD discard old requests" (3.9).
func TestRequestsOfTheChoked(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 100*1024, nil)
	h, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(h)
	l.run(time.Second)
	k.heard()
	c := h.s.channelTo(p.addr)
	h.s.choke(l.now, c, true)
	h.drain()
	k.say(k.f.AppendRequest(nil, chunk.One(3)))
	first := k.take(100 * time.Millisecond)
	l.run(300 * time.Millisecond)
	k.say(k.f.AppendRequest(nil, chunk.One(3)))
	again := k.take(100 * time.Millisecond)
	if has(first, wire.TypeChoke) != 1 || has(again, wire.TypeChoke) != 1 || has(first, wire.TypeData)+has(again, wire.TypeData) != 0 {
		t.Errorf("CHOKE %d times and again %d times, %d chunks", has(first, wire.TypeChoke), has(again, wire.TypeChoke), has(first, wire.TypeData)+has(again, wire.TypeData))
	}
	h.s.choke(l.now, c, false)
	h.drain()
	opened := k.take(time.Minute)
	if n := has(opened, wire.TypeUnchoke); n < 2 || n > 1+unchokeDoublings || has(opened, wire.TypeData) != 0 {
		t.Errorf("UNCHOKE %d times to who does not ask, %d old requests answered", n, has(opened, wire.TypeData))
	}
	k.say(k.f.AppendRequest(nil, chunk.One(3)))
	if got := k.take(time.Second); has(got, wire.TypeData) == 0 || has(got, wire.TypeUnchoke) != 0 || c.permit != mayAsk {
		t.Error("who may ask again gets nothing")
	}
	if u := h.s.uploads; u.choked != 0 || u.held != 0 {
		t.Errorf("%d choked and %d waiting in the end", u.choked, u.held)
	}
}

// Peers that take what they ask for slowly do not hold up the others: it is still their turn, but not one
// of the few turns.
func TestSlowTakers(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 3000*1024, nil)
	cfg := f.seed(chunk.Range{End: 2999})
	seed := l.host(cfg)
	seed.s.uploads.slots, seed.s.uploads.lookAt = slotsLeast, math.MaxInt64 // and no more
	var links []link
	for range 3 * slotsLeast {
		links = append(links, l.puppet().greet(seed))
	}
	var slow, others []*channel
	for k, p := range links {
		c := seed.s.channelTo(p.p.addr)
		if k == slotsLeast {
			l.run(sluggishAfter)
		}
		p.say(p.f.AppendRequest(nil, f.all())) // and acknowledges nothing
		if k < slotsLeast {
			slow = append(slow, c)
			continue
		}
		c.need = 1e6
		others = append(others, c)
	}
	l.run(turnEvery)
	served := 0
	for _, c := range others {
		if !c.held {
			served++
		}
	}
	for k, c := range slow {
		if c.held || c.clear() || c.queue.chunks == 0 {
			t.Errorf("slow peer %d: held %v, may be sent to %v, waits for %d chunks: the test tests nothing", k, c.held, c.clear(), c.queue.chunks)
		}
	}
	if served < slotsLeast {
		t.Errorf("it is the turn of %d others beside %d that take nothing, want %d", served, len(slow), slotsLeast)
	}
}

// Nothing acknowledges an UNCHOKE: who missed many of them is told again, as long as it may not know.
func TestUnchokeSurvivesSilence(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 300*1024, nil)
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.want(true)
	leech.meet(seed)
	l.until(5*time.Second, "begun", func() bool { return leech.s.have.Count() > 3 })
	seed.s.choke(l.now, seed.s.channelTo(leech.addr), true)
	seed.drain()
	l.run(500 * time.Millisecond)
	if !leech.s.channelTo(seed.addr).choked {
		t.Fatal("nobody is choked: the test tests nothing")
	}
	l.tap = func(flying) bool { return false }
	l.run(10 * time.Second)
	l.tap = nil
	l.until(40*time.Second, "complete", leech.s.Complete)
	l.run(time.Second)
	if n := seed.s.uploads.choked; n != 0 {
		t.Errorf("%d are choked in the end", n)
	}
}

// An uplink that has nothing to do chokes nobody, however many ask at the same time.
func TestIdleUplinkChokesNobody(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 400*1024, nil)
	seed := l.host(f.seed(f.all()))
	var links []link
	for range 12 {
		links = append(links, l.puppet().greet(seed))
	}
	l.run(time.Minute)
	for _, k := range links {
		k.heard()
		k.say(k.f.AppendRequest(nil, chunk.Range{Start: 10, End: 26}))
	}
	var got chunk.Set
	for range 10 {
		for n, k := range links {
			for _, m := range k.take(10 * time.Millisecond) {
				if m.Type == wire.TypeChoke {
					t.Errorf("peer %d was choked", n)
				}
				if m.Type == wire.TypeData {
					got.Add(chunk.One(uint64(n)*1000 + m.Chunks.Start))
				}
			}
		}
	}
	if n := got.Count(); n != 12*16 {
		t.Errorf("%d chunks came of %d", n, 12*16)
	}
}

// To look whose turn it is means to go through all peers: requests that bring nothing into the line don't
// call for it, and others no more often than every turnLeast.
func TestLooksAtTurnsAreBounded(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 100*1024, nil)
	h, p := l.host(f.seed(chunk.Range{End: 50})), l.puppet()
	k := p.greet(h)
	l.run(time.Second)
	looks := func(datagrams int, b []byte) (n int) {
		for range datagrams {
			before := h.s.uploads.aged
			h.s.HandleDatagram(l.now, p.addr, b)
			h.drain()
			if h.s.uploads.aged != before {
				n++
			}
			l.now += 100e3
		}
		return n
	}
	prefix := wire.AppendChannel(nil, k.id)
	if n := looks(200, k.f.AppendRequest(prefix[:4:4], chunk.Range{Start: 60, End: 70})); n > 0 {
		t.Errorf("%d looks for 200 requests of what is not here", n)
	}
	again := k.f.AppendRequest(k.f.AppendCancel(prefix[:4:4], f.all()), chunk.One(7))
	if n := looks(200, again); n == 0 || n > 5 {
		t.Errorf("%d looks within 20 ms for 200 requests that are taken back, want 1 to 5", n)
	}
}

// Who waits for what others were given, loses patience and asks anew has waited all along: it is believed as
// soon as one that asks once that it finds nobody else.
func TestAskingAnewKeepsThePlace(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 4000*1024, nil)
	cfg := f.seed(f.all())
	cfg.Upload = 100_000
	seed := l.host(cfg)
	l.crowd(10, f, seed)
	p := l.puppet()
	l.tap = nil
	k := p.greet(seed)
	l.run(3 * time.Second)
	last := chunk.One(f.chunks() - 1) // by which all have begun
	if !seed.s.given.ContainsAll(last) && !seed.s.givenBefore.ContainsAll(last) {
		t.Fatal("nobody was given the last chunk: the test tests nothing")
	}
	k.heard()
	for range 5 {
		k.say(k.f.AppendRequest(k.f.AppendCancel(nil, f.all()), last))
		if has(k.take(700*time.Millisecond), wire.TypeData) > 0 {
			return
		}
	}
	t.Error("nothing came within 3.5 s")
}
