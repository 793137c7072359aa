package swarm

import (
	"slices"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// when returns the times at which messages of a type went from one host, in ms, with the
// chunks they were about.
func (l *lab) when(from *host, t wire.Type) (at []int64, about []chunk.Range) {
	l.t.Helper()
	for _, d := range l.log {
		if d.from != from.addr {
			continue
		}
		for _, m := range messages(l.t, from.s.format, d.b) {
			if m.Type == t {
				at, about = append(at, d.sent/1e6), append(about, m.Chunks)
			}
		}
	}
	return at, about
}

// "ACK messages MUST be sent to acknowledge received chunks … A peer MAY delay sending ACK
// messages as defined in the LEDBAT specification" (RFC 7574, 3.4): neighbours share one, and
// none waits for more than 10 ms.
func TestAcknowledgements(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 64*1024, nil)
	leech, p := l.host(f.leech()), l.puppet()
	k := p.accept(leech)
	l.logging = true
	from := l.now
	for i := range uint64(4) {
		k.say(k.data(f, 8+i))
	}
	k.say(k.data(f, 40))
	l.run(100 * time.Millisecond)
	at, about := l.when(leech, wire.TypeAck)
	want := []chunk.Range{{Start: 8, End: 12}, {Start: 40, End: 41}}
	if len(about) != 2 || about[0] != want[0] || about[1] != want[1] {
		t.Fatalf("acknowledged %v, want %v", about, want)
	}
	if late := at[0] - (from+l.delay)/1e6; late != 10 {
		t.Errorf("the acknowledgement waited for %d ms", late)
	}
	l.log = nil
	from = l.now
	for i := range uint64(ackMost) { // so many do not wait
		k.say(k.data(f, 16+i))
	}
	l.run(100 * time.Millisecond)
	if at, _ := l.when(leech, wire.TypeAck); len(at) != 1 || at[0] != (from+l.delay)/1e6 {
		t.Errorf("%d chunks were acknowledged at %v", ackMost, at)
	}
	l.log = nil
	k.say(k.data(f, 50))
	k.say(k.f.AppendHave(nil, f.all()))
	l.run(25 * time.Millisecond)
	leech.want(false, chunk.One(60)) // an acknowledgement rides along with what is said
	l.run(25 * time.Millisecond)
	if d := l.log[len(l.log)-1]; len(types(t, k.f, d.b)) < 2 {
		t.Errorf("the REQUEST goes without the ACK: %v", types(t, k.f, d.b))
	}
}

// "it MUST send an ACK message containing the chunk specification of its biggest, complete interval
// covering C" (RFC 7574, 4.3.2): with ranges all around it, with bins the biggest complete one. The
// sender takes all of that for acknowledged, also what it does not know to have arrived.
func TestAckOfTheBiggestInterval(t *testing.T) {
	for addressing, want := range map[ppsp.Addressing][]chunk.Range{
		ppsp.ChunkRanges32: {{Start: 8, End: 12}, {Start: 8, End: 13}, {Start: 8, End: 14}, {Start: 20, End: 21}},
		ppsp.ByteRanges64:  {{Start: 8, End: 12}, {Start: 8, End: 13}, {Start: 8, End: 14}, {Start: 20, End: 21}},
		ppsp.Bins32:        {{Start: 8, End: 12}, {Start: 12, End: 13}, {Start: 12, End: 14}, {Start: 20, End: 21}},
		ppsp.Bins64:        {{Start: 8, End: 12}, {Start: 12, End: 13}, {Start: 12, End: 14}, {Start: 20, End: 21}},
	} {
		l := newLab(t, 1)
		f := newFilm(t, 64*1024, func(m *ppsp.Metadata) { m.Addressing = addressing })
		leech, p := l.host(f.leech()), l.puppet()
		k := p.accept(leech)
		l.logging = true
		for _, chunks := range [][]uint64{{8, 9, 10, 11}, {12}, {13}, {20}} {
			for _, i := range chunks {
				k.say(k.data(f, i))
			}
			l.run(100 * time.Millisecond)
		}
		if _, about := l.when(leech, wire.TypeAck); !slices.Equal(about, want) {
			t.Errorf("%v: acknowledged %v, want %v", addressing, about, want)
		}
	}
}

