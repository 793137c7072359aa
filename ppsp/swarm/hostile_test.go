package swarm

import (
	"bytes"
	"math"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// serve lets the puppet answer requests as a seed would, each chunk changed by a lie.
func (k link) serve(f film, lie func(i uint64, b []byte) []byte) {
	for _, m := range k.heard() {
		if m.Type != wire.TypeRequest {
			continue
		}
		for i := m.Chunks.Start; i < m.Chunks.End; i++ {
			k.say(lie(i, k.data(f, i)))
		}
	}
}

// A peer that sends wrong bytes, or wrong hashes, is shut out at the first of them, and the
// film comes whole from the honest one (RFC 7574, 12.6.3, 12.6.5 and 12.7).
func TestPolluter(t *testing.T) {
	f := newFilm(t, 60*1024, nil)
	tests := map[string]func(i uint64, b []byte) []byte{
		"wrong bytes":    func(_ uint64, b []byte) []byte { b[len(b)-7] ^= 1; return b },
		"short chunks":   func(_ uint64, b []byte) []byte { return b[:len(b)-1] },
		"other chunks":   func(i uint64, b []byte) []byte { return append(b[:len(b)-1024], f.chunk((i+1)%60)...) },
		"wrong siblings": func(_ uint64, b []byte) []byte { b[len(b)-1024-17-5] ^= 1; return b },
	}
	for name, lie := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, 1)
			leech, p := l.host(f.leech()), l.puppet()
			slow := f.seed(f.all())
			slow.Upload = 30_000
			honest := l.host(slow)
			leech.want(true)
			leech.meet(honest)
			l.until(time.Second, "at 5 chunks", func() bool { return leech.s.have.Count() >= 5 })
			k := p.accept(leech)
			k.say(k.f.AppendHave(nil, f.all()))
			for range 40 {
				l.run(10 * time.Millisecond)
				k.serve(f, lie)
			}
			l.until(10*time.Second, "complete", leech.s.Complete)
			f.check(t, leech)
			bans := leech.of(EventBan)
			if len(bans) != 1 || bans[0].Peer != p.addr || leech.s.Counters().BadChunks != 1 {
				t.Fatalf("bans %v, bad chunks %d", bans, leech.s.Counters().BadChunks)
			}
			// Subsequent traffic is ignored, also on a new channel, but not for good.
			p.inbox = nil
			l.send(p.addr, leech.addr, initiating(greeting(f.meta, 7)))
			leech.meet(p)
			l.run(time.Minute)
			if len(p.inbox) != 0 || leech.s.channelTo(p.addr) != nil {
				t.Errorf("%d datagrams to a banned peer", len(p.inbox))
			}
			l.now += banFor
			leech.s.AddPeers(l.now, []netip.AddrPort{p.addr})
			leech.drain()
			l.run(time.Second)
			if len(p.inbox) == 0 {
				t.Error("banned for good")
			}
		})
	}
}

// A stream goes on from the honest peers as if the polluter were not there.
func TestPolluterOfStream(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	h, p := l.host(st.home(64)), l.puppet()
	h.meet(st.source)
	st.append(160, 5*time.Millisecond)
	k := p.accept(h)
	for n := range 100 {
		st.append(8, 5*time.Millisecond)
		edge := st.source.s.NextChunk()
		k.say(k.f.AppendHave(nil, chunk.Range{Start: edge - 64, End: edge + 64})) // also what is not there yet
		for _, m := range k.heard() {
			if m.Type == wire.TypeRequest && n%2 == 0 {
				k.say(k.f.AppendData(nil, m.Chunks.Start, 1, bytes.Repeat([]byte{1}, 256)))
			}
		}
	}
	l.run(2 * time.Second)
	st.check(t, h)
	if got := played(t, h); len(got) != 1 || got[0].End != 960 || len(h.of(EventSkip)) != 0 {
		t.Errorf("played %v, skipped %v", got, h.of(EventSkip))
	}
}

