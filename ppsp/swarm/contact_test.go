package swarm

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// at6 is an IPv6 address of the k-th host.
func at6(k byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0x2a, 1: 0x01, 15: k}), 7000)
}

// contact is what a tracker says of h.
func contact(id string, h *host) Contact {
	return Contact{ID: id, Addrs: []netip.AddrPort{h.other, h.addr}}
}

// A peer with several addresses is one peer, whichever end opens, also when both do at once
// and different ways win; nothing of the film is lost.
func TestOnePeerOverTwoFamilies(t *testing.T) {
	for seed := range uint64(30) {
		l := newLab(t, seed)
		l.jitter, l.loss = int64(seed%5)*20e6, float64(seed%3)*0.05
		f := newFilm(t, 300_000, nil)
		a, b := public(l.host(f.seed(f.all())), 1), public(l.host(f.leech()), 2)
		a.other, b.other = at6(1), at6(2)
		b.want(true)
		if seed%3 != 0 {
			a.s.AddContacts(l.now, []Contact{contact("b", b)})
			a.drain()
		}
		l.run(time.Duration(seed%4) * 15 * time.Millisecond)
		if seed%3 != 1 {
			b.s.AddContacts(l.now, []Contact{contact("a", a)})
			b.drain()
		}
		l.until(30*time.Second, "complete", b.s.Complete)
		l.run(11 * time.Second) // until what led to nothing is forgotten
		if len(a.s.order) != 1 || len(b.s.order) != 1 || a.s.Peers() != 1 || b.s.Peers() != 1 {
			t.Fatalf("seed %d: %d and %d channels", seed, len(a.s.order), len(b.s.order))
		}
		if a.s.order[0].remoteID != b.s.order[0].id {
			t.Fatalf("seed %d: the ends are of different channels", seed)
		}
		f.check(t, b)
	}
}

// The HANDSHAKEs go to all addresses at the same time, at 0, 100, 250 and 475 ms, and one that
// leads nowhere does not keep the other from being found at once.
func TestAddressesAreRaced(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 50_000, nil)
	dead, b := public(l.puppet(), 1), public(l.host(f.leech()), 2)
	dead.other, b.other = at6(1), at6(2)
	b.s.AddContacts(0, []Contact{contact("a", dead)})
	b.drain()
	l.run(700 * time.Millisecond)
	want := map[netip.AddrPort][]int64{}
	for _, a := range []netip.AddrPort{dead.addr, dead.other} {
		want[a] = []int64{0, 100e6, 250e6, 475e6}
	}
	got := map[netip.AddrPort][]int64{}
	for _, d := range dead.inbox {
		got[d.to] = append(got[d.to], d.sent)
	}
	for a, times := range want {
		if !slices.Equal(got[a], times) {
			t.Errorf("to %v at %v, want %v", a, got[a], times)
		}
	}

	a := public(l.host(f.seed(f.all())), 3)
	b.s.AddContacts(l.now, []Contact{{ID: "c", Addrs: []netip.AddrPort{at6(9), a.addr}}})
	b.drain()
	l.until(2*time.Duration(l.delay), "connected", func() bool { return b.connected(a) })
}

// Nobody passes for another: an address that two peers claim is a peer by itself, and the
// channels to it stay.
func TestClaimedAddress(t *testing.T) {
	for _, first := range []string{"liar", "seed"} {
		l := newLab(t, 1)
		f := newFilm(t, 50_000, nil)
		seed, liar, h := public(l.host(f.seed(f.all())), 1), public(l.host(f.seed(f.all())), 2), public(l.host(f.leech()), 3)
		seed.other, liar.other, h.other = at6(1), at6(2), at6(3)
		list := []Contact{
			contact("seed", seed),
			{ID: "liar", Addrs: []netip.AddrPort{liar.addr, seed.addr, seed.other}},
		}
		if first == "liar" {
			slices.Reverse(list)
		}
		for range 3 {
			h.s.AddContacts(l.now, list)
			h.drain()
			l.run(3 * time.Second)
		}
		if !h.connected(liar) || h.s.channelTo(seed.addr) == nil && h.s.channelTo(seed.other) == nil {
			t.Errorf("%s first: %d peers, want both", first, h.s.Peers())
		}
	}
}

