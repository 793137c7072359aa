package swarm

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// A fifo does what a slice would, and does not grow while it is taken from as it is added to.
func TestFifo(t *testing.T) {
	var q fifo[int]
	var want []int
	random := rand.New(rand.NewPCG(1, 1))
	for n := range 20_000 {
		switch {
		case len(want) > 0 && random.IntN(2) == 0:
			if got := q.pop(); got != want[0] {
				t.Fatalf("pop %d, want %d", got, want[0])
			}
			want = want[1:]
		default:
			q.push(n)
			want = append(want, n)
		}
		if q.len() != len(want) {
			t.Fatalf("%d items, want %d", q.len(), len(want))
		}
		for k := range want {
			if *q.at(k) != want[k] {
				t.Fatalf("item %d is %d, want %d", k, *q.at(k), want[k])
			}
		}
		if len(want) > 50 {
			q.clear()
			want = nil
		}
	}
	for range 10 {
		q.push(1)
	}
	before := cap(q.items)
	for range 10_000 {
		q.push(q.pop())
	}
	if cap(q.items) > 2*before+16 {
		t.Errorf("room for %d items for 10 that go around", cap(q.items))
	}
}

// A queue keeps the order in which chunks were first asked for, each once.
func TestQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var q queue
		var want []uint64
		for range 60 {
			start := random.Uint64N(60)
			r := chunk.Range{Start: start, End: start + 1 + random.Uint64N(12)}
			in := func(i uint64) bool { return r.Contains(i) }
			if random.IntN(3) > 0 {
				want = slices.DeleteFunc(want, in)
				for i := r.Start; i < r.End; i++ {
					want = append(want, i)
				}
				q.add(r)
			} else {
				had := slices.ContainsFunc(want, in)
				want = slices.DeleteFunc(want, in)
				if q.remove(r) != had {
					t.Fatalf("remove %v: told the opposite of %v", r, had)
				}
			}
			var got []uint64
			for _, r := range q.ranges {
				for i := r.Start; i < r.End; i++ {
					got = append(got, i)
				}
			}
			if !slices.Equal(got, want) || q.chunks != uint64(len(want)) {
				t.Fatalf("queue of %d: %v, want %v", q.chunks, got, want)
			}
			if first, ok := q.first(); ok != (len(want) > 0) || ok && first != want[0] {
				t.Fatalf("first is %d, %v", first, ok)
			}
		}
		q.clear()
		if _, ok := q.first(); ok || q.chunks != 0 {
			t.Fatal("not empty after clear")
		}
	}
}

// A bucket gives its rate, whatever the rate and however often it is asked, no more than a
// tenth of a second at once, and says when it has something.
func TestBucket(t *testing.T) {
	for _, rate := range []int64{100, 999, 12_345, 1_000_000, 7_777_777, 1 << 30} {
		k := bucket{rate: rate}
		now, sent := int64(5e9), int64(0)
		k.empty(now)
		sent -= k.limit()
		from := now
		for now < from+200e9 && sent < 3000*1000 {
			if k.empty(now) {
				at := k.ready()
				if at <= now {
					t.Fatalf("rate %d: empty at %d, ready at %d", rate, now, at)
				}
				now = at
				if k.empty(now) {
					t.Fatalf("rate %d: empty when it was said to be ready", rate)
				}
			}
			k.take(1000)
			sent += 1000
		}
		want := float64(now-from) / 1e9 * float64(rate)
		if off := float64(sent) - want; off > 2000+want/100 || off < -2000-want/100 {
			t.Errorf("rate %d: %d bytes in %.1f s, want %.0f", rate, sent, float64(now-from)/1e9, want)
		}
		k.empty(now + 100e9)
		if k.level != k.limit() || k.limit() > max(rate/10, 2*MaxDatagram) {
			t.Errorf("rate %d: level %d after a long pause", rate, k.level)
		}
	}
	var free bucket
	free.take(1 << 30)
	if free.empty(0) || free.ready() > 0 {
		t.Error("a bucket without rate limits")
	}
	debt := bucket{rate: 1000}
	debt.take(1 << 30)
	if debt.ready() > 1000e9 {
		t.Errorf("a debt of %d bytes is never paid", debt.level)
	}
	back := bucket{rate: 1000, filled: 5e9}
	if back.empty(4e9); back.level > 0 {
		t.Error("time that goes back fills the bucket")
	}
}

