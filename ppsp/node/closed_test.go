package node

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// club is an authority with a swarm.
type club struct {
	*member.Authority
	swarm ppsp.SwarmID
}

func newClub(t testing.TB, id ppsp.SwarmID) club {
	t.Helper()
	a, err := member.NewAuthority(crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return club{a, id}
}

// pass makes a credential that holds from so long ago for so long.
func (c club) pass(t testing.TB, ago, holds time.Duration) Closed {
	t.Helper()
	k, err := member.NewCredential(crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now().Add(-ago)
	o, err := c.Issue(crand.Reader, member.Grant{Swarm: c.swarm, From: from, Until: from.Add(holds), PublicKey: &k.Key.PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	k.Certificates = append(k.Certificates, o)
	return Closed{c.Key(), k}
}

func (c club) member(t testing.TB) Closed {
	t.Helper()
	return c.pass(t, time.Minute, time.Hour)
}

// joinClosed takes part in a closed swarm until the test ends.
func joinClosed(t testing.TB, n *Node, cfg swarm.Config, c Closed) *part {
	t.Helper()
	p := &part{news: make(chan struct{}, 1)}
	var err error
	if p.Swarm, err = n.JoinClosed(cfg, c, p.event); err != nil {
		t.Fatal(err)
	}
	p.stop = background(t, p.Run)
	for patient := time.Now().Add(patience); !n.sessions.takes(p.rim); runtime.Gosched() {
		if time.Now().After(patient) {
			t.Fatal("the loop of the closed swarm did not begin")
		}
	}
	return p
}

// takes tells whether the rim's loop runs, so that handshakes reach it.
func (r *sessions) takes(m *rim) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.rims[m.name] == m
}

// tap is a relay that keeps what it passes on.
type tap struct {
	addr netip.AddrPort
	mu   sync.Mutex
	seen [][]byte
}

// newTap returns a relay to a node for one peer.
func newTap(t *testing.T, to netip.AddrPort) *tap {
	t.Helper()
	w := &tap{}
	var peer netip.AddrPort
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		b := make([]byte, 64<<10)
		for {
			n, from, err := front.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			w.mu.Lock()
			w.seen = append(w.seen, bytes.Clone(b[:n]))
			w.mu.Unlock()
			if from != to {
				peer = from
				_, _ = front.WriteToUDPAddrPort(b[:n], to)
			} else {
				_, _ = front.WriteToUDPAddrPort(b[:n], peer)
			}
		}
	})
	t.Cleanup(func() { _ = front.Close(); group.Wait() })
	addr, _ := front.LocalAddr().(*net.UDPAddr)
	w.addr = addr.AddrPort()
	return w
}

// check fails if anything but DTLS was on the wire, or any of the secrets.
func (w *tap) check(t *testing.T, secrets ...[]byte) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) < 20 {
		t.Errorf("%d datagrams came by", len(w.seen))
	}
	for k, b := range w.seen {
		if b[0] < 20 || b[0] > 25 || b[1] != 0xfe {
			t.Fatalf("datagram %d is no DTLS: %x", k, b[:min(len(b), 32)])
		}
		for _, secret := range secrets {
			if bytes.Contains(b, secret) {
				t.Fatalf("datagram %d shows %x", k, secret)
			}
		}
	}
}

// pieces are parts of content that a chunk in the clear would show.
func pieces(content []byte) [][]byte {
	var all [][]byte
	for at := 0; at+24 <= len(content); at += 499 {
		all = append(all, content[at:at+24])
	}
	return all
}

// "pure point-to-point encryption of content and traffic can be provided by … DTLS" (RFC
// 7574, 12.4): a member fetches the film, and who listens in sees nothing of PPSPP.
func TestClosedFilm(t *testing.T) {
	f := newFilm(t, 200_000, 1024)
	c := newClub(t, f.meta.SwarmID)
	seeder := open(t, loopback)
	joinClosed(t, seeder, f.seed(), c.member(t))
	w := newTap(t, seeder.Addr())
	config, store := f.leech()
	leech := joinClosed(t, open(t, loopback), config, c.member(t))
	leech.meet(t, w.addr)
	leech.fetch(t, f, store)
	w.check(t, append(pieces(f.content), []byte(f.meta.SwarmID))...)
}

