package dlna

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testUDN = "uuid:5d2f0a1c-0000-4000-8000-00000000d1a0"

// household is a Library with a channel, a film, and whatever a test adds.
type household struct {
	mu      sync.Mutex
	items   []proxy.Item
	changes uint32
	ticks   chan struct{}
}

func newHousehold() *household {
	return &household{ticks: make(chan struct{}, 1), items: []proxy.Item{
		{ID: "c0ffee000001", Title: "News & Weather", Kind: ppsp.Live, MediaType: "video/mp2t", Rate: 464000},
		{ID: "f11b00000001", Title: `The "film"`, Kind: ppsp.Film, MediaType: "video/mp4", Length: 4, Duration: time.Minute},
	}}
}

func (h *household) add(i proxy.Item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.items = append(h.items, i)
	h.changes++
	h.ticks <- struct{}{}
}

func (h *household) Items() []proxy.Item {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]proxy.Item(nil), h.items...)
}

func (h *household) Item(id string) (proxy.Item, bool) {
	for _, i := range h.Items() {
		if i.ID == id {
			return i, true
		}
	}
	return proxy.Item{}, false
}

func (h *household) Changes() uint32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changes
}

func (h *household) Subscribe(context.Context) <-chan struct{} { return h.ticks }

func (h *household) OpenLive(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("GGGG")), nil
}

type film struct{ *bytes.Reader }

func (f film) Size() int64 { return f.Reader.Size() }
func (film) Close() error  { return nil }

func (h *household) OpenFilm(context.Context, string) (proxy.Film, error) {
	return film{bytes.NewReader([]byte("film"))}, nil
}

func testConfig(l Library) Config {
	return Config{
		Name: "Swarmgate (test)", UDN: testUDN, Version: "1.0", HTTPPort: 8088, Library: l,
		Interfaces: []string{"lo"}, Logger: zerolog.Nop(),
	}
}

func newServer(t *testing.T, l Library) *Server {
	t.Helper()
	s, err := New(testConfig(l))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve mounts the server as the gateway does, on loopback.
func serve(t *testing.T, s *Server) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(Root, s.Handler())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// do sends a request and returns the answer with its body. Headers are "Name: value".
func do(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(b)
}

// serveEvents is a control point's end of a subscription; it returns its URL.
func serveEvents(t *testing.T, events chan<- string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Method != "NOTIFY" {
			t.Errorf("%s: %v", r.Method, err)
		}
		events <- string(b)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/evt"
}

func (h *household) SetPosition(string, time.Duration) error { return nil }

func (h *household) Subtitle(string, string) ([]byte, error) { return []byte("1\n"), nil }