// Addresses that can be nobody's are not taken, the same one once, and not too many.
func TestCandidates(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	h := l.host(f.leech())
	var bad []netip.AddrPort
	for _, s := range []string{"192.0.2.1:0", "0.0.0.0:7", "[::]:7", "224.0.0.1:7", "[ff02::1]:7"} {
		bad = append(bad, netip.MustParseAddrPort(s))
	}
	h.s.AddPeers(0, append(bad, netip.AddrPort{}))
	if h.s.Unconnected() != 0 || len(h.s.order) != 0 {
		t.Errorf("%d addresses taken, %d channels", h.s.Unconnected(), len(h.s.order))
	}
	mapped := netip.MustParseAddrPort("[::ffff:192.0.2.9]:7")
	h.s.AddPeers(0, []netip.AddrPort{mapped, netip.MustParseAddrPort("192.0.2.9:7")})
	if len(h.s.candidates.list) != 1 || len(h.s.order) != 1 {
		t.Errorf("%d addresses, %d channels of one in two forms", len(h.s.candidates.list), len(h.s.order))
	}
	var many []netip.AddrPort
	for k := range 2 * MaxCandidates {
		many = append(many, addr(k))
	}
	h.s.AddPeers(0, many)
	h.drain()
	if n := len(h.s.candidates.list); n != MaxCandidates || len(h.s.order) > DefaultTargetPeers {
		t.Errorf("%d addresses kept, %d channels", n, len(h.s.order))
	}
	l.run(20 * time.Second) // none of them answers; a newcomer takes the place of one that failed
	fresh := l.puppet()
	h.meet(fresh)
	if h.s.candidates.find(fresh.addr) < 0 {
		t.Error("a newcomer finds no place among addresses that fail")
	}
}

// A newcomer is tried before those that failed, even if all connections are being tried.
func TestNewcomerFirst(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	h := l.host(f.leech())
	var dead []netip.AddrPort
	for k := range 2 * DefaultTargetPeers {
		dead = append(dead, addr(100+k))
	}
	h.s.AddPeers(0, dead)
	h.drain()
	l.run(20 * time.Second)
	fresh := l.puppet()
	h.meet(fresh)
	l.until(8*time.Second, "tried", func() bool { return len(fresh.inbox) > 0 })
}

// No more connections are opened than wanted; when one ends, another is opened.
func TestTargetPeers(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	cfg := f.leech()
	cfg.TargetPeers = 3
	h := l.host(cfg)
	var others []*host
	for range 6 {
		others = append(others, l.host(f.leech()))
	}
	h.meet(others...)
	l.run(2 * time.Second)
	if h.s.Peers() != 3 || h.s.Unconnected() != 3 || h.s.Connecting() != 0 {
		t.Fatalf("%d peers, %d addresses beyond, %d connecting", h.s.Peers(), h.s.Unconnected(), h.s.Connecting())
	}
	for _, o := range others {
		if h.connected(o) {
			o.s.Close(l.now)
			o.drain()
			o.off = true
			break
		}
	}
	l.run(5 * time.Second)
	if h.s.Peers() != 3 {
		t.Errorf("%d peers after one has left, want 3", h.s.Peers())
	}
}