func TestClosedLive(t *testing.T) {
	n := open(t, loopback)
	source := newChannel(t, open(t, loopback), 1316, 4) // its key and metadata
	source.stop()
	key := source.key
	c := newClub(t, source.meta.SwarmID)
	source.part = joinClosed(t, n, swarm.Config{Meta: source.meta, Store: &memory{}, Window: 4096, Key: key, ChunksPerSignature: 4}, c.member(t))
	w := newTap(t, n.Addr())
	store := &memory{}
	home := joinClosed(t, open(t, loopback), swarm.Config{Meta: source.meta, Store: store, Window: 4096, Behind: 2048}, c.member(t))
	home.meet(t, w.addr)
	home.await(t, swarm.EventPeerUp)
	source.await(t, swarm.EventPeerUp)
	source.send(t, 0, 200)
	for played := uint64(0); played < 200; {
		played = home.await(t, swarm.EventPlay).Chunks.End
	}
	for i := range uint64(200) {
		if b, err := store.AppendChunk(nil, i); err != nil || len(b) != 1316 {
			t.Fatalf("chunk %d: %d bytes, %v", i, len(b), err)
		}
	}
	w.check(t, []byte(source.meta.SwarmID), make([]byte, 64)) // chunks are zeros but for their number
}

// A record is never longer than the link carries, nor than is read at the other end; and chunks
// as small as can be travel in datagrams full of them.
func TestSealedMTU(t *testing.T) {
	to := netip.MustParseAddrPort("127.0.0.1:9")
	if n := sealedMTU(to); n != max(min(linkMTU(to), maxPlaintext)-recordExtra, 0) || n+recordExtra > maxPlaintext {
		t.Errorf("%d bytes of %d", n, linkMTU(to))
	}
	f := newFilm(t, 300_000, 128)
	c := newClub(t, f.meta.SwarmID)
	seeder := open(t, loopback)
	joinClosed(t, seeder, f.seed(), c.member(t))
	w := newTap(t, seeder.Addr())
	config, store := f.leech()
	leech := joinClosed(t, open(t, loopback), config, c.member(t))
	leech.meet(t, w.addr)
	leech.fetch(t, f, store)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.seen {
		if len(b) > maxPlaintext {
			t.Fatalf("a record of %d bytes", len(b))
		}
	}
}

// strangerRim is a rim without the checks of JoinClosed: a stranger makes none.
func strangerRim(n *Node, id ppsp.SwarmID, c Closed) *rim {
	own := c.Credential.Certificates[0]
	return &rim{
		authority: c.Authority, certificate: tlsCertificate(own, c.Credential), name: serverName(id),
		byPeer: map[netip.AddrPort]*session{}, all: map[*session]struct{}{}, log: zerolog.Nop(),
	}
}

// Who is no member gets nothing: neither as who asks, nor as who is asked.
func TestStrangers(t *testing.T) {
	f := newFilm(t, 20_000, 1024)
	c := newClub(t, f.meta.SwarmID)
	otherSwarm := c
	otherSwarm.swarm = ppsp.SwarmID(bytes.Repeat([]byte{7}, 32))
	otherClub := newClub(t, f.meta.SwarmID)
	banned := c.member(t)
	tests := map[string]func(n *Node) *rim{
		"without certificate": func(*Node) *rim { return nil },
		"expired":             func(n *Node) *rim { return strangerRim(n, f.meta.SwarmID, c.pass(t, time.Hour, time.Minute)) },
		"not yet":             func(n *Node) *rim { return strangerRim(n, f.meta.SwarmID, c.pass(t, -time.Hour, 2*time.Hour)) },
		"other swarm":         func(n *Node) *rim { return strangerRim(n, f.meta.SwarmID, otherSwarm.member(t)) },
		"other authority": func(n *Node) *rim {
			foreign := otherClub.member(t)
			foreign.Authority = c.Key() // it would take ours
			return strangerRim(n, f.meta.SwarmID, foreign)
		},
		"banned": func(n *Node) *rim { return strangerRim(n, f.meta.SwarmID, banned) },
	}
	for name, rimOf := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFilm(t, 20_000, 1024) // the same; engines share no tree
			members, strange := open(t, loopback), open(t, loopback)
			if err := members.Ban(Ban{Member: banned.Credential.Certificates[0].ID}); err != nil {
				t.Fatal(err)
			}
			seed := joinClosed(t, members, f.seed(), c.member(t))
			config, store := f.leech()
			stranger := &part{news: make(chan struct{}, 1)}
			var err error
			if stranger.Swarm, err = strange.join(config, rimOf(strange), stranger.event); err != nil {
				t.Fatal(err)
			}
			background(t, stranger.Run)
			if err := stranger.Want(nil, true); err != nil {
				t.Fatal(err)
			}
			stranger.meet(t, members.Addr())
			seed.meet(t, strange.Addr())
			config, fetched := f.leech() // in this time the stranger would have had it too
			good := joinClosed(t, open(t, loopback), config, c.member(t))
			good.meet(t, members.Addr())
			good.fetch(t, f, fetched)
			good.stop()
			seed.await(t, swarm.EventPeerDown)
			for _, p := range []*part{seed, stranger} {
				stats, err := p.Stats()
				if err != nil || slices.ContainsFunc(stats.Peers, func(p swarm.PeerStats) bool { return p.Established }) {
					t.Errorf("%+v, %v", stats, err)
				}
			}
			if stats, _ := stranger.Stats(); stats.Counters.DatagramsReceived != 0 || len(store.whole()) != 0 {
				t.Error("a stranger has chunks")
			}
		})
	}
}

