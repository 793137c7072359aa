package node

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// hello is an initiating HANDSHAKE for a film.
func hello(meta ppsp.Metadata) []byte {
	return wire.AppendHandshake(wire.AppendChannel(nil, 0), &wire.Handshake{
		SourceChannel: 0x77777777, Version: 1, MinVersion: 1, SwarmID: []byte(meta.SwarmID),
		Has:       wire.HasIntegrity | wire.HasHash | wire.HasAddressing,
		Integrity: meta.Integrity, Hash: meta.Hash, Addressing: meta.Addressing, ChunkSize: meta.ChunkSize,
	})
}

// waiting returns how many datagrams lie in the swarm's inbox.
func waiting(s *Swarm) int {
	var b load
	s.inbox.take(&b)
	n := 0
	for _, t := range b.trains {
		n += t.count()
	}
	return n
}

func TestDispatch(t *testing.T) {
	n, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	f, g := newFilm(t, 5000, 1024), newFilm(t, 6000, 1024)
	config, _ := f.leech()
	s := prepare(t, n, config).Swarm
	channel := (&swarmIDs{n.ids, s}).Open()
	from := netip.MustParseAddrPort("127.0.0.1:9")
	for _, c := range []struct {
		name string
		b    []byte
		want int
	}{
		{"handshake for this swarm", hello(f.meta), 1},
		{"handshake for another swarm", hello(g.meta), 0},
		{"handshake cut off in the swarm ID", hello(f.meta)[:20], 0},
		{"message other than a handshake on channel 0", append(wire.AppendChannel(nil, 0), byte(wire.TypeChoke)), 0},
		{"channel 0 alone", wire.AppendChannel(nil, 0), 0},
		{"known channel", wire.AppendChannel(nil, channel), 1},
		{"unknown channel", wire.AppendChannel(nil, channel^1), 0},
		{"shorter than a channel ID", []byte{1, 2, 3}, 0},
		{"empty", nil, 0},
	} {
		n.dispatch(train{peer: from, bytes: c.b, segment: len(c.b)})
		if got := waiting(s); got != c.want {
			t.Errorf("%s: %d datagrams reached the swarm, want %d", c.name, got, c.want)
		}
	}
	n.part(s)
	n.dispatch(train{peer: from, bytes: wire.AppendChannel(nil, channel), segment: 4})
	n.dispatch(train{peer: from, bytes: hello(f.meta), segment: len(hello(f.meta))})
	if waiting(s) != 0 {
		t.Error("a swarm that was left still gets datagrams")
	}
}

// What waits for a swarm is bounded; more is dropped.
func TestInboxIsBounded(t *testing.T) {
	n, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	f := newFilm(t, 5000, 1024)
	config, _ := f.leech()
	s := prepare(t, n, config).Swarm
	b := hello(f.meta)
	for range 3 * inboxTrains {
		n.dispatch(train{peer: netip.MustParseAddrPort("127.0.0.1:9"), bytes: b, segment: len(b)})
	}
	if got := waiting(s); got != inboxTrains {
		t.Errorf("%d datagrams wait, want %d", got, inboxTrains)
	}
	channel := (&swarmIDs{n.ids, s}).Open()
	b = append(wire.AppendChannel(nil, channel), make([]byte, trainBytes-4)...)
	for range 2 * inboxBytes / len(b) {
		n.dispatch(train{peer: netip.MustParseAddrPort("127.0.0.1:9"), bytes: b, segment: len(b)})
	}
	if got := waiting(s); got != inboxBytes/len(b) {
		t.Errorf("%d datagrams of %d bytes wait, want %d", got, len(b), inboxBytes/len(b))
	}
}

