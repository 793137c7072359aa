package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopback takes a free port.
const loopback = "127.0.0.1:0"

// memory is a store without bounds.
type memory struct {
	mu     sync.Mutex
	chunks map[uint64][]byte
}

func (s *memory) WriteChunk(i uint64, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.chunks == nil {
		s.chunks = map[uint64][]byte{}
	}
	s.chunks[i] = bytes.Clone(b)
	return nil
}

func (s *memory) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.chunks[i]
	if !ok {
		return dst, errors.New("not here")
	}
	return append(dst, b...), nil
}

// whole returns all chunks in one piece.
func (s *memory) whole() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []byte
	for i := range uint64(len(s.chunks)) {
		all = append(all, s.chunks[i]...)
	}
	return all
}

// film is random content with its tree.
type film struct {
	content []byte
	meta    ppsp.Metadata
	tree    *merkle.Tree
}

func newFilm(t testing.TB, size int, chunkSize uint32) film {
	t.Helper()
	content := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(content)
	tree, _, err := merkle.Build(ppsp.SHA256, chunkSize, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	meta := ppsp.StaticDefaults(ppsp.SwarmID(tree.Root()))
	meta.ChunkSize = chunkSize
	return film{content, meta, tree}
}

// seed is the Config of a peer that has everything.
func (f film) seed() swarm.Config {
	s := &memory{}
	size := int(f.meta.ChunkSize)
	for i := range f.tree.Chunks() {
		_ = s.WriteChunk(i, f.content[int(i)*size:min(len(f.content), int(i+1)*size)])
	}
	return f.of(s)
}

// of is the Config of a peer whose store has everything.
func (f film) of(s swarm.Store) swarm.Config {
	var have chunk.Set
	have.Add(chunk.Range{End: f.tree.Chunks()})
	tree := f.tree
	if own, _, err := merkle.Build(f.meta.Hash, f.meta.ChunkSize, bytes.NewReader(f.content)); err == nil {
		tree = own // engines share none
	}
	return swarm.Config{Meta: f.meta, Store: s, Tree: tree, Have: have}
}

// leech is the Config of a peer that has nothing.
func (f film) leech() (swarm.Config, *memory) {
	s := &memory{}
	return swarm.Config{Meta: f.meta, Store: s}, s
}

// open opens a socket and reads it until the test ends.
func open(t testing.TB, listen string) *Node {
	t.Helper()
	return openWith(t, Config{Listen: listen, Logger: zerolog.Nop()})
}

func openWith(t testing.TB, c Config) *Node {
	t.Helper()
	n, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	background(t, n.Run)
	return n
}

// background runs f until the test ends, or the function that it returns is called.
func background(t testing.TB, f func(context.Context) error) (stop func()) {
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

// part is a running part in a swarm and what it told.
type part struct {
	*Swarm
	stop func()

	mu   sync.Mutex
	told []swarm.Event
	news chan struct{}
}

// join takes part until the test ends.
func join(t testing.TB, n *Node, c swarm.Config) *part {
	t.Helper()
	p := prepare(t, n, c)
	p.stop = background(t, p.Run)
	return p
}

// prepare joins without running.
func prepare(t testing.TB, n *Node, c swarm.Config) *part {
	t.Helper()
	p := &part{news: make(chan struct{}, 1)}
	var err error
	if p.Swarm, err = n.Join(c, p.event); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *part) event(e swarm.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Kind != swarm.EventChunks {
		p.told = append(p.told, e)
	}
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// patience bounds every wait of a test.
const patience = 20 * time.Second

// await waits for an event of this kind, and returns it.
func (p *part) await(t testing.TB, kind swarm.EventKind) swarm.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e, err := p.hear(ctx, kind)
	if err != nil {
		stats, gone := p.Stats()
		t.Fatalf("%v; the swarm has %+v, %v", err, stats, gone)
	}
	return e
}

// hear waits for an event of this kind until ctx ends; those before it are passed over.
func (p *part) hear(ctx context.Context, kind swarm.EventKind) (swarm.Event, error) {
	for {
		p.mu.Lock()
		k := slices.IndexFunc(p.told, func(e swarm.Event) bool { return e.Kind == kind })
		if k >= 0 {
			e := p.told[k]
			p.told = p.told[k+1:]
			p.mu.Unlock()
			return e, nil
		}
		p.mu.Unlock()
		select {
		case <-p.news:
		case <-ctx.Done():
			return swarm.Event{}, fmt.Errorf("no event of kind %d: %w", kind, ctx.Err())
		}
	}
}

// meet tells p where the others listen.
func (p *part) meet(t testing.TB, addrs ...netip.AddrPort) {
	t.Helper()
	if err := p.AddPeers(addrs); err != nil {
		t.Fatal(err)
	}
}

// fetch waits until all of the film is there, and compares.
func (p *part) fetch(t testing.TB, f film, s *memory) {
	t.Helper()
	if err := p.Want(nil, true); err != nil {
		t.Fatal(err)
	}
	p.await(t, swarm.EventComplete)
	if !bytes.Equal(s.whole(), f.content) {
		t.Error("what was fetched is not the film")
	}
}

// within fails the test when f takes longer than d.
func within(t testing.TB, d time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		t.Fatalf("%s: not done within %s", what, d)
	}
}
