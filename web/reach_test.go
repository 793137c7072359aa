package web

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"
)

// behind is a gateway whose reverse proxy is 192.168.1.2, under /tv.
func behind(t *testing.T, method, path string, set ...func(*http.Request)) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var log bytes.Buffer
	handler := New(Config{
		Gateway: newFakeGateway(), Base: "/tv", Names: []string{"tv.example.org"}, Proxies: []netip.Prefix{netip.MustParsePrefix("192.168.1.2/32"), netip.MustParsePrefix("127.0.0.1/32")},
		Clients: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Logger: zerolog.New(&log), Security: &fakeSecurity{}, OwnerToken: "owner's",
	}).Handler()
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr, r.Host = "192.168.1.2:999", "127.0.0.1:8088"
	for _, f := range set {
		f(r)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w, log.String()
}

func forwarded(client string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", client)
		r.Header.Set("X-Forwarded-Host", "tv.example.org")
		r.Header.Set("X-Forwarded-Proto", "https")
	}
}

// asked is a request whose proxy passes on the name that its client wrote.
func asked(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func TestBehindAReverseProxy(t *testing.T) {
	const ours = "https://tv.example.org/tv/live/news.ts"
	for name, test := range map[string]struct {
		path   string
		set    []func(*http.Request)
		status int
		url    string
	}{
		"with the base":          {"/tv/channels.m3u", []func(*http.Request){forwarded("192.168.1.30")}, 200, ours},
		"without the base":       {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30")}, 200, ours},
		"of a client elsewhere":  {"/channels.m3u", []func(*http.Request){forwarded("203.0.113.9")}, 200, ours},
		"of a stranger":          {"/channels.m3u", []func(*http.Request){forwarded("8.8.8.8")}, 403, ""},
		"of one who claims":      {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30, 8.8.8.8")}, 403, ""},
		"over two proxies":       {"/channels.m3u", []func(*http.Request){forwarded("8.8.8.8, 192.168.1.30, 127.0.0.1")}, 200, ours},
		"with a port":            {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30:4711")}, 200, ours},
		"in brackets":            {"/channels.m3u", []func(*http.Request){forwarded("[fd00::30]:4711, [::ffff:127.0.0.1]")}, 200, ours},
		"of the proxy's machine": {"/channels.m3u", []func(*http.Request){forwarded("127.0.0.1")}, 200, ours},
		"of a stranger's port":   {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30, 8.8.8.8:4711")}, 403, ""},
		// A client that its proxy does not name has no rights, least of all the proxy's.
		"of nonsense":            {"/channels.m3u", []func(*http.Request){forwarded("<script>")}, 403, "does not say who asks"},
		"of nobody":              {"/channels.m3u", []func(*http.Request){forwarded("")}, 403, "does not say who asks"},
		"of none in the end":     {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30, unknown, 127.0.0.1")}, 403, "does not say who asks"},
		"of a proxy that's mute": {"/channels.m3u", nil, 403, "does not say who asks"},
		"of one who is mute":     {"/live/news.ts", nil, 403, "does not say who asks"},
		"of a mute owner":        {"/channels.m3u", []func(*http.Request){header("Authorization", "Bearer owner's")}, 200, "/live/news.ts"},
		"of a mute pretender":    {"/channels.m3u", []func(*http.Request){header("Authorization", "Bearer mine")}, 403, "does not say who asks"},
		"of the proxy's probe":   {"/healthz", nil, 200, "ok"},
		// Where the proxy passes on what the page of a stranger's site made up.
		"under a made-up name":     {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30"), asked("evil.example")}, 403, ""},
		"under a name of ours":     {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30"), asked("tv.example.org"), header("X-Forwarded-Host", "192.168.1.9")}, 200, ours},
		"under our name and port":  {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30"), asked("tv.example.org"), header("X-Forwarded-Host", "tv.example.org:8443")}, 200, "https://tv.example.org:8443/tv/live/news.ts"},
		"to a name of the proxy's": {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30"), asked("gateway:8088")}, 200, ours},
		"under a rebound name":     {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30"), header("X-Forwarded-Host", "evil.example")}, 403, ""},
		"directly":                 {"/channels.m3u", []func(*http.Request){from(home)}, 200, "http://127.0.0.1:8088/live/news.ts"},
		"directly with the base":   {"/tv/channels.m3u", []func(*http.Request){from(home)}, 200, "http://127.0.0.1:8088/tv/live/news.ts"},
		// Who is no proxy of ours can say what he likes.
		"by a false proxy": {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30"), from("192.168.1.66:1")}, 200, "http://127.0.0.1:8088/live/news.ts"},
		"by a stranger":    {"/channels.m3u", []func(*http.Request){forwarded("192.168.1.30"), from("8.8.8.8:1")}, 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, log := behind(t, http.MethodGet, test.path, test.set...)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.url) {
				t.Errorf("status %d\n%s\nwant %d with %s", w.Code, w.Body, test.status, test.url)
			}
			if test.status == 403 && !strings.Contains(log, "request refused") {
				t.Errorf("the log says %q", log)
			}
		})
	}
	w, _ := behind(t, http.MethodGet, "/tv/watch/news", forwarded("192.168.1.30"))
	if page := w.Body.String(); strings.Contains(page, `="/assets`) || !strings.Contains(page, `src="/tv/assets/`) || w.Code != 200 {
		t.Errorf("the page under its base, status %d:\n%s", w.Code, page)
	}
	if w, _ := behind(t, http.MethodGet, "/tvx", from(home)); w.Code != http.StatusNotFound {
		t.Errorf("/tvx: status %d", w.Code)
	}
	// A proxy on this machine makes nobody the owner.
	for _, set := range []func(*http.Request){forwarded("192.168.1.30"), func(*http.Request) {}} {
		if w, _ := behind(t, http.MethodPost, "/api/v1/bans", from("127.0.0.1:1"), set); w.Code != http.StatusForbidden {
			t.Errorf("a ban by way of a proxy: status %d", w.Code)
		}
	}
}

// Request smuggling: of what a proxy took for one request, never two are answered.
func TestSmuggledRequests(t *testing.T) {
	const hidden = "DELETE /api/v1/channels/news HTTP/1.1\r\nHost: 192.168.1.5:8088\r\n\r\n"
	chunked := fmt.Sprintf("%x\r\n{}\r\n0\r\n\r\n", 2)
	for name, request := range map[string]string{
		"two lengths":            "POST /api/v1/channels HTTP/1.1\r\nHost: 192.168.1.5:8088\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: %d\r\n\r\n{}" + hidden,
		"length and chunks":      "POST /api/v1/channels HTTP/1.1\r\nHost: 192.168.1.5:8088\r\nContent-Type: application/json\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + hidden,
		"chunks to the library":  "POST /dlna/x HTTP/1.1\r\nHost: 192.168.1.5:8088\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + hidden,
		"chunks, in a disguise":  "POST /api/v1/channels HTTP/1.1\r\nHost: 192.168.1.5:8088\r\nContent-Length: %d\r\nTransfer-Encoding: xchunked\r\n\r\n" + chunked + hidden,
		"chunks, behind a space": "POST /api/v1/channels HTTP/1.1\r\nHost: 192.168.1.5:8088\r\nContent-Length: %d\r\nTransfer-Encoding : chunked\r\n\r\n" + chunked + hidden,
		"a name with a space":    "POST /api/v1/channels HTTP/1.1\r\nHost: 192.168.1.5 8088\r\nContent-Length: %d\r\n\r\n" + hidden,
		"two names":              "POST /api/v1/channels HTTP/1.1\r\nHost: 192.168.1.5:8088\r\nHost: evil\r\nContent-Length: %d\r\n\r\n" + hidden,
		"a length with a sign":   "POST /api/v1/channels HTTP/1.1\r\nHost: 192.168.1.5:8088\r\nContent-Length: +2\r\nX-Length: %d\r\n\r\n{}" + hidden,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				smuggle(t, fmt.Sprintf(request, len(chunked)+len(hidden)), name == "length and chunks")
			})
		})
	}
}

// smuggle sends what one request hides another in.
func smuggle(t *testing.T, text string, lengthAndChunks bool) {
	g := newFakeGateway()
	var mu sync.Mutex
	var log bytes.Buffer
	logger := zerolog.New(locking{&mu, &log})
	server := HTTPServer(New(Config{Gateway: g, Logger: logger}).Handler(), logger)
	client, conn := net.Pipe()
	listener := newPipes()
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	listener.conns <- homeConn{conn}
	go func() { _, _ = io.WriteString(client, text) }()
	answer, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(io.MultiReader(answer.Body, client)) // until the connection ends
	_ = client.Close()
	_ = server.Close()
	<-done
	synctest.Wait() // the server tells of a connection's end after the client has seen it
	if bytes.Contains(rest, []byte("HTTP/1.1 ")) || len(g.Items()) != 2 {
		t.Errorf("the hidden request was answered: %q", rest)
	}
	mu.Lock()
	defer mu.Unlock()
	// net/http itself refuses these, before any handler.
	malformed := answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusNotImplemented
	if told := strings.Count(log.String(), "request refused"); malformed && told != 1 || !malformed && told != 0 {
		t.Errorf("status %d, and the log says %q", answer.StatusCode, &log)
	}
	if lengthAndChunks && (answer.StatusCode != http.StatusLengthRequired || !strings.Contains(log.String(), "without a length")) {
		t.Errorf("status %d, the log says %q", answer.StatusCode, &log)
	}
}

type locking struct {
	mu *sync.Mutex
	to io.Writer
}

func (l locking) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// Nothing lies behind the paths but what is served: no name leads out of it.
func TestPathTraversal(t *testing.T) {
	for _, dots := range []string{"..", "%2e%2e", "..%2f..", "%2e%2e%2f%2e%2e", "..%5c..", "%252e%252e", "....", ".%00.", "..;"} {
		for _, front := range []string{"/", "/assets/", "/live/", "/live/news/", "/film/", "/watch/", "/api/v1/channels/", "/k/", "/ch/", "/tv/"} {
			for _, file := range []string{"owner.token", "members.pem", "state.db", "etc/passwd"} {
				w, _ := behind(t, http.MethodGet, front+dots+"/"+file, from(home))
				page := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && strings.Contains(w.Body.String(), `<div id="app">`)
				if w.Code == http.StatusOK && !page {
					t.Errorf("%s: status %d, %.100s", front+dots+"/"+file, w.Code, w.Body)
				}
			}
		}
	}
}