// An ACK of more than has just come also stands for what was acknowledged in vain.
func TestLostAckIsMadeUpFor(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 60*1024, nil)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(seed)
	k.heard()
	k.say(k.f.AppendRequest(nil, chunk.Range{End: 2}))
	l.run(100 * time.Millisecond)
	k.say(k.f.AppendAck(nil, chunk.Range{End: 2}, 1000)) // that of the first was lost
	k.say(k.f.AppendRequest(nil, chunk.Range{Start: 2, End: 6}))
	k.take(3 * time.Second)
	if c := seed.s.Counters(); c.Retransmits != 0 || c.ChunksSent != 6 {
		t.Errorf("%d chunks sent, %d of them again", c.ChunksSent, c.Retransmits)
	}
}

// "an ACK message MUST contain the one-way delay, computed from the peer's current system time
// received in the DATA message" (RFC 7574, 3.4), in µs, and the sender feeds its congestion
// control with it.
func TestDelaySamples(t *testing.T) {
	l := newLab(t, 1)
	l.logging = true
	f := newFilm(t, 10*1024, nil)
	seed, leech := transfer(t, l, f, 5*time.Second)
	for _, d := range l.log {
		if d.from != leech.addr {
			continue
		}
		for _, m := range messages(t, seed.s.format, d.b) {
			if m.Type == wire.TypeAck && int64(m.Time) != l.delay/1000 {
				t.Errorf("a delay of %d µs is told, want %d", m.Time, l.delay/1000)
			}
		}
	}
	if rtt := seed.s.AppendPeers(nil)[0].RTT; rtt < 40e6 || rtt > 55e6 {
		t.Errorf("round trip %d ms, want 40 to 50 with the wait for acknowledgements", rtt/1e6)
	}
}

// News of a chunk spreads at once where it may be the only copy, later where others have it,
// and last to those who have it themselves; always in the largest interval (RFC 7574, 4.3.1).
func TestAnnouncements(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 64*1024, nil)
	leech := l.host(f.leech())
	giver, poor, rich := l.puppet().accept(leech), l.puppet().accept(leech), l.puppet().accept(leech)
	rich.say(rich.f.AppendHave(nil, chunk.Range{Start: 10, End: 20}))
	l.run(50 * time.Millisecond)
	told := func(k link, i uint64, within time.Duration) int64 {
		from := l.now
		k.heard()
		giver.say(giver.data(f, i))
		l.run(within)
		for _, d := range k.p.inbox {
			for _, m := range messages(t, k.f, d.b) {
				if m.Type == wire.TypeHave && m.Chunks.Contains(i) {
					return (d.at - from) / 1e6
				}
			}
		}
		return -1
	}
	if ms := told(poor, 30, 300*time.Millisecond); ms != 40+20 {
		t.Errorf("a rare chunk is told after %d ms, want 60", ms)
	}
	if ms := told(poor, 12, 300*time.Millisecond); ms != 40+200 {
		t.Errorf("a chunk that another has is told after %d ms, want 240", ms)
	}
	l.run(2 * time.Second)
	if ms := told(rich, 14, 2*time.Second); ms < 1000 {
		t.Errorf("who has a chunk is told of it after %d ms, want about a second", ms)
	}
	poor.heard()
	giver.say(giver.data(f, 31))
	giver.say(giver.data(f, 29))
	l.run(300 * time.Millisecond)
	if got := ranges(spread(poor.heard(), wire.TypeHave)); len(got) != 1 || got[0] != (chunk.Range{Start: 29, End: 32}) {
		t.Errorf("told of %v, want one interval of 29 to 31", got)
	}
	if n := has(giver.heard(), wire.TypeHave); n != 0 {
		t.Errorf("who gave the chunks was told of them %d times", n)
	}
}

