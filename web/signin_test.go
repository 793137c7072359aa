package web

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/bcrypt"
)

const (
	rightWord = "correct horse"
	goodToken = "a-token-of-a-program"
	goodKey   = "Zm9ydHktdHdvIGJ5dGVz"
)

// locked is a gateway with a password, whose clock and log the test has.
type locked struct {
	t       *testing.T
	server  *Server
	handler http.Handler
	log     bytes.Buffer
	now     time.Time
	cookie  *http.Cookie
}

func newLocked(t *testing.T, change func(*Config)) *locked {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(rightWord), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	l := &locked{t: t, now: time.Unix(1_800_000_000, 0)}
	g := newFakeGateway()
	g.openLive = sends(strings.NewReader("GGGG"))
	c := Config{
		Gateway: g, OwnerToken: strings.Repeat("0a", 32), Logger: zerolog.New(&l.log),
		Access: Access{Password: hash, Guests: true, Tokens: []string{goodToken}, Key: goodKey},
		Mounts: map[string]http.Handler{"/dlna/": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("dlna")) })},
	}
	if change != nil {
		change(&c)
	}
	l.server = New(c)
	l.server.signin.now = func() time.Time { return l.now }
	l.handler = l.server.Handler()
	return l
}

func closedToGuests(c *Config) { c.Access.Guests = false }

func (l *locked) ask(method, path, body string, set ...func(*http.Request)) *httptest.ResponseRecorder {
	l.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr, r.Host = home, "192.168.1.5:8088"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if l.cookie != nil {
		r.AddCookie(l.cookie)
	}
	for _, f := range set {
		f(r)
	}
	w := httptest.NewRecorder()
	l.handler.ServeHTTP(w, r)
	return w
}

func (l *locked) login(password string, set ...func(*http.Request)) *httptest.ResponseRecorder {
	l.t.Helper()
	w := l.ask(http.MethodPost, "/api/v1/login", fmt.Sprintf(`{"password":%q}`, password), set...)
	for _, c := range w.Result().Cookies() {
		l.cookie = c
	}
	return w
}

func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = address }
}

func TestSigningIn(t *testing.T) {
	l := newLocked(t, nil)
	if w := l.ask(http.MethodDelete, "/api/v1/channels/news", ""); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("a guest deletes: status %d", w.Code)
	}
	if w := l.login("wrong"); w.Code != http.StatusUnauthorized || l.cookie != nil {
		t.Fatalf("a wrong password: status %d", w.Code)
	}
	if !strings.Contains(l.log.String(), "wrong password") || !strings.Contains(l.log.String(), home) || strings.Contains(l.log.String(), `"wrong"`) {
		t.Errorf("the log says %s", &l.log)
	}
	if w := l.login(rightWord); w.Code != http.StatusNoContent || l.cookie == nil {
		t.Fatalf("the password: status %d, %s", w.Code, w.Body)
	}
	if c := l.cookie; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/" || len(c.Value) < 40 {
		t.Errorf("cookie %v", c)
	}
	if w := l.ask(http.MethodGet, "/api/v1/login", ""); w.Body.String() != `{"may_watch":true,"password":true,"signed_in":true}`+"\n" {
		t.Error(w.Body)
	}
	if w := l.ask(http.MethodDelete, "/api/v1/channels/news", ""); w.Code != http.StatusNoContent {
		t.Errorf("who signed in deletes: status %d", w.Code)
	}
	old := *l.cookie
	if w := l.ask(http.MethodDelete, "/api/v1/login", ""); w.Code != http.StatusNoContent || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("signing out: status %d", w.Code)
	}
	l.cookie = &old
	if w := l.ask(http.MethodPost, "/api/v1/channels", `{"link":"swarm:more"}`); w.Code != http.StatusUnauthorized {
		t.Errorf("signed out, the cookie still opens: status %d", w.Code)
	}
	l.login(rightWord, func(r *http.Request) { r.TLS = nil })
	l.now = l.now.Add(sessionTime + time.Second)
	if w := l.ask(http.MethodPost, "/api/v1/channels", `{"link":"swarm:more"}`); w.Code != http.StatusUnauthorized {
		t.Errorf("a month later: status %d", w.Code)
	}
}

