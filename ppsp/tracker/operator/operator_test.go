package operator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/ppsp/tracker/auth"
)

// broken is a registry whose server is gone.
type broken struct{ Registry }

func (broken) Totals(context.Context, time.Time) (tracker.Totals, error) {
	return tracker.Totals{}, errors.New("connection refused")
}

// forgetful is a registry that can't forget anybody.
type forgetful struct{ Registry }

func (forgetful) Remove(context.Context, time.Time, string) error {
	return errors.New("connection refused")
}

func (forgetful) Evict(context.Context, time.Time, netip.Prefix) (int, error) {
	return 0, errors.New("connection refused")
}

// A ban holds, and is answered as one, when the registry can't forget those whom it meets.
func TestBanWithoutTheRegistry(t *testing.T) {
	var log bytes.Buffer
	l := newLab(t, func(c *Config) { c.Registry, c.Logger = forgetful{c.Registry}, zerolog.New(&log) })
	l.some()
	for _, who := range []string{peerA, "198.51.100.0/24"} {
		r := l.ask(http.MethodPost, "/api/v1/bans", `{"who":"`+who+`"}`)
		if body := bodyOf(t, r); r.StatusCode != http.StatusCreated || !strings.Contains(body, `"warning":"The ban holds`) {
			t.Errorf("%s: %s %s", who, r.Status, body)
		}
		if got := log.String(); !strings.Contains(got, `"level":"warn"`) || !strings.Contains(got, "connection refused") || strings.Contains(got, "not carried out") {
			t.Errorf("%s: the log is %s", who, got)
		}
		log.Reset()
	}
	if got := l.join("192.0.2.9", peerA, swarmA, tracker.Leech); got != tracker.ForbiddenAction {
		t.Errorf("who is shut out joins: %v", got)
	}
	r := l.ask(http.MethodPost, "/bans", "who=192.0.2.7&hours=24", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	if body := bodyOf(t, r); r.StatusCode != http.StatusOK || !strings.Contains(body, "The ban holds") || !strings.Contains(body, "192.0.2.7") {
		t.Errorf("by the page: %s %s", r.Status, body)
	}
	if body := bodyOf(t, l.ask(http.MethodGet, "/api/v1/bans", "")); strings.Contains(body, "warning") || strings.Count(body, `"who"`) != 3 {
		t.Errorf("the bans: %s", body)
	}
}

// Metrics are read by the parser of the Prometheus client for Python, which is strict.
func TestMetricsAreOpenMetrics(t *testing.T) {
	l := newLab(t, nil)
	l.some()
	l.join("192.0.2.7", "odd", `a"b\c`, tracker.Leech) // a name that needs care
	text := bodyOf(t, l.ask(http.MethodGet, "/metrics", ""))
	c := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(json.dumps({s.name + json.dumps(s.labels, sort_keys=True): s.value for f in parse(sys.stdin.read()) for s in f.samples}))`)
	c.Stdin = strings.NewReader(text)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s; install the Debian package python3-prometheus-client\n%s", err, out, text)
	}
	values := map[string]float64{}
	if err := json.Unmarshal(out, &values); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		`swarmgate_tracker_peers{}`: 6, `swarmgate_tracker_swarms{}`: 3, `swarmgate_tracker_registry_up{}`: 1,
		`swarmgate_tracker_requests_total{"code": "00", "type": "CONNECT"}`: 7, `swarmgate_tracker_requests_total{"code": "00", "type": "STAT_REPORT"}`: 1,
		`swarmgate_tracker_swarm_leeches{"swarm": "a\"b\\c"}`:               1,
		`swarmgate_tracker_answer_seconds_count{}`:                          8,
		`swarmgate_tracker_swarm_chunks_late{"swarm": "` + swarmA + `"}`:    3,
		`swarmgate_tracker_swarm_uploaded_bytes{"swarm": "` + swarmA + `"}`: 5_200_000,
		`swarmgate_build_info{"version": "1.0 \"x\""}`:                      1,
	} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, ok, want)
		}
	}
}

func TestEvents(t *testing.T) {
	l := newLab(t, nil)
	s := httptest.NewServer(l.desk)
	defer s.Close()
	client := s.Client()
	defer client.CloseIdleConnections()
	r, err := client.Get(s.URL + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("it is %s", r.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(r.Body)
	next := func(want string) string {
		t.Helper()
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok && name == want {
				lines.Scan()
				return lines.Text()
			}
		}
		t.Fatalf("no %s: %v", want, lines.Err())
		return ""
	}
	next("activity") // now it listens
	l.join("192.0.2.1", peerA, swarmA, tracker.Seeder)
	if got := next("joined"); !strings.Contains(got, peerA) || !strings.Contains(got, swarmA) {
		t.Error(got)
	}
	if _, _, err := l.desk.ban(t.Context(), peerA, 0, "why"); err != nil {
		t.Fatal(err)
	}
	if got := next("banned"); !strings.Contains(got, `"words":"why"`) {
		t.Error(got)
	}
	if code := l.join("192.0.2.1", peerA, swarmA, tracker.Seeder); code != tracker.ForbiddenAction {
		t.Errorf("code %v", code)
	}
	next("refused")
}

// Events are few, and listeners too.
func TestEventsAreBounded(t *testing.T) {
	var h hub
	for range maxListeners {
		if h.listen() == nil {
			t.Fatal("too few may listen")
		}
	}
	if h.listen() != nil {
		t.Error("too many may listen")
	}
	now := time.Unix(1_700_000_000, 0)
	for range 1000 {
		h.tell(Event{At: now, Kind: "joined"}, true)
	}
	if n := len(h.latest()); n != eventsASecond {
		t.Errorf("%d events", n)
	}
	h.tell(Event{At: now.Add(time.Second), Kind: "left"}, true)
	if last := h.latest()[eventsASecond]; last.LeftOut != 1000-eventsASecond {
		t.Errorf("%+v", last)
	}
	for i := range 1000 {
		h.tell(Event{At: now.Add(time.Duration(i) * time.Second)}, true)
	}
	if n := len(h.latest()); n != maxLatest {
		t.Errorf("%d events are kept", n)
	}
	for _, l := range h.listeners {
		if len(l) > maxBacklog {
			t.Errorf("a listener is %d behind", len(l))
		}
	}
}

func TestBans(t *testing.T) {
	l := newLab(t, nil)
	l.some()
	for i, c := range []struct {
		who, from, peer string
		want            bool
	}{
		{peerA, "203.0.113.1", peerA, true},
		{peerA, "203.0.113.1", "other", false},
		{"192.0.2.7", "192.0.2.7", "other", true},
		{"192.0.2.7", "192.0.2.8", "other", false},
		{"::ffff:192.0.2.9", "192.0.2.9", "other", true},
		{"198.51.100.77/24", "198.51.100.3", "other", true},
		{"198.51.100.0/24", "198.51.101.3", "other", false},
		{"2001:db8::/32", "2001:db8:1::1", "other", true},
		{"2001:db8::/32", "2001:db9::1", "other", false},
		{"2001:db8::1", "2001:db8::1", "other", true},
	} {
		b, _, err := l.desk.ban(t.Context(), c.who, 1, "")
		if err != nil {
			t.Fatal(err)
		}
		again, err := OpenBans(l.path) // as after a restart
		if err != nil {
			t.Fatal(err)
		}
		for _, bans := range []*Bans{l.desk.config.Bans, again} {
			if got := bans.Holds(netip.MustParseAddr(c.from), c.peer, l.clock()); got != c.want {
				t.Errorf("%d: %s for %s from %s: %v", i, c.who, c.peer, c.from, got)
			}
			if bans.Holds(netip.MustParseAddr(c.from), c.peer, l.clock().Add(2*time.Hour)) {
				t.Errorf("%d: it does not end", i)
			}
		}
		if found, err := l.desk.unban(t.Context(), b.ID); !found || err != nil {
			t.Errorf("%d: taken back: %v, %v", i, found, err)
		}
		if l.desk.config.Bans.Holds(netip.MustParseAddr(c.from), c.peer, l.clock()) {
			t.Errorf("%d: it holds although it was taken back", i)
		}
	}
	// Those who were there are gone at once.
	if left, err := l.memory.Totals(t.Context(), l.clock()); err != nil || left.Peers != 0 {
		t.Errorf("%+v, %v", left, err)
	}
	var nobody *Bans
	if nobody.Holds(netip.MustParseAddr("192.0.2.1"), peerA, l.clock()) || len(nobody.List(l.clock())) != 0 {
		t.Error("no bans ban")
	}
}

func TestBansAreBounded(t *testing.T) {
	b, err := OpenBans("")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	for i := range MaxBans {
		b.list = append(b.list, Ban{ID: fmt.Sprint(i), Who: fmt.Sprint("p", i)})
	}
	if _, err := b.Add(t.Context(), "one more", 0, "", now); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("one more: %v", err)
	}
	for _, bad := range [][2]string{{"", ""}, {"a\nb", ""}, {strings.Repeat("x", 200), ""}, {"10.0.0.0/99", ""}, {"x", strings.Repeat("r", 300)}} {
		if _, err := b.Add(t.Context(), bad[0], 0, bad[1], now); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	path := t.TempDir() + "/bans"
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBans(path); err == nil || !strings.Contains(err.Error(), "mend it") {
		t.Errorf("a damaged file: %v", err)
	}
}

// Other names, other sites and wrong tokens are refused.
func TestGuard(t *testing.T) {
	const token = "0123456789abcdefghij"
	tokens, err := auth.ReadTokens(strings.NewReader(token))
	if err != nil {
		t.Fatal(err)
	}
	open := newLab(t, func(c *Config) { c.Names = []string{"tracker.example"} })
	closed := newLab(t, func(c *Config) { c.Authorize = auth.New(nil, tokens, auth.NewBasic(tokens)).Authorize })
	const ban = `{"who":"x"}`
	for i, c := range []struct {
		lab          *lab
		method, body string
		header       []string
		want         int
	}{
		{open, http.MethodGet, "", nil, 200},
		{open, http.MethodGet, "", []string{"Host", "localhost:7847"}, 200},
		{open, http.MethodGet, "", []string{"Host", "[::1]:7847"}, 200},
		{open, http.MethodGet, "", []string{"Host", "Tracker.Example."}, 200},
		{open, http.MethodGet, "", []string{"Host", "evil.example"}, 421},
		{open, http.MethodGet, "", []string{"Host", "127.0.0.1.evil.example:7847"}, 421},
		{open, http.MethodPost, ban, nil, 201},
		{open, http.MethodPost, ban, []string{"Sec-Fetch-Site", "same-origin"}, 201},
		{open, http.MethodPost, ban, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{open, http.MethodPost, ban, []string{"Origin", "https://evil.example"}, 403},
		{open, http.MethodPost, ban, []string{"Origin", "null"}, 403},
		{open, http.MethodPost, ban, []string{"Origin", "http://127.0.0.1:7847"}, 201},
		{open, http.MethodPost, ban, []string{"Content-Type", "text/plain"}, 415},
		{closed, http.MethodGet, "", nil, 401},
		{closed, http.MethodGet, "", []string{"Authorization", "Bearer " + token}, 200},
		{closed, http.MethodGet, "", []string{"Authorization", "Bearer " + token + "x"}, 401},
		{closed, http.MethodGet, "", []string{"Authorization", "Basic YW55OjAxMjM0NTY3ODlhYmNkZWZnaGlq"}, 200}, // any:token
		{closed, http.MethodGet, "", []string{"Authorization", "Basic YW55Ong="}, 401},
		{closed, http.MethodPost, ban, []string{"Authorization", "Basic YW55OjAxMjM0NTY3ODlhYmNkZWZnaGlq", "Sec-Fetch-Site", "cross-site"}, 403},
	} {
		r := c.lab.ask(c.method, "/api/v1/bans", c.body, c.header...)
		if body := bodyOf(t, r); r.StatusCode != c.want {
			t.Errorf("%d: %s %v: %s %s, want %d", i, c.method, c.header, r.Status, body, c.want)
		}
		if c.want == 401 && len(r.Header.Values("Www-Authenticate")) != 2 {
			t.Errorf("%d: %v", i, r.Header)
		}
		if policy := r.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%d: the policy is %q", i, policy)
		}
	}
}

// The page shows what there is, whatever peers write, and bans without scripts.
func TestPage(t *testing.T) {
	l := newLab(t, nil)
	l.some()
	const odd = `<script>alert(1)</script>`
	l.join("203.0.113.7", odd, swarmA, tracker.Leech)
	form := func(path, body string) *http.Response {
		return l.ask(http.MethodPost, path, body, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	}
	first := bodyOf(t, l.ask(http.MethodGet, "/", ""))
	for _, want := range []string{"<dt>Peers</dt><dd>6</dd>", "/swarms/" + swarmA, "5.2 MB", "Nobody.", "joined"} {
		if !strings.Contains(first, want) {
			t.Errorf("the page lacks %q: %s", want, first)
		}
	}
	second := bodyOf(t, l.ask(http.MethodGet, "/swarms/"+swarmA, ""))
	for _, text := range []string{first, second} {
		if strings.Contains(text, "<script>alert") || strings.Contains(text, "https://") {
			t.Error("what a peer wrote is in the page as it is, or something is from elsewhere")
		}
	}
	if !strings.Contains(second, "198.51.100.3") || !strings.Contains(second, "Ban for a day") {
		t.Error(second)
	}
	if r := form("/bans", "who=192.0.2.7&hours=24&reason=%3Cb%3E"); r.StatusCode != 303 {
		t.Errorf("ban: %s %s", r.Status, bodyOf(t, r))
	}
	list := l.desk.config.Bans.List(l.clock())
	if len(list) != 1 || list[0].Who != "192.0.2.7" || list[0].Reason != "<b>" {
		t.Fatalf("%+v", list)
	}
	if got := bodyOf(t, l.ask(http.MethodGet, "/", "")); !strings.Contains(got, "&lt;b&gt;") || !strings.Contains(got, "/bans/"+list[0].ID+"/remove") {
		t.Error(got)
	}
	if r := form("/bans", "who=&hours=24"); r.StatusCode != 400 || !strings.Contains(bodyOf(t, r), `role="alert"`) {
		t.Errorf("nobody: %s", r.Status)
	}
	if r := form("/bans/"+list[0].ID+"/remove", ""); r.StatusCode != 303 || len(l.desk.config.Bans.List(l.clock())) != 0 {
		t.Errorf("unban: %s", r.Status)
	}
	for path, kind := range map[string]string{"/page.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8"} {
		if r := l.ask(http.MethodGet, path, ""); r.StatusCode != 200 || r.Header.Get("Content-Type") != kind {
			t.Errorf("%s: %s %v", path, r.Status, r.Header)
		}
	}
	if r := l.ask(http.MethodGet, "/swarms/00", ""); r.StatusCode != 404 {
		t.Errorf("no swarm: %s", r.Status)
	}
}