// Why our own certificate does not do is said before anything is sent.
func TestOwnCertificate(t *testing.T) {
	f := newFilm(t, 20_000, 1024)
	c, other := newClub(t, f.meta.SwarmID), newClub(t, f.meta.SwarmID)
	elsewhere := c
	elsewhere.swarm = ppsp.SwarmID(bytes.Repeat([]byte{7}, 32))
	n := open(t, loopback)
	config, _ := f.leech()
	foreign := other.member(t)
	foreign.Authority = c.Key()
	for want, closed := range map[string]Closed{
		"it takes a membership certificate": {Authority: c.Key()}, "is for another": elsewhere.member(t),
		"has expired": c.pass(t, time.Hour, time.Minute), "not from the authority": foreign,
	} {
		if _, err := n.JoinClosed(config, closed, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	big := config
	big.Meta.ChunkSize = MaxClosedChunk + 1
	if _, err := n.JoinClosed(big, c.member(t), nil); err == nil {
		t.Error("chunks that fit no record are taken")
	}
}

// Both begin at the same time, with loss: one session is enough for each direction.
func TestClosedBothBegin(t *testing.T) {
	for range 5 {
		f := newFilm(t, 300_000, 1024)
		c := newClub(t, f.meta.SwarmID)
		one, two := open(t, loopback), open(t, loopback)
		a := joinClosed(t, one, f.seed(), c.member(t))
		config, store := f.leech()
		b := joinClosed(t, two, config, c.member(t))
		var group sync.WaitGroup
		group.Go(func() { a.meet(t, two.Addr()) })
		group.Go(func() { b.meet(t, one.Addr()) })
		group.Wait()
		b.fetch(t, f, store)
		for _, n := range []*Node{one, two} {
			if k := n.sessions.count(); k > 2 {
				t.Errorf("%d sessions for two peers", k)
			}
		}
	}
}

// A member that is shut out is cut off at once, in all swarms, and may come back when the ban ends.
func TestBanEndsSession(t *testing.T) {
	f := newFilm(t, 50_000, 1024)
	c := newClub(t, f.meta.SwarmID)
	n := open(t, loopback)
	seed := joinClosed(t, n, f.seed(), c.member(t))
	config, store := f.leech()
	mine := c.member(t)
	leech := joinClosed(t, open(t, loopback), config, mine)
	leech.meet(t, n.Addr())
	seed.await(t, swarm.EventPeerUp)
	id, before := mine.Credential.Certificates[0].ID, sessionsOf(n)
	if err := n.Ban(Ban{Member: id, Reason: "left the club"}); err != nil {
		t.Fatal(err)
	}
	awaitOver(t, before)
	if bans := n.Bans(); len(bans) != 1 || bans[0].Member != id || !bans[0].Manual || !n.Unban(bans[0].ID()) {
		t.Fatalf("bans: %+v", bans)
	}
	leech.fetch(t, f, store) // by a new session
}

// sessionsOf returns the sessions of a node by which members speak.
func sessionsOf(n *Node) []*session {
	n.sessions.mu.RLock()
	defer n.sessions.mu.RUnlock()
	var list []*session
	for _, s := range n.sessions.byID {
		if s.phase.Load() == established {
			list = append(list, s)
		}
	}
	return list
}

// awaitOver waits until sessions have ended, of which there is at least one.
func awaitOver(t *testing.T, list []*session) {
	t.Helper()
	if len(list) == 0 {
		t.Fatal("there is no session: the test tests nothing")
	}
	limit := time.After(patience)
	for _, s := range list {
		select {
		case <-s.pipe.over:
		case <-limit:
			t.Fatal("a session goes on that should have ended")
		}
	}
}

func (r *sessions) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.byID)
}

// Handshake and film get through where a tenth of the datagrams is lost.
func TestClosedWithLoss(t *testing.T) {
	f := newFilm(t, 100_000, 1024)
	c := newClub(t, f.meta.SwarmID)
	n := open(t, loopback)
	joinClosed(t, n, f.seed(), c.member(t))
	lossy := newRelay(t, n.Addr(), func(up bool, k int) bool { return k%10 == 3 || up && k == 0 })
	config, store := f.leech()
	leech := joinClosed(t, open(t, loopback), config, c.member(t))
	leech.meet(t, lossy)
	leech.fetch(t, f, store)
}

