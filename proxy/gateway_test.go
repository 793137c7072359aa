package proxy

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"errors"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/proxy/membership"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
	"github.com/swarmgate/swarmgate/proxy/publish"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a tracker, and sockets that end with the test.
type world struct {
	t       *testing.T
	ctx     context.Context
	tracker *httptest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	server := httptest.NewServer(tracker.NewServer(tracker.ServerConfig{}))
	t.Cleanup(server.Close)
	return &world{t: t, ctx: ctx, tracker: server}
}

// background runs f until the test ends, and waits for it.
func (w *world) background(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(w.ctx)
	var group sync.WaitGroup
	group.Go(func() {
		if err := f(ctx); err != nil {
			w.t.Errorf("in the background: %v", err)
		}
	})
	w.t.Cleanup(func() { cancel(); group.Wait() })
}

// node opens a socket on loopback.
func (w *world) node() (*node.Node, membership.Trackers) {
	w.t.Helper()
	n, err := node.Listen(node.Config{Listen: "127.0.0.1:0", Logger: zerolog.Nop()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.background(n.Run)
	id, err := ppsp.NewPeerID(crand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	addr := tracker.Address{AddrPort: n.Addr()}
	return n, membership.Trackers{PeerID: id, HTTP: w.tracker.Client(), Addresses: func() []tracker.Address { return []tracker.Address{addr} }}
}

// film publishes size random bytes and returns them with their link.
func (w *world) film(size int) ([]byte, ppsp.Link) {
	w.t.Helper()
	content := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = random.Read(content)
	path := filepath.Join(w.t.TempDir(), "film.mp4")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		w.t.Fatal(err)
	}
	n, tracking := w.node()
	f, err := publish.OpenFilm(w.ctx, publish.FilmConfig{
		Path: path, Title: "Random", Trackers: []string{w.tracker.URL}, Node: n, Tracking: tracking, Logger: zerolog.Nop(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.background(f.Run)
	return content, f.Link()
}

type clip struct{ *mpegts.Loop }

func (c clip) Run(ctx context.Context, emit func([]byte) error) error {
	return c.Loop.Run(ctx, time.Now, emit)
}

// channel publishes the demo's clip.
func (w *world) channel() ppsp.Link {
	w.t.Helper()
	b, err := os.ReadFile("../cmd/swarmgate/media/channel.ts")
	if err != nil {
		w.t.Fatal(err)
	}
	loop, err := mpegts.NewLoop(b)
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := livesig.Generate(ppsp.ECDSAP256SHA256, crand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	n, tracking := w.node()
	l, err := publish.OpenLive(publish.LiveConfig{
		Source: clip{loop}, Key: key, Title: "Clip", Rate: 160e3, Trackers: []string{w.tracker.URL},
		Node: n, Tracking: tracking, Logger: zerolog.Nop(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.background(l.Run)
	return l.Link()
}

// gateway runs one with these links.
func (w *world) gateway(links ...ppsp.Link) *Gateway {
	w.t.Helper()
	return w.gatewayIn(w.t.TempDir(), links...)
}

func (w *world) gatewayIn(dir string, links ...ppsp.Link) *Gateway {
	w.t.Helper()
	n, tracking := w.node()
	g, err := New(Config{Node: n, Trackers: tracking, Links: links, FilmDir: dir, Logger: zerolog.Nop()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.background(g.Run)
	return g
}

func TestFilmIsReadWhole(t *testing.T) {
	w := newWorld(t)
	content, link := w.film(300_123)
	g := w.gateway(link)
	id := ItemID(link.SwarmID)
	f, err := g.OpenFilm(w.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Size() != int64(len(content)) {
		t.Errorf("size %d, want %d", f.Size(), len(content))
	}
	got, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("read %d bytes, error %v: not the film of %d bytes", len(got), err, len(content))
	}
}

// The length need not be in the link: the last chunk tells it (RFC 7574, 5.6.2).
func TestFilmWithoutLength(t *testing.T) {
	w := newWorld(t)
	content, link := w.film(100_001)
	link.Length = 0
	g := w.gateway(link)
	f, err := g.OpenFilm(w.ctx, ItemID(link.SwarmID))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Size() != int64(len(content)) {
		t.Errorf("size %d, want %d", f.Size(), len(content))
	}
	if item, _ := g.Item(ItemID(link.SwarmID)); item.Length != int64(len(content)) {
		t.Errorf("the catalog says %d bytes, want %d", item.Length, len(content))
	}
}

// A link with another length than the film has: the session says what is wrong, and gives up.
func TestFilmOfAnotherLength(t *testing.T) {
	w := newWorld(t)
	_, link := w.film(100_000)
	link.Length = 900_000
	g := w.gateway(link)
	failed := make(chan Session, 1)
	go func() { // ends with the waiting
		for {
			for _, s := range g.Sessions() {
				if s.State == StateFailed {
					failed <- s
					return
				}
			}
			select {
			case <-w.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	want := "swarm " + link.SwarmID.Short() + ": nothing that the peers send fits the link; peer "
	if _, err := g.OpenFilm(w.ctx, g.Items()[0].ID); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "copy it again") {
		t.Errorf("error %v", err)
	}
	select {
	case s := <-failed:
		if !strings.Contains(s.Error, "by its hashes the film has 98 chunks, ours 879") {
			t.Errorf("session %+v", s)
		}
	case <-time.After(time.Second):
		t.Error("the session never told")
	}
}

// The buffer of a film that tells its duration is in seconds: from the place of reading to
// the end of what is there.
func TestFilmBufferInSeconds(t *testing.T) {
	w := newWorld(t)
	_, link := w.film(200_000)
	link.Duration = 20 * time.Second
	g := w.gateway(link)
	f, err := g.OpenFilm(w.ctx, ItemID(link.SwarmID))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(io.Discard, f); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(50_000, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if got := f.(*filmReader).film.buffered(time.Now()).seconds; got != 15 {
		t.Errorf("%g s are buffered, want 15: three quarters of 20", got)
	}
}

func TestFilmIsReadFromManyPlacesAtOnce(t *testing.T) {
	w := newWorld(t)
	content, link := w.film(2_000_000)
	g := w.gateway(link)
	var group sync.WaitGroup
	for k := range 10 {
		group.Go(func() {
			f, err := g.OpenFilm(w.ctx, ItemID(link.SwarmID))
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			random := rand.New(rand.NewPCG(uint64(k), 0))
			for range 5 {
				at := random.Int64N(int64(len(content) - 5000))
				if _, err := f.Seek(at, io.SeekStart); err != nil {
					t.Error(err)
				}
				got := make([]byte, 5000)
				if _, err := io.ReadFull(f, got); err != nil || !bytes.Equal(got, content[at:at+5000]) {
					t.Errorf("reader %d at %d: wrong bytes, error %v", k, at, err)
				}
			}
		})
	}
	group.Wait()
}

// fetch has a gateway fetch a film whole, and ends it.
func (w *world) fetch(dir string, link ppsp.Link) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	n, tracking := w.node()
	g, err := New(Config{Node: n, Trackers: tracking, Links: []ppsp.Link{link}, FilmDir: dir, Logger: zerolog.Nop()})
	if err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	f, err := g.OpenFilm(ctx, ItemID(link.SwarmID))
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, f); err != nil {
		w.t.Fatal(err)
	}
	f.Close()
	stop()
	if err := <-ended; err != nil {
		w.t.Fatal(err)
	}
}

// What was fetched is still there after a restart, without its publisher.
func TestFilmSurvivesRestart(t *testing.T) {
	w := newWorld(t)
	content, link := w.film(200_000)
	dir := t.TempDir()
	w.fetch(dir, link)
	link.Trackers = nil // nobody to ask
	again := w.gatewayIn(dir, link)
	f, err := again.OpenFilm(w.ctx, ItemID(link.SwarmID))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("after the restart: %d bytes, error %v", len(got), err)
	}
}

func TestChannelBeginsWithTablesAndKeyframe(t *testing.T) {
	w := newWorld(t)
	link := w.channel()
	g := w.gateway(link)
	r, err := g.OpenLive(w.ctx, ItemID(link.SwarmID))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if i, _ := g.Item(ItemID(link.SwarmID)); i.Watched.IsZero() {
		t.Error("the channel is not among what was watched")
	}
	b := make([]byte, 20*188)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	if b[0] != 0x47 || b[1]&0x1f != 0 || b[2] != 0 {
		t.Errorf("the stream begins with % x, want the program association table", b[:4])
	}
	for i := 0; i < len(b); i += 188 {
		if b[i] != 0x47 {
			t.Fatalf("packet %d begins with %#x, want 0x47", i/188, b[i])
		}
	}
}

// One session serves all screens of a channel, and says in words what it does.
func TestSessionIsSharedAndTold(t *testing.T) {
	w := newWorld(t)
	link := w.channel()
	g := w.gateway(link)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	changes := g.Subscribe(ctx)
	for range 3 {
		r, err := g.OpenLive(w.ctx, ItemID(link.SwarmID))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := io.ReadFull(r, make([]byte, 188)); err != nil {
			t.Fatal(err)
		}
	}
	for range changes {
		s := g.Sessions()
		if len(s) != 1 || s[0].Viewers != 3 {
			t.Fatalf("sessions %+v, want one with 3 viewers", s)
		}
		if s[0].State == StatePlaying && s[0].Text == "Playing" && s[0].Peers == 1 {
			return
		}
	}
	t.Error("the session never played")
}

// A gateway that watches serves others: a third gets the film when its publisher is gone.
func TestGatewaysServeEachOther(t *testing.T) {
	w := newWorld(t)
	content, link := w.film(150_000)
	first := w.gateway(link)
	f, err := first.OpenFilm(w.ctx, ItemID(link.SwarmID))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(io.Discard, f); err != nil {
		t.Fatal(err)
	}
	link.Trackers = nil
	link.Peers = []string{first.cfg.Node.Addr().String()} // the first gateway alone
	second := w.gateway(link)
	f, err = second.OpenFilm(w.ctx, ItemID(link.SwarmID))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, content) {
		t.Fatalf("from the first gateway: %d bytes, error %v", len(got), err)
	}
}

func TestUnknownItem(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	if _, err := g.OpenLive(w.ctx, "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	if _, err := g.OpenFilm(w.ctx, "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

// Who asks for a film that nobody has is promised nothing, although the link tells its length.
func TestFilmThatNobodyHas(t *testing.T) {
	w := newWorld(t)
	_, link := w.film(50_000)
	link.SwarmID = ppsp.SwarmID(bytes.Repeat([]byte{7}, 32))
	g := w.gateway(link)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
	if _, err := g.OpenFilm(ctx, ItemID(link.SwarmID)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

// damage changes a byte of a file, as a failing disk does: its time stays.
func damage(t *testing.T, path string, at int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte("?"), at); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// A reader that gives up ends its wait, although no peer ever sends the rest; and one that does not
// is cut off.
func TestReaderEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	content, link := w.film(50_000)
	dir := t.TempDir()
	w.fetch(dir, link)
	damage(t, filepath.Join(dir, ItemID(link.SwarmID)), int64(len(content)-1))
	link.Trackers = nil // nobody is found
	g := w.gatewayIn(dir, link)
	read := func(ctx context.Context, patience time.Duration) error {
		f, err := g.OpenFilm(ctx, ItemID(link.SwarmID))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		f.(*filmReader).film.patience = patience
		n, err := io.Copy(io.Discard, f)
		if n == 0 || n == int64(len(content)) {
			t.Errorf("%d bytes of %d, want a part", n, len(content))
		}
		return err
	}
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
	if err := read(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	if err := read(w.ctx, 50*time.Millisecond); !errors.Is(err, errStandstill) {
		t.Errorf("error %v, want that nobody sends the rest", err)
	}
}

// A session that is winding up is waited for: a viewer who comes just then gets a new one.
func TestViewerComesWhileTheSessionEnds(t *testing.T) {
	w := newWorld(t)
	link := w.channel()
	g := w.gateway(link)
	for range 5 {
		r, err := g.OpenLive(w.ctx, ItemID(link.SwarmID))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 188)); err != nil {
			t.Fatal(err)
		}
		for _, s := range g.active() {
			s.stop()
		}
		r.Close()
	}
	if n := len(g.active()); n > 1 {
		t.Errorf("%d sessions of one channel", n)
	}
}

// A film without a length in its link that is too long for the space ends with the reason.
func TestFilmTooLongForTheSpace(t *testing.T) {
	w := newWorld(t)
	_, link := w.film(300_000)
	link.Length = 0
	n, tracking := w.node()
	g, err := New(Config{Node: n, Trackers: tracking, Links: []ppsp.Link{link}, FilmDir: t.TempDir(), FilmSpace: 100_000, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	w.background(g.Run)
	f, err := g.OpenFilm(w.ctx, ItemID(link.SwarmID))
	if err == nil { // the length was told before the space was looked at
		defer f.Close()
		_, err = io.Copy(io.Discard, f)
	}
	if err == nil || !strings.Contains(err.Error(), "buffer.films") {
		t.Errorf("error %v, want one that names the setting", err)
	}
}
