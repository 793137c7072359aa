package membership

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/proxy/condition"
)

// Publisher and receiver find each other by the tracker alone, and tell it when they go.
func TestMeetingAtATracker(t *testing.T) {
	s := reserve(t)
	s.open(t, time.Minute)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{s.url()}
	publisher := start(t, setup{swarm: f.seed(), link: link, seed: true})
	if m := s.registry.await(t, "join", publisher.id); m.Mode != tracker.Seeder || m.Addresses[0].AddrPort != publisher.node.Addr() {
		t.Errorf("the publisher joined as %+v, want a seeder at %s", m, publisher.node.Addr())
	}
	receiver := start(t, setup{swarm: f.leech(), link: link})
	if m := s.registry.await(t, "join", receiver.id); m.Mode != tracker.Leech {
		t.Errorf("the receiver joined as %s, want %s", m.Mode, tracker.Leech)
	}
	receiver.fetch(t)
	// Who has everything is of use to others only, and says so at once.
	if m := s.registry.await(t, "join", receiver.id); m.Mode != tracker.Seeder {
		t.Errorf("with the whole film the receiver is a %s, want a %s", m.Mode, tracker.Seeder)
	}
	if receiver.Trouble() != "" {
		t.Errorf("trouble %q, want none", receiver.Trouble())
	}
	receiver.stop()
	s.registry.await(t, "leave", receiver.id)
	publisher.await(t, swarm.EventPeerDown)
	publisher.stop()
	s.registry.await(t, "leave", publisher.id)
}

// Those who wait for a film know how many others the tracker knows.
func TestListed(t *testing.T) {
	s := reserve(t)
	s.open(t, time.Minute)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{s.url()}
	var waiting []*peer
	for range 3 {
		p := start(t, setup{swarm: f.leech(), link: link})
		s.registry.await(t, "join", p.id)
		waiting = append(waiting, p)
	}
	until(t, "the last lists the others", func() bool { return waiting[2].Listed() == 2 })
}

// A tracker that is started after its peers is found when it is there.
func TestTrackerStartsLate(t *testing.T) {
	s := reserve(t)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{s.url()}
	receiver := start(t, setup{swarm: f.leech(), link: link})
	publisher := start(t, setup{swarm: f.seed(), link: link, seed: true})
	for _, p := range []*peer{receiver, publisher} {
		until(t, "the trouble is told", func() bool { return p.Trouble() != "" })
		if words := p.Trouble(); !strings.Contains(words, s.url()) || !strings.Contains(words, "refused") {
			t.Errorf("trouble %q, want the tracker %s and that it refused", words, s.url())
		}
	}
	s.open(t, time.Minute)
	receiver.fetch(t)
	until(t, "the trouble is over", func() bool { return receiver.Trouble() == "" && publisher.Trouble() == "" })
}

// A tracker that was started again knows nobody: its peers join again, by themselves and
// before they are asked for anything.
func TestTrackerStartsAgain(t *testing.T) {
	const timeout = 3 * time.Second // so that peers report every second
	s := reserve(t)
	s.open(t, timeout)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{s.url()}
	publisher := start(t, setup{swarm: f.seed(), link: link, seed: true})
	s.registry.await(t, "join", publisher.id)
	s.stop()
	s.open(t, timeout)
	if m := s.registry.await(t, "join", publisher.id); m.Mode != tracker.Seeder {
		t.Errorf("joined again as %s, want %s", m.Mode, tracker.Seeder)
	}
	receiver := start(t, setup{swarm: f.leech(), link: link})
	receiver.fetch(t)
}

// A publisher that was started again, on another port, finds those who wait for it.
func TestSeederFindsLeechesAfterItsRestart(t *testing.T) {
	s := reserve(t)
	s.open(t, time.Minute)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{s.url()}
	publisher := start(t, setup{swarm: f.seed(), link: link, seed: true})
	waiting := start(t, setup{swarm: f.leech(), link: link})
	waiting.await(t, swarm.EventPeerUp)
	publisher.stop()
	waiting.await(t, swarm.EventPeerDown)
	again := start(t, setup{swarm: f.seed(), link: link, seed: true})
	if again.node.Addr() == publisher.node.Addr() {
		t.Fatal("the same port again")
	}
	again.await(t, swarm.EventPeerUp)
	waiting.fetch(t)
}

// One tracker of two suffices, and its word counts.
func TestOneOfTwoTrackersIsDown(t *testing.T) {
	s, down := reserve(t), reserve(t)
	s.open(t, time.Minute)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{down.url(), s.url()}
	publisher := start(t, setup{swarm: f.seed(), link: link, seed: true})
	s.registry.await(t, "join", publisher.id)
	receiver := start(t, setup{swarm: f.leech(), link: link})
	receiver.fetch(t)
	if words := receiver.Trouble(); words != "" {
		t.Errorf("trouble %q although a tracker answers", words)
	}
}