// "A peer SHOULD NOT send a HAVE message to peers that have the complete content already"
// (RFC 7574, 3.2).
func TestNoNewsForSeeds(t *testing.T) {
	l := newLab(t, 1)
	l.logging = true
	f := newFilm(t, 100*1024, nil)
	_, leech := transfer(t, l, f, 5*time.Second)
	l.run(3 * time.Second)
	for _, c := range leech.s.order { // nothing is kept of what a seed is not told anyway
		if n := c.gave.Count(); n != 0 {
			t.Errorf("%d chunks of a seed are noted", n)
		}
	}
	if at, about := l.when(leech, wire.TypeHave); len(at) > 1 {
		t.Errorf("a seed was told of %v", about)
	}
}

// With bins, what is told, asked for and acknowledged comes in aligned ranges (RFC 7574, 4.2).
func TestBinsAreAligned(t *testing.T) {
	for _, a := range []ppsp.Addressing{ppsp.Bins32, ppsp.Bins64} {
		l := newLab(t, 1)
		l.logging = true
		f := newFilm(t, 77*1024, func(m *ppsp.Metadata) { m.Addressing = a })
		seed := l.host(f.seed(chunk.Range{Start: 3, End: 70}))
		leech := l.host(f.leech())
		leech.want(false, chunk.Range{Start: 5, End: 60})
		leech.meet(seed)
		l.until(5*time.Second, "there", func() bool { return leech.s.have.ContainsAll(chunk.Range{Start: 5, End: 60}) })
		for _, d := range l.log {
			for _, m := range messages(t, seed.s.format, d.b) {
				if _, ok := chunk.BinOf(m.Chunks); m.Type != wire.TypeHandshake && !ok {
					t.Fatalf("a %v of %v", m.Type, m.Chunks)
				}
			}
		}
		if got := spreadLog(t, l, seed, wire.TypeHave); got.Count() != 67 {
			t.Errorf("the seed told of %d chunks, want 67", got.Count())
		}
	}
}

// spreadLog returns the chunks that one host's messages of a type named.
func spreadLog(t *testing.T, l *lab, from *host, kind wire.Type) *chunk.Set {
	t.Helper()
	var all chunk.Set
	_, about := l.when(from, kind)
	for _, r := range about {
		all.Add(r)
	}
	return &all
}

// A request that got lost is made again of the same peer if there is no other, and a peer that
// is silent for long is asked for little.
func TestRequestLost(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 40*1024, nil)
	leech, p := l.host(f.leech()), l.puppet()
	k := p.accept(leech)
	k.say(k.f.AppendHave(nil, chunk.Range{Start: 5, End: 6}))
	leech.want(false, chunk.One(5))
	l.run(500 * time.Millisecond)
	if n := has(k.heard(), wire.TypeRequest); n < 2 || n > 3 {
		t.Errorf("asked %d times in half a second, want 2 or 3", n)
	}
	l.run(20 * time.Second)
	if n := has(k.heard(), wire.TypeRequest); n < 2 || n > 12 {
		t.Errorf("asked %d times in 20 s of silence", n)
	}
	k.say(k.data(f, 5))
	l.run(50 * time.Millisecond)
	if c := leech.s.channelTo(p.addr); !leech.s.have.Has(5) || c.snubbed != 0 || c.silences != 0 {
		t.Error("a peer that answers late is still held for silent")
	}
}

// Four tries, then the peer must ask again.
func TestResendsAreBounded(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 40*1024, nil)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(seed)
	k.heard()
	k.say(k.f.AppendRequest(nil, chunk.One(7)))
	for range 60 {
		l.run(time.Second)
		k.say(nil) // alive, but it acknowledges nothing
	}
	if n := has(k.heard(), wire.TypeData); n != 1+maxResends {
		t.Errorf("the chunk was sent %d times, want %d", n, 1+maxResends)
	}
	if c := seed.s.channelTo(p.addr); c.count() != 0 || c.flight.line.len() != 0 {
		t.Errorf("%d chunks wait still, %d are under way", c.count(), c.flight.line.len())
	}
}

