package media

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

func TestHeadersOfDLNA(t *testing.T) {
	s := newServer(newLibrary())
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		w := fetch(s, method, "/dlna/media/film.mp4", "getcontentFeatures.dlna.org: 1", "transferMode.dlna.org: Streaming")
		for name, want := range map[string]string{
			"contentFeatures.dlna.org": "DLNA.ORG_OP=01;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=01700000000000000000000000000000",
			"transferMode.dlna.org":    "Streaming",
			"SERVER":                   "test/1 UPnP/1.0 test/1",
			"Content-Type":             "video/mp4",
			"Content-Length":           "100000",
			"Accept-Ranges":            "bytes",
		} {
			if got := strings.Join(w.Header()[name], ","); w.Code != http.StatusOK || got != want {
				t.Errorf("%s: %d, %s is %q, want %q", method, w.Code, name, got, want)
			}
		}
	}
}

func TestNegotiation(t *testing.T) {
	const channel, film = "/dlna/media/channel.ts", "/dlna/media/film.mp4"
	for _, c := range []struct {
		name, path, header string
		code               int
		mode               string
	}{
		{"nothing asked", film, "", 200, "Streaming"},
		{"streaming", film, "transferMode.dlna.org: streaming", 200, "Streaming"},
		{"film in the background", film, "transferMode.dlna.org: Background", 200, "Background"},
		{"channel in the background", channel, "transferMode.dlna.org: Background", 406, ""},
		{"interactive is for pictures", film, "transferMode.dlna.org: Interactive", 406, ""},
		{"nonsense", film, "transferMode.dlna.org: x", 406, ""},
		{"features asked wrongly", film, "getcontentFeatures.dlna.org: 2", 400, ""},
		{"from the start", film, "TimeSeekRange.dlna.org: npt=0-", 200, "Streaming"},
		{"from the start, in full", channel, "TimeSeekRange.dlna.org: npt=00:00:00.000-", 200, "Streaming"},
		{"from the middle of a channel that has no earlier parts", channel, "TimeSeekRange.dlna.org: npt=12.5-", 406, "Streaming"},
		{"seek range asked wrongly", film, "getAvailableSeekRange.dlna.org: yes", 400, ""},
		{"from the middle", film, "TimeSeekRange.dlna.org: npt=12.5-", 406, ""},
		{"up to the middle", film, "TimeSeekRange.dlna.org: npt=0-12", 406, ""},
		{"time that is none", film, "TimeSeekRange.dlna.org: 0-", 406, ""},
		{"normal speed", film, "PlaySpeed.dlna.org: speed=1", 200, "Streaming"},
		{"double speed", film, "PlaySpeed.dlna.org: speed=2", 406, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.header != "" {
				headers = append(headers, c.header)
			}
			w := fetch(newServer(newLibrary()), http.MethodHead, c.path, headers...)
			if got := strings.Join(w.Header()["transferMode.dlna.org"], ","); w.Code != c.code || got != c.mode {
				t.Errorf("%d %q, want %d %q", w.Code, got, c.code, c.mode)
			}
		})
	}
}

func TestHeadWakesNoSwarm(t *testing.T) {
	l := newLibrary()
	for _, path := range []string{"/dlna/media/channel.ts", "/dlna/media/film.mp4"} {
		if w := fetch(newServer(l), http.MethodHead, path); w.Code != http.StatusOK || w.Body.Len() != 0 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if n := l.opened.Load(); n != 0 {
		t.Errorf("%d swarms woken", n)
	}
	l.length = 0 // not known before the swarm is asked
	if w := fetch(newServer(l), http.MethodHead, "/dlna/media/film.mp4"); w.Header().Get("Content-Length") != "100000" {
		t.Errorf("length %s", w.Header().Get("Content-Length"))
	}
	if l.opened.Load() != 1 || l.closed.Load() != 1 {
		t.Errorf("opened %d, closed %d", l.opened.Load(), l.closed.Load())
	}
}

func TestRefusals(t *testing.T) {
	l := newLibrary()
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{http.MethodGet, "/dlna/media/nope.mp4", 404},
		{http.MethodGet, "/dlna/media/.mp4", 404},
		{http.MethodPost, "/dlna/media/film.mp4", 405},
		{http.MethodDelete, "/dlna/media/film.mp4", 405},
		{http.MethodHead, "/dlna/media/film", 200}, // the extension is for screens
		{http.MethodHead, "/dlna/media/a%20b%2Fc.d.webm", 200},
	} {
		if w := fetch(newServer(l), c.method, c.path); w.Code != c.code {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, w.Code, c.code)
		}
	}
}

