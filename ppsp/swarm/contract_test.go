package swarm

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// The same inputs give the same outputs, to the byte.
func TestDeterminism(t *testing.T) {
	run := func(seed uint64) []flying {
		l := newLab(t, seed)
		l.logging = true
		l.loss, l.jitter, l.again = 0.05, 20e6, 0.05
		st := l.stream(8, nil)
		f := newFilm(t, 100*1024, nil)
		var homes []*host
		for range 5 {
			homes = append(homes, l.host(st.home(32)))
		}
		seeder, leech := l.host(f.seed(f.all())), l.host(f.leech())
		leech.want(true)
		leech.meet(seeder)
		for _, h := range homes {
			h.meet(append([]*host{st.source}, homes...)...)
		}
		st.append(200, 5*time.Millisecond)
		l.run(time.Second)
		return l.log
	}
	first, again, other := run(3), run(3), run(4)
	if len(first) != len(again) {
		t.Fatalf("%d datagrams, and then %d", len(first), len(again))
	}
	for k := range first {
		if a, b := first[k], again[k]; a.sent != b.sent || a.from != b.from || a.to != b.to || !bytes.Equal(a.b, b.b) {
			t.Fatalf("datagram %d differs: %v %x and %v %x", k, a.from, a.b, b.from, b.b)
		}
	}
	if len(other) == len(first) && bytes.Equal(other[0].b, first[0].b) {
		t.Error("another seed gives the same")
	}
}

// Slices passed in are not kept: a caller uses its buffers again.
func TestBuffersAreBorrowed(t *testing.T) {
	l := newLab(t, 1)
	l.loss, l.jitter = 0.03, 10e6
	st := l.stream(8, nil)
	f := newFilm(t, 200*1024, nil)
	home, seeder, leech := l.host(st.home(32)), l.host(f.seed(f.all())), l.host(f.leech())
	windows := []chunk.Range{{Start: 5, End: 10}}
	addrs := []netip.AddrPort{seeder.addr}
	leech.s.Want(0, windows, true)
	leech.s.AddPeers(0, addrs)
	windows[0], addrs[0] = chunk.Range{Start: 1 << 40, End: 1 << 41}, netip.AddrPort{}
	leech.drain()
	home.meet(st.source)
	scribble := func(d flying) bool {
		for _, h := range l.hosts { // deliver at once, from a buffer that is spoilt afterwards
			if h.addr == d.to && l.random.Float64() > 0.03 {
				b := bytes.Clone(d.b)
				h.s.HandleDatagram(l.now, d.from, b)
				for k := range b {
					b[k] = 0xee
				}
			}
		}
		return false
	}
	l.tap = scribble
	for range 2000 {
		if st.source.s.NextChunk() < 320 {
			st.append(1, 0)
		}
		l.run(5 * time.Millisecond)
		for _, h := range l.hosts {
			h.drain()
		}
		if leech.s.Complete() && st.source.s.NextChunk() == 320 {
			break
		}
	}
	f.check(t, leech)
	st.check(t, home)
	if c := leech.s.Counters(); c.BadChunks != 0 || home.s.Counters().BadChunks != 0 {
		t.Error("chunks were spoilt")
	}
}

// AppendDatagram appends: what the caller had in the buffer stays.
func TestAppendDatagramAppends(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	leech := l.host(f.leech())
	leech.s.AddPeers(0, []netip.AddrPort{addr(9)})
	prefix := []byte{1, 2, 3}
	b, to, ok := leech.s.AppendDatagram(0, prefix)
	if !ok || to != addr(9) || !bytes.HasPrefix(b, prefix) || b[7] != byte(wire.TypeHandshake) {
		t.Errorf("%x to %v, %v", b, to, ok)
	}
	if b, _, ok = leech.s.AppendDatagram(0, prefix); ok || !bytes.Equal(b, prefix) {
		t.Errorf("nothing to send left %x, %v", b, ok)
	}
}

// An engine that nobody knows and that wants nothing sleeps.
func TestIdle(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	st := l.stream(8, nil)
	for _, h := range []*host{l.host(f.leech()), l.host(f.seed(f.all())), l.host(st.home(8)), st.source} {
		if at := h.s.NextTimeout(); at != never {
			t.Errorf("%v wants to be woken at %d", h.addr, at)
		}
		if _, ok := h.s.NextEvent(); ok {
			t.Error("an event before anything happened")
		}
	}
	leech := l.host(f.leech())
	leech.want(true)
	for range 5 {
		leech.s.HandleTimeout(l.now)
		leech.drain()
		l.now += 5e6
	}
	if at := leech.s.NextTimeout(); at != never {
		t.Errorf("a leech without peers wants to be woken at %d", at)
	}
}