// Addresses that have changed are announced at once.
func TestMove(t *testing.T) {
	s := reserve(t)
	s.open(t, time.Minute)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{s.url()}
	var where atomic.Value
	where.Store(netip.MustParseAddrPort("127.0.0.1:1111"))
	moves := make(chan struct{}, 1)
	p := start(t, setup{swarm: f.seed(), link: link, seed: true, change: func(tr *Trackers) {
		tr.Addresses = func() []tracker.Address {
			at, _ := where.Load().(netip.AddrPort)
			return []tracker.Address{{AddrPort: at}}
		}
		tr.Moves = func(context.Context) <-chan struct{} { return moves }
	}})
	if m := s.registry.await(t, "join", p.id); m.Addresses[0].Port() != 1111 {
		t.Errorf("joined at %v, want port 1111", m.Addresses)
	}
	where.Store(netip.MustParseAddrPort("127.0.0.1:2222"))
	moves <- struct{}{}
	if m := s.registry.await(t, "join", p.id); m.Addresses[0].Port() != 2222 {
		t.Errorf("moved to %v, want port 2222", m.Addresses)
	}
	// Without further moves the member goes on.
	close(moves)
	receiver := start(t, setup{swarm: f.leech(), link: link})
	if err := receiver.Swarm().AddPeers([]netip.AddrPort{p.node.Addr()}); err != nil {
		t.Fatal(err)
	}
	receiver.fetch(t)
}

// Without addresses of our own the tracker lists what it sees.
func TestAddressAsTheTrackerSeesIt(t *testing.T) {
	s := reserve(t)
	s.open(t, time.Minute)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{s.url()}
	p := start(t, setup{swarm: f.seed(), link: link, seed: true, change: func(tr *Trackers) { tr.Addresses = nil }})
	if m := s.registry.await(t, "join", p.id); len(m.Addresses) != 0 || m.Source.Addr().String() != "127.0.0.1" {
		t.Errorf("joined with %+v, want no address but the source 127.0.0.1", m)
	}
}

// What is wrong with a tracker is told in one line, which names it.
func TestTroubleInWords(t *testing.T) {
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	f := newFilm(t)
	for _, c := range []struct{ url, words string }{
		{"http://127.0.0.1:1/", "refused"},
		{"http://nobody.invalid/", "nobody.invalid"},
		{page.URL, "404"},
	} {
		link := f.link()
		link.Trackers = []string{c.url}
		p := start(t, setup{swarm: f.leech(), link: link})
		until(t, "the trouble is told", func() bool { return p.Trouble() != "" })
		if words := p.Trouble(); !strings.Contains(words, c.words) || !strings.Contains(words, c.url) || strings.ContainsAny(words, "\r\n") {
			t.Errorf("trouble %q, want one line with %q and %q", words, c.url, c.words)
		}
		p.stop()
	}
}

// Leaving takes no longer than a moment, although the tracker has fallen silent.
func TestLeaveOfASilentTracker(t *testing.T) {
	s := reserve(t)
	s.open(t, time.Minute)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{s.url()}
	p := start(t, setup{swarm: f.leech(), link: link})
	s.registry.await(t, "join", p.id)
	s.stop()
	silent, err := net.Listen("tcp", s.addr) // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	began := time.Now()
	p.stop()
	if span := time.Since(began); span > 3*time.Second {
		t.Errorf("leaving took %s, want 3 s at most", span)
	}
}

// A tracker can't send us where no peer can be.
func TestUselessAddresses(t *testing.T) {
	f := newFilm(t)
	p := start(t, setup{swarm: f.leech(), link: f.link()})
	var list []tracker.Peer
	for _, a := range []string{"0.0.0.0:7000", "224.0.0.1:7000", "192.0.2.1:0", "[ff02::1]:7000", "[::]:7000"} {
		list = append(list, tracker.Peer{Addresses: []tracker.Address{{AddrPort: netip.MustParseAddrPort(a)}}})
	}
	p.found(append(list, tracker.Peer{}))
	st, err := p.Swarm().Stats()
	if err != nil || st.Connecting+st.Unconnected != 0 {
		t.Errorf("stats %+v, error %v; want no address taken", st, err)
	}
}

// Who has it all is at a tracker of each tier, so that those find it who reach no other; who fetches is
// at one.
func TestTiersOfALink(t *testing.T) {
	first, second := reserve(t), reserve(t)
	first.open(t, time.Minute)
	second.open(t, time.Minute)
	f := newFilm(t)
	link := f.link()
	link.Trackers = []string{first.url(), second.url()}
	publisher := start(t, setup{swarm: f.seed(), link: link, seed: true})
	first.registry.await(t, "join", publisher.id)
	second.registry.await(t, "join", publisher.id)
	receiver := start(t, setup{swarm: f.leech(), link: link})
	receiver.fetch(t)
	status, err := second.registry.Status(t.Context(), time.Now())
	if err != nil || len(status.Swarms) != 1 || len(status.Swarms[0].Members) != 1 {
		t.Errorf("at the second tracker: %+v, %v; want the publisher alone", status, err)
	}
	// The first tracker vanishes: who comes now meets the publisher at the second.
	first.stop()
	late := start(t, setup{swarm: f.leech(), link: link})
	second.registry.await(t, "join", late.id)
	late.fetch(t)
	if _, out := late.Outage(); out {
		t.Error("an outage is told although a tracker answers")
	}
}

// What trackers choose by is told to them.
func TestWhatTrackersAreTold(t *testing.T) {
	f := newFilm(t)
	p := start(t, setup{swarm: f.leech(), link: f.link(), change: func(tr *Trackers) {
		tr.Upload = 8_000_000
		tr.NAT = func() string { return "STUN" }
		tr.Condition = func() condition.Condition { return condition.Condition{Connection: "wireless", Power: "battery"} }
	}})
	if n := p.about(); n.AbilityNAT != "STUN" || n.UploadBandwidth != 8000 {
		t.Errorf("%+v", n)
	}
	p.late.Store(3)
	if s := p.stats(); s.Connection != "wireless" || s.Power != "battery" || s.AvailableBandwidth != 8_000_000 || s.ChunksLate != 3 {
		t.Errorf("%+v", s)
	}
}
