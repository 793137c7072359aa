package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
)

func neverSends(ctx context.Context, _ string) (io.ReadCloser, error) {
	return never{ctx.Done()}, nil
}

func neverOpens[S any](ctx context.Context, _ string) (S, error) {
	<-ctx.Done()
	var none S
	return none, fmt.Errorf("wait for first bytes: %w", ctx.Err())
}

func sends(r io.Reader) func(context.Context, string) (io.ReadCloser, error) {
	return func(context.Context, string) (io.ReadCloser, error) { return io.NopCloser(r), nil }
}

func TestLiveIsTheStreamWithoutLength(t *testing.T) {
	want := bytes.Repeat([]byte("G123"), 70_000)
	for name, source := range map[string]io.Reader{
		"in one piece":    bytes.NewReader(want),
		"in small pieces": iotest.HalfReader(iotest.HalfReader(bytes.NewReader(want))),
		"with its end":    iotest.DataErrReader(bytes.NewReader(want)),
	} {
		t.Run(name, func(t *testing.T) {
			g := newFakeGateway()
			g.openLive = sends(source)
			w := ask(t, g, http.MethodGet, "/live/news.ts", "")
			if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), want) {
				t.Fatalf("status %d, %d bytes, want %d", w.Code, w.Body.Len(), len(want))
			}
			for name, value := range map[string]string{"Content-Type": "video/mp2t", "Cache-Control": "no-store", "Content-Length": "", "Accept-Ranges": "none"} {
				if got := w.Header().Get(name); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
			if !w.Flushed {
				t.Error("nothing was flushed")
			}
			if g.opened != 1 || g.open() != 0 {
				t.Errorf("%d streams opened, %d left open", g.opened, g.open())
			}
		})
	}
}

// Ranges of a live stream have no meaning; players that ask for "bytes=0-" get it all.
func TestLiveIgnoresRanges(t *testing.T) {
	g := newFakeGateway()
	g.openLive = sends(strings.NewReader("GGGG"))
	w := ask(t, g, http.MethodGet, "/live/news.ts", "", header("Range", "bytes=0-"))
	if w.Code != http.StatusOK || w.Body.String() != "GGGG" {
		t.Errorf("status %d, body %q", w.Code, w.Body)
	}
}

func TestLiveHeadJoinsNoSwarm(t *testing.T) {
	g := newFakeGateway()
	g.openLive = func(context.Context, string) (io.ReadCloser, error) {
		t.Error("the swarm was joined")
		return nil, errors.New("no")
	}
	w := ask(t, g, http.MethodHead, "/live/news.ts", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "video/mp2t" {
		t.Errorf("status %d, type %q", w.Code, w.Header().Get("Content-Type"))
	}
}

func TestLiveThatIsNotThere(t *testing.T) {
	for _, path := range []string{"/live/none.ts", "/live/news", "/live/news.m3u8", "/live/short.ts", "/live/.ts", "/live/%00.ts", "/live/..%2Fnews.ts"} {
		w := ask(t, newFakeGateway(), http.MethodGet, path, "")
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
		sentence(t, w)
	}
}

func TestLiveThatCannotBeOpened(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		says   string
	}{
		{proxy.ErrBusy, 503, "stop watching one"},
		{fmt.Errorf("open: %w", proxy.ErrNotFound), 404, "not in the catalog"},
		{errors.New("tracker says no"), 502, "tracker says no"},
	} {
		g := newFakeGateway()
		g.openLive = func(context.Context, string) (io.ReadCloser, error) { return nil, test.err }
		w := ask(t, g, http.MethodGet, "/live/news.ts", "")
		if w.Code != test.status || !strings.Contains(sentence(t, w), test.says) {
			t.Errorf("%v: status %d %s, want %d with %q", test.err, w.Code, w.Body, test.status, test.says)
		}
	}
}

func TestLiveWithoutPeersEndsInThirtySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		g.openLive = neverOpens
		start := time.Now()
		w := ask(t, g, http.MethodGet, "/live/news.ts", "")
		if got := time.Since(start); got != openTimeout {
			t.Errorf("answered after %s, want %s", got, openTimeout)
		}
		if w.Code != http.StatusGatewayTimeout || !strings.Contains(sentence(t, w), "No peer") {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	})
}

// lateStream opens in spite of its context having ended.
func TestAStreamThatOpensTooLateIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		g.openLive = func(ctx context.Context, _ string) (io.ReadCloser, error) {
			<-ctx.Done()
			return endless{}, nil
		}
		w := ask(t, g, http.MethodGet, "/live/news.ts", "")
		if w.Code != http.StatusGatewayTimeout || g.opened != 1 || g.open() != 0 {
			t.Errorf("status %d, %d opened, %d left open", w.Code, g.opened, g.open())
		}
	})
}

func TestAViewerWhoGoesReleasesTheChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		g.openLive = sends(endless{})
		client, _ := serve(t, g)
		ctx, cancel := context.WithCancel(t.Context())
		resp := get(t, ctx, client, "/live/news.ts")
		if _, err := io.ReadFull(resp.Body, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		if g.open() != 1 {
			t.Fatalf("%d streams open, want 1", g.open())
		}
		cancel()
		resp.Body.Close()
		synctest.Wait()
		if g.open() != 0 {
			t.Errorf("%d streams left open", g.open())
		}
	})
}