// What New refuses of a film.
func TestNewRefuses(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	for name, change := range map[string]func(*Config){
		"short root":     func(c *Config) { c.Meta.SwarmID = c.Meta.SwarmID[1:] },
		"no chunk size":  func(c *Config) { c.Meta.ChunkSize = 0 },
		"big chunks":     func(c *Config) { c.Meta.ChunkSize = ppsp.MaxChunkSize + 1 },
		"no addressing":  func(c *Config) { c.Meta.Addressing = 77 },
		"no store":       func(c *Config) { c.Store = nil },
		"no channel IDs": func(c *Config) { c.Channels = nil },
		"no randomness":  func(c *Config) { c.Rand = nil },
		"no integrity":   func(c *Config) { c.Meta.Integrity = ppsp.IntegrityNone },
		"a signature":    func(c *Config) { c.Meta.Signature = ppsp.Ed25519 },
	} {
		cfg := l.config(f.leech())
		change(&cfg)
		if _, err := New(cfg); err == nil || err.Error() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where the link tells the length, claims of another are refused from the start, and the size
// is known at once.
func TestExpectedLength(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 77*1024-5, nil)
	tree := merkle.NewTree(f.meta.Hash, []byte(f.meta.SwarmID))
	tree.Expect(f.chunks())
	seeder, leech := l.host(f.seed(f.all())), l.host(Config{Meta: f.meta, Tree: tree})
	if leech.s.Chunks() != 77 {
		t.Errorf("%d chunks known at first, want 77", leech.s.Chunks())
	}
	leech.want(false, chunk.Range{Start: 20, End: 30})
	leech.meet(seeder)
	l.until(2*time.Second, "there", func() bool { return leech.s.have.Count() == 10 })
	l.run(time.Second)
	if n := leech.s.have.Count(); n != 10 {
		t.Errorf("%d chunks came: nothing was needed to find the size", n)
	}
}

// Deep trees: the hashes of a chunk fill several datagrams, which go ahead of it (RFC 7574, 5.3).
func TestManyHashes(t *testing.T) {
	l := newLab(t, 1)
	l.logging = true
	f := newFilm(t, 8*((1<<16)-1), func(m *ppsp.Metadata) { m.ChunkSize, m.Hash, m.Addressing = 8, ppsp.SHA512, ppsp.ChunkRanges64 })
	seeder, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.want(false, chunk.One(12345))
	leech.meet(seeder)
	l.until(3*time.Second, "there", func() bool { return leech.s.have.Has(12345) })
	// 16 peaks and up to 15 uncles of 81 bytes each: more than one datagram of 1400.
	before, alone := 0, 0
	for _, d := range l.log {
		kinds := types(t, seeder.s.format, d.b)
		if len(kinds) == 0 || d.from != seeder.addr || kinds[0] == wire.TypeHandshake {
			continue
		}
		last := kinds[len(kinds)-1]
		if last == wire.TypeIntegrity {
			before++
		}
		if last == wire.TypeData {
			alone++
		}
		if len(d.b) > MaxDatagram {
			t.Errorf("a datagram of %d bytes", len(d.b))
		}
	}
	if before == 0 || alone == 0 {
		t.Errorf("%d datagrams of hashes ahead, %d with chunks", before, alone)
	}
	if c := leech.s.Counters(); c.BadChunks != 0 {
		t.Errorf("%+v", c)
	}
}

// Hashes that were lost with their datagram are sent again with the chunk, until it is proven.
func TestHashesAreSentAgain(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 64*1024, nil)
	seeder, leech := l.host(f.seed(f.all())), l.host(f.leech())
	lost := 0
	l.tap = func(d flying) bool {
		if d.from == seeder.addr && lost < 6 && len(d.b) > 500 {
			lost++
			return false
		}
		return true
	}
	leech.want(false, chunk.Range{Start: 30, End: 40})
	leech.meet(seeder)
	l.until(20*time.Second, "there", func() bool { return leech.s.have.ContainsAll(chunk.Range{Start: 30, End: 40}) })
	if lost != 6 {
		t.Errorf("%d datagrams were dropped", lost)
	}
	if len(leech.of(EventBan)) != 0 {
		t.Error("an honest peer was shut out")
	}
}

// Streams of any chunk size, also such that munro and chunk have no room in one datagram.
func TestStreamChunkSizes(t *testing.T) {
	for _, size := range []uint32{1, 64, 188, 1024, 1316, 1400, 4096, 60_000} {
		for _, n := range []uint64{2, 16, 128} {
			l := newLab(t, 1)
			st := l.stream(n, func(m *ppsp.Metadata) { m.ChunkSize = size })
			h := l.host(st.home(2 * n))
			h.meet(st.source)
			l.run(200 * time.Millisecond)
			st.append(4*n, 2*time.Millisecond)
			l.run(3 * time.Second)
			st.check(t, h)
			if got := played(t, h); len(got) != 1 || got[0] != (chunk.Range{End: 4 * n}) {
				t.Errorf("chunks of %d, %d a signature: played %v", size, n, got)
			}
			if c := st.source.s.Counters(); c.DatagramsSent > 12*4*n+100 {
				t.Errorf("chunks of %d, %d a signature: %d datagrams", size, n, c.DatagramsSent)
			}
		}
	}
}