// Requests are found, taken in any order and in any pieces, and the oldest is always open.
func TestRequests(t *testing.T) {
	type open struct {
		chunk uint64
		at    int64
	}
	random := rand.New(rand.NewPCG(1, 1))
	var q requests
	var want []open // in the order in which they were asked for
	next := uint64(0)
	for n := range int64(5000) {
		if random.IntN(3) == 0 || len(want) == 0 {
			r := chunk.Range{Start: next, End: next + 1 + random.Uint64N(9)}
			next = r.End + random.Uint64N(2)
			q.push(r, n/4)
			for i := r.Start; i < r.End; i++ {
				want = append(want, open{i, n / 4})
			}
		} else {
			first := want[random.IntN(len(want))].chunk
			r := chunk.Range{Start: first - min(first, random.Uint64N(3)), End: first + 1 + random.Uint64N(5)}
			k := slices.IndexFunc(want, func(o open) bool { return r.Contains(o.chunk) })
			got, ok := q.take(r)
			if !ok || got.chunks.Start != want[k].chunk || got.at != want[k].at {
				t.Fatalf("take %v: %+v, %v; want from %+v on", r, got, ok, want[k])
			}
			for i := got.chunks.Start; i < got.chunks.End; i++ {
				if want[k].chunk != i || want[k].at != got.at {
					t.Fatalf("take %v: %+v has chunk %d, want %+v", r, got, i, want[k])
				}
				want = slices.Delete(want, k, k+1)
			}
			if again, ok := q.take(got.chunks); ok {
				t.Fatalf("took %v of %v twice", again.chunks, got.chunks)
			}
		}
		oldest := q.oldest()
		if q.live != len(want) || (oldest == nil) != (len(want) == 0) || oldest != nil && (oldest.chunks.Start != want[0].chunk || oldest.at != want[0].at) {
			t.Fatalf("oldest %v of %d, want %v", oldest, q.live, want)
		}
	}
}

// A line gives back what was put in, wherever things are put in and taken out.
func TestFifoInTheMiddle(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var q fifo[int]
	var want []int
	for n := range 20_000 {
		switch k := random.IntN(len(want) + 1); {
		case random.IntN(3) > 0 && len(want) < 60:
			q.insert(k, n)
			want = slices.Insert(want, k, n)
		case k < len(want):
			q.remove(k)
			want = slices.Delete(want, k, k+1)
		}
		if q.len() != len(want) {
			t.Fatalf("%d of %d", q.len(), len(want))
		}
		for k := range want {
			if *q.at(k) != want[k] {
				t.Fatalf("item %d is %d, want %d of %v", k, *q.at(k), want[k], want)
			}
		}
	}
}

// The pipeline to a fast peer grows until it is never idle; to a slow one it shrinks until
// little waits there.
func TestPipeline(t *testing.T) {
	tests := []struct {
		name  string
		rtt   int64   // ns
		rate  float64 // chunks a second that the peer sends
		least float64
		most  float64
	}{
		{"slow and near", 10e6, 100, minPipeline, 80},
		{"fast and near", 10e6, 20_000, 1000, maxPipeline},
		{"fast and far", 300e6, 5000, 1400, maxPipeline},
		{"slow and far", 300e6, 20, minPipeline, 24},
	}
	for _, tt := range tests {
		l := newLab(t, 1)
		f := newFilm(t, 5000, nil)
		s := l.host(f.leech()).s
		c := s.newChannel(0, addr(9), false)
		c.state = stateOpen
		free := 0.0 // when the peer has sent what was asked
		now, next := 0.0, uint64(0)
		type due struct {
			at    float64
			chunk uint64
		}
		var line []due
		for range 50_000 {
			for c.room(int64(now)) > 0 {
				c.ask(int64(now), chunk.One(next))
				free = max(free, now+float64(tt.rtt)/2) + 1e9/tt.rate
				line = append(line, due{free + float64(tt.rtt)/2, next})
				next++
			}
			d := line[0]
			line = line[1:]
			now = d.at
			c.took(int64(now), d.chunk, true)
		}
		if c.pipeline < tt.least || c.pipeline > tt.most {
			t.Errorf("%s: pipeline of %.0f, want %.0f to %.0f", tt.name, c.pipeline, tt.least, tt.most)
		}
		if busy := 50_000 / (now / 1e9) / tt.rate; busy < 0.9 && c.pipeline < maxPipeline-1 {
			t.Errorf("%s: the peer was busy for %.2f of the time", tt.name, busy)
		}
	}
}

