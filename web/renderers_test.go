package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// fakeScreens are one TV in memory, which writes down what it is told.
type fakeScreens struct {
	list []Renderer
	told []string
	err  error
}

func newFakeScreens() *fakeScreens {
	return &fakeScreens{list: []Renderer{
		{ID: "tv", Name: "Den", Model: "M1", State: "playing", Channel: "news", PositionS: 1.5, Volume: new(30)},
		{ID: "radio", Name: "Kitchen", State: "idle"},
	}}
}

func (f *fakeScreens) Renderers() []Renderer { return f.list }

func (f *fakeScreens) tell(id, what string) error {
	if f.err != nil {
		return f.err
	}
	if id != "tv" && id != "radio" {
		return ErrNoRenderer
	}
	f.told = append(f.told, id+" "+what)
	return nil
}

func (f *fakeScreens) Play(_ context.Context, id, channel string) error {
	if channel == "none" {
		return proxy.ErrNotFound
	}
	return f.tell(id, "play "+channel)
}
func (f *fakeScreens) Pause(_ context.Context, id string) error  { return f.tell(id, "pause") }
func (f *fakeScreens) Resume(_ context.Context, id string) error { return f.tell(id, "resume") }
func (f *fakeScreens) Stop(_ context.Context, id string) error   { return f.tell(id, "stop") }
func (f *fakeScreens) Seek(_ context.Context, id string, to time.Duration) error {
	return f.tell(id, "seek "+to.String())
}

func (f *fakeScreens) SetVolume(_ context.Context, id string, percent int) error {
	return f.tell(id, fmt.Sprint("volume ", percent))
}

// tellTV sends an order to the API.
func tellTV(t *testing.T, screens Renderers, method, path, body string, set ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	g := newFakeGateway()
	g.items = append(g.items, proxy.Item{ID: "sports", Kind: ppsp.Live})
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.RemoteAddr, r.Host = home, "localhost"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range set {
		f(r)
	}
	w := httptest.NewRecorder()
	New(Config{Gateway: g, Renderers: screens}).Handler().ServeHTTP(w, r)
	return w
}

