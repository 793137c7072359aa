package swarm

import (
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// "Peer A must not let other peers fill all its available connection slots, i.e., Peer A must
// initiate connections itself too" (RFC 7574, 12.6.1).
func TestOwnConnectionsBesideIntruders(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20_000, nil)
	victim := l.host(f.leech())
	victim.want(true)
	for range maxIncoming {
		l.puppet().greet(victim)
	}
	if victim.s.Peers() < victim.s.cfg.TargetPeers {
		t.Fatalf("only %d intruders are connected", victim.s.Peers())
	}
	victim.meet(l.host(f.seed(f.all())))
	l.until(5*time.Second, "complete", victim.s.Complete)
}

// "the responding peer … MAY already include … some chunks" only once the third datagram has
// proven that the initiating peer listens where it says (RFC 7574, 3.1.1 and 12.1.1).
func TestNoChunksBeforeTheThirdDatagram(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	q, p := l.host(f.seed(f.all())), l.puppet()
	format := q.s.format
	first := format.AppendRequest(initiating(greeting(f.meta, 99)), f.all())
	l.send(p.addr, q.addr, first)
	l.run(5 * time.Second)
	sent := 0
	for _, d := range p.inbox {
		sent += len(d.b)
		for _, m := range messages(t, format, d.b) {
			if m.Type != wire.TypeHandshake && m.Type != wire.TypeHave {
				t.Errorf("a %v came before the third datagram", m.Type)
			}
		}
	}
	if len(p.inbox) == 0 || sent > replyFactor*len(first) {
		t.Fatalf("%d bytes in %d datagrams answer %d bytes", sent, len(p.inbox), len(first))
	}
	k := link{p: p, to: q, f: format, id: messages(t, format, p.inbox[0].b)[0].Handshake.SourceChannel}
	p.inbox = nil
	k.say(nil)
	if got := spread(k.take(2*time.Second), wire.TypeData); got.Count() != f.chunks() {
		t.Errorf("%d chunks came after it, want the %d that were requested in the first", got.Count(), f.chunks())
	}
}

// "When receiving a REQUEST message, Peer Q MAY send the requested chunks" (RFC 7574, 3.9):
// those that are here and nothing else.
func TestRequestsAreServed(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 10*1024, nil)
	here := chunk.Range{Start: 2, End: 8}
	q, p := l.host(f.seed(here)), l.puppet()
	k := p.greet(q)
	k.say(k.f.AppendRequest(nil, chunk.Range{Start: 4, End: 10}))
	got := spread(k.take(2*time.Second), wire.TypeData)
	if want := (chunk.Range{Start: 4, End: 8}); got.Count() != want.Len() || got.NextMissing(want.Start) != want.End {
		t.Errorf("%d chunks came, want those from %d to %d", got.Count(), want.Start, want.End-1)
	}
}

// "an UNCHOKE … without having sent a CHOKE before … is ignored" (RFC 7574, 12.6.9).
func TestUnchokeAlone(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 40*1024, nil)
	leech, p := l.host(f.leech()), l.puppet()
	leech.want(true)
	k := p.accept(leech)
	for range 100 {
		k.say(wire.AppendUnchoke(nil))
	}
	l.run(500 * time.Millisecond)
	if n := has(k.heard(), wire.TypeRequest); n != 0 || leech.s.Peers() != 1 {
		t.Errorf("%d requests of who announced nothing, %d peers", n, leech.s.Peers())
	}
	leech.meet(l.host(f.seed(f.all())))
	l.until(5*time.Second, "complete", leech.s.Complete)
}

// One signature covers many chunks, however many peers there are (RFC 7574, 6.1.2.1;
// requirement SEC.REQ-3).
func TestSignaturesDoNotGrowWithPeers(t *testing.T) {
	for _, homes := range []int{1, 8} {
		l := newLab(t, 1)
		st := l.stream(16, nil)
		for range homes {
			l.host(st.home(64)).meet(st.source)
		}
		st.append(160, 5*time.Millisecond)
		l.run(time.Second)
		if n := len(st.source.s.live.munros); n != 10 {
			t.Errorf("%d homes: %d signatures for 160 chunks, want 10", homes, n)
		}
	}
}
