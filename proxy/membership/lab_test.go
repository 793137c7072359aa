package membership

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/nat/stunserver"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test.
const patience = 20 * time.Second

// watched is a registry that tells what peers do at it.
type watched struct {
	*tracker.Memory
	deeds chan deed
}

type deed struct {
	name   string // "join" or "leave"
	swarm  string
	member tracker.Member
}

func (w watched) Join(ctx context.Context, now time.Time, swarm string, m tracker.Member) error {
	err := w.Memory.Join(ctx, now, swarm, m)
	w.deeds <- deed{"join", swarm, m}
	return err
}

func (w watched) Leave(ctx context.Context, now time.Time, swarm, peer string) error {
	err := w.Memory.Leave(ctx, now, swarm, peer)
	w.deeds <- deed{"leave", swarm, tracker.Member{ID: peer}}
	return err
}

// await waits for a deed of a peer.
func (w watched) await(t *testing.T, name string, id ppsp.PeerID) tracker.Member {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case d := <-w.deeds:
			if d.name == name && d.member.ID == id.String() {
				return d.member
			}
		case <-limit.C:
			t.Fatalf("no %s of %s within %s", name, id, patience)
		}
	}
}

// station is where a tracker runs, and can be switched off and on again.
type station struct {
	addr     string
	registry watched
	issuer   *tracker.Issuer // set before open, nil for none
	stop     func()
}

// reserve finds a free port for a tracker that is not there yet.
func reserve(t *testing.T) *station {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return &station{addr: l.Addr().String()}
}

// open switches on a tracker that knows nobody.
func (s *station) open(t *testing.T, timeout time.Duration) {
	t.Helper()
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	s.registry = watched{tracker.NewMemory(tracker.MemoryConfig{TrackTimeout: timeout}), make(chan deed, 1000)}
	server := tracker.NewHTTPServer(tracker.NewServer(tracker.ServerConfig{Registry: s.registry, TrackTimeout: timeout, Issuer: s.issuer}))
	var group sync.WaitGroup
	group.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("tracker: %v", err)
		}
	})
	s.stop = func() { _ = server.Close(); group.Wait() }
	t.Cleanup(s.stop)
}

func (s *station) url() string { return "http://" + s.addr + "/" }

// memory is a store without bounds.
type memory struct {
	mu     sync.Mutex
	chunks map[uint64][]byte
}

func (s *memory) WriteChunk(i uint64, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chunks[i] = bytes.Clone(b)
	return nil
}

func (s *memory) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.chunks[i]; ok {
		return append(dst, b...), nil
	}
	return dst, errors.New("not here")
}

// film is the film of these tests: 40 chunks.
type film struct {
	meta   ppsp.Metadata
	tree   *merkle.Tree
	chunks map[uint64][]byte
}

func newFilm(t *testing.T) film {
	t.Helper()
	content := make([]byte, 40<<10)
	random := rand.NewChaCha8([32]byte{2})
	_, _ = random.Read(content)
	tree, _, err := merkle.Build(ppsp.SHA256, 1024, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	f := film{meta: ppsp.StaticDefaults(ppsp.SwarmID(tree.Root())), tree: tree, chunks: map[uint64][]byte{}}
	for i := range uint64(40) {
		f.chunks[i] = content[i<<10 : (i+1)<<10]
	}
	return f
}

// link is the film's link without trackers and contacts.
func (f film) link() ppsp.Link { return ppsp.NewLink(f.meta) }

// seed is the swarm's Config of who has everything.
func (f film) seed() swarm.Config {
	var have chunk.Set
	have.Add(chunk.Range{End: 40})
	return swarm.Config{Meta: f.meta, Store: &memory{chunks: f.chunks}, Tree: f.tree, Have: have}
}

// leech is the swarm's Config of who has nothing.
func (f film) leech() swarm.Config {
	return swarm.Config{Meta: f.meta, Store: &memory{chunks: map[uint64][]byte{}}}
}

// peer is a running member with a socket of its own.
type peer struct {
	*Member
	node *node.Node
	id   ppsp.PeerID
	stop func() // leaves

	mu     sync.Mutex
	events []swarm.Event
	news   chan struct{}
}

// setup is what tests change of a peer's Config.
type setup struct {
	swarm  swarm.Config
	link   ppsp.Link
	seed   bool
	listen string // default is loopback
	change func(*Trackers)
}

// start runs a member until the test ends.
func start(t *testing.T, s setup) *peer {
	t.Helper()
	if s.listen == "" {
		s.listen = "127.0.0.1:0"
	}
	var prover stunserver.Prover
	n, err := node.Listen(node.Config{Listen: s.listen, Logger: zerolog.Nop(), STUN: prover.Handle})
	if err != nil {
		t.Fatal(err)
	}
	prover.Send = n.Send
	background(t, n.Run)
	id, err := ppsp.NewPeerID(crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	trackers := Trackers{
		PeerID: id, HTTP: &http.Client{Transport: transport, Timeout: 5 * time.Second},
		Addresses: func() []tracker.Address { return []tracker.Address{{AddrPort: n.Addr()}} }, Prove: prover.Prove,
	}
	if s.change != nil {
		s.change(&trackers)
	}
	p := &peer{node: n, id: id, news: make(chan struct{}, 1)}
	p.Member, err = Join(Config{
		Node: n, Swarm: s.swarm, Link: s.link, Seed: s.seed, Trackers: trackers, Events: p.event, Logger: zerolog.New(io.Discard),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.stop = background(t, p.Run)
	return p
}

// background runs f until the test ends, or the function that it returns is called.
func background(t *testing.T, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := f(ctx); err != nil {
			t.Errorf("in the background: %v", err)
		}
	})
	stop = func() { cancel(); group.Wait() }
	t.Cleanup(stop)
	return stop
}

func (p *peer) event(e swarm.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// await waits for an event of this kind.
func (p *peer) await(t *testing.T, kind swarm.EventKind) swarm.Event {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		p.mu.Lock()
		k := slices.IndexFunc(p.events, func(e swarm.Event) bool { return e.Kind == kind })
		if k >= 0 {
			e := p.events[k]
			p.events = slices.Delete(p.events, k, k+1)
			p.mu.Unlock()
			return e
		}
		p.mu.Unlock()
		select {
		case <-p.news:
		case <-limit.C:
			t.Fatalf("no event of kind %d within %s; trouble: %q", kind, patience, p.Trouble())
		}
	}
}

// fetch waits until the film is there.
func (p *peer) fetch(t *testing.T) {
	t.Helper()
	if err := p.Swarm().Want(nil, true); err != nil {
		t.Fatal(err)
	}
	p.await(t, swarm.EventComplete)
}

// until looks again and again whether something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("not so within %s: %s", patience, what)
		}
	}
}