func TestRenderersList(t *testing.T) {
	w := tellTV(t, newFakeScreens(), http.MethodGet, "/api/v1/renderers", "")
	const want = `[{"id":"tv","name":"Den","model":"M1","state":"playing","channel":"news","position_s":1.5,"duration_s":0,"volume":30},` +
		`{"id":"radio","name":"Kitchen","model":"","state":"idle","channel":"","position_s":0,"duration_s":0,"volume":null}]`
	if w.Code != http.StatusOK || w.Body.String() != want+"\n" {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if w := tellTV(t, nil, http.MethodGet, "/api/v1/renderers", ""); w.Code != http.StatusOK || w.Body.String() != "[]\n" {
		t.Errorf("without a media server: status %d: %s", w.Code, w.Body)
	}
	if w := tellTV(t, &fakeScreens{}, http.MethodGet, "/api/v1/renderers", ""); w.Body.String() != "[]\n" {
		t.Errorf("nobody there: %s", w.Body)
	}
}

func TestRenderersOrders(t *testing.T) {
	for path, c := range map[string]struct{ body, want string }{
		"tv/play":      {`{"channel":"short"}`, "tv play short"},
		"radio/play":   {`{"channel":"more/é"}`, "radio play more/é"},
		"tv/pause":     {"", "tv pause"},
		"tv/resume":    {"{}", "tv resume"},
		"tv/stop":      {"", "tv stop"},
		"tv/seek":      {`{"position_s":90.5}`, "tv seek 1m30.5s"},
		"tv/volume":    {`{"percent":33.4}`, "tv volume 33"},
		"tv/next":      {"", "tv play sports"},
		"tv/next?back": {`{"by":-1}`, "tv play sports"}, // of two channels that before is that behind
	} {
		screens := newFakeScreens()
		w := tellTV(t, screens, http.MethodPost, "/api/v1/renderers/"+path, c.body)
		if w.Code != http.StatusOK || len(screens.told) != 1 || screens.told[0] != c.want {
			t.Errorf("%s: status %d, told %q, want %q: %s", path, w.Code, screens.told, c.want, w.Body)
		}
		var answer Renderer
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Name == "" {
			t.Errorf("%s: answers %s", path, w.Body)
		}
	}
}

func TestRenderersRefusals(t *testing.T) {
	for _, c := range []struct {
		path, body string
		err        error
		status     int
		words      string
	}{
		{"tv/play", `{"channel":"none"}`, nil, 404, "no channel or film"},
		{"tv/play", "", nil, 400, "Name what to play"},
		{"gone/pause", "", nil, 404, "/api/v1/renderers lists"},
		{"tv/seek", "", nil, 400, "in seconds"},
		{"tv/seek", `{"position_s":-1}`, nil, 400, "in seconds"},
		{"tv/seek", `{"position_s":1e300}`, nil, 400, "in seconds"},
		{"tv/volume", `{"percent":101}`, nil, 400, "from 0 to 100"},
		{"tv/volume", `{"percent":"loud"}`, nil, 400, "JSON"},
		{"tv/volume", `{"percnt":1}`, nil, 400, "JSON"},
		{"tv/volume", `{`, nil, 400, "JSON"},
		{"radio/next", "", nil, 400, "It plays nothing of this gateway"},
		{"gone/next", "", nil, 404, "lists"},
		{"tv/next", `{"by":7}`, nil, 400, "1 for the next"},
		{"tv/pause", "", fmt.Errorf("den can't pause: %w", ErrRefused), 409, "Den can't pause"},
		{"tv/pause", "", errors.New("Den does not answer; it may have been switched off"), 502, "switched off."},
	} {
		screens := newFakeScreens()
		screens.err = c.err
		w := tellTV(t, screens, http.MethodPost, "/api/v1/renderers/"+c.path, c.body)
		if got := sentence(t, w); w.Code != c.status || !strings.Contains(got, c.words) {
			t.Errorf("%s %s: status %d, %q; want %d, %q", c.path, c.body, w.Code, got, c.status, c.words)
		}
		if len(screens.told) != 0 {
			t.Errorf("%s %s: told %q", c.path, c.body, screens.told)
		}
	}
}

// A page of another site can't play with the TV, and orders come by POST alone.
func TestRenderersAreTheHomes(t *testing.T) {
	screens := newFakeScreens()
	if w := tellTV(t, screens, http.MethodPost, "/api/v1/renderers/tv/stop", "", header("Origin", "http://evil.example"), header("Sec-Fetch-Site", "cross-site")); w.Code != http.StatusForbidden {
		t.Errorf("another site: status %d", w.Code)
	}
	if w := tellTV(t, screens, http.MethodGet, "/api/v1/renderers/tv/stop", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d", w.Code)
	}
	if w := tellTV(t, screens, http.MethodPost, "/api/v1/renderers/tv/stop", "x=1", header("Content-Type", "application/x-www-form-urlencoded")); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a form: status %d", w.Code)
	}
	if len(screens.told) != 0 {
		t.Errorf("told %q", screens.told)
	}
}

// changing is a TV whose position moves.
type changing struct {
	*fakeScreens
	position atomic.Int64
}

func (c *changing) Renderers() []Renderer {
	return []Renderer{{ID: "tv", Name: "Den", State: "playing", PositionS: float64(c.position.Load())}}
}

func TestRenderersAreNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screens := &changing{fakeScreens: newFakeScreens()}
		client, _ := serveConfig(t, Config{Gateway: newFakeGateway(), Renderers: screens})
		resp := get(t, t.Context(), client, "/api/v1/events")
		defer resp.Body.Close()
		events := follow(resp.Body)
		if first := events.next(); !strings.Contains(first, "event: renderers\ndata: [{\"id\":\"tv\"") {
			t.Errorf("first events %q", first)
		}
		screens.position.Store(7)
		time.Sleep(eventPeriod + eventGap)
		if got := events.next(); !strings.HasPrefix(got, "event: renderers") || !strings.Contains(got, `"position_s":7`) {
			t.Errorf("then %q", got)
		}
	})
}
