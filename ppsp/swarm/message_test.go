package swarm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

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
	f := newFilm(t, 200*1024, nil)
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
	for i := range uint64(200) {
		if i != 3 {
			k.say(k.f.AppendData(nil, (i+7)%200, 1, f.chunk((i+7)%200)))
		}
	}
	l.run(50 * time.Millisecond)
	if n := len(leech.s.channelTo(p.addr).unproven.list); n != runChunks {
		t.Errorf("%d chunks wait for hashes, want %d", n, runChunks)
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

// The caller that drains no events loses the newest, and nothing else.
func TestEventsAreBounded(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 100, nil)
	h := l.host(f.leech())
	for k := range 3 * maxEvents {
		if h.s.Eventful() != (k >= maxEvents/2) {
			t.Fatalf("with %d events it says %v", k, h.s.Eventful())
		}
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
