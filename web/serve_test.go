package web

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// home is the address from which tests send.
const home = "192.168.1.20:50000"

// ask sends one request to a new Server over g and returns the answer.
func ask(t *testing.T, g *fakeGateway, method, target, body string, set ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.RemoteAddr = home
	r.Host = "192.168.1.5:8088"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range set {
		f(r)
	}
	w := httptest.NewRecorder()
	New(Config{Gateway: g, Version: "1.2.3"}).Handler().ServeHTTP(w, r)
	return w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// sentence returns the error of an answer and checks that it is one.
func sentence(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("answer %d %q is not a JSON error: %v", w.Code, w.Body, err)
	}
	if len(p.Error) < 10 || strings.Contains(p.Error, "\n") {
		t.Errorf("error %q is not one sentence", p.Error)
	}
	return p.Error
}

// pipes is a listener whose connections are made in memory, so that a whole HTTP server
// runs in the time of synctest.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 168, 1, 5), Port: 8088} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- homeConn{server}:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// homeConn comes from an address of the home.
type homeConn struct{ net.Conn }

func (homeConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 168, 1, 20), Port: 50000}
}

// serve runs a Server over g with HTTPServer and returns a client and the server.
func serve(t *testing.T, g *fakeGateway) (*http.Client, *http.Server) {
	t.Helper()
	return serveConfig(t, Config{Gateway: g})
}

func serveConfig(t *testing.T, c Config) (*http.Client, *http.Server) {
	t.Helper()
	listener := newPipes()
	server := HTTPServer(New(c).Handler(), c.Logger)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	transport := &http.Transport{DialContext: listener.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-ended
	})
	return &http.Client{Transport: transport}, server
}

// get asks the client for a path under a name that holds.
func get(t *testing.T, ctx context.Context, client *http.Client, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://192.168.1.5:8088"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}