// The hook sees every datagram that could be STUN, with an IPv4 address as such, and what it takes goes no
// further.
func TestHookTakesItsOwn(t *testing.T) {
	f := newFilm(t, 100_000, 1024)
	var taken, seen atomic.Int64
	var mapped atomic.Bool
	got := make(chan []byte, 1)
	publisher := openWith(t, Config{Listen: ":0", Logger: zerolog.Nop(), STUN: func(b []byte, from netip.AddrPort) bool {
		seen.Add(1)
		if from.Addr().Is4In6() {
			mapped.Store(true)
		}
		if len(b) < 8 || string(b[4:8]) != "\x21\x12\xa4\x42" {
			return false
		}
		taken.Add(1)
		got <- append([]byte(nil), b...)
		return true
	}})
	join(t, publisher, f.seed())
	asker := open(t, loopback)
	request := []byte("\x00\x01\x00\x00\x21\x12\xa4\x42123456789012")
	if err := asker.Send(request, at(publisher, "127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if b := <-got; string(b) != string(request) {
		t.Errorf("the hook got %x, want %x", b, request)
	}
	config, content := f.leech()
	p := join(t, asker, config)
	p.meet(t, at(publisher, "127.0.0.1"))
	p.fetch(t, f, content)
	if taken.Load() != 1 || seen.Load() < 2 {
		t.Errorf("the hook saw %d datagrams and took %d, want the handshake too, and 1", seen.Load(), taken.Load())
	}
	if mapped.Load() {
		t.Error("the hook was shown an IPv4 address in IPv6 form")
	}
}

// Strangers that send garbage, faster than anybody can read, take neither the node nor
// the film.
func TestFloodOfGarbage(t *testing.T) {
	f := newFilm(t, 500_000, 1024)
	publisher, receiver := open(t, loopback), open(t, loopback)
	source := join(t, publisher, f.seed())
	config, content := f.leech()
	p := join(t, receiver, config)
	var group sync.WaitGroup
	for k := range 2 {
		group.Go(func() { flood(t, byte(k), f.meta, publisher.Addr(), receiver.Addr()) })
	}
	p.meet(t, publisher.Addr())
	p.fetch(t, f, content)
	group.Wait()
	for _, s := range []*part{source, p} {
		st, err := s.Stats()
		if err != nil || len(st.Peers) > swarm.MaxChannels {
			t.Errorf("%d channels after the flood, error %v; want at most %d", len(st.Peers), err, swarm.MaxChannels)
		}
	}
}

// flood sends noise, forged handshakes and damaged ones.
func flood(t *testing.T, seed byte, meta ppsp.Metadata, to ...netip.AddrPort) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	noise := rand.NewChaCha8([32]byte{seed})
	random := rand.New(noise)
	forged := hello(meta)
	source := len(wire.AppendChannel(nil, 0)) + 1 // where the forged source channel is
	scratch := make([]byte, 1500)
	for k := range 20_000 {
		b := scratch[:random.IntN(len(scratch))]
		switch k % 4 {
		case 0:
			b = append(b[:0], forged...)
			_, _ = noise.Read(b[source : source+4])
		case 1:
			b = append(b[:0], forged...)
			b[random.IntN(len(b))] ^= byte(1 + random.IntN(255))
		default:
			_, _ = noise.Read(b)
		}
		_, _ = conn.WriteToUDPAddrPort(b, to[k%3%len(to)]) // a full buffer drops it
	}
}

// Peers that are not there, so that the system answers with ICMP, and addresses to which
// nothing can be sent end nothing.
func TestRefusedDestinations(t *testing.T) {
	closed, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	f := newFilm(t, 300_000, 1024)
	publisher := open(t, loopback)
	join(t, publisher, f.seed())
	config, content := f.leech()
	p := join(t, open(t, loopback), config)
	p.meet(t, nobody, netip.MustParseAddrPort("[::1]:9"), netip.MustParseAddrPort("255.255.255.255:9"), netip.MustParseAddrPort("240.0.0.1:9"))
	p.meet(t, publisher.Addr())
	p.fetch(t, f, content)
}

func TestListenSaysWhatToDo(t *testing.T) {
	n := open(t, loopback)
	for _, c := range []struct{ listen, words string }{
		{n.Addr().String(), "is in use by another program; end that, or listen on another port with --listen, port 0 for a free one"},
		{"nonsense", `UDP address "nonsense": address nonsense: missing port in address; use HOST:PORT or :PORT`},
		{"127.0.0.1:70000", "invalid port; use HOST:PORT or :PORT"},
		{"192.0.2.1:0", "open UDP 192.0.2.1:0: cannot assign requested address; use an address of this machine, or :PORT for all of them"},
	} {
		other, err := Listen(Config{Listen: c.listen, Logger: zerolog.Nop()})
		if err == nil {
			_ = other.Close()
			t.Errorf("%s: no error", c.listen)
			continue
		}
		if !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %q, want %q in it", c.listen, err, c.words)
		}
	}
}

// Run ends at once, with or without traffic, and the port is free then.
func TestRunEndsWithItsContext(t *testing.T) {
	n, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	addr := n.Addr()
	stop := background(t, n.Run)
	within(t, time.Second, "the end of Run", stop)
	again, err := Listen(Config{Listen: addr.String(), Logger: zerolog.Nop()})
	if err != nil {
		t.Fatalf("after Run: %v", err)
	}
	_ = again.Close()
}

// Run of a node that was closed returns.
func TestRunAfterClose(t *testing.T) {
	n, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	_ = n.Close()
	within(t, time.Second, "Run of a closed node", func() {
		if err := n.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