// A session ends with the certificate that opened it.
func TestSessionExpires(t *testing.T) {
	f := newFilm(t, 50_000, 1024)
	c := newClub(t, f.meta.SwarmID)
	n := open(t, loopback)
	seed := joinClosed(t, n, f.seed(), c.member(t))
	config, store := f.leech()
	// It ended some time ago, and holds for a last second by the leeway that clocks are given.
	leech := joinClosed(t, open(t, loopback), config, c.pass(t, time.Hour, time.Hour-member.Leeway+2*time.Second))
	leech.meet(t, n.Addr())
	seed.await(t, swarm.EventPeerUp)
	before := sessionsOf(n)
	leech.fetch(t, f, store)
	awaitOver(t, before)
}

// A node that was started again on its port is found: its peers begin another session.
func TestClosedPeerStartsAgain(t *testing.T) {
	f := newFilm(t, 100_000, 1024)
	c := newClub(t, f.meta.SwarmID)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	n, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	addr := n.Addr()
	var group, socket sync.WaitGroup
	socket.Go(func() { _ = n.Run(ctx) })
	config, store := f.leech()
	leech := joinClosed(t, open(t, loopback), config, c.member(t))
	seed, err := n.JoinClosed(f.seed(), c.member(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	killed, kill := context.WithCancel(context.Background())
	defer kill()
	group.Go(func() { _ = seed.Run(killed) })
	leech.meet(t, addr)
	leech.await(t, swarm.EventPeerUp)
	stop() // without a farewell, as if it was killed
	socket.Wait()
	kill()
	group.Wait()
	again := open(t, addr.String())
	joinClosed(t, again, f.seed(), c.member(t))
	leech.fetch(t, f, store)
}

// A flood of ClientHellos from forged addresses costs bounded memory, and members still get in.
func TestFloodOfHellos(t *testing.T) {
	f := newFilm(t, 20_000, 1024)
	c := newClub(t, f.meta.SwarmID)
	n := open(t, loopback)
	joinClosed(t, n, f.seed(), c.member(t))
	config, store := f.leech()
	leech := joinClosed(t, open(t, loopback), config, c.member(t))
	first := helloOf(t, leech.Swarm)
	// One host gets but few of the places.
	same := netip.MustParseAddr("198.51.100.9")
	for k := range 1000 {
		b := bytes.Clone(first)
		b[recordHeader+12+2+8] = byte(k)
		n.dispatch(train{peer: netip.AddrPortFrom(same, uint16(1000+k)), bytes: b, segment: len(b)})
	}
	held := 0
	n.sessions.mu.RLock()
	for _, s := range n.sessions.hellos {
		if s.peer.Addr() == same {
			held++
		}
	}
	n.sessions.mu.RUnlock()
	if held != maxHostHellos {
		t.Errorf("one host has %d handshakes, want %d", held, maxHostHellos)
	}
	before := runtime.NumGoroutine()
	random := rand.New(rand.NewPCG(1, 2))
	most, goroutines := 0, 0
	flood := func(datagrams int) {
		for k := range datagrams {
			b := bytes.Clone(first)
			for i := range 32 {
				b[recordHeader+12+2+i] = byte(random.Uint32())
			}
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(random.Uint32()), byte(k)}), uint16(1+random.Uint32N(65535)))
			n.dispatch(train{peer: from, bytes: b, segment: len(b)})
			n.sessions.mu.RLock()
			most = max(most, len(n.sessions.hellos))
			n.sessions.mu.RUnlock()
		}
		goroutines = max(goroutines, runtime.NumGoroutine())
	}
	flood(50_000)
	if most == 0 || most > maxHellos {
		t.Errorf("%d handshakes at a time, want up to %d", most, maxHellos)
	}
	if got := (goroutines - before) / max(most, 1); got > 8 {
		t.Errorf("%d goroutines for a handshake", got)
	}
	// While it lasts, members get in.
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for ctx.Err() == nil {
			flood(100)
			runtime.Gosched()
		}
	})
	leech.meet(t, n.Addr())
	leech.fetch(t, f, store)
	cancel()
	group.Wait()
}

// helloOf returns the ClientHello by which a swarm greets a peer.
func helloOf(t *testing.T, s *Swarm) []byte {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	addr, _ := conn.LocalAddr().(*net.UDPAddr)
	if err := s.AddPeers([]netip.AddrPort{addr.AddrPort()}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2048)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	k, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if h, ok := parseHello(b[:k]); !ok || h.server != s.rim.name || len(h.cookie) > 0 {
		t.Fatalf("%x is read as %+v, %v", b[:k], h, ok)
	}
	return b[:k]
}