// What everybody may do, what guests may, and what takes the password, path by path.
func TestWhatTakesThePassword(t *testing.T) {
	const everybody, guests, players, members = "everybody", "guests", "players", "members"
	paths := map[string]string{
		"GET /": everybody, "GET /watch/news": everybody, "GET /healthz": everybody, "GET /readyz": everybody, "GET /api/v1/login": everybody, "GET /licences.txt": everybody,
		"GET /api/v1/channels": guests, "GET /api/v1/channels/news": guests, "GET /api/v1/sessions": guests, "GET /api/v1/device": guests, "GET /metrics": guests,
		"GET /api/v1/guide": guests, "GET /api/v1/renderers": guests, "GET /nothing": guests,
		"GET /live/news.ts": players, "GET /channels.m3u": players, "GET /films.m3u": players, "GET /xmltv.xml": players, "GET /lineup.json": players,
		"GET /ch/1": players, "POST /dlna/control": players, "GET /films.rss": players, "POST /lineup.post": players,
		"POST /api/v1/channels": members, "DELETE /api/v1/channels/news": members, "PUT /api/v1/channels/news/favourite": members,
	}
	for name, test := range map[string]struct {
		change func(*Config)
		open   []string
	}{
		"guests watch":  {nil, []string{everybody, guests, players}},
		"players alone": {closedToGuests, []string{everybody, players}},
		"players by rule": {func(c *Config) {
			closedToGuests(c)
			c.Access.Streams = []netip.Prefix{netip.MustParsePrefix("192.168.1.20/32")}
		}, []string{everybody, players}},
		"other players": {func(c *Config) {
			closedToGuests(c)
			c.Access.Streams = []netip.Prefix{netip.MustParsePrefix("192.168.1.99/32")}
		}, []string{everybody}},
		"no password": {func(c *Config) { c.Access = Access{} }, []string{everybody, guests, players, members}},
	} {
		t.Run(name, func(t *testing.T) {
			for path, who := range paths {
				method, path, _ := strings.Cut(path, " ")
				l := newLocked(t, test.change) // each with all of its streams
				open := strings.Contains(strings.Join(test.open, " "), who)
				if w := l.ask(method, path, ""); (w.Code != http.StatusUnauthorized) != open {
					t.Errorf("%s %s (%s): status %d", method, path, who, w.Code)
				}
				if w := l.ask(method, path, "", header("Authorization", "Bearer "+goodToken)); w.Code == http.StatusUnauthorized {
					t.Errorf("%s %s with a token: status %d", method, path, w.Code)
				}
			}
		})
	}
}

func TestTokensOfPrograms(t *testing.T) {
	l := newLocked(t, closedToGuests)
	for token, want := range map[string]int{
		"Bearer " + goodToken: 200, "bearer " + goodToken: 200, "Bearer " + strings.Repeat("0a", 32): 200,
		"Bearer " + goodToken[1:]: 401, "Bearer ": 401, "Basic " + goodToken: 401, goodToken: 401,
	} {
		if w := l.ask(http.MethodGet, "/api/v1/channels", "", header("Authorization", token)); w.Code != want {
			t.Errorf("%q: status %d, want %d", token, w.Code, want)
		}
	}
	if !strings.Contains(l.log.String(), "wrong token") {
		t.Errorf("the log says %s", &l.log)
	}
}