// A tracker that names a peer with other addresses than before is believed, and what is banned or
// of no use is left out.
func TestContactMoves(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	h := l.host(f.leech())
	old, fresh := public(l.puppet(), 1), public(l.puppet(), 2)
	h.s.AddContacts(0, []Contact{{ID: "p", Addrs: []netip.AddrPort{old.addr, {}, netip.MustParseAddrPort("224.0.0.1:7")}}})
	l.run(20 * time.Second)
	h.s.AddContacts(l.now, []Contact{{ID: "p", Addrs: []netip.AddrPort{fresh.addr, old.addr}}})
	h.drain()
	l.run(time.Second)
	if len(fresh.inbox) == 0 || len(h.s.candidates.list) != 1 || len(h.s.candidates.list[0].more) != 1 {
		t.Errorf("%d datagrams to the new address; known: %+v", len(fresh.inbox), h.s.candidates.list)
	}
	h.s.bans.Shut(l.now, fresh.addr, "", "bogus")
	h.s.SetBans(l.now, h.s.Bans(l.now))
	h.s.AddContacts(l.now, []Contact{{ID: "q", Addrs: []netip.AddrPort{fresh.addr}}})
	if h.s.candidates.find(fresh.addr) >= 0 {
		t.Error("a banned address is kept")
	}
}

// Our own address among a peer's costs one datagram, and the peer is still reached.
func TestOwnAddressAmongOthers(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 5000, nil)
	seed, h := public(l.host(f.seed(f.all())), 1), public(l.host(f.leech()), 2)
	l.logging = true
	h.s.AddContacts(0, []Contact{{ID: "p", Addrs: []netip.AddrPort{h.addr, seed.addr}}})
	h.drain()
	l.run(2 * time.Second)
	own := 0
	for _, d := range l.log {
		if d.to == h.addr && d.from == h.addr {
			own++
		}
	}
	if !h.connected(seed) || own > 1 {
		t.Errorf("connected %v, %d datagrams to ourselves", h.connected(seed), own)
	}
}

// Who names many ports of one host does not have us flood it: so many are tried at a time, with
// few datagrams; and all attempts together stay below a rate.
func TestBurstsAreBounded(t *testing.T) {
	var l *lab
	var h *host
	var list []Contact
	for _, victim := range []string{"192.168.1.1", "198.51.100.7"} { // a device of the home, too
		l = newLab(t, 1)
		cfg := newFilm(t, 5000, nil).leech()
		cfg.TargetPeers = 100
		h = l.host(cfg)
		list = nil
		for k := range 300 {
			list = append(list, Contact{ID: string(rune('a' + k)), Addrs: []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr(victim), uint16(1000+k))}})
		}
		l.logging = true
		h.s.AddContacts(0, list)
		h.drain()
		l.run(time.Second)
		if n := len(l.log); n < maxSiege || n > maxSiege*(handshakeBurst+2) {
			t.Errorf("%d datagrams to %s in a second", n, victim)
		}
	}

	list = list[:0]
	l.log = nil
	for k := range 300 {
		var addrs []netip.AddrPort
		for w := range MaxContactAddrs {
			addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, byte(w), byte(k >> 8), byte(k)}), 7))
		}
		list = append(list, Contact{ID: "x" + string(rune('a'+k)), Addrs: addrs})
	}
	h.s.AddContacts(l.now, list)
	h.drain()
	l.run(time.Minute)
	if n, most := len(l.log), int(dialBurst+60e9/dialEvery); n > most {
		t.Errorf("%d HANDSHAKEs in a minute, want at most %d", n, most)
	}
}
