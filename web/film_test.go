package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// filmBytes is the content of shortFilm.
var filmBytes = func() []byte {
	b := make([]byte, shortFilm.Length)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}()

func filmGateway() *fakeGateway {
	g := newFakeGateway()
	g.openFilm = func(context.Context, string) (proxy.Film, error) {
		return memoryFilm{bytes.NewReader(filmBytes)}, nil
	}
	return g
}

func TestFilmByRange(t *testing.T) {
	size := int64(len(filmBytes))
	for name, test := range map[string]struct {
		asked      string
		status     int
		start, end int64
	}{
		"whole":        {"", 200, 0, size},
		"from zero":    {"bytes=0-", 206, 0, size},
		"first byte":   {"bytes=0-0", 206, 0, 1},
		"middle":       {"bytes=50000-59999", 206, 50_000, 60_000},
		"tail":         {"bytes=-100", 206, size - 100, size},
		"beyond end":   {"bytes=99990-200000", 206, 99_990, size},
		"after end":    {"bytes=100000-", 416, 0, 0},
		"backwards":    {"bytes=9-1", 200, 0, size},
		"words":        {"bytes=abc", 200, 0, size},
		"half words":   {"bytes=0-x", 200, 0, size},
		"no dash":      {"bytes=5", 200, 0, size},
		"dash alone":   {"bytes=-", 200, 0, size},
		"no numbers":   {"bytes=", 200, 0, size},
		"sign":         {"bytes=+1-5", 200, 0, size},
		"unknown unit": {"seconds=0-1", 200, 0, size},
		"empty items":  {"bytes= ,0-9, ", 206, 0, 10},
	} {
		t.Run(name, func(t *testing.T) {
			g := filmGateway()
			w := ask(t, g, http.MethodGet, "/film/short", "", header("Range", test.asked))
			if w.Code != test.status {
				t.Fatalf("status %d, want %d", w.Code, test.status)
			}
			if test.status != 416 && !bytes.Equal(w.Body.Bytes(), filmBytes[test.start:test.end]) {
				t.Errorf("%d bytes are not those of [%d, %d)", w.Body.Len(), test.start, test.end)
			}
			if test.status == 206 {
				want := fmt.Sprintf("bytes %d-%d/%d", test.start, test.end-1, size)
				if got := w.Header().Get("Content-Range"); got != want {
					t.Errorf("Content-Range %q, want %q", got, want)
				}
			}
			if g.opened != 1 || g.open() != 0 {
				t.Errorf("%d films opened, %d left open", g.opened, g.open())
			}
		})
	}
}

func TestFilmReassembledFromRangesHasItsHash(t *testing.T) {
	g := filmGateway()
	got := make([]byte, len(filmBytes))
	var wg sync.WaitGroup
	for reader := range 10 {
		wg.Go(func() {
			for at := reader * 10_000; at < (reader+1)*10_000; at += 2500 {
				w := ask(t, g, http.MethodGet, "/film/short", "", header("Range", fmt.Sprintf("bytes=%d-%d", at, at+2499)))
				copy(got[at:], w.Body.Bytes())
			}
		})
	}
	wg.Wait()
	if sha256.Sum256(got) != sha256.Sum256(filmBytes) {
		t.Error("the film put together from ranges differs")
	}
}

