package media

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// library has one channel, one film and what a test makes of them.
type library struct {
	film     []byte
	length   int64 // of the film as the catalog knows it
	live     func(context.Context) (io.ReadCloser, error)
	openFilm func(context.Context) (proxy.Film, error)
	opened   atomic.Int64
	closed   atomic.Int64
}

func (l *library) Item(id string) (proxy.Item, bool) {
	switch id {
	case "channel":
		return proxy.Item{ID: id, Title: "News", Kind: ppsp.Live, MediaType: "video/mp2t"}, true
	case "film":
		return proxy.Item{ID: id, Title: "First light", Kind: ppsp.Film, MediaType: "video/mp4", Length: l.length}, true
	case "a b/c.d":
		return proxy.Item{ID: id, Kind: ppsp.Film, MediaType: "video/webm", Length: l.length}, true
	}
	return proxy.Item{}, false
}

func (l *library) OpenLive(ctx context.Context, _ string) (io.ReadCloser, error) {
	r, err := l.live(ctx)
	if err == nil {
		l.opened.Add(1)
		r = closing{r, l}
	}
	return r, err
}

func (l *library) OpenFilm(ctx context.Context, _ string) (proxy.Film, error) {
	if l.openFilm != nil {
		return l.openFilm(ctx)
	}
	l.opened.Add(1)
	return memoryFilm{bytes.NewReader(l.film), l}, nil
}

// closing counts how often a stream is given back.
type closing struct {
	io.ReadCloser
	l *library
}

func (c closing) Close() error {
	c.l.closed.Add(1)
	return c.ReadCloser.Close()
}

type memoryFilm struct {
	*bytes.Reader
	l *library
}

func (f memoryFilm) Size() int64 { return f.Reader.Size() }

func (f memoryFilm) Close() error {
	f.l.closed.Add(1)
	return nil
}

// endless is a channel: packets until its context ends.
type endless struct {
	ctx  context.Context
	sent int
}

func (e *endless) Read(b []byte) (int, error) {
	select {
	case <-e.ctx.Done():
		return 0, e.ctx.Err()
	case <-time.After(50 * time.Millisecond):
	}
	n := copy(b, bytes.Repeat([]byte{0x47}, 188*7))
	e.sent += n
	return n, nil
}

func (*endless) Close() error { return nil }

// finite is a channel whose publisher stops after the given bytes.
func finite(s string) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

func newLibrary() *library {
	film := make([]byte, 100_000)
	for i := range film {
		film[i] = byte(i * 7 >> 3)
	}
	return &library{
		film: film, length: int64(len(film)),
		live: func(ctx context.Context) (io.ReadCloser, error) { return &endless{ctx: ctx}, nil },
	}
}

func newServer(l Library) *Server {
	return &Server{Library: l, Product: "test/1 UPnP/1.0 test/1", Logger: zerolog.Nop()}
}

// mounted is the server as the gateway mounts it.
func mounted(s *Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(Root+"{file}", s)
	return mux
}

// fetch asks for a path without a socket. Headers are "Name: value".
func fetch(s *Server, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	mounted(s).ServeHTTP(w, r)
	return w
}