// "Malicious Peer T can claim to have content that it does not … Peer A will consider Peer T
// to be a slow peer and not ask it again" (RFC 7574, 12.6.2).
func TestLiar(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 400*1024, nil)
	leech, p := l.host(f.leech()), l.puppet()
	slow := f.seed(f.all())
	slow.Upload = 100_000
	k := p.accept(leech)
	k.say(k.f.AppendHave(nil, f.all()))
	leech.want(true)
	leech.meet(l.host(slow))
	var asked int
	count := func() int {
		n := uint64(0)
		for _, m := range k.heard() {
			if m.Type == wire.TypeRequest {
				n += m.Chunks.Len()
			}
		}
		return int(n)
	}
	l.run(2 * time.Second)
	asked = count()
	l.until(20*time.Second, "complete", leech.s.Complete)
	f.check(t, leech)
	if n := count(); n > asked || asked > 64 {
		t.Errorf("the liar was asked for %d chunks, and then for %d more", asked, n)
	}
}

// What a peer may claim is bounded.
func TestClaims(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 50*1024, nil)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(seed)
	bad := seed.s.Counters().BadMessages
	k.say(k.f.AppendHave(nil, chunk.Range{Start: 49, End: 51})) // the film has 50 chunks
	k.say(k.f.AppendAck(nil, chunk.Range{End: 1 << 30}, 5))
	l.run(50 * time.Millisecond)
	if c := seed.s.channelTo(p.addr); c.peerHave.Count() != 0 || seed.s.Counters().BadMessages != bad+2 {
		t.Errorf("%d chunks believed, %d bad messages", c.peerHave.Count(), seed.s.Counters().BadMessages-bad)
	}
	st := l.stream(8, nil)
	q := l.puppet()
	k = q.greet(st.source)
	k.say(k.f.AppendHave(nil, chunk.Range{End: MaxLiveWindow + 1}))
	l.run(50 * time.Millisecond)
	if c := st.source.s.channelTo(q.addr); c.peerHave.Count() != 0 {
		t.Errorf("%d chunks believed", c.peerHave.Count())
	}
}

// Availability with too many holes is not kept, whether HAVE tells of it or ACK; but the peer, which
// may be honest, stays, and what closes holes is noted.
func TestHoles(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 40_000, func(m *ppsp.Metadata) { m.ChunkSize = 2 })
	leech, p := l.host(f.leech()), l.puppet()
	k := p.accept(leech)
	var b []byte
	for i := uint64(0); i < 2*(maxPeerHaveRuns+10); i += 2 {
		if b = k.f.AppendHave(b, chunk.One(i)); len(b) > 1300 {
			k.say(b)
			b = nil
			l.run(time.Millisecond)
		}
	}
	k.say(b)
	l.run(100 * time.Millisecond)
	c := leech.s.channelTo(p.addr)
	if down := leech.of(EventPeerDown); len(down) != 0 || c == nil || c.peerHave.Runs() != maxPeerHaveRuns {
		t.Fatalf("events %v, channel %v", down, c)
	}
	k.say(k.f.AppendAck(nil, chunk.One(2*maxPeerHaveRuns+4), 1))
	k.say(k.f.AppendHave(nil, chunk.Range{Start: 2 * maxPeerHaveRuns, End: 2*maxPeerHaveRuns + 9}))
	l.run(100 * time.Millisecond)
	if n := c.peerHave.Runs(); n != maxPeerHaveRuns || c.peerHave.Has(2*maxPeerHaveRuns+4) {
		t.Errorf("%d runs", n)
	}
	k.say(k.f.AppendHave(nil, chunk.Range{Start: 4, End: 2 * maxPeerHaveRuns}))
	k.say(k.f.AppendHave(nil, chunk.Range{Start: 2*maxPeerHaveRuns + 2, End: 2*maxPeerHaveRuns + 9}))
	l.run(100 * time.Millisecond)
	if n := c.peerHave.Runs(); n != 4 || !c.peerHave.Has(2*maxPeerHaveRuns+4) {
		t.Errorf("%d runs after the holes were closed", n)
	}
}