// Homes come and go while the stream is on; who stays sees all of it.
func TestChurn(t *testing.T) {
	for seed := range uint64(3) {
		l := newLab(t, seed)
		l.loss = 0.01
		st := l.stream(16, nil)
		st.append(64, 0)
		var staying, all []*host
		join := func() *host {
			h := l.host(st.home(150))
			all = append(all, h)
			h.meet(append([]*host{st.source}, all[max(len(all)-8, 0):]...)...)
			return h
		}
		for range 4 {
			staying = append(staying, join())
		}
		random := rand.New(rand.NewPCG(seed, 9))
		for round := range 30 {
			st.append(32, 5*time.Millisecond)
			guest := join()
			if leaver := all[random.IntN(len(all))]; leaver != guest && leaver.s != nil && !leaver.off && !contains(staying, leaver) {
				if round%2 == 0 {
					leaver.s.Close(l.now)
					leaver.drain()
				}
				leaver.off = true // half of them without a word
			}
		}
		l.run(2 * time.Second)
		for _, h := range staying {
			st.check(t, h)
			if got := played(t, h); len(got) != 1 || got[0].End != 64+30*32 {
				t.Errorf("seed %d: played %v, skipped %v", seed, got, h.of(EventSkip))
			}
		}
	}
}

func contains(all []*host, h *host) bool {
	return slices.Contains(all, h)
}

// Channels that end give back their IDs, their requests and their place.
func TestNothingLeaks(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 3000*1024, nil)
	leech := l.host(f.leech())
	leech.want(true)
	for range 30 {
		cfg := f.seed(f.all())
		cfg.Upload = 100_000
		seeder := l.host(cfg)
		leech.meet(seeder)
		l.run(300 * time.Millisecond)
		seeder.s.Close(l.now)
		seeder.drain()
		seeder.off = true
		l.run(100 * time.Millisecond)
		if leech.s.Peers() != 0 || leech.s.requested.Count() != 0 {
			t.Fatalf("%d peers and %d requests after the only peer has left", leech.s.Peers(), leech.s.requested.Count())
		}
	}
	leech.s.Close(l.now)
	leech.drain()
	if open := len(leech.s.cfg.Channels.(*ids).open); open != 0 || leech.s.incoming != 0 || len(leech.s.order) != 0 {
		t.Errorf("%d channel IDs open, %d incoming", open, leech.s.incoming)
	}
	if up, down := leech.count(EventPeerUp), leech.count(EventPeerDown); up != 30 || down != 30 {
		t.Errorf("told of %d peers up and %d down", up, down)
	}
}

// Two engines with different ideas of time still understand each other: only differences count.
func TestClocksDiffer(t *testing.T) {
	for _, off := range []int64{-3600e9, 0, 3600e9, 50 * 365 * 86400e9} {
		l := newLab(t, 1)
		f := newFilm(t, 200*1024, nil)
		seeder, leech := l.host(f.seed(f.all())), l.host(f.leech())
		leech.s.cfg.Epoch += off
		leech.want(true)
		leech.meet(seeder)
		l.until(10*time.Second, fmt.Sprintf("complete with clocks off by %d s", off/1e9), leech.s.Complete)
		if q := seeder.s.order[0].control.QueueDelay(); q > 20e6 {
			t.Errorf("clocks off by %d s: a queue of %d ms is seen", off/1e9, q/1e6)
		}
	}
}

// Acknowledgements of what was never sent, and delays that can't be, do no harm
// (RFC 7574, 12.6.4).
func TestFalseAcknowledgements(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 100*1024, nil)
	seeder, p, leech := l.host(f.seed(f.all())), l.puppet(), l.host(f.leech())
	k := p.greet(seeder)
	for _, delay := range []uint64{0, 1, math.MaxInt64, math.MaxUint64, 1 << 63} {
		k.say(k.f.AppendAck(k.f.AppendRequest(nil, chunk.Range{Start: 5, End: 9}), chunk.Range{End: 100}, delay))
		l.run(50 * time.Millisecond)
	}
	c := seeder.s.channelTo(p.addr)
	if w := c.control.Window(); w < 1000 || w > 1<<20 {
		t.Errorf("window of %d bytes", w)
	}
	leech.want(true)
	leech.meet(seeder)
	l.until(5*time.Second, "complete beside", leech.s.Complete)
}