func TestFilmHeaders(t *testing.T) {
	w := ask(t, filmGateway(), http.MethodGet, "/film/short", "")
	etag := w.Header().Get("ETag")
	for name, want := range map[string]string{"Content-Type": "video/mp4", "Accept-Ranges": "bytes", "Content-Length": "100000", "X-Content-Type-Options": "nosniff"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if w := ask(t, filmGateway(), http.MethodGet, "/film/short", "", header("If-None-Match", etag)); w.Code != http.StatusNotModified {
		t.Errorf("known film: status %d, want 304", w.Code)
	}
	// RFC 9110, 13.1.5: a range of another representation is answered with the whole.
	w = ask(t, filmGateway(), http.MethodGet, "/film/short", "", header("Range", "bytes=5-9"), header("If-Range", `"other"`))
	if w.Code != http.StatusOK || w.Body.Len() != len(filmBytes) {
		t.Errorf("If-Range of another film: status %d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestFilmHeadJoinsNoSwarmWhenTheLengthIsKnown(t *testing.T) {
	g := newFakeGateway()
	w := ask(t, g, http.MethodHead, "/film/short", "")
	if w.Code != 200 || w.Header().Get("Content-Length") != "100000" || w.Body.Len() != 0 {
		t.Errorf("status %d, length %q, %d bytes", w.Code, w.Header().Get("Content-Length"), w.Body.Len())
	}
	g = filmGateway()
	g.items[1].Length = 0
	w = ask(t, g, http.MethodHead, "/film/short", "")
	if w.Header().Get("Content-Length") != "100000" || g.opened != 1 {
		t.Errorf("unknown length: %q after %d opened", w.Header().Get("Content-Length"), g.opened)
	}
}

func TestFilmThatIsNotThere(t *testing.T) {
	for _, path := range []string{"/film/none", "/film/news", "/film/%2e%2e", "/film/%00"} {
		w := ask(t, filmGateway(), http.MethodGet, path, "")
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
			continue
		}
		sentence(t, w)
	}
}

func TestFilmWithoutPeersEndsInThirtySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		g.openFilm = neverOpens
		w := ask(t, g, http.MethodGet, "/film/short", "")
		if w.Code != http.StatusGatewayTimeout {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		sentence(t, w)
	})
}

// The publisher of a film writes its media type.
func TestMediaTypesThatCanRunScriptsAreNotServed(t *testing.T) {
	for claimed, want := range map[string]string{
		"video/mp4":                "video/mp4",
		"VIDEO/X-Matroska; a=b":    "video/x-matroska",
		"audio/mpeg":               "audio/mpeg",
		"text/html":                "application/octet-stream",
		"image/svg+xml":            "application/octet-stream",
		"application/xhtml+xml":    "application/octet-stream",
		"":                         "application/octet-stream",
		"video/":                   "application/octet-stream",
		"video/mp4\r\nSet-Cookie:": "application/octet-stream",
	} {
		g := filmGateway()
		g.items[1].MediaType = claimed
		w := ask(t, g, http.MethodGet, "/film/short", "")
		if got := w.Header().Get("Content-Type"); got != want {
			t.Errorf("%q is served as %q, want %q", claimed, got, want)
		}
	}
}

func TestFilmIDsMakeValidEntityTags(t *testing.T) {
	g := filmGateway()
	g.items[1].ID = "a\"b\\c d\né"
	w := ask(t, g, http.MethodGet, "/film/"+strings.ReplaceAll("a%22b%5Cc%20d%0A%C3%A9", " ", ""), "")
	if got, want := w.Header().Get("ETag"), `"a_b_c_d__-186a0"`; got != want {
		t.Errorf("ETag %s, want %s", got, want)
	}
}

func TestSizedSeeksWithoutContent(t *testing.T) {
	if n, _ := sized(100).Seek(-1, io.SeekEnd); n != 99 {
		t.Errorf("end - 1 is at %d", n)
	}
	if n, _ := sized(100).Seek(5, io.SeekStart); n != 5 {
		t.Errorf("5 is at %d", n)
	}
	if _, err := sized(1).Read(make([]byte, 1)); err == nil {
		t.Error("read a byte that is not there")
	}
}

func FuzzIDs(f *testing.F) {
	for _, id := range []string{"news", "short", "..", "%2e", "a/b", "", "\x00", "news.ts", "é"} {
		f.Add(id)
	}
	g := newFakeGateway()
	g.openLive = sends(strings.NewReader("live"))
	g.openFilm = func(context.Context, string) (proxy.Film, error) {
		return memoryFilm{bytes.NewReader([]byte("film"))}, nil
	}
	handler := New(Config{Gateway: g}).Handler()
	f.Fuzz(func(t *testing.T, id string) {
		if id == "" || id == "." || id == ".." || id == "/" {
			return // paths that clients and the mux fold away; the catalog makes no such IDs
		}
		for _, kind := range []ppsp.Kind{ppsp.Live, ppsp.Film} {
			g.items = []proxy.Item{{ID: id, Kind: kind, MediaType: "video/mp4"}}
			urls := New(Config{}).urlsOf(httptest.NewRequest(http.MethodGet, "http://localhost/", nil), g.items[0])
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, urls.TS+urls.File, nil)
			if err != nil {
				t.Fatalf("ID %q gives %q: %v", id, urls.TS+urls.File, err)
			}
			r.RemoteAddr = home
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Errorf("ID %q at %q: status %d", id, r.URL, w.Code)
			}
		}
	})
}
