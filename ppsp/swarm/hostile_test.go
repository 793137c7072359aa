package swarm

import (
	"bytes"
	"math"
	"net/netip"
	"runtime"
	"strings"
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

// Availability with too many holes is not kept.
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
	if down := leech.of(EventPeerDown); len(down) != 1 || !strings.Contains(down[0].Reason, "holes") {
		t.Errorf("events %v", down)
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

// CANCEL takes back what waits, also what was lost and waits to be sent again (RFC 7574, 8.11).
func TestCancel(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 2000*1024, nil)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(seed)
	k.say(k.f.AppendRequest(nil, chunk.Range{End: 500}))
	k.take(200 * time.Millisecond)
	k.say(k.f.AppendCancel(nil, chunk.Range{End: 500}))
	k.take(100 * time.Millisecond)
	before := seed.s.Counters().ChunksSent
	l.run(10 * time.Second)
	if c := seed.s.Counters(); c.ChunksSent != before+c.Retransmits {
		t.Errorf("%d chunks were sent after the CANCEL", c.ChunksSent-before-c.Retransmits)
	}
	k.say(k.f.AppendCancel(nil, chunk.Range{Start: 700, End: 900})) // never asked for: ignored
	k.say(k.f.AppendRequest(nil, chunk.Range{Start: 800, End: 802}))
	if got := spread(k.take(time.Second), wire.TypeData); !got.ContainsAll(chunk.Range{Start: 800, End: 802}) {
		t.Error("a request after a CANCEL was not answered")
	}
}

// "when Peer Q receives a HAVE message for the urgent data from Peer P, Peer Q MUST also
// cancel the previous REQUEST(s) from Peer P" (RFC 7574, 3.8).
func TestHaveCancels(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 2000*1024, nil)
	cfg := f.seed(f.all())
	cfg.Upload = 10_000
	seed, p := l.host(cfg), l.puppet()
	k := p.greet(seed)
	k.say(k.f.AppendRequest(nil, chunk.Range{End: 50}))
	l.run(50 * time.Millisecond)
	k.say(k.f.AppendHave(nil, chunk.Range{Start: 10, End: 50}))
	l.run(50 * time.Millisecond)
	if q := seed.s.channelTo(p.addr).queue; q.chunks > 10 {
		t.Errorf("%d chunks wait, most of which the peer has", q.chunks)
	}
}

// "Peer Q SHOULD process the REQUESTs in the order received" (RFC 7574, 3.7).
func TestRequestOrder(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 2000*1024, nil)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(seed)
	want := []uint64{90, 91, 5, 40, 41, 42, 7}
	k.say(k.f.AppendRequest(nil, chunk.Range{Start: 90, End: 92}))
	k.say(k.f.AppendRequest(k.f.AppendRequest(nil, chunk.One(5)), chunk.Range{Start: 40, End: 43}))
	k.say(k.f.AppendRequest(nil, chunk.One(7)))
	var got []uint64
	for _, m := range k.take(time.Second) {
		if m.Type == wire.TypeData {
			got = append(got, m.Chunks.Start)
		}
	}
	if len(got) < len(want) || !equal(got[:len(want)], want) {
		t.Errorf("chunks came in the order %v, want %v", got, want)
	}
}

func equal(a, b []uint64) bool {
	for k := range a {
		if a[k] != b[k] {
			return false
		}
	}
	return len(a) == len(b)
}

// Chunks that were not asked for are taken if they are right, and do no harm if not wanted.
func TestUnasked(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20*1024, nil)
	leech, p := l.host(f.leech()), l.puppet()
	k := p.accept(leech)
	k.say(k.data(f, 3))
	k.say(k.data(f, 3))
	k.say(k.data(f, 19))
	l.run(100 * time.Millisecond)
	if n := leech.s.have.Count(); n != 2 || leech.s.Counters().Duplicates != 1 {
		t.Errorf("%d chunks kept, %+v", n, leech.s.Counters())
	}
	// "a receiving peer that has successfully checked the integrity of a chunk … MUST send an
	// ACK message containing a chunk specification for C" (3.4), also of one it had.
	if acks := k.heard(); has(acks, wire.TypeAck) < 2 || !spread(acks, wire.TypeAck).Has(3) || !spread(acks, wire.TypeAck).Has(19) {
		t.Errorf("acknowledged: %v", spread(acks, wire.TypeAck))
	}
}

// A chunk without its hashes is not acknowledged; when these come it counts, or with them.
func TestChunkBeforeHashes(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20*1024, nil)
	leech, p := l.host(f.leech()), l.puppet()
	k := p.accept(leech)
	whole := k.data(f, 3)
	data := whole[len(whole)-(1+8+8+1024):]
	hashes := whole[:len(whole)-len(data)]
	k.say(data)
	l.run(50 * time.Millisecond)
	if leech.s.have.Count() != 0 || has(k.heard(), wire.TypeAck) != 0 || leech.s.Counters().Unproven != 1 {
		t.Error("a chunk was taken that nothing proves")
	}
	k.say(hashes)
	l.run(50 * time.Millisecond)
	if !leech.s.have.Has(3) || !spread(k.heard(), wire.TypeAck).Has(3) {
		t.Error("the chunk was not taken when its hashes came")
	}
	// Chunks that stay without hashes are bounded.
	for i := range uint64(20) {
		if i != 3 {
			k.say(k.f.AppendData(nil, (i+7)%20, 1, f.chunk((i+7)%20)))
		}
	}
	l.run(50 * time.Millisecond)
	if n := len(leech.s.channelTo(p.addr).unproven.list); n > maxUnproven {
		t.Errorf("%d chunks wait for hashes", n)
	}
}

