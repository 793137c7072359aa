package swarm

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// "the peer SHOULD send a closing HANDSHAKE message to the other … MUST contain an all zeros
// channel ID and a list of protocol options. The list MUST either be empty or contain the
// maximum version number" (RFC 7574, 3.1.1).
func TestFarewell(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	a, b := l.host(f.seed(f.all())), l.host(f.leech())
	b.meet(a)
	l.run(time.Second)
	l.logging = true
	a.s.Close(l.now)
	a.drain()
	if len(l.log) != 1 {
		t.Fatalf("%d datagrams at closing, want 1", len(l.log))
	}
	m := messages(t, a.s.format, l.log[0].b)
	if len(m) != 1 || m[0].Type != wire.TypeHandshake || m[0].Handshake.SourceChannel != 0 || m[0].Handshake.Has != wire.HasVersion {
		t.Errorf("the farewell is %+v", m)
	}
	if id, _ := wire.Channel(l.log[0].b); id != b.s.order[0].id {
		t.Errorf("the farewell goes to channel %d, want %d", id, b.s.order[0].id)
	}
	l.run(time.Second)
	if n := b.count(EventPeerDown); n != 1 || b.s.Peers() != 0 {
		t.Errorf("%d times told that the peer is gone; %d peers", n, b.s.Peers())
	}
	if a.s.NextTimeout() != never {
		t.Error("a closed engine wants to be woken")
	}
	a.s.HandleDatagram(l.now, b.addr, initiating(greeting(f.meta, 9)))
	a.s.HandleTimeout(l.now)
	if _, _, ok := a.s.AppendDatagram(l.now, nil); ok {
		t.Error("a closed engine answers")
	}
	if ids, _ := a.s.cfg.Channels.(*ids); len(ids.open) != 0 {
		t.Errorf("%d channel IDs were not given back", len(ids.open))
	}
}

// "they are implemented as simple datagrams consisting of a four-byte channel ID only"
// (RFC 7574, 3.12), and keep a silent channel open for good.
func TestKeepAlive(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	a, b := l.host(f.leech()), l.host(f.leech())
	b.meet(a)
	l.run(time.Second)
	l.logging = true
	l.run(10 * time.Minute)
	if !a.connected(b) || !b.connected(a) {
		t.Fatal("an idle channel was given up")
	}
	for _, d := range l.log {
		if len(d.b) != 4 {
			t.Fatalf("a keep-alive of %d bytes", len(d.b))
		}
	}
	if n := len(l.log); n < 2*600/30 || n > 2*600/10 {
		t.Errorf("%d keep-alives in 10 minutes of two peers", n)
	}
}

// "a three minute delay since that last packet has been received from that peer and at
// least three datagrams having been sent to that peer during the same period" (RFC 7574, 3.12).
func TestDeadPeer(t *testing.T) {
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprintf("busy %v", busy), func(t *testing.T) {
			l := newLab(t, 1)
			f := newFilm(t, 300_000, nil)
			a, b, c := l.host(f.leech()), l.host(f.leech()), l.host(f.seed(f.all()))
			b.meet(a)
			l.run(time.Second)
			b.off = true
			if busy { // news for the dead peer do not keep it alive
				a.meet(c)
				for i := range uint64(250) {
					a.want(false, chunk.One(i))
					l.run(700 * time.Millisecond)
				}
			} else {
				l.run(175 * time.Second)
			}
			if a.count(EventPeerDown) != 0 {
				t.Fatalf("the peer was given up after %d s", l.now/1e9)
			}
			l.run(10 * time.Second)
			if down := a.of(EventPeerDown); len(down) != 1 || down[0].Peer != b.addr || down[0].Reason == "" {
				t.Errorf("after %d s of silence: %v", l.now/1e9, down)
			}
		})
	}
}

// An address that is our own is found out and forgotten.
func TestMeetSelf(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	a := l.host(f.leech())
	l.logging = true
	a.meet(a)
	l.run(time.Minute)
	if len(a.s.order) != 0 || a.s.Unconnected() != 0 || len(l.log) != 1 {
		t.Errorf("%d channels, %d addresses, %d datagrams to ourselves", len(a.s.order), a.s.Unconnected(), len(l.log))
	}
}

