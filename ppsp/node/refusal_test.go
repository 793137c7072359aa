package node

import (
	"net/netip"
	"testing"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// A closing HANDSHAKE to channel 0 goes to the swarms that greeted its sender, once.
func TestRefusalByAddress(t *testing.T) {
	n, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	f, g := newFilm(t, 5000, 1024), newFilm(t, 6000, 1024)
	first, _ := f.leech()
	second, _ := g.leech()
	a, b := prepare(t, n, first).Swarm, prepare(t, n, second).Swarm
	here, there := netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddrPort("127.0.0.1:10")
	refusal := wire.AppendHandshake(wire.AppendChannel(nil, 0), &wire.Handshake{})
	expect := func(what string, from netip.AddrPort, toA, toB int) {
		t.Helper()
		n.dispatch(train{peer: from, bytes: refusal, segment: len(refusal)})
		if gotA, gotB := waiting(a), waiting(b); gotA != toA || gotB != toB {
			t.Errorf("%s: %d and %d datagrams reached the swarms, want %d and %d", what, gotA, gotB, toA, toB)
		}
	}
	expect("nobody was greeted", here, 0, 0)
	n.greetings.note(a, hello(f.meta), here)
	n.greetings.note(a, hello(f.meta), here)
	n.greetings.note(b, hello(g.meta), there)
	n.greetings.note(b, wire.AppendChannel(nil, 0x40000000), here) // no greeting
	expect("from who was not greeted by the other", here, 1, 0)
	expect("a second time", here, 0, 0)
	expect("from the other", there, 0, 1)
	n.greetings.note(a, hello(f.meta), here)
	n.greetings.note(b, hello(g.meta), here)
	expect("greeted by both", here, 1, 1)
	n.greetings.note(a, hello(f.meta), here)
	n.part(a)
	expect("the swarm was left", here, 0, 0)
	n.greetings.note(b, hello(g.meta), here)
	for port := range uint16(maxGreeted) {
		n.greetings.note(b, hello(g.meta), netip.AddrPortFrom(here.Addr(), 1000+port))
	}
	expect("greeted long ago", here, 0, 0)
}