// Chunks that arrived, though their acknowledgements did not, are not sent again if a HAVE
// told of them.
func TestAcknowledgementsLost(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 60*1024, nil)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(seed)
	k.heard()
	k.say(k.f.AppendRequest(nil, chunk.Range{End: 2}))
	l.run(30 * time.Millisecond)
	k.say(k.f.AppendHave(nil, chunk.Range{End: 2}))
	k.say(k.f.AppendRequest(nil, chunk.Range{Start: 2, End: 6}))
	k.take(3 * time.Second)
	if c := seed.s.Counters(); c.Retransmits != 0 || c.ChunksSent != 6 {
		t.Errorf("%d chunks sent, %d of them again", c.ChunksSent, c.Retransmits)
	}
}

// What overtakes by a moment is no sign of loss; what is overtaken by a quarter of a round
// trip is sent again, before the timeout (RFC 8985).
func TestLossByTime(t *testing.T) {
	for _, late := range []time.Duration{5 * time.Millisecond, time.Hour} {
		l := newLab(t, 1)
		f := newFilm(t, 600*1024, nil)
		drop := false
		l.tap = func(d flying) bool {
			m := messages(t, wire.Format{Addressing: ppsp.ChunkRanges32, ChunkSize: 1024, HashSize: 32}, d.b)
			if drop || len(m) == 0 || m[len(m)-1].Type != wire.TypeData || m[len(m)-1].Chunks.Start != 301 { // which brings no hashes
				return true
			}
			drop = true
			if late < time.Second {
				d.at = l.now + l.delay + int64(late)
				l.flying = append(l.flying, d)
			}
			return false
		}
		seed, leech := transfer(t, l, f, 10*time.Second)
		want := uint64(0)
		if late > time.Second {
			want = 1
		}
		if n := seed.s.Counters().Retransmits; n != want {
			t.Errorf("late by %v: %d chunks were sent again, want %d", late, n, want)
		}
		if c := leech.s.Counters(); c.Timeouts != 0 || c.Duplicates != 0 {
			t.Errorf("late by %v: %+v", late, c)
		}
	}
}

// The uncles of a whole stripe go once, and the newest munro with its offer.
func TestStripeOverhead(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(32, nil)
	var homes []*host
	for range 8 {
		h := l.host(st.home(32))
		h.meet(st.source)
		homes = append(homes, h)
	}
	for _, h := range homes {
		h.meet(homes...)
	}
	st.append(320, 4*time.Millisecond)
	l.run(2 * time.Second)
	l.logging = true
	st.append(32, 0)
	l.run(500 * time.Millisecond)
	chunks, hashes, munros := 0, 0, 0
	for _, d := range l.log {
		if d.from != st.source.addr {
			continue
		}
		for _, m := range messages(t, st.source.s.format, d.b) {
			switch m.Type {
			case wire.TypeData:
				chunks++
			case wire.TypeIntegrity:
				hashes++
			case wire.TypeSignedIntegrity:
				munros++
			}
		}
	}
	if chunks != 64 {
		t.Errorf("%d chunks left the source, want each of 32 twice", chunks)
	}
	if munros > 8 {
		t.Errorf("%d munros left the source, want one to each home", munros)
	}
	if hashes > chunks+munros+16 {
		t.Errorf("%d hashes for %d chunks", hashes, chunks)
	}
}

// The offers of a source: stripes by turns, again where nobody took them, all in the end.
func TestOfferStages(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(32, nil)
	var links []link
	for range 8 {
		links = append(links, l.puppet().greet(st.source))
	}
	stay := func(d time.Duration) { // the puppets stay alive
		for range int(d / (100 * time.Millisecond)) {
			for _, k := range links {
				k.say(nil)
			}
			l.run(100 * time.Millisecond)
		}
	}
	stay(2 * time.Second)
	st.append(32, 0)
	l.run(50 * time.Millisecond)
	var offered [32]int
	told := make([]chunk.Set, len(links))
	offers := func() (most int) {
		clear(offered[:])
		for n, k := range links {
			got := spread(k.heard(), wire.TypeHave)
			for r := range got.Ranges() {
				told[n].Add(r)
			}
			most = max(most, int(told[n].Count()))
			for i := range uint64(32) {
				if told[n].Has(i) {
					offered[i]++
				}
			}
		}
		return most
	}
	most := offers()
	for i, n := range offered {
		if n != offerCopies {
			t.Errorf("chunk %d was offered to %d at once, want %d", i, n, offerCopies)
		}
	}
	if most > 24 {
		t.Errorf("one peer of eight was offered %d chunks of 32", most)
	}
	links[0].say(links[0].f.AppendHave(nil, chunk.Range{End: 8})) // the first stripe was taken
	stay(300 * time.Millisecond)
	offers()
	for i, n := range offered {
		if i < 8 && n != offerCopies || i >= 8 && n < offerCopies+1 {
			t.Errorf("chunk %d was offered to %d after 350 ms", i, n)
		}
	}
	stay(500 * time.Millisecond)
	offers()
	for i, n := range offered {
		if n < len(links) {
			t.Errorf("chunk %d was offered to %d in the end", i, n)
		}
	}
}