// The same of a stream, where the newest counts.
func TestHolesOfAStream(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(8, nil)
	p := l.puppet()
	k := p.greet(st.source)
	st.source.s.channelTo(p.addr).discard = 0 // keeps all
	var b []byte
	const end = 2 * (maxPeerHaveRuns + 10)
	for i := uint64(0); i < end; i += 2 {
		if b = k.f.AppendHave(b, chunk.One(i)); len(b) > 1300 {
			k.say(b)
			b = nil
			l.run(time.Millisecond)
		}
	}
	k.say(b)
	l.run(100 * time.Millisecond)
	c := st.source.s.channelTo(p.addr)
	if c == nil || c.peerHave.Runs() > maxPeerHaveRuns || !c.peerHave.Has(end-2) || c.seen != end-1 {
		t.Errorf("channel %v", c)
	}
}

// "Peer T could request lots from Peer A, leaving Peer A without resources for others"
// (RFC 7574, 12.6.6).
func TestGreed(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20_000*10, func(m *ppsp.Metadata) { m.ChunkSize = 10 })
	cfg := f.seed(f.all())
	cfg.Upload = 50_000
	seed, p := l.host(cfg), l.puppet()
	k := p.greet(seed)
	for range 100 {
		k.say(k.f.AppendRequest(nil, f.all()))
	}
	var b []byte
	for i := uint64(0); i < 300; i += 2 {
		b = k.f.AppendRequest(b, chunk.One(10_000+i))
	}
	k.say(b)
	l.run(100 * time.Millisecond)
	if q := seed.s.channelTo(p.addr).queue; q.chunks > maxQueued || len(q.ranges) > maxQueueRanges {
		t.Errorf("%d chunks in %d pieces wait for one peer", q.chunks, len(q.ranges))
	}
	other := l.host(f.leech())
	other.want(false, chunk.Range{End: 50})
	other.meet(seed)
	l.until(3*time.Second, "served beside the greedy one", func() bool { return other.s.have.ContainsAll(chunk.Range{End: 50}) })
}

// What a peer waits for lies in no more pieces than maxQueueRanges, whether it asks for what lies between
// others or takes back every second chunk.
func TestPiecesInLineAreBounded(t *testing.T) {
	every := func(k link, say func(b []byte, r chunk.Range) []byte) {
		for at := uint64(0); at < 2000; {
			var b []byte
			for ; at < 2000 && len(b) < 1200; at += 2 {
				b = say(b, chunk.One(at))
			}
			k.say(b)
		}
		k.p.l.run(25 * time.Millisecond)
	}
	for name, fill := range map[string]func(link){
		"requests between others": func(k link) {
			every(k, k.f.AppendRequest)
			k.say(k.f.AppendRequest(nil, chunk.Range{End: 2000}))
		},
		"every second taken back": func(k link) {
			k.say(k.f.AppendRequest(nil, chunk.Range{End: 2000}))
			every(k, k.f.AppendCancel)
		},
		"every second told of": func(k link) {
			k.say(k.f.AppendRequest(nil, chunk.Range{End: 2000}))
			every(k, k.f.AppendHave)
		},
	} {
		l := newLab(t, 1)
		f := newFilm(t, 2000*1024, nil)
		cfg := f.seed(f.all())
		cfg.Upload = 10_000
		seed, p := l.host(cfg), l.puppet()
		k := p.greet(seed)
		fill(k)
		l.run(30 * time.Millisecond)
		q := seed.s.channelTo(p.addr).queue
		if n := len(q.ranges); n < maxQueueRanges/2 || n > maxQueueRanges {
			t.Errorf("%s: %d pieces, want at most %d", name, n, maxQueueRanges)
		}
		sum := uint64(0)
		for _, r := range q.ranges {
			sum += r.Len()
		}
		if sum != q.chunks {
			t.Errorf("%s: %d chunks are counted, %d are there", name, q.chunks, sum)
		}
	}
}

// A peer that asks and is gone costs a few datagrams, not the whole film.
func TestRequestAndGone(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 2000*1024, nil)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(seed)
	k.say(k.f.AppendRequest(nil, f.all()))
	l.run(time.Minute)
	if n := seed.s.Counters().ChunksSent; n > 100 {
		t.Errorf("%d chunks were sent to a peer that acknowledges none", n)
	}
}

