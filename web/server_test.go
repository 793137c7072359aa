package web

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func TestUnknownPathsAnswerWithASentence(t *testing.T) {
	for _, path := range []string{"/nothing", "/live/", "/film/", "/api/v1/", "/api/v1/channels/a/b", "/watch/", "/../etc/passwd", "/assets/../index.html"} {
		w := ask(t, newFakeGateway(), http.MethodGet, path, "")
		if w.Code != http.StatusNotFound && w.Code/100 != 3 {
			t.Errorf("%s: status %d", path, w.Code)
		}
		if w.Code == http.StatusNotFound {
			sentence(t, w)
		}
	}
}

func TestMethodsThatAPathDoesNotTake(t *testing.T) {
	for path, allow := range map[string]string{
		"/":                     "GET, HEAD",
		"/live/news.ts":         "GET, HEAD",
		"/film/short":           "GET, HEAD",
		"/channels.m3u":         "GET, HEAD",
		"/api/v1/channels":      "GET, POST, HEAD",
		"/api/v1/channels/news": "DELETE, GET, PATCH, HEAD",
		"/api/v1/sessions":      "GET, HEAD",
	} {
		w := ask(t, newFakeGateway(), http.MethodPut, path, "")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != allow {
			t.Errorf("PUT %s: status %d, Allow %q, want %q", path, w.Code, w.Header().Get("Allow"), allow)
		}
		sentence(t, w)
	}
}

func TestMountsAreServedBehindTheSameChecks(t *testing.T) {
	handler := New(Config{
		Gateway: newFakeGateway(),
		Mounts: map[string]http.Handler{"/dlna/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(r.URL.Path))
		})},
	}).Handler()
	for host, want := range map[string]int{"192.168.1.5": http.StatusOK, "evil.example": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodGet, "/dlna/device.xml", nil)
		r.RemoteAddr, r.Host = home, host
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %s: status %d, want %d", host, w.Code, want)
		}
	}
}

func TestHTTPServerLimitsWhatAClientMayHoldOpen(t *testing.T) {
	server := HTTPServer(http.NotFoundHandler(), zerolog.Nop())
	if server.ReadHeaderTimeout <= 0 || server.IdleTimeout <= 0 || server.MaxHeaderBytes <= 0 {
		t.Errorf("a limit is missing: %+v", server)
	}
	if server.WriteTimeout != 0 {
		t.Errorf("WriteTimeout %s would end every channel", server.WriteTimeout)
	}
}

// A viewer of a channel and a page with events never go by themselves.
func TestShutdownEndsStreamsAndEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		g.openLive = neverSends
		client, server := serve(t, g)
		events := get(t, t.Context(), client, "/api/v1/events")
		defer events.Body.Close()
		go func() { _, _ = io.Copy(io.Discard, events.Body) }()
		go func() {
			// A stream that has sent nothing when its context ends has no answer.
			if resp, err := client.Get("http://192.168.1.5:8088/live/news.ts"); err == nil {
				resp.Body.Close()
			}
		}()
		synctest.Wait()
		if g.open() != 1 {
			t.Fatalf("%d streams are open, want 1", g.open())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		synctest.Wait()
		if g.open() != 0 {
			t.Errorf("%d streams are still open", g.open())
		}
	})
}

// Browsers open connections in advance.
func TestShutdownDoesNotWaitForConnectionsWithoutRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := serve(t, newFakeGateway())
		used := get(t, t.Context(), client, "/healthz")
		_, _ = io.Copy(io.Discard, used.Body)
		used.Body.Close()
		spare, err := client.Transport.(*http.Transport).DialContext(t.Context(), "tcp", "192.168.1.5:8088")
		if err != nil {
			t.Fatal(err)
		}
		defer spare.Close()
		synctest.Wait()
		began := time.Now()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("Shutdown waited %s", took)
		}
		if _, err := spare.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is still open")
		}
	})
}

func TestConnectionsAreFollowed(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	var log bytes.Buffer
	f := connections{log: zerolog.New(&log)}
	f.follow(a, http.StateNew)
	f.follow(a, http.StateActive)
	f.close() // leaves a alone
	handler := f.before(http.NotFoundHandler())
	request := httptest.NewRequestWithContext(f.context(t.Context(), a), http.MethodGet, "/", nil)
	handler.ServeHTTP(httptest.NewRecorder(), request)
	f.follow(a, http.StateClosed)
	if len(f.states) != 0 || log.Len() != 0 {
		t.Errorf("%d connections are remembered, want none; the log says %s", len(f.states), &log)
	}
	f.follow(b, http.StateNew) // accepted while the server shuts down
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("a connection that came after the end is open")
	}
}

func TestSlotsAreBounded(t *testing.T) {
	s := newSlots(2)
	for n := range 3 {
		if got, want := s.take(), n < 2; got != want {
			t.Fatalf("place %d was given: %v, want %v", n+1, got, want)
		}
	}
	s.give()
	if s.inUse() != 1 || !s.take() {
		t.Error("a place that was given back can't be taken")
	}
}

func TestDefaultName(t *testing.T) {
	w := ask(t, newFakeGateway(), http.MethodGet, "/", "")
	if !strings.Contains(w.Body.String(), `data-name="Swarmgate" data-version="1.2.3"`) {
		t.Errorf("page does not carry name and version: %s", w.Body)
	}
}
