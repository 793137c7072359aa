package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeGateway is a Gateway in memory.
type fakeGateway struct {
	mu       sync.Mutex
	items    []proxy.Item
	sessions []proxy.Session
	overview proxy.Overview
	changes  uint32
	ticks    []chan struct{}
	stored   span
	texts    map[string]string // subtitles by ID and language

	openLive   func(ctx context.Context, id string) (io.ReadCloser, error)
	openFilm   func(ctx context.Context, id string) (proxy.Film, error)
	segments   func(ctx context.Context, client string) (mpegts.Playlist, error)
	segment    func(client string, number uint64) (io.ReadSeeker, error)
	converted  func(ctx context.Context, id string) (io.ReadCloser, error)
	lowLatency func(ctx context.Context, client string) (http.Handler, error)
	opened     int // streams opened
	closed     int // streams closed
}

// newsChannel and shortFilm are the catalog of most tests.
var (
	newsChannel = proxy.Item{ID: "news", Title: "News, all day", Group: "Info", Link: "swarm:news", Kind: ppsp.Live, MediaType: "video/mp2t", Rate: 1_500_000}
	shortFilm   = proxy.Item{ID: "short", Title: "A short film", Link: "swarm:short", Kind: ppsp.Film, MediaType: "video/mp4", Length: 100_000, Duration: 12400 * time.Millisecond, Rate: 64516}
)

func newFakeGateway() *fakeGateway {
	return &fakeGateway{items: []proxy.Item{newsChannel, shortFilm}, changes: 7}
}

func (g *fakeGateway) Items() []proxy.Item {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]proxy.Item(nil), g.items...)
}

func (g *fakeGateway) Item(id string) (proxy.Item, bool) {
	for _, item := range g.Items() {
		if item.ID == id {
			return item, true
		}
	}
	return proxy.Item{}, false
}

var errBadLink = errors.New(`link, at 5: "oops" is no swarm ID; copy the whole link`)

func (g *fakeGateway) Add(link string) (proxy.Item, error) {
	if link == "swarm:configured" {
		return proxy.Item{}, fmt.Errorf("%q %w", "Configured", proxy.ErrConfigured)
	}
	if link == "swarm:full" {
		return proxy.Item{}, fmt.Errorf("%w: disk full", proxy.ErrNotWritten)
	}
	if link != "swarm:more" {
		return proxy.Item{}, errBadLink
	}
	item := proxy.Item{ID: "more/é", Title: "More", Link: link, Kind: ppsp.Live}
	g.change(func() { g.items = append(g.items, item); g.changes++ })
	return item, nil
}

func (g *fakeGateway) Remove(id string) error {
	if id == "short" {
		return errors.New("its file is in use")
	}
	if id == "configured" {
		return fmt.Errorf("%q %w", "Configured", proxy.ErrConfigured)
	}
	err := proxy.ErrNotFound
	g.change(func() {
		for i, item := range g.items {
			if item.ID == id {
				g.items = append(g.items[:i:i], g.items[i+1:]...)
				g.changes++
				err = nil
				return
			}
		}
	})
	return err
}

func (g *fakeGateway) Sessions() []proxy.Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]proxy.Session(nil), g.sessions...)
}

func (g *fakeGateway) Overview() proxy.Overview {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.overview
}

func (g *fakeGateway) Changes() uint32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changes
}

func (g *fakeGateway) Subscribe(context.Context) <-chan struct{} {
	tick := make(chan struct{}, 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ticks = append(g.ticks, tick)
	return tick
}

// change alters the gateway and ticks.
func (g *fakeGateway) change(do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	do()
	for _, tick := range g.ticks {
		select {
		case tick <- struct{}{}:
		default:
		}
	}
}

func (g *fakeGateway) OpenLive(ctx context.Context, id string) (io.ReadCloser, error) {
	if g.openLive == nil {
		return nil, proxy.ErrNotFound
	}
	stream, err := g.openLive(ctx, id)
	if err != nil {
		return nil, err
	}
	g.change(func() { g.opened++ })
	return closing{stream, g}, nil
}

func (g *fakeGateway) Segments(ctx context.Context, id, client string) (mpegts.Playlist, error) {
	if g.segments == nil || id != "news" {
		return mpegts.Playlist{}, proxy.ErrNotFound
	}
	return g.segments(ctx, client)
}

func (g *fakeGateway) Segment(id, client string, number uint64) (io.ReadSeeker, error) {
	if g.segment == nil || id != "news" {
		return nil, proxy.ErrNotFound
	}
	return g.segment(client, number)
}

func (g *fakeGateway) LowLatency(ctx context.Context, id, client string) (http.Handler, error) {
	if g.lowLatency == nil || id != "news" {
		return nil, proxy.ErrNotFound
	}
	return g.lowLatency(ctx, client)
}

func (g *fakeGateway) Converts() bool { return g.converted != nil }

func (g *fakeGateway) OpenConverted(ctx context.Context, id string) (io.ReadCloser, error) {
	return g.converted(ctx, id)
}

func (g *fakeGateway) OpenFilm(ctx context.Context, id string) (proxy.Film, error) {
	if g.openFilm == nil {
		return nil, proxy.ErrNotFound
	}
	film, err := g.openFilm(ctx, id)
	if err != nil {
		return nil, err
	}
	g.change(func() { g.opened++ })
	return closingFilm{film, g}, nil
}

// open returns how many streams have not been closed.
func (g *fakeGateway) open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened - g.closed
}

type closing struct {
	io.ReadCloser
	gateway *fakeGateway
}

func (c closing) Close() error {
	c.gateway.change(func() { c.gateway.closed++ })
	return c.ReadCloser.Close()
}

type closingFilm struct {
	proxy.Film
	gateway *fakeGateway
}

func (c closingFilm) Close() error {
	c.gateway.change(func() { c.gateway.closed++ })
	return c.Film.Close()
}

// memoryFilm is a film that is all there.
type memoryFilm struct{ *bytes.Reader }

func (memoryFilm) Close() error { return nil }

// never is a channel that never sends: reads end with ctx.
type never struct{ done <-chan struct{} }

func (n never) Read([]byte) (int, error) {
	<-n.done
	return 0, context.Canceled
}

func (never) Close() error { return nil }

// endless is a channel that sends as fast as it is read.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}

func (endless) Close() error { return nil }