func TestAViewerWhoWaitsAndGoesReleasesTheChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		g.openLive = neverSends
		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(time.Second); cancel() }()
		w := ask(t, g, http.MethodGet, "/live/news.ts", "", func(r *http.Request) { *r = *r.WithContext(ctx) })
		if g.open() != 0 || w.Body.Len() != 0 {
			t.Errorf("%d streams left open, body %q", g.open(), w.Body)
		}
	})
}

func TestAViewerWhoStopsReadingIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		g.openLive = sends(endless{})
		client, _ := serve(t, g)
		resp := get(t, t.Context(), client, "/live/news.ts")
		defer resp.Body.Close()
		time.Sleep(stuckLive - time.Second)
		synctest.Wait()
		if g.open() != 1 {
			t.Fatal("dropped too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if g.open() != 0 {
			t.Errorf("a viewer who reads nothing still holds the channel after %s", stuckLive)
		}
	})
}

// A connection that served a stuck film or channel must not carry its deadline on.
func TestDeadlinesEndWithTheirStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		g.openLive = func(context.Context, string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("GGGG")), nil
		}
		client, _ := serve(t, g)
		for range 3 {
			resp := get(t, t.Context(), client, "/live/news.ts")
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(body) != "GGGG" {
				t.Fatalf("body %q, %v", body, err)
			}
			time.Sleep(stuckLive + time.Second)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	s := New(Config{Gateway: newFakeGateway()})
	for range MaxStreams {
		s.streams.take()
	}
	for _, path := range []string{"/live/news.ts", "/film/short"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr, r.Host = home, "localhost"
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: status %d, Retry-After %q", path, w.Code, w.Header().Get("Retry-After"))
		}
		sentence(t, w)
	}
}

// writes counts the writes of a response.
type writes struct {
	*httptest.ResponseRecorder
	sizes []int
}

func (w *writes) Write(b []byte) (int, error) {
	w.sizes = append(w.sizes, len(b))
	return len(b), nil
}

// A swarm of small chunks must not cost a write each; a viewer behind gets big ones.
func TestPumpGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, sink := newTrickle(), &writes{ResponseRecorder: httptest.NewRecorder()}
		go source.run(5000, 1000, time.Millisecond)
		n, err := pump(t.Context(), sink, source, &buffers{})
		if err != nil || n != 5000*1000 {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if len(sink.sizes) > 330 {
			t.Errorf("5000 chunks in five seconds cost %d writes, want 250 in the first and 16 in each other", len(sink.sizes))
		}
	})
	sink := &writes{ResponseRecorder: httptest.NewRecorder()}
	if _, err := pump(t.Context(), sink, io.LimitReader(endless{}, 10*maxWrite), &buffers{}); err != nil {
		t.Fatal(err)
	}
	if len(sink.sizes) != 10 {
		t.Errorf("10 × %d bytes cost %d writes", maxWrite, len(sink.sizes))
	}
}

// A byte that comes is on its way within gather, at first within gatherAtFirst.
func TestPumpIsPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, sink := newTrickle(), &writes{ResponseRecorder: httptest.NewRecorder()}
		done := make(chan struct{})
		go func() { defer close(done); _, _ = pump(t.Context(), sink, source, &buffers{}) }()
		for i, within := range []time.Duration{0, gatherAtFirst, gather, gather} {
			source.add(make([]byte, 188))
			time.Sleep(within)
			synctest.Wait()
			if len(sink.sizes) != i+1 || !sink.Flushed {
				t.Errorf("packet %d: %d writes after %s, flushed %v", i, len(sink.sizes), within, sink.Flushed)
			}
			if i > 0 {
				time.Sleep(time.Second + time.Duration(i)*7*time.Millisecond)
			}
		}
		source.end()
		<-done
	})
}

func TestPumpEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := pump(ctx, httptest.NewRecorder(), strings.NewReader("GGGG"), &buffers{}); !errors.Is(err, cause) {
		t.Errorf("error %v, want %v", err, cause)
	}
}

// trickle is a source to which bytes are added.
type trickle struct {
	pieces chan []byte
	rest   []byte
}

func newTrickle() *trickle { return &trickle{pieces: make(chan []byte, 10_000)} }

func (t *trickle) add(b []byte) { t.pieces <- b }
func (t *trickle) end()         { close(t.pieces) }

func (t *trickle) run(n, size int, every time.Duration) {
	for range n {
		t.add(make([]byte, size))
		time.Sleep(every)
	}
	t.end()
}

func (t *trickle) Read(p []byte) (int, error) {
	if len(t.rest) == 0 {
		piece, ok := <-t.pieces
		if !ok {
			return 0, io.EOF
		}
		t.rest = piece
		for more := true; more; {
			select {
			case piece, ok := <-t.pieces:
				if more = ok; ok {
					t.rest = append(t.rest, piece...)
				} else {
					n := copy(p, t.rest)
					t.rest = t.rest[n:]
					return n, nil
				}
			default:
				more = false
			}
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// A stream goes to its viewer as it is, without the frames of chunked coding around each write.
func TestLiveIsNotChunked(t *testing.T) {
	g := newFakeGateway()
	g.openLive = sends(strings.NewReader("GGGG"))
	server := httptest.NewServer(New(Config{Gateway: g}).Handler())
	defer server.Close()
	answer, err := http.Get(server.URL + "/live/news.ts")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || string(b) != "GGGG" || len(answer.TransferEncoding) > 0 || !answer.Close {
		t.Errorf("%q, %v, coding %v, closes %v", b, err, answer.TransferEncoding, answer.Close)
	}
}