// Two peers that open to each other at the same time end with one channel, which works.
func TestSimultaneousOpen(t *testing.T) {
	for seed := range uint64(20) {
		l := newLab(t, seed)
		l.jitter = int64(seed) * 3e6
		f := newFilm(t, 20000, nil)
		a, b := l.host(f.seed(f.all())), l.host(f.leech())
		a.meet(b)
		l.run(time.Duration(seed%4) * 10 * time.Millisecond)
		b.meet(a)
		b.want(true)
		l.run(3 * time.Second)
		if len(a.s.order) != 1 || len(b.s.order) != 1 || !a.connected(b) || !b.connected(a) {
			t.Fatalf("seed %d: %d and %d channels", seed, len(a.s.order), len(b.s.order))
		}
		if a.s.order[0].remoteID != b.s.order[0].id {
			t.Fatalf("seed %d: the ends are of different channels", seed)
		}
		f.check(t, b)
	}
}

// A peer that was started again at the same address is found again while it is asked, and
// long before it is declared dead.
func TestPeerStartedAgain(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 900_000, nil)
	a, b := l.host(f.seed(f.all())), l.host(f.leech())
	b.meet(a)
	b.want(false, chunk.Range{End: 50})
	l.run(2 * time.Second)
	if b.s.have.Count() != 51 { // with the last, which proves the length
		t.Fatalf("%d chunks before, want 51", b.s.have.Count())
	}
	a.start(f.seed(f.all()))
	from := l.now
	b.want(true)
	l.until(15*time.Second, "complete", b.s.Complete)
	f.check(t, b)
	if l.now-from > 10e9 {
		t.Errorf("found again after %d s", (l.now-from)/1e9)
	}
	if !a.connected(b) || len(b.s.order) != 1 {
		t.Errorf("%d channels at the end", len(b.s.order))
	}
}

// Forged HANDSHAKEs neither fill the channels nor keep us from those we know.
func TestHandshakeFlood(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20_000, nil)
	good, victim := l.host(f.seed(f.all())), l.host(f.leech())
	flood := func(n int) {
		for k := range n {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(k >> 8), byte(k)}), 9)
			victim.s.HandleDatagram(l.now, from, initiating(greeting(f.meta, uint32(k+1))))
			victim.drain()
		}
	}
	flood(1000)
	if n := len(victim.s.order); n > maxIncoming {
		t.Errorf("%d channels by HANDSHAKE alone, want at most %d", n, maxIncoming)
	}
	victim.want(true)
	victim.meet(good)
	for range 100 {
		flood(20)
		l.run(20 * time.Millisecond)
	}
	f.check(t, victim)
}

// "Peer A must not let other peers fill all its available connection slots" (RFC 7574,
// 12.6.1), even if they prove their addresses.
func TestEclipse(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20_000, nil)
	victim := l.host(f.leech())
	answered := 0
	for k := range 300 {
		p := l.puppet()
		l.send(p.addr, victim.addr, initiating(greeting(f.meta, uint32(k+1))))
		l.run(45 * time.Millisecond)
		id := messages(t, victim.s.format, p.inbox[0].b)[0].Handshake.SourceChannel
		if id == 0 { // it is told that there is no room
			continue
		}
		answered++
		l.send(p.addr, victim.addr, wire.AppendChannel(nil, id))
		l.run(25 * time.Millisecond)
	}
	if answered < maxIncoming || victim.s.Peers() != maxIncoming {
		t.Errorf("%d were answered, %d connected; want %d", answered, victim.s.Peers(), maxIncoming)
	}
}

// A peer answers from another address than that which was told, as from behind a NAT; from
// then on only that one counts.
func TestAnswerFromElsewhere(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	p, told, real := l.host(f.leech()), l.puppet(), l.puppet()
	p.meet(told)
	l.run(30 * time.Millisecond)
	chanP := binary.BigEndian.Uint32(told.inbox[0].b[5:])
	reply := greeting(f.meta, 5)
	l.send(real.addr, p.addr, wire.AppendHandshake(wire.AppendChannel(nil, chanP), &reply))
	l.run(50 * time.Millisecond)
	if len(real.inbox) == 0 || p.s.channelTo(real.addr) == nil {
		t.Fatal("the answer from another address was not taken")
	}
	l.send(told.addr, p.addr, p.s.format.AppendHave(wire.AppendChannel(nil, chanP), f.all()))
	l.run(50 * time.Millisecond)
	if p.s.order[0].peerHave.Count() != 0 {
		t.Error("a datagram from another address was taken on an open channel")
	}
}