// An invalid message ends its datagram, those before it hold.
func TestRestDiscarded(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20*1024, nil)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(seed)
	k.heard()
	tests := map[string][]byte{
		"unknown type":         {200},
		"a second HANDSHAKE":   wire.AppendHandshake(nil, &wire.Handshake{SourceChannel: 5}),
		"a range that is none": {byte(wire.TypeHave), 0, 0, 0, 9, 0, 0, 0, 3},
		"cut short":            {byte(wire.TypeHave), 0, 0},
	}
	for name, middle := range tests {
		b := k.f.AppendRequest(nil, chunk.One(1))
		b = append(b, middle...)
		b = k.f.AppendRequest(b, chunk.One(2))
		bad := seed.s.Counters().BadMessages
		k.say(b)
		l.run(200 * time.Millisecond)
		got := spread(k.heard(), wire.TypeData)
		if !got.Has(1) || got.Has(2) || seed.s.Counters().BadMessages != bad+1 {
			t.Errorf("%s: chunk 1 came %v, chunk 2 %v", name, got.Has(1), got.Has(2))
		}
		k.say(k.f.AppendAck(k.f.AppendCancel(nil, f.all()), chunk.One(1), 5))
		l.run(2 * time.Second)
		seed.s.channelTo(p.addr).peerHave.Clear()
		k.heard()
	}
}

// PEX is neither asked for nor answered, and closes nothing.
func TestPexIgnored(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20*1024, nil)
	seed, p := l.host(f.seed(f.all())), l.puppet()
	k := p.greet(seed)
	l.run(100 * time.Millisecond)
	k.heard()
	b := wire.AppendPexReq(nil)
	b = wire.AppendPexRes(b, netip.MustParseAddrPort("192.0.2.1:7"))
	b = wire.AppendPexRes(b, netip.MustParseAddrPort("[2001:db8::1]:7"))
	b = wire.AppendPexCert(b, []byte{1, 2, 3})
	k.say(k.f.AppendRequest(b, chunk.One(4)))
	l.run(300 * time.Millisecond)
	all := k.heard()
	if !spread(all, wire.TypeData).Has(4) {
		t.Error("what follows PEX messages was not heard")
	}
	for _, m := range all {
		if m.Type == wire.TypePexReq || m.Type == wire.TypePexResV4 || m.Type == wire.TypePexResV6 {
			t.Errorf("a %v was sent", m.Type)
		}
	}
	if seed.s.Unconnected() != 0 {
		t.Error("addresses were taken from strangers")
	}
}

// Messages that a peer states not to understand are not sent to it (RFC 7574, 7.10).
func TestSupportedMessages(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20*1024, nil)
	leech, p := l.host(f.leech()), l.puppet()
	h := greeting(f.meta, 0xabcd)
	h.Supported = wire.NewSupported(wire.TypeHandshake, wire.TypeData, wire.TypeIntegrity, wire.TypeHave, wire.TypeRequest)
	l.send(p.addr, leech.addr, initiating(h))
	l.run(50 * time.Millisecond)
	k := link{p: p, to: leech, f: leech.s.format, id: messages(t, leech.s.format, p.inbox[0].b)[0].Handshake.SourceChannel}
	k.say(k.f.AppendHave(nil, f.all()))
	leech.want(true)
	l.run(50 * time.Millisecond)
	k.say(k.data(f, 0))
	l.run(50 * time.Millisecond)
	leech.want(false)
	l.run(2 * time.Second)
	all := k.heard()
	if has(all, wire.TypeAck)+has(all, wire.TypeCancel) != 0 {
		t.Errorf("%d ACK and %d CANCEL to a peer that ignores them", has(all, wire.TypeAck), has(all, wire.TypeCancel))
	}
	if !spread(all, wire.TypeHave).Has(0) {
		t.Error("the chunk was not told of by HAVE instead")
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
		c.flight.push(29_000, l.now, 10, 0)
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

// The caller that drains no events loses the newest, and nothing else.
func TestEventsAreBounded(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 100, nil)
	h := l.host(f.leech())
	for k := range 3 * maxEvents {
		h.s.emit(Event{Kind: EventPeerUp, Peer: addr(k)})
	}
	for k := range maxEvents {
		if e, ok := h.s.NextEvent(); !ok || e.Peer != addr(k) {
			t.Fatalf("event %d is %v, %v", k, e, ok)
		}
	}
	if _, ok := h.s.NextEvent(); ok {
		t.Error("more events are kept than told")
	}
}

// Runs of neighbouring chunks are one event, in the order in which they came.
func TestEventsMerge(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 100, nil)
	s := l.host(f.leech()).s
	one := func(kind EventKind, start, end uint64) {
		s.emit(Event{Kind: kind, Chunks: chunk.Range{Start: start, End: end}})
	}
	one(EventChunks, 0, 1)
	one(EventPlay, 0, 1)
	one(EventChunks, 1, 2)
	one(EventPlay, 1, 2)
	one(EventSkip, 2, 3)
	one(EventPlay, 3, 4)
	want := []Event{
		{Kind: EventChunks, Chunks: chunk.Range{End: 2}},
		{Kind: EventPlay, Chunks: chunk.Range{End: 2}},
		{Kind: EventSkip, Chunks: chunk.Range{Start: 2, End: 3}},
		{Kind: EventPlay, Chunks: chunk.Range{Start: 3, End: 4}},
	}
	for _, w := range want {
		if e, ok := s.NextEvent(); !ok || e != w {
			t.Errorf("event %v, want %v", e, w)
		}
	}
}