// What follows the headers of a request for media would keep its connection, and is not waited for.
func TestRequestWithABody(t *testing.T) {
	l := newLibrary()
	r := httptest.NewRequest(http.MethodGet, "/dlna/media/film.mp4", strings.NewReader("endless"))
	w := httptest.NewRecorder()
	mounted(newServer(l)).ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || w.Header().Get("Connection") != "close" || l.opened.Load() != 0 {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// A cold swarm keeps the screen waiting without an answer, up to the server's patience;
// then the screen gets a status and the household a line in the log.
func TestPatience(t *testing.T) {
	never := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for _, path := range []string{"/dlna/media/channel.ts", "/dlna/media/film.mp4"} {
		synctest.Test(t, func(t *testing.T) {
			l := newLibrary()
			l.live = func(ctx context.Context) (io.ReadCloser, error) { return nil, never(ctx) }
			l.openFilm = func(ctx context.Context) (proxy.Film, error) { return nil, never(ctx) }
			s, start := newServer(l), time.Now()
			var log bytes.Buffer
			s.Logger = zerolog.New(&log)
			w := fetch(s, http.MethodGet, path)
			if took := time.Since(start); w.Code != http.StatusServiceUnavailable || took != DefaultPatience {
				t.Errorf("%s: %d after %v", path, w.Code, took)
			}
			if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "no peer has delivered anything yet") {
				t.Errorf("%s: %v %s", path, w.Header(), w.Body)
			}
			if !strings.Contains(log.String(), "can't be played") {
				t.Errorf("log %s", log.String())
			}
			if s.Streams() != 0 {
				t.Errorf("%d streams left", s.Streams())
			}
		})
	}
}

// What opens in time is not cut off when the patience would have ended.
func TestPatienceEndsWithTheFirstBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary()
		l.live = func(ctx context.Context) (io.ReadCloser, error) {
			time.Sleep(DefaultPatience - time.Second)
			return &endless{ctx: ctx}, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*DefaultPatience)
		defer cancel()
		start := time.Now()
		w := httptest.NewRecorder()
		mounted(newServer(l)).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/dlna/media/channel.ts", nil))
		if took := time.Since(start); took < 3*DefaultPatience || w.Code != http.StatusOK {
			t.Errorf("%d, ended after %v", w.Code, took)
		}
		if l.closed.Load() != 1 {
			t.Error("the stream was not given back")
		}
	})
}

func TestScreenThatLeavesWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary()
		l.live = func(ctx context.Context) (io.ReadCloser, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		s := newServer(l)
		var log bytes.Buffer
		s.Logger = zerolog.New(&log)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		mounted(s).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/dlna/media/channel.ts", nil))
		if s.Streams() != 0 || log.Len() != 0 {
			t.Errorf("%d streams left, log %s", s.Streams(), log.String())
		}
	})
}

func TestErrorsOfTheLibrary(t *testing.T) {
	for err, want := range map[error]int{
		proxy.ErrNotFound: 404, proxy.ErrBusy: 503, errors.New("tracker says 06"): 503,
	} {
		l := newLibrary()
		l.live = func(context.Context) (io.ReadCloser, error) { return nil, err }
		w := fetch(newServer(l), http.MethodGet, "/dlna/media/channel.ts")
		if w.Code != want || w.Header()["contentFeatures.dlna.org"] != nil {
			t.Errorf("%v: %d %v, want %d", err, w.Code, w.Header(), want)
		}
	}
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary()
		s := newServer(l)
		s.MaxStreams = 3
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int)
		watch := func() {
			w := httptest.NewRecorder()
			mounted(s).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/dlna/media/channel.ts", nil))
			done <- w.Code
		}
		for range 3 {
			go watch()
		}
		synctest.Wait()
		if s.Streams() != 3 {
			t.Errorf("%d streams", s.Streams())
		}
		go watch()
		if code := <-done; code != http.StatusServiceUnavailable {
			t.Errorf("the fourth gets %d", code)
		}
		cancel()
		for range 3 {
			<-done
		}
		if s.Streams() != 0 || l.closed.Load() != 3 {
			t.Errorf("%d streams left, %d given back", s.Streams(), l.closed.Load())
		}
	})
}

func TestFirstRequestOfAFilmIsNews(t *testing.T) {
	var log bytes.Buffer
	s := newServer(newLibrary())
	s.Logger = zerolog.New(&log).Level(zerolog.InfoLevel)
	for _, r := range []string{"bytes=0-", "bytes=500-999", "bytes=99999-"} {
		fetch(s, http.MethodGet, "/dlna/media/film.mp4", "Range: "+r, "User-Agent: "+strings.Repeat("SEC_HHP ", 50))
	}
	if n := strings.Count(log.String(), "a screen plays"); n != 1 || len(log.String()) > 400 {
		t.Errorf("%d lines: %s", n, log.String())
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("1", "Streaming", "npt=0-", "speed=1")
	f.Add("", "", "npt=00:00:01.5-", "")
	f.Add("1", "Background", "npt=12.5-0:01:00/0:02:00", "")
	f.Add("", "", "npt=-", "speed=2")
	seekable := FormatOf(proxy.Item{Kind: ppsp.Film, MediaType: "video/mp2t", Duration: time.Hour})
	f.Fuzz(func(t *testing.T, features, mode, seek, speed string) {
		h := http.Header{}
		h.Set("getcontentFeatures.dlna.org", features)
		h.Set("getAvailableSeekRange.dlna.org", features)
		h.Set("transferMode.dlna.org", mode)
		h.Set("TimeSeekRange.dlna.org", seek)
		h.Set("PlaySpeed.dlna.org", speed)
		for _, format := range []Format{channel, unknownFilm, seekable} {
			got, code := negotiate(h, format)
			if (got.mode == "") != (code != http.StatusOK) || format.Live && got.mode == "Background" {
				t.Fatalf("%v: %+v %d", h, got, code)
			}
			if got.seek != nil && (!format.TimeSeek || got.seek.From < 0 || got.seek.To != 0 && got.seek.To <= got.seek.From) {
				t.Fatalf("%q is taken for %+v", seek, *got.seek)
			}
			if code == http.StatusOK && got.seek == nil && strings.ContainsAny(seek, "123456789") {
				t.Fatalf("seek to %q is taken for the start", seek)
			}
		}
	})
}