// NTP timestamps are subtracted without overflow.
func TestNTPSpan(t *testing.T) {
	const second = uint64(1) << 32
	tests := []struct {
		from, to uint64
		want     int64
	}{
		{0, 0, 0},
		{5 * second, 7 * second, 2e9},
		{5 * second, 5*second + second/2, 5e8},
		{second / 4, second, 75e7},
		{7 * second, 5 * second, 0},
		{0, ^uint64(0), 0x7fffffff*1e9 + 5e8 - 1},
	}
	for _, tt := range tests {
		if got := ntpSpan(tt.from, tt.to); got < tt.want-1 || got > tt.want+1 {
			t.Errorf("from %x to %x: %d, want %d", tt.from, tt.to, got, tt.want)
		}
	}
}

// What is remembered of offers are as many as peers made, also after playing has gone on.
func TestOffered(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		l := &liveState{tuned: true, next: 10, edge: 900}
		count := map[uint64]int{}
		for range 20 {
			start := random.Uint64N(1200)
			r := chunk.Range{Start: start, End: start + 1 + random.Uint64N(600)}
			l.offered(r)
			for i := max(r.Start, l.next); i < r.End; i++ {
				count[i]++
			}
			l.next += random.Uint64N(40)
			l.edge += random.Uint64N(40)
		}
		l.rarity.forget(l.next)
		for i := range uint64(2500) {
			want := count[i]
			if i < l.next {
				want = 0
			}
			if got := int(l.rarity.count(i)); got != want {
				t.Fatalf("chunk %d was offered %d times, not %d", i, want, got)
			}
		}
		if i, ok := l.rarity.next(chunk.Range{Start: l.next, End: 2500}, 1); ok && count[i] != 1 {
			t.Fatalf("chunk %d was offered %d times", i, count[i])
		}
	}
	far := &liveState{tuned: true, edge: 100, window: 200}
	far.offered(chunk.Range{Start: 50, End: 1 << 60})
	if far.rarity.chunks.End != 100+maxAhead {
		t.Errorf("offers up to %d are remembered", far.rarity.chunks.End)
	}
}

// What the pages show of peers.
func TestStats(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 300*1024, nil)
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.want(true)
	leech.meet(seed)
	l.run(300 * time.Millisecond)
	at, from := leech.s.AppendPeers(nil), seed.s.AppendPeers(nil)
	if len(at) != 1 || !at[0].Established || at[0].Addr != seed.addr || at[0].Chunks != 300 || at[0].Outstanding == 0 || at[0].RTT != 40e6 {
		t.Errorf("the leech shows %+v", at)
	}
	if len(from) != 1 || from[0].Addr != leech.addr || from[0].Queued == 0 || from[0].Window == 0 {
		t.Errorf("the seed shows %+v", from)
	}
	l.until(10*time.Second, "complete", leech.s.Complete)
	c, d := leech.s.Counters(), seed.s.Counters()
	if c.ChunksReceived != 300 || c.ChunkBytesReceived != 300*1024 || d.ChunksSent != 300 || c.BytesReceived <= 300*1024 {
		t.Errorf("counted %+v and %+v", c, d)
	}
	if leech.s.Metadata() != f.meta || leech.s.Chunks() != 300 || leech.s.Have().Count() != 300 {
		t.Error("metadata or chunks are not those of the film")
	}
	if e, n := leech.s.Edge(); e != 0 || n != 0 || leech.s.NextChunk() != 0 {
		t.Error("a film has an edge")
	}
}
