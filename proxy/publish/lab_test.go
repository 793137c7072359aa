package publish

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test.
const patience = 20 * time.Second

// openNode opens a socket on loopback and reads it until the test ends.
func openNode(t *testing.T) *node.Node {
	t.Helper()
	n, err := node.Listen(node.Config{Listen: "127.0.0.1:0", Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := n.Run(ctx); err != nil {
			t.Errorf("socket: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); group.Wait() })
	return n
}

// running is something that was started, and how it ended.
type running struct {
	stop  context.CancelFunc
	ended chan error
}

// start runs f until the test ends.
func start(t *testing.T, f func(context.Context) error) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel, make(chan error, 1)}
	var group sync.WaitGroup
	group.Go(func() { r.ended <- f(ctx) })
	t.Cleanup(func() { cancel(); group.Wait() })
	return r
}

// wait returns how it ended.
func (r *running) wait(t *testing.T) error {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case err := <-r.ended:
		return err
	case <-limit.C:
		t.Fatalf("it goes on after %s", patience)
		return nil
	}
}

// memory is a store without bounds.
type memory struct {
	mu     sync.Mutex
	chunks map[uint64][]byte
}

func newMemory() *memory { return &memory{chunks: map[uint64][]byte{}} }

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

// from returns the bytes of the chunks from first on, up to the first that is missing.
func (s *memory) from(first uint64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []byte
	for i := first; s.chunks[i] != nil; i++ {
		all = append(all, s.chunks[i]...)
	}
	return all
}

// viewer is a peer that fetches what is published.
type viewer struct {
	*node.Swarm
	store *memory

	mu     sync.Mutex
	events []swarm.Event
	news   chan struct{}
}

// watch joins the swarm of a link by asking the node that publishes it.
func watch(t *testing.T, link ppsp.Link, from *node.Node) *viewer {
	t.Helper()
	v := &viewer{store: newMemory(), news: make(chan struct{}, 1)}
	n := openNode(t)
	config := swarm.Config{Meta: link.Metadata, Store: v.store}
	if link.Kind == ppsp.Live {
		config.Window, config.Behind = 1<<14, 1<<13
	}
	var err error
	if v.Swarm, err = n.Join(config, v.event); err != nil {
		t.Fatal(err)
	}
	if err := v.AddPeers(addrs(from)); err != nil {
		t.Fatal(err)
	}
	if err := v.Want(nil, true); err != nil {
		t.Fatal(err)
	}
	start(t, v.Run)
	return v
}

func (v *viewer) event(e swarm.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.events = append(v.events, e)
	select {
	case v.news <- struct{}{}:
	default:
	}
}

// await waits for an event of this kind.
func (v *viewer) await(t *testing.T, kind swarm.EventKind) swarm.Event {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		v.mu.Lock()
		k := slices.IndexFunc(v.events, func(e swarm.Event) bool { return e.Kind == kind })
		if k >= 0 {
			e := v.events[k]
			v.events = slices.Delete(v.events, k, k+1)
			v.mu.Unlock()
			return e
		}
		v.mu.Unlock()
		select {
		case <-v.news:
		case <-limit.C:
			t.Fatalf("no event of kind %d within %s", kind, patience)
		}
	}
}

// writeFile writes size random bytes under a name in a folder of the test.
func writeFile(t *testing.T, name string, size int) (path string, content []byte) {
	t.Helper()
	content = make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = random.Read(content)
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

func newKey(t *testing.T) *livesig.PrivateKey {
	t.Helper()
	key, err := livesig.Generate(ppsp.ECDSAP256SHA256, crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
