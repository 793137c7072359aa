package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/proxy"
)

// What strangers, other sites and publishers may try fails, changes nothing, and leaves a line in the log.
func TestAttacksFailAndAreLogged(t *testing.T) {
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bomb": // 16 MiB of nothing in 16 kB
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 16 {
				_, _ = z.Write(make([]byte, 1<<20))
			}
			_ = z.Close()
		case "/inside":
			http.Redirect(w, r, "http://127.0.0.2:1/admin", http.StatusFound)
		}
	}))
	defer evil.Close()
	for name, attack := range map[string]struct {
		method, path, body string
		set                []func(*http.Request)
		status             int
		log                string
	}{
		"DNS rebinding":                {"GET", "/api/v1/channels", "", []func(*http.Request){asked("evil.example:8088")}, 403, `"host":"evil.example:8088"`},
		"DNS rebinding, a stream":      {"GET", "/live/news.ts", "", []func(*http.Request){asked("10.0.0.1.evil.example")}, 403, "request refused"},
		"forged by another site":       {"POST", "/api/v1/channels", `{"link":"swarm:more"}`, []func(*http.Request){header("Origin", "https://evil.example")}, 403, "another site"},
		"forged by a form":             {"DELETE", "/api/v1/channels/news", "", []func(*http.Request){header("Sec-Fetch-Site", "cross-site")}, 403, "another site"},
		"a path that leads out":        {"GET", "/film/..%2f..%2fstate.db", "", nil, 404, "a path that leads out"},
		"the same, encoded twice":      {"GET", "/assets/%252e%252e%252fowner.token", "", nil, 404, "a path that leads out"},
		"the same, as on Windows":      {"GET", "/assets/..%5cowner.token", "", nil, 404, "a path that leads out"},
		"a body without a length":      {"POST", "/api/v1/channels", `{"link":"swarm:more"}`, []func(*http.Request){func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }}, 411, "without a length"},
		"a stranger from the Internet": {"GET", "/", "", []func(*http.Request){from("8.8.8.8:1")}, 403, "outside of it"},
		"a list that is a bomb":        {"POST", "/api/v1/preview", fmt.Sprintf(`{"text":"%s/bomb"}`, evil.URL), nil, 200, "list not fetched"},
		"a list that leads inside":     {"POST", "/api/v1/preview", fmt.Sprintf(`{"text":"%s/inside"}`, evil.URL), nil, 200, "list not fetched"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newFakeGateway()
			var log bytes.Buffer
			s := New(Config{Gateway: g, Logger: zerolog.New(&log)})
			s.fetchable = func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") } // the test's Internet
			r := httptest.NewRequest(attack.method, attack.path, strings.NewReader(attack.body))
			r.RemoteAddr, r.Host = home, "192.168.1.5:8088"
			r.Header.Set("Content-Type", "application/json")
			for _, f := range attack.set {
				f(r)
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code != attack.status || !strings.Contains(log.String(), attack.log) {
				t.Errorf("status %d, want %d; the log has %q, want %q", w.Code, attack.status, log.String(), attack.log)
			}
			if len(g.Items()) != 2 || strings.Contains(w.Body.String(), "News, all day") || w.Body.Len() > 1000 {
				t.Errorf("it came through: %d items, %.300s", len(g.Items()), w.Body)
			}
		})
	}
}

// A title is text wherever it goes, and that it came is in the log.
func TestScriptsInTitles(t *testing.T) {
	const title = `<script>alert(1)</script>"><img src=x onerror=alert(1)>`
	g := newFakeGateway()
	for i := range g.items {
		g.items[i].Title, g.items[i].Group = title, title
	}
	for _, path := range []string{"/", "/watch/news", "/channels.m3u", "/films.m3u", "/films.rss", "/films.json", "/xmltv.xml", "/lineup.json", "/api/v1/channels", "/api/v1/channels/news"} {
		w := ask(t, g, http.MethodGet, path, "")
		kind, body := w.Header().Get("Content-Type"), w.Body.String()
		harmless := strings.HasPrefix(kind, "application/json") || strings.HasPrefix(kind, "application/feed+json") || strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "application/vnd.apple.mpegurl")
		if !harmless && (strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x")) {
			t.Errorf("%s (%s) has the script: %.200s", path, kind, body)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || strings.Contains(w.Header().Get("Content-Security-Policy"), "unsafe-inline") {
			t.Errorf("%s: %v", path, w.Header())
		}
	}
	var log bytes.Buffer
	s := New(Config{Gateway: g, Logger: zerolog.New(&log)})
	r := httptest.NewRequest(http.MethodPatch, "/api/v1/channels/news", strings.NewReader(`{"title":"<script>alert(2)</script>"}`))
	r.RemoteAddr, r.Host = home, "192.168.1.5:8088"
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<script>") || !strings.Contains(log.String(), "changed in the catalog") || !strings.Contains(log.String(), "alert(2)") {
		t.Errorf("status %d, %s; the log has %s", w.Code, w.Body, &log)
	}
}

// Logos at addresses of the home are told to nobody.
func TestLogosInside(t *testing.T) {
	for _, logo := range []string{"http://192.168.1.1/reboot", "https://router.local/x", "https://127.1/x", "https://[::1]/x", "file:///etc/passwd", "javascript:alert(1)", "https://u:p@example.com/x"} {
		if got := proxy.PublicLogo(logo); got != "" {
			t.Errorf("%s: %q", logo, got)
		}
	}
}
