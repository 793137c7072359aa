package swarm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// crowd connects so many puppets that say nothing more than that they are there. The k-th is at
// the address that at says.
func (h *host) crowd(n int, at func(k int) netip.AddrPort) (connected int) {
	for k := range n {
		p := h.l.puppet()
		if at != nil {
			p.addr = at(k)
		}
		h.s.HandleDatagram(h.l.now, p.addr, initiating(greeting(h.s.meta, uint32(k+1))))
		h.drain()
		h.l.run(45 * time.Millisecond)
		id := messages(h.l.t, h.s.format, p.inbox[0].b)[0].Handshake.SourceChannel
		if id != 0 {
			connected++
			h.s.HandleDatagram(h.l.now, p.addr, wire.AppendChannel(nil, id))
			h.drain()
		}
		p.inbox = nil
	}
	return connected
}

// A crowd that takes all slots and stays mute gives way to peers that fetch, of which none has to
// give way to the next; who fetched before the crowd came is not touched.
func TestMuteCrowd(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 300_000, nil)
	seed := l.host(f.seed(f.all()))
	first := l.host(f.leech())
	first.meet(seed)
	first.want(true)
	l.until(10*time.Second, "complete", first.s.Complete)
	if n := seed.crowd(maxIncoming+20, nil); n < maxIncoming-1 {
		t.Fatalf("%d of the crowd are connected", n)
	}
	l.run(20 * time.Second)
	var later []*host
	for range 30 {
		h := l.host(f.leech())
		h.want(true)
		h.meet(seed)
		later = append(later, h)
		l.run(300 * time.Millisecond)
	}
	l.until(30*time.Second, "complete", func() bool {
		for _, h := range later {
			if !h.s.Complete() {
				return false
			}
		}
		return true
	})
	if !seed.connected(first) {
		t.Error("who fetched all had to go for who was mute")
	}
	if n := seed.s.incoming; n > maxIncoming {
		t.Errorf("%d incoming channels, want at most %d", n, maxIncoming)
	}
	gone := seed.of(EventPeerDown)
	for _, e := range gone {
		for _, h := range append(later, first) {
			if e.Peer == h.addr {
				t.Errorf("%v had to go: %s", e.Peer, e.Reason)
			}
		}
	}
	if len(gone) < len(later) {
		t.Errorf("%d went for %d", len(gone), len(later))
	}
}

// One host that opens channel after channel displaces its own, and needs no time to be known for
// what it is.
func TestMuteHost(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20_000, nil)
	seed := l.host(f.seed(f.all()))
	port := func(k int) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("203.0.113.7"), uint16(1000+k))
	}
	if n := seed.crowd(maxIncoming+50, port); n < maxIncoming {
		t.Fatalf("%d of the crowd are connected", n)
	}
	for range 10 {
		h := l.host(f.leech())
		h.want(true)
		h.meet(seed)
		l.until(2*time.Second, "complete", h.s.Complete)
	}
	if n := seed.s.incoming; n > maxIncoming {
		t.Errorf("%d incoming channels, want at most %d", n, maxIncoming)
	}
}

// While all are of use there is no room, which newcomers are told; nor do HANDSHAKEs whose senders
// prove nothing displace anyone.
func TestSlotsInUse(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 20_000, nil)
	seed := l.host(f.seed(f.all()))
	var links []link
	use := func() {
		for _, k := range links {
			k.say(k.f.AppendCancel(nil, f.all()))
			k.say(k.f.AppendRequest(nil, chunk.One(0)))
		}
		l.run(50 * time.Millisecond)
		for _, k := range links {
			for _, m := range k.heard() {
				if m.Type == wire.TypeData {
					k.say(k.f.AppendAck(nil, m.Chunks, 1))
				}
			}
		}
		l.run(50 * time.Millisecond)
	}
	for range maxIncoming {
		links = append(links, l.puppet().greet(seed))
	}
	use()
	l.run(30 * time.Second)
	h := l.host(f.leech())
	h.want(true)
	h.meet(seed)
	l.run(5 * time.Second)
	if h.s.Peers() != 0 || len(seed.of(EventPeerDown)) != 0 {
		t.Errorf("%d connected, %v went", h.s.Peers(), seed.of(EventPeerDown))
	}
	l.run(dropIdle)
	for k := range 300 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(k)}), uint16(1000+k))
		seed.s.HandleDatagram(l.now, from, initiating(greeting(f.meta, uint32(k+1))))
		seed.drain()
	}
	if n := len(seed.s.order); n > maxIncoming+maxProbed || len(seed.of(EventPeerDown)) > 1 {
		t.Errorf("%d channels, %d went", n, len(seed.of(EventPeerDown)))
	}
}