// offeredTo returns to how many of its peers a source has offered chunk i.
func offeredTo(s *Swarm, i uint64) (n int) {
	for _, c := range s.order {
		if c.offered.Has(i) {
			n++
		}
	}
	return n
}

// While several peers see a queue the source sends only what it has hardly sent, and offers
// nothing to everyone.
func TestCongestedSource(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(32, nil)
	st.append(640, 0)
	var links []link
	for range 6 {
		links = append(links, l.puppet().greet(st.source))
	}
	// fetch lets each peer ask for a chunk and acknowledge it so late.
	fetch := func(i uint64, late time.Duration) (came int) {
		for _, k := range links {
			k.heard()
			k.say(k.f.AppendRequest(nil, chunk.One(i)))
		}
		l.run(45*time.Millisecond + late)
		for _, k := range links {
			for _, m := range k.heard() {
				if m.Type == wire.TypeData {
					came++
					k.say(k.f.AppendAck(nil, m.Chunks, uint64(20_000+late.Microseconds())))
				}
			}
		}
		l.run(25 * time.Millisecond)
		return came
	}
	for i := range uint64(8) {
		if n := fetch(i, 0); n != len(links) {
			t.Fatalf("chunk %d came to %d of %d peers", i, n, len(links))
		}
	}
	for i := range uint64(8) {
		fetch(100+i, 150*time.Millisecond)
	}
	if !st.source.s.congested(l.now) {
		t.Fatal("the source does not see the queue")
	}
	st.append(32, 0)
	if n := fetch(200, 150*time.Millisecond); n != offerCopies {
		t.Errorf("a chunk went to %d peers, want %d", n, offerCopies)
	}
	for i := range uint64(6) {
		fetch(300+i, 150*time.Millisecond)
	}
	if n := offeredTo(st.source.s, 671); n > 3 {
		t.Errorf("offered to %d peers meanwhile", n)
	}
	for i := range uint64(8) { // the queue is gone, and what waited comes
		fetch(400+i, 0)
	}
	if n, to := fetch(500, 0), offeredTo(st.source.s, 671); n != len(links) || to != len(links) {
		t.Errorf("a chunk went to %d peers, and the last one was offered to %d", n, to)
	}
}

// A home whose way to a peer queues has one chunk under way to it, an idle way is filled.
func TestHomesHoldBack(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h, p := l.host(st.home(400)), l.puppet()
	h.meet(st.source)
	st.append(400, 2*time.Millisecond)
	l.run(time.Second)
	k := p.greet(h)
	k.heard()
	k.say(k.f.AppendRequest(nil, chunk.Range{End: 200}))
	l.run(40 * time.Millisecond)
	c := h.s.channelTo(p.addr)
	if n := c.flight.line.len(); n < 5 {
		t.Fatalf("%d chunks under way at first", n)
	}
	for k2 := range 40 { // acknowledged ever later: a queue grows
		for _, m := range k.heard() {
			if m.Type == wire.TypeData {
				k.say(k.f.AppendAck(nil, m.Chunks, uint64(1000+k2*20_000)))
			}
		}
		l.run(60 * time.Millisecond)
	}
	if q, n := c.control.QueueDelay(), c.flight.line.len(); q > serveQueue && n > 1 {
		t.Errorf("%d chunks are under way into a queue of %d ms", n, q/1e6)
	}
}
