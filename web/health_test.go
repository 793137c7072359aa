package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/proxy"
)

func TestHealth(t *testing.T) {
	w := ask(t, newFakeGateway(), http.MethodGet, "/healthz", "")
	if w.Code != http.StatusOK || w.Body.String() != `{"status":"ok","version":"1.2.3"}`+"\n" {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestReady(t *testing.T) {
	for _, test := range []struct {
		ready  func() error
		status int
	}{
		{nil, 200},
		{func() error { return nil }, 200},
		{func() error { return errors.New("the catalog is being read") }, 503},
	} {
		r := httptest.NewRequest(http.MethodGet, "/readyz", nil)
		r.RemoteAddr, r.Host = home, "localhost"
		w := httptest.NewRecorder()
		New(Config{Gateway: newFakeGateway(), Ready: test.ready}).Handler().ServeHTTP(w, r)
		if w.Code != test.status {
			t.Errorf("status %d, want %d", w.Code, test.status)
		}
	}
}

func TestMetrics(t *testing.T) {
	g := newFakeGateway()
	g.sessions = []proxy.Session{{ID: "1", Channel: "a\"b\\c\nd", Peers: 3, DownBps: 1_500_000, BufferS: 1.25, Viewers: 2}}
	w := ask(t, g, http.MethodGet, "/metrics", "")
	if got := w.Header().Get("Content-Type"); got != "application/openmetrics-text; version=1.0.0; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	body := w.Body.String()
	for _, line := range []string{
		`swarmgate_build_info{version="1.2.3"} 1`,
		`swarmgate_catalog_items 2`,
		`swarmgate_session_peers{channel="a\"b\\c\nd",session="1"} 3`,
		`swarmgate_session_receive_bits_per_second{channel="a\"b\\c\nd",session="1"} 1.5e+06`,
		`swarmgate_session_buffer_seconds{channel="a\"b\\c\nd",session="1"} 1.25`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("%s is missing in\n%s", line, body)
		}
	}
	checkOpenMetrics(t, body)
}

// checkOpenMetrics holds the text against the rules of OpenMetrics 1.0 that scrapers
// enforce: an EOF line at the end; a metric's lines together and after its TYPE; a unit
// that is the end of the name.
func checkOpenMetrics(t *testing.T, body string) {
	t.Helper()
	if !strings.HasSuffix(body, "\n# EOF\n") || strings.Count(body, "# EOF") != 1 {
		t.Error("the text does not end with one # EOF")
	}
	family, seen := "", map[string]bool{}
	for line := range strings.Lines(strings.TrimSuffix(body, "# EOF\n")) {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "# TYPE "):
			family = fields[2]
			if seen[family] {
				t.Errorf("%s comes twice", family)
			}
			seen[family] = true
		case strings.HasPrefix(line, "# UNIT "):
			if !strings.HasSuffix(fields[2], "_"+fields[3]) {
				t.Errorf("unit %s does not end %s", fields[3], fields[2])
			}
		case !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, family):
			t.Errorf("%q stands under %s", line, family)
		}
	}
}
