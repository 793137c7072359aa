package web

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/proxy"
)

// news reads events in the background.
type news struct{ lines chan string }

func follow(body io.Reader) news {
	n := news{make(chan string, 1000)}
	go func() {
		defer close(n.lines)
		for scanner := bufio.NewScanner(body); scanner.Scan(); {
			if line := scanner.Text(); line != "" {
				n.lines <- line
			}
		}
	}()
	return n
}

// next returns what has come, once nothing more can come at this moment.
func (n news) next() string {
	synctest.Wait()
	var all []string
	for {
		select {
		case line, ok := <-n.lines:
			if !ok {
				return strings.Join(all, "\n")
			}
			all = append(all, line)
		default:
			return strings.Join(all, "\n")
		}
	}
}

// noDevice is the first event of a gateway that is no media server.
const noDevice = "event: device\n" +
	`data: {"name":"","found_on":[],"problem":"This gateway is no media server, so TVs can't find it."}` + "\n"

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		client, _ := serve(t, g)
		resp := get(t, t.Context(), client, "/api/v1/events")
		defer resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("Content-Type %q", got)
		}
		events := follow(resp.Body)
		if got, want := events.next(), noDevice+"event: catalog\ndata: 7\nevent: sessions\ndata: []"; got != want {
			t.Fatalf("first events\n%s\nwant\n%s", got, want)
		}

		time.Sleep(300 * time.Millisecond)
		g.change(func() { g.sessions = []proxy.Session{{ID: "s", State: proxy.StateFinding, Text: "Finding peers"}} })
		if got := events.next(); !strings.Contains(got, `"state":"finding","text":"Finding peers"`) {
			t.Errorf("a change of state was not sent at once: %q", got)
		}

		g.change(func() { g.changes++ })
		time.Sleep(eventGap)
		if got, want := events.next(), "event: catalog\ndata: 8"; got != want {
			t.Errorf("after the gap: %q, want %q", got, want)
		}

		time.Sleep(eventGap)
		g.mu.Lock()
		g.sessions[0].Peers = 4 // figures change without a tick
		g.mu.Unlock()
		if got := events.next(); got != "" {
			t.Errorf("figures were sent between the seconds: %q", got)
		}
		time.Sleep(eventPeriod)
		if got := events.next(); strings.Count(got, `"peers":4`) != 1 {
			t.Errorf("after a second: %q", got)
		}
	})
}

func TestEventsAreSilentWithoutNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := serve(t, newFakeGateway())
		resp := get(t, t.Context(), client, "/api/v1/events")
		defer resp.Body.Close()
		events := follow(resp.Body)
		events.next()
		time.Sleep(eventSilence + eventPeriod + eventPeriod/2)
		if got := events.next(); got != ":" {
			t.Errorf("after %s: %q, want one comment", eventSilence, got)
		}
	})
}

func TestAFloodOfChangesIsThinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		client, _ := serve(t, g)
		resp := get(t, t.Context(), client, "/api/v1/events")
		defer resp.Body.Close()
		events := follow(resp.Body)
		events.next()
		for range 1000 {
			g.change(func() { g.changes++ })
			time.Sleep(time.Millisecond)
		}
		time.Sleep(eventGap)
		got := events.next()
		if n := strings.Count(got, "catalog"); n > 27 || n < 20 {
			t.Errorf("1000 changes in a second gave %d events", n)
		}
		if !strings.HasSuffix(got, "data: 1007") {
			t.Errorf("the last change was lost: %.40s", got[max(0, len(got)-40):])
		}
	})
}

func TestEventsEndWithTheirClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		s := New(Config{Gateway: g})
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/events", nil)
		r.RemoteAddr, r.Host = home, "localhost"
		done := make(chan struct{})
		go func() { defer close(done); s.Handler().ServeHTTP(httptest.NewRecorder(), r) }()
		synctest.Wait()
		if s.events.inUse() != 1 {
			t.Fatalf("%d clients", s.events.inUse())
		}
		cancel()
		<-done
		if s.events.inUse() != 0 {
			t.Errorf("%d clients after the last one left", s.events.inUse())
		}
	})
}

func TestEventClientsAreBounded(t *testing.T) {
	s := New(Config{Gateway: newFakeGateway()})
	for range MaxEventClients {
		s.events.take()
	}
	r := httptest.NewRequest(http.MethodGet, "/api/v1/events", nil)
	r.RemoteAddr, r.Host = home, "localhost"
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", w.Code)
	}
	sentence(t, w)
}

// A page that sleeps on a phone takes nothing and says nothing.
func TestAnEventClientThatStopsReadingIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		s := New(Config{Gateway: g})
		listener := newPipes()
		server := HTTPServer(s.Handler(), zerolog.Nop())
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(listener) }()
		conn, err := listener.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s.events.inUse() != 1 {
			t.Fatalf("%d clients", s.events.inUse())
		}
		time.Sleep(stuckEvents + time.Second)
		synctest.Wait()
		if s.events.inUse() != 0 {
			t.Errorf("a client that reads nothing is still served after %s", stuckEvents)
		}
		conn.Close()
		_ = server.Close()
		<-ended
	})
}