// Streams have addresses for players that no rule names: their key opens them, and nothing else.
func TestKeyOfStreams(t *testing.T) {
	elsewhere := func(c *Config) {
		closedToGuests(c)
		c.Access.Streams = []netip.Prefix{netip.MustParsePrefix("192.168.1.99/32")}
	}
	l := newLocked(t, elsewhere)
	w := l.ask(http.MethodGet, "/channels.m3u", "", header("Authorization", "Bearer "+goodToken))
	url := "http://192.168.1.5:8088/k/" + goodKey + "/live/news.ts"
	if !strings.Contains(w.Body.String(), "\n"+url+"\n") {
		t.Fatalf("the playlist is\n%s", w.Body)
	}
	if w := l.ask(http.MethodGet, "/k/"+goodKey+"/live/news.ts", ""); w.Code != http.StatusOK || w.Body.String() != "GGGG" {
		t.Errorf("with the key: status %d", w.Code)
	}
	if w := l.ask(http.MethodGet, "/k/"+goodKey+"/channels.m3u", ""); !strings.Contains(w.Body.String(), url) {
		t.Errorf("the playlist by the key is %s", w.Body)
	}
	for _, path := range []string{
		"/k/" + goodKey + "/api/v1/channels", "/k/" + goodKey + "/", "/k/" + goodKey, "/k/" + goodKey[1:] + "/live/news.ts", "/k//live/news.ts", "/k/x/live/news.ts",
		"/k/" + goodKey + "/k/" + goodKey + "/live/news.ts",
	} {
		if w := l.ask(http.MethodGet, path, ""); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	if w := newLocked(t, nil).ask(http.MethodGet, "/channels.m3u", ""); strings.Contains(w.Body.String(), "/k/") {
		t.Error("where guests watch, the key is told")
	}
}

// Brute force: who guesses waits longer and longer, also with the right password, and others are
// not kept out.
func TestBruteForce(t *testing.T) {
	l := newLocked(t, nil)
	for i := range freeGuesses {
		if w := l.login("guess"); w.Code != http.StatusUnauthorized {
			t.Fatalf("guess %d: status %d", i, w.Code)
		}
	}
	tried := 0
	for range 3600 { // once a second for an hour
		l.now = l.now.Add(time.Second)
		switch w := l.login("guess"); w.Code {
		case http.StatusUnauthorized:
			tried++
		case http.StatusTooManyRequests:
			if w.Header().Get("Retry-After") == "" {
				t.Fatal("nobody says how long to wait")
			}
		default:
			t.Fatalf("status %d", w.Code)
		}
	}
	if tried > 12 {
		t.Errorf("%d guesses in an hour", tried)
	}
	if w := l.login(rightWord); w.Code != http.StatusTooManyRequests {
		t.Errorf("in between the password opens: status %d", w.Code)
	}
	if w := l.ask(http.MethodPost, "/api/v1/preview", "", header("Authorization", "Bearer "+goodToken+"x")); w.Code != http.StatusTooManyRequests {
		t.Errorf("a wrong token from who guesses: status %d", w.Code)
	}
	if w := l.ask(http.MethodPost, "/api/v1/preview", "", header("Authorization", "Bearer "+goodToken)); w.Code == http.StatusTooManyRequests || w.Code == http.StatusUnauthorized {
		t.Errorf("a program's token from where somebody guesses: status %d", w.Code)
	}
	if w := l.login(rightWord, from("192.168.1.21:1")); w.Code != http.StatusNoContent {
		t.Errorf("another client: status %d", w.Code)
	}
	l.now = l.now.Add(longestWait)
	if w := l.login(rightWord); w.Code != http.StatusNoContent {
		t.Errorf("later: status %d", w.Code)
	}
	lines := strings.Count(l.log.String(), "wrong password")
	if lines == 0 || lines > refusals*2 {
		t.Errorf("%d lines in the log", lines)
	}
}

// What strangers guess keeps nobody out who knew the password before, and no program with a token.
func TestGuessesOfOthers(t *testing.T) {
	l := newLocked(t, closedToGuests)
	const phone, clumsy, stranger = "192.168.1.30:1", "192.168.1.31:1", "192.168.1.32:1"
	for _, one := range []string{phone, clumsy} {
		if w := l.login(rightWord, from(one)); w.Code != http.StatusNoContent {
			t.Fatalf("status %d", w.Code)
		}
	}
	for i := range guessesInAll {
		l.login("guess", from(fmt.Sprintf("10.0.0.%d:1", i)))
	}
	l.login("gess", from(clumsy))
	for one, want := range map[string]int{phone: http.StatusNoContent, clumsy: http.StatusTooManyRequests, stranger: http.StatusTooManyRequests} {
		if w := l.login(rightWord, from(one)); w.Code != want {
			t.Errorf("%s: status %d, want %d", one, w.Code, want)
		}
	}
	l.cookie = nil
	if w := l.ask(http.MethodGet, "/api/v1/channels", "", from(stranger), header("Authorization", "Bearer "+goodToken)); w.Code != http.StatusOK {
		t.Errorf("a token: status %d", w.Code)
	}
	g := &l.server.signin.guesses
	for i := range 2 * maxAcquainted {
		g.right(guesser(&http.Request{RemoteAddr: fmt.Sprintf("10.2.%d.%d:1", i/250, i%250)}))
	}
	if len(g.knew) != maxAcquainted {
		t.Errorf("%d clients are known", len(g.knew))
	}
}

// Guesses from ever new addresses are bounded in all, and in memory; a network of IPv6 is one.
func TestGuessesFromManyAddresses(t *testing.T) {
	var g guesses
	now := time.Unix(1_800_000_000, 0)
	tried := 0
	for i := range 10_000 {
		who := guesser(&http.Request{RemoteAddr: fmt.Sprintf("10.0.%d.%d:1", i/250, i%250)})
		if g.wait(who, now) == 0 {
			tried++
			g.failed(who, now)
		}
	}
	if tried != guessesInAll || len(g.clients) > maxGuessers {
		t.Errorf("%d guesses at once, %d clients remembered", tried, len(g.clients))
	}
	now = now.Add(guessWindow)
	for i := range maxGuessers * 2 {
		g.failed(guesser(&http.Request{RemoteAddr: fmt.Sprintf("10.1.%d.%d:1", i/250, i%250)}), now)
	}
	if len(g.clients) > maxGuessers {
		t.Errorf("%d clients are remembered", len(g.clients))
	}
	a, b := guesser(&http.Request{RemoteAddr: "[fd00::1]:1"}), guesser(&http.Request{RemoteAddr: "[fd00::ffff:2]:1"})
	c := guesser(&http.Request{RemoteAddr: "[fd00:0:0:1::1]:1"})
	if a != b || a == c {
		t.Errorf("%v, %v, %v", a, b, c)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	i := newSignin()
	now := time.Unix(1_800_000_000, 0)
	i.now = func() time.Time { now = now.Add(time.Second); return now }
	first := i.open()
	for range maxSignedIn {
		i.open()
	}
	if len(i.sessions) != maxSignedIn || i.holds(first) {
		t.Errorf("%d sessions, the first is there: %v", len(i.sessions), i.holds(first))
	}
}

func TestBadLogins(t *testing.T) {
	l := newLocked(t, nil)
	for body, status := range map[string]int{
		`{"password":"` + strings.Repeat("x", 1000) + `"}`: 401, `{"password":"` + strings.Repeat("x", 10_000) + `"}`: 400, `{`: 400, `[]`: 400, `{"password":1}`: 400, `{}`: 401,
	} {
		if w := l.ask(http.MethodPost, "/api/v1/login", body); w.Code != status {
			t.Errorf("%.30s: status %d, want %d", body, w.Code, status)
		}
	}
	if w := l.ask(http.MethodPost, "/api/v1/login", `{"password":"`+rightWord+`"}`, header("Content-Type", "text/plain")); w.Code != http.StatusBadRequest {
		t.Errorf("a form of another site: status %d", w.Code)
	}
	if w := l.login(rightWord, header("Origin", "http://evil.example")); w.Code != http.StatusForbidden {
		t.Errorf("another site signs in: status %d", w.Code)
	}
	if w := newLocked(t, func(c *Config) { c.Access = Access{} }).login("x"); w.Code != http.StatusConflict {
		t.Errorf("without a password: status %d", w.Code)
	}
}
