package membership

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// A link with contacts needs no tracker, whether they are addresses or names.
func TestContactsOfTheLink(t *testing.T) {
	f := newFilm(t)
	publisher := start(t, setup{swarm: f.seed(), link: f.link(), seed: true, listen: ":0"})
	port := publisher.node.Addr().Port()
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
		t.Run(host, func(t *testing.T) {
			link := f.link()
			link.Peers = []string{fmt.Sprintf("%s:%d", host, port)}
			receiver := start(t, setup{swarm: f.leech(), link: link, listen: ":0"})
			receiver.fetch(t)
			if receiver.Trouble() != "" || receiver.Listed() != 0 {
				t.Errorf("trouble %q, %d listed; want none without a tracker", receiver.Trouble(), receiver.Listed())
			}
		})
	}
}

// A contact that nobody knows does not keep others away.
func TestContactsThatAreNotThere(t *testing.T) {
	f := newFilm(t)
	publisher := start(t, setup{swarm: f.seed(), link: f.link(), seed: true})
	link := f.link()
	link.Peers = []string{"127.0.0.1:1", "nobody.invalid:7000", publisher.node.Addr().String()}
	receiver := start(t, setup{swarm: f.leech(), link: link})
	receiver.fetch(t)
}

// A contact that comes later is met then.
func TestContactComesLater(t *testing.T) {
	f := newFilm(t)
	first := start(t, setup{swarm: f.seed(), link: f.link(), seed: true})
	link := f.link()
	link.Peers = []string{first.node.Addr().String()}
	first.stop() // its socket stays, and is silent
	receiver := start(t, setup{swarm: f.leech(), link: link})
	m, err := Join(Config{Node: first.node, Swarm: f.seed(), Link: f.link(), Seed: true})
	if err != nil {
		t.Fatal(err)
	}
	background(t, m.Run)
	receiver.fetch(t)
}

// Everybody is told of events, and the count of peers follows them.
func TestPeersAreCounted(t *testing.T) {
	f := newFilm(t)
	publisher := start(t, setup{swarm: f.seed(), link: f.link(), seed: true})
	if publisher.wanted() == 0 {
		t.Error("a seeder without peers asks the tracker for none")
	}
	link := f.link()
	link.Peers = []string{publisher.node.Addr().String()}
	var receivers []*peer
	for range wantedPeers {
		p := start(t, setup{swarm: f.leech(), link: link})
		p.await(t, swarm.EventPeerUp)
		publisher.await(t, swarm.EventPeerUp)
		receivers = append(receivers, p)
	}
	if n := publisher.wanted(); n != 0 {
		t.Errorf("with %d peers %d more are wanted, want 0", wantedPeers, n)
	}
	receivers[0].stop()
	publisher.await(t, swarm.EventPeerDown)
	if publisher.wanted() == 0 {
		t.Errorf("with %d peers no more are wanted", wantedPeers-1)
	}
}

func TestSwarmIsJoinedOnce(t *testing.T) {
	f := newFilm(t)
	p := start(t, setup{swarm: f.seed(), link: f.link(), seed: true})
	if _, err := Join(Config{Node: p.node, Swarm: f.leech(), Link: f.link()}); err == nil {
		t.Error("the same swarm joined twice on one socket: no error")
	}
}

func TestResolve(t *testing.T) {
	addr := netip.MustParseAddrPort
	for _, c := range []struct {
		in   string
		want []netip.AddrPort // one of them is enough
	}{
		{"192.0.2.7:80", []netip.AddrPort{addr("192.0.2.7:80")}},
		{"[2001:db8::1]:7000", []netip.AddrPort{addr("[2001:db8::1]:7000")}},
		{"localhost:7000", []netip.AddrPort{addr("127.0.0.1:7000"), addr("[::1]:7000")}},
		{"localhost:70000", nil},
		{"localhost:http", nil},
		{"localhost", nil},
		{"nobody.invalid:7000", nil},
		{"", nil},
	} {
		got := resolve(t.Context(), c.in)
		if len(got) > maxResolved {
			t.Errorf("%q: %d addresses, want at most %d", c.in, len(got), maxResolved)
		}
		if (len(c.want) == 0) != (len(got) == 0) {
			t.Errorf("%q: %v, want %v", c.in, got, c.want)
		}
		for _, a := range got {
			if !slices.Contains(c.want, a) {
				t.Errorf("%q: %v, want %v", c.in, got, c.want)
			}
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := resolve(ended, "nobody.invalid:7000"); len(got) != 0 {
		t.Errorf("after the end of the context: %v, want nothing", got)
	}
}
