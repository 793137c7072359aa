package picture

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image/color"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/proxy"
)

// logos is a Library: the logo of each item.
type logos map[string]string

func (l logos) Item(id string) (proxy.Item, bool) {
	logo, ok := l[id]
	return proxy.Item{ID: id, Logo: logo}, ok
}

func ask(s *Server, path string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.Handle("GET "+Root+"{file}", s)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestServe(t *testing.T) {
	picture := logo(t, "png", 300, 300, color.White)
	fetched := 0
	s := New(logos{
		"web": "https://logos.example/1.png", "here": "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture),
		"none": "", "svg": "data:image/svg+xml;base64,AAAA", "broken": "data:image/png;base64,%%%", "gone": "https://logos.example/gone.png",
	}, func(_ context.Context, url string) ([]byte, error) {
		fetched++
		if url != "https://logos.example/1.png" {
			return nil, errors.New("404")
		}
		return picture, nil
	}, "test/1", zerolog.Nop())
	for _, c := range []struct {
		path string
		code int
	}{
		{Path("web", profile.Thumbnail), 200},
		{Path("web", profile.Thumbnail), 200},
		{Path("here", profile.Small), 200},
		{Path("none", profile.Thumbnail), 404},
		{Path("svg", profile.Thumbnail), 404},
		{Path("broken", profile.Thumbnail), 404},
		{Path("gone", profile.Thumbnail), 404},
		{Path("gone", profile.Thumbnail), 404},
		{Path("nobody", profile.Thumbnail), 404},
		{Root + "web.png", 404},
	} {
		w := ask(s, c.path)
		if w.Code != c.code {
			t.Errorf("%s: %d %s, want %d", c.path, w.Code, w.Body, c.code)
		}
		if c.code != 200 {
			continue
		}
		size := "JPEG_TN"
		if strings.HasSuffix(c.path, "-sm.jpg") {
			size = "JPEG_SM"
		}
		h := w.Header()
		if h.Get("Content-Type") != "image/jpeg" || h.Get("Content-Length") != fmt.Sprint(w.Body.Len()) ||
			!strings.HasPrefix(h["contentFeatures.dlna.org"][0], "DLNA.ORG_PN="+size+";") || h["transferMode.dlna.org"][0] != "Interactive" {
			t.Errorf("%s: %v", c.path, h)
		}
	}
	if fetched != 2 {
		t.Errorf("fetched %d times, want each once", fetched)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := New(logos{}, nil, "", zerolog.Nop())
	for i := range 5000 {
		s.keep(kept{logo: fmt.Sprint("https://h/", i%1500), size: profile.Thumbnail, b: make([]byte, i), at: time.Now()})
	}
	sum := 0
	for _, k := range s.kept {
		sum += k.weight()
	}
	if sum != s.bytes || sum > maxKept || len(s.kept) > maxKeptCount || len(s.kept) < 100 {
		t.Errorf("%d bytes of %d pictures, counted %d", sum, len(s.kept), s.bytes)
	}
}

// What could not be had is asked for again, but not at once; and a server that does not answer takes
// no more than its slots, and no screen's patience for ever.
func TestTroublesomeServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked, under, most atomic.Int32
		s := New(logos{"a": "https://h/a", "slow": "https://h/slow"}, func(ctx context.Context, url string) ([]byte, error) {
			asked.Add(1)
			if url == "https://h/slow" {
				most.Store(max(most.Load(), under.Add(1)))
				<-ctx.Done()
				under.Add(-1)
			}
			return nil, errors.New("no")
		}, "", zerolog.Nop())
		for wait, want := range map[time.Duration]int32{0: 1, retryAfter - time.Second: 1} {
			time.Sleep(wait)
			if ask(s, Path("a", profile.Thumbnail)); asked.Load() != want {
				t.Errorf("asked %d times, want %d", asked.Load(), want)
			}
		}
		time.Sleep(retryAfter + time.Second)
		if ask(s, Path("a", profile.Thumbnail)); asked.Load() != 2 {
			t.Errorf("asked %d times, want 2", asked.Load())
		}
		from := time.Now()
		done := make(chan int, 20)
		for range 20 {
			go func() { done <- ask(s, Path("slow", profile.Thumbnail)).Code }()
		}
		for range 20 {
			if code := <-done; code != http.StatusServiceUnavailable {
				t.Errorf("status %d", code)
			}
		}
		if took := time.Since(from); took > patience+time.Second || most.Load() != maxFetches {
			t.Errorf("took %v, with %d requests at once", took, most.Load())
		}
	})
}

// That our line was too slow once is not the picture's fault.
func TestImpatienceIsSoonForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		picture, asked := logo(t, "png", 30, 30, color.White), 0
		s := New(logos{"a": "https://h/a"}, func(ctx context.Context, _ string) ([]byte, error) {
			if asked++; asked > 1 {
				return picture, nil
			}
			return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
		}, "", zerolog.Nop())
		for _, c := range []struct {
			wait        time.Duration
			code, asked int
		}{{0, 503, 1}, {time.Second, 503, 1}, {retrySoon, 200, 2}} {
			time.Sleep(c.wait)
			if w := ask(s, Path("a", profile.Thumbnail)); w.Code != c.code || asked != c.asked {
				t.Errorf("after %v: %d, asked %d times", c.wait, w.Code, asked)
			}
		}
	})
}

// Nothing in the home is asked, whatever name it has.
func TestPublicGoesAbroadAlone(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	defer server.Close()
	server.Config.ErrorLog = nil
	fetch := Public(func(netip.Addr) bool { return false })
	for _, url := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), strings.Replace(server.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		if _, err := fetch(t.Context(), url); err == nil || !strings.Contains(err.Error(), "no address in the Internet") {
			t.Errorf("%s: %v", url, err)
		}
	}
	home := func(a netip.Addr) bool { return a == netip.MustParseAddr("203.0.113.9") }
	for a, want := range map[string]bool{
		"8.8.8.8": true, "2001:4860::1": true, "203.0.113.9": false, "127.0.0.1": false, "10.0.0.1": false, "192.168.1.1": false, "172.16.0.1": false,
		"169.254.1.1": false, "100.64.0.1": false, "0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "::1": false, "fd00::1": false, "fe80::1": false, "::": false,
		"64:ff9b::c0a8:101": false, "64:ff9b:1::1": false, "2002:c0a8:101::1": false, "0.1.2.3": false, "240.0.0.1": false, "198.18.0.1": false, "::192.168.1.1": false,
	} {
		if got := abroad(netip.MustParseAddr(a), home); got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}

func TestGet(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			_, _ = w.Write([]byte("picture"))
		case "/large":
			_, _ = w.Write(make([]byte, maxPicture+1))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	client := server.Client()
	for path, want := range map[string]string{"/ok": "", "/large": "larger than 1 MiB", "/none": "404"} {
		b, err := get(t.Context(), client, server.URL+path)
		if want == "" && (err != nil || string(b) != "picture") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %d bytes, %v", path, len(b), err)
		}
	}
	client.CloseIdleConnections()
}