// The work for one datagram is bounded, whatever is in it.
func TestWorkIsBounded(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 60_000, func(m *ppsp.Metadata) { m.ChunkSize = 2 })
	cfg := f.seed(f.all())
	seed, p := l.host(cfg), l.puppet()
	k := p.greet(seed)
	// Many pieces wait, many chunks are under way, and availability has many holes.
	for i := uint64(0); i < 1000; i += 2 {
		k.say(k.f.AppendRequest(nil, chunk.One(20_000+i)))
	}
	l.run(time.Second)
	c := seed.s.channelTo(p.addr)
	for i := range uint64(4000) {
		c.peerHave.Add(chunk.One(2 * i))
		c.flight.push(chunk.One(29_000), l.now, 10, 0)
	}
	dear := map[string]func(b []byte, i uint64) []byte{
		"HAVE":    func(b []byte, i uint64) []byte { return k.f.AppendHave(b, chunk.One(2*i+1)) },
		"ACK":     func(b []byte, i uint64) []byte { return k.f.AppendAck(b, chunk.One(3*i), 1) },
		"REQUEST": func(b []byte, i uint64) []byte { return k.f.AppendRequest(b, chunk.One(10_000+2*i)) },
		"CANCEL":  func(b []byte, i uint64) []byte { return k.f.AppendCancel(b, chunk.One(3*i)) },
		"DATA":    func(b []byte, i uint64) []byte { return k.f.AppendData(b, i, 1, f.chunk(i)) },
	}
	for name, one := range dear {
		b := wire.AppendChannel(nil, k.id)
		for i := uint64(0); len(b) < 60_000; i++ {
			b = one(b, i)
		}
		seed.s.HandleDatagram(l.now, p.addr, b)
		if seed.s.work < -maxWork {
			t.Errorf("%s: a datagram of %d bytes cost %d steps", name, len(b), maxWork-seed.s.work)
		}
		if c.state != stateOpen {
			t.Fatalf("%s: the channel closed", name)
		}
	}
}

// What all peers together can make us keep stays within what the package says.
func TestMemoryIsBounded(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 60_000, func(m *ppsp.Metadata) { m.ChunkSize = 2 })
	victim := l.host(f.leech())
	const peers = 20
	var links []link
	for range peers {
		links = append(links, l.puppet().greet(victim))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	hash := bytes.Repeat([]byte{7}, 32)
	for _, k := range links {
		for i := uint64(0); i < 10_000; {
			b := wire.AppendChannel(nil, k.id)
			for len(b) < 1300 {
				b = k.f.AppendHave(b, chunk.One(2*(i%8000)))
				b = k.f.AppendIntegrity(b, chunk.One(i), hash)
				b = k.f.AppendRequest(b, chunk.One(2*i))
				i++
			}
			victim.s.HandleDatagram(l.now, k.p.addr, b)
		}
		for i := range uint64(100) {
			victim.s.HandleDatagram(l.now, k.p.addr, k.f.AppendData(wire.AppendChannel(nil, k.id), i, 1, f.chunk(i)))
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / peers; each > maxChannelBytes {
		t.Errorf("a hostile peer makes us keep %d KiB, want at most %d", each>>10, maxChannelBytes>>10)
	}
	if err := victim.s.invariants(); err != nil {
		t.Error(err)
	}
	runtime.KeepAlive(links)
}

// maxChannelBytes is what the package comment promises.
const maxChannelBytes = 1 << 20

// Time that stands still or jumps does no harm.
func TestTimeJumps(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 300*1024, nil)
	seed, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.want(true)
	leech.meet(seed)
	l.run(200 * time.Millisecond)
	l.now += 3600e9 // the machine slept
	l.until(30*time.Second, "complete", leech.s.Complete)
	f.check(t, leech)
	seed.s.HandleTimeout(math.MaxInt64 / 2)
	leech.s.HandleTimeout(math.MaxInt64 / 2)
}
