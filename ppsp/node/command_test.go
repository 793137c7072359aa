package node

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// commands are all that can be asked of a swarm.
var commands = map[string]func(*Swarm) error{
	"AddContacts": func(s *Swarm) error {
		return s.AddContacts([]swarm.Contact{{ID: "p", Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9")}}})
	},
	"AddPeers": func(s *Swarm) error { return s.AddPeers([]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9")}) },
	"Want":     func(s *Swarm) error { return s.Want(nil, true) },
	"Lost":     func(s *Swarm) error { return s.Lost(chunk.Set{}) },
	"Stats":    func(s *Swarm) error { _, err := s.Stats(); return err },
	"Have":     func(s *Swarm) error { _, err := s.Have(); return err },
}

func TestCommandsAfterTheEnd(t *testing.T) {
	f := newFilm(t, 5000, 1024)
	config, _ := f.leech()
	p := join(t, open(t, loopback), config)
	p.stop()
	for name, command := range commands {
		within(t, time.Second, name, func() {
			for range 40 { // more than fit into the queue
				if err := command(p.Swarm); !errors.Is(err, ErrEnded) {
					t.Fatalf("%s after the end: error %v, want ErrEnded", name, err)
				}
			}
		})
	}
	if err := p.Append(make([]byte, 1024)); !errors.Is(err, ErrEnded) {
		t.Errorf("Append after the end: error %v, want ErrEnded", err)
	}
}

// Whoever asks a swarm that is never run gets an answer all the same.
func TestCommandsWithoutRun(t *testing.T) {
	f := newFilm(t, 5000, 1024)
	config, _ := f.leech()
	p := prepare(t, open(t, loopback), config)
	for name, command := range commands {
		within(t, time.Second, name, func() {
			for range 40 {
				if err := command(p.Swarm); err != nil {
					t.Errorf("%s before Run: %v", name, err)
				}
			}
		})
	}
}

// What was said before Run is not forgotten.
func TestCommandsBeforeRun(t *testing.T) {
	f := newFilm(t, 100_000, 1024)
	publisher := open(t, loopback)
	join(t, publisher, f.seed())
	config, content := f.leech()
	p := prepare(t, open(t, loopback), config)
	if err := p.Want(nil, true); err != nil {
		t.Fatal(err)
	}
	p.meet(t, publisher.Addr())
	background(t, p.Run)
	p.fetch(t, f, content)
}

// Commands from many goroutines, through the start and the end of Run: each is either
// carried out or refused, and none hangs.
func TestCommandsAroundRun(t *testing.T) {
	f := newFilm(t, 5000, 1024)
	n := open(t, loopback)
	for range 20 {
		config, _ := f.leech()
		p := prepare(t, n, config)
		var group sync.WaitGroup
		for range 8 {
			for name, command := range commands {
				group.Go(func() {
					for range 5 {
						if err := command(p.Swarm); err != nil && !errors.Is(err, ErrEnded) {
							t.Errorf("%s: %v", name, err)
						}
					}
				})
			}
		}
		stop := background(t, p.Run)
		if _, err := p.Stats(); err != nil {
			t.Errorf("while it runs: %v", err)
		}
		stop()
		within(t, 5*time.Second, "commands around the end of Run", group.Wait)
	}
}

func TestSwarmIsJoinedOnceAtATime(t *testing.T) {
	f := newFilm(t, 5000, 1024)
	n := open(t, loopback)
	config, _ := f.leech()
	p := join(t, n, config)
	if _, err := n.Join(config, nil); err == nil || !strings.Contains(err.Error(), "is joined already") {
		t.Errorf("second Join: error %v, want one that says it is joined already", err)
	}
	p.stop()
	again := join(t, n, config)
	if err := again.Want(nil, true); err != nil {
		t.Errorf("joined again: %v", err)
	}
	if err := p.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "join it again") {
		t.Errorf("second Run: error %v, want one that says to join again", err)
	}
	if n.swarms[f.meta.SwarmID] != again.Swarm {
		t.Error("the second Run of the old one took the new one's place")
	}
}

func TestJoinRefusesWhatCannotWork(t *testing.T) {
	f := newFilm(t, 5000, 1024)
	n := open(t, loopback)
	config, _ := f.leech()
	config.Store = nil
	if _, err := n.Join(config, nil); err == nil {
		t.Error("Join without a store: no error")
	}
	if len(n.swarms) != 0 {
		t.Error("a swarm that could not be joined has its place")
	}
}

// The events function may be left out.
func TestSwarmWithoutEvents(t *testing.T) {
	f := newFilm(t, 5000, 1024)
	publisher := open(t, loopback)
	quiet, err := publisher.Join(f.seed(), nil)
	if err != nil {
		t.Fatal(err)
	}
	background(t, quiet.Run)
	config, content := f.leech()
	p := join(t, open(t, loopback), config)
	p.meet(t, publisher.Addr())
	p.fetch(t, f, content)
}

// "To explicitly close a channel, a peer sends a handshake with a source channel ID of
// 0" (RFC 7574, 8.4): the other end knows at once, and our IDs are free.
func TestFarewell(t *testing.T) {
	f := newFilm(t, 50_000, 1024)
	publisher := open(t, loopback)
	source := join(t, publisher, f.seed())
	var others []*part
	for range 3 {
		config, content := f.leech()
		p := join(t, open(t, loopback), config)
		p.meet(t, publisher.Addr())
		p.fetch(t, f, content)
		others = append(others, p)
	}
	within(t, time.Second, "the end of a swarm's Run", source.stop)
	for _, p := range others {
		if e := p.await(t, swarm.EventPeerDown); e.Peer != publisher.Addr() {
			t.Errorf("peer %s left, want %s", e.Peer, publisher.Addr())
		}
	}
	if n := len(publisher.ids.owners); n != 0 {
		t.Errorf("%d channel IDs are left", n)
	}
}

// The upload limit is divided among those swarms that have peers.
func TestUploadIsShared(t *testing.T) {
	const limit = 1_000_000
	n := openWith(t, Config{Listen: loopback, Upload: limit})
	idle := make([]*part, 10)
	for k := range idle {
		idle[k] = join(t, n, newFilm(t, 1000+k, 1024).seed())
	}
	var viewers []*part
	for k := range 2 {
		f := newFilm(t, 30_000+k, 1024)
		source := join(t, n, f.seed())
		config, content := f.leech()
		p := join(t, open(t, loopback), config)
		p.meet(t, n.Addr())
		p.fetch(t, f, content)
		source.await(t, swarm.EventPeerUp)
		if got, want := source.upload.Load(), int64(limit/(k+1)); got != want {
			t.Errorf("with %d swarms at work each has %d bytes per second, want %d", k+1, got, want)
		}
		viewers = append(viewers, p)
	}
	viewers[0].stop()
	for idle[0].upload.Load() != limit { // as soon as the farewell has come
		if _, err := idle[0].Stats(); err != nil {
			t.Fatal(err)
		}
	}
}

// A limit that was set is kept.
func TestUploadLimit(t *testing.T) {
	const limit = 100_000
	f := newFilm(t, 60_000, 1024)
	n := openWith(t, Config{Listen: loopback, Upload: limit})
	join(t, n, f.seed())
	config, content := f.leech()
	p := join(t, open(t, loopback), config)
	began := time.Now()
	p.meet(t, n.Addr())
	p.fetch(t, f, content)
	// The bucket is a tenth of a second full at the start.
	if span, least := time.Since(began), 450*time.Millisecond; span < least {
		t.Errorf("60 kB at 100 kB/s took %s, want %s at least", span, least)
	}
}
