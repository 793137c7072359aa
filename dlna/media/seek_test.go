package media

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// seekable is a library of films that can be entered by time, and a channel with a past.
type seekable struct {
	*library
	films     map[string][]byte
	from, to  time.Duration // of the channel's buffer
	asked     time.Duration
	noSession bool
	dead      string // a film whose bytes never come
}

func newSeekable(t *testing.T) *seekable {
	t.Helper()
	s := &seekable{library: newLibrary(), films: map[string][]byte{}, from: 5 * time.Minute, to: 7 * time.Minute}
	for id, file := range map[string]string{"stream": "channel.ts", "movie": "film.mp4"} {
		b, err := os.ReadFile("../../cmd/swarmgate/media/" + file)
		if err != nil {
			t.Fatal(err)
		}
		s.films[id] = b
	}
	return s
}

func (s *seekable) Item(id string) (proxy.Item, bool) {
	film, ok := s.films[id]
	if !ok {
		return s.library.Item(id)
	}
	i := proxy.Item{ID: id, Title: id, Kind: ppsp.Film, MediaType: "video/mp4", Length: int64(len(film)), Duration: 24 * time.Second}
	if id == "stream" {
		i.MediaType = "video/mp2t"
	}
	return i, true
}

func (s *seekable) OpenFilm(ctx context.Context, id string) (proxy.Film, error) {
	if film, ok := s.films[id]; ok && id != s.dead {
		s.opened.Add(1)
		return memoryFilm{bytes.NewReader(film), s.library}, nil
	}
	return s.library.OpenFilm(ctx, id)
}

func (s *seekable) OpenLiveAt(_ context.Context, _ string, since time.Duration) (io.ReadCloser, time.Duration, error) {
	s.asked = since
	return io.NopCloser(strings.NewReader("earlier")), since - time.Second, nil
}

func (s *seekable) LiveSpan(string) (from, to time.Duration, ok bool) {
	return s.from, s.to, !s.noSession
}

func (s *seekable) server() *Server {
	server := newServer(s)
	server.Shift = s
	return server
}

func header(w *httptest.ResponseRecorder, name string) string {
	return strings.Join(w.Header()[name], ",")
}

// A transport stream is had from a keyframe on, with its tables, as a range of its bytes.
func TestStreamByTime(t *testing.T) {
	l := newSeekable(t)
	film := l.films["stream"]
	for _, c := range []struct{ ask, npt string }{
		{"npt=12.5-", "npt=12.000-24.000/24.000"},
		{"npt=0:00:12.500-", "npt=12.000-24.000/24.000"},
		{"npt=5.1-10.2", "npt=5.000-10.000/24.000"},
		{"npt=0-10.2", "npt=0.000-10.000/24.000"},
		{"npt=0-", "npt=0.000-24.000/24.000"},
	} {
		w := fetch(l.server(), http.MethodGet, "/dlna/media/stream.ts", "TimeSeekRange.dlna.org: "+c.ask, "transferMode.dlna.org: Streaming")
		var from, to, size int
		bytesOf, ok := strings.CutPrefix(header(w, "TimeSeekRange.dlna.org"), c.npt+" bytes=")
		if n, err := fmt.Sscanf(bytesOf, "%d-%d/%d", &from, &to, &size); w.Code != http.StatusPartialContent || !ok || n != 3 || err != nil || size != len(film) {
			t.Errorf("%s: %d %v", c.ask, w.Code, w.Header())
			continue
		}
		if w.Body.String() != string(film[from:to+1]) || header(w, "Content-Range") != fmt.Sprintf("bytes %d-%d/%d", from, to, size) ||
			header(w, "Content-Length") != fmt.Sprint(to+1-from) {
			t.Errorf("%s: %d bytes, %v", c.ask, w.Body.Len(), w.Header())
		}
		if b := film[from:]; from > 0 && (b[0] != 0x47 || b[1]&0x1f != 0 || b[2] != 0) {
			t.Errorf("%s: does not begin with the tables", c.ask)
		}
		head := fetch(l.server(), http.MethodHead, "/dlna/media/stream.ts", "TimeSeekRange.dlna.org: "+c.ask)
		if head.Code != w.Code || header(head, "TimeSeekRange.dlna.org") != header(w, "TimeSeekRange.dlna.org") || head.Body.Len() != 0 {
			t.Errorf("%s: HEAD answers %d %v", c.ask, head.Code, head.Header())
		}
	}
	if l.opened.Load() != l.closed.Load() {
		t.Errorf("opened %d, closed %d", l.opened.Load(), l.closed.Load())
	}
}

// Whoever keeps the catalog is told of a film that can't be entered by time, and it is no more offered so.
func TestFilmThatHasNoTimes(t *testing.T) {
	l := newSeekable(t)
	l.films["stream"] = bytes.Repeat([]byte("not a stream "), 1000)
	var told []string
	s := l.server()
	s.Untimed = func(id string) { told = append(told, id) }
	for _, path := range []string{"/dlna/media/stream.ts", "/dlna/media/movie.mp4"} {
		fetch(s, http.MethodGet, path, "TimeSeekRange.dlna.org: npt=12-")
	}
	if len(told) != 1 || told[0] != "stream" {
		t.Errorf("told of %q", told)
	}
	item := proxy.Item{Kind: ppsp.Film, MediaType: "video/mp4", Duration: time.Minute}
	before := FormatOf(item)
	item.Untimed = true
	if after := FormatOf(item); !before.TimeSeek || after.TimeSeek || before.ContentFeatures == after.ContentFeatures {
		t.Errorf("%+v, then %+v", before, after)
	}
}

// An MP4 film is had as one that begins at a keyframe; its bytes are not those of the film, and
// so no range of bytes is told.
func TestMovieByTime(t *testing.T) {
	l := newSeekable(t)
	w := fetch(l.server(), http.MethodGet, "/dlna/media/movie.mp4", "TimeSeekRange.dlna.org: npt=12.5-")
	npt := header(w, "TimeSeekRange.dlna.org")
	if w.Code != http.StatusOK || !strings.HasPrefix(npt, "npt=1") || !strings.HasSuffix(npt, "-24.000/24.000") ||
		header(w, "Content-Range") != "" || header(w, "ETag") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	b := w.Body.Bytes()
	if header(w, "Content-Length") != fmt.Sprint(len(b)) || string(b[4:8]) != "ftyp" || !bytes.HasSuffix(b, l.films["movie"][len(l.films["movie"])-1000:]) {
		t.Errorf("%d bytes, %v", len(b), w.Header())
	}
}

func TestFilmByTimeRefusals(t *testing.T) {
	l := newSeekable(t)
	l.films["stream"] = bytes.Repeat([]byte("not a stream "), 1000)
	for _, c := range []struct {
		path, ask string
		code      int
	}{
		{"/dlna/media/movie.mp4", "npt=24-", 416},
		{"/dlna/media/movie.mp4", "npt=999:00:00-", 416},
		{"/dlna/media/movie.mp4", "npt=later-", 400},
		{"/dlna/media/stream.ts", "npt=12-", 406}, // it lied about what it is
		{"/dlna/media/film.mp4", "npt=12-", 406},  // nobody knows how long it plays
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if w := fetch(l.server(), method, c.path, "TimeSeekRange.dlna.org: "+c.ask); w.Code != c.code {
				t.Errorf("%s %s %s: %d, want %d", method, c.path, c.ask, w.Code, c.code)
			}
		}
	}
	if s := l.server(); s.Streams() != 0 || l.opened.Load() != l.closed.Load() {
		t.Errorf("opened %d, closed %d", l.opened.Load(), l.closed.Load())
	}
}

// Screens that send a range of bytes and time 0 mean the bytes.
func TestBytesWithTimeZero(t *testing.T) {
	l := newSeekable(t)
	w := fetch(l.server(), http.MethodGet, "/dlna/media/movie.mp4", "TimeSeekRange.dlna.org: npt=0.000-", "Range: bytes=100-199")
	if w.Code != http.StatusPartialContent || w.Body.String() != string(l.films["movie"][100:200]) {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestAvailableSeekRange(t *testing.T) {
	l := newSeekable(t)
	for path, want := range map[string]string{
		"/dlna/media/movie.mp4":  "1 npt=0.000-24.000 bytes=0-366099",
		"/dlna/media/channel.ts": "0 npt=300.000-420.000",
		"/dlna/media/film.mp4":   "", // nobody knows how long it plays
	} {
		w := fetch(l.server(), http.MethodHead, path, "getAvailableSeekRange.dlna.org: 1")
		if got := header(w, "availableSeekRange.dlna.org"); w.Code != http.StatusOK || got != want {
			t.Errorf("%s: %d %q, want %q", path, w.Code, got, want)
		}
	}
	l.noSession = true
	if w := fetch(l.server(), http.MethodHead, "/dlna/media/channel.ts", "getAvailableSeekRange.dlna.org: 1"); header(w, "availableSeekRange.dlna.org") != "" {
		t.Errorf("nobody watches, and yet %v", w.Header())
	}
}

// A channel can be had from an earlier time on, as far as the buffer reaches back.
func TestTimeShift(t *testing.T) {
	l := newSeekable(t)
	for _, c := range []struct {
		ask  string
		code int
		npt  string
		body string
	}{
		{"npt=330-", 200, "npt=329.000-/*", "earlier"},
		{"npt=295-", 200, "npt=294.000-/*", "earlier"}, // just gone: the oldest is meant
		{"npt=200-", 416, "", ""},
		{"npt=500-", 416, "", ""},
		{"npt=x-", 400, "", ""},
	} {
		w := fetch(l.server(), http.MethodGet, "/dlna/media/channel.ts", "TimeSeekRange.dlna.org: "+c.ask)
		if w.Code != c.code || header(w, "TimeSeekRange.dlna.org") != c.npt || c.body != "" && w.Body.String() != c.body {
			t.Errorf("%s: %d %v %s", c.ask, w.Code, w.Header(), w.Body)
		}
		if c.code == 200 && (header(w, "Content-Length") != "" || header(w, "Accept-Ranges") != "none") {
			t.Errorf("%s: %v", c.ask, w.Header())
		}
	}
	w := fetch(l.server(), http.MethodHead, "/dlna/media/channel.ts", "TimeSeekRange.dlna.org: npt=330-")
	if w.Code != 200 || header(w, "TimeSeekRange.dlna.org") != "npt=330.000-/*" {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
	l.noSession = true
	if w := fetch(l.server(), http.MethodGet, "/dlna/media/channel.ts", "TimeSeekRange.dlna.org: npt=330-"); w.Code != 416 {
		t.Errorf("nobody watches: %d", w.Code)
	}
}

// Samsung asks for subtitles with the film itself.
func TestCaptionInfo(t *testing.T) {
	s := newSeekable(t).server()
	s.Captions = func(r *http.Request, i proxy.Item) string {
		if i.ID != "movie" {
			return ""
		}
		return "http://" + r.Host + "/dlna/subtitles/movie.srt"
	}
	for _, c := range []struct{ path, ask, want string }{
		{"/dlna/media/movie.mp4", "getCaptionInfo.sec: 1", "http://example.com/dlna/subtitles/movie.srt"},
		{"/dlna/media/movie.mp4", "getCaptionInfo.sec: 0", ""},
		{"/dlna/media/stream.ts", "getCaptionInfo.sec: 1", ""},
	} {
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			if w := fetch(s, method, c.path, c.ask); header(w, "CaptionInfo.sec") != c.want || w.Code != http.StatusOK {
				t.Errorf("%s %s: %d %q, want %q", method, c.path, w.Code, header(w, "CaptionInfo.sec"), c.want)
			}
		}
	}
}

// What is known of a kind of screen changes headers alone, of HEAD and GET alike.
func TestAdapt(t *testing.T) {
	s := newSeekable(t).server()
	s.Adapt = func(r *http.Request, f Format) Format {
		if strings.Contains(r.UserAgent(), "Old") {
			f.MIME, f.ContentFeatures, f.TimeSeek = "video/x-ms", "DLNA.ORG_OP=01", false
		}
		return f
	}
	w := fetch(s, http.MethodHead, "/dlna/media/movie.mp4", "User-Agent: Old TV", "getcontentFeatures.dlna.org: 1")
	if header(w, "Content-Type") != "video/x-ms" || header(w, "contentFeatures.dlna.org") != "DLNA.ORG_OP=01" {
		t.Errorf("%v", w.Header())
	}
	if w := fetch(s, http.MethodGet, "/dlna/media/movie.mp4", "User-Agent: Old TV", "TimeSeekRange.dlna.org: npt=12-"); w.Code != 406 {
		t.Errorf("%d", w.Code)
	}
}

// slowly is a screen that takes no bytes before it is let, and then so many at each Write.
type slowly struct {
	*httptest.ResponseRecorder
	take     chan struct{}
	deadline time.Time
}

func (s *slowly) SetWriteDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *slowly) Write(b []byte) (int, error) {
	select {
	case <-s.take:
		return s.ResponseRecorder.Write(b)
	case <-time.After(time.Until(s.deadline)):
		return 0, os.ErrDeadlineExceeded
	}
}

// Tables of films that are made anew take memory, which is bounded until the screen has them;
// how long it then plays does not matter. A screen that does not take them gives them back.
func TestFewMoviesAreCutAtOnce(t *testing.T) {
	for _, file := range []string{"movie.mp4", "stream.ts"} {
		synctest.Test(t, func(t *testing.T) {
			s := newSeekable(t).server()
			screens := make([]*slowly, maxCuts)
			var served sync.WaitGroup
			for i := range screens {
				screens[i] = &slowly{ResponseRecorder: httptest.NewRecorder(), take: make(chan struct{})}
				r := httptest.NewRequest(http.MethodGet, "/dlna/media/"+file, nil)
				r.Header.Set("TimeSeekRange.dlna.org", "npt=12-")
				served.Go(func() { mounted(s).ServeHTTP(screens[i], r) })
			}
			synctest.Wait()
			ask := func() *httptest.ResponseRecorder {
				return fetch(s, http.MethodGet, "/dlna/media/"+file, "TimeSeekRange.dlna.org: npt=12-")
			}
			if file == "movie.mp4" {
				if w := ask(); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
					t.Errorf("%d %v", w.Code, w.Header())
				}
				screens[0].take <- struct{}{} // it has the tables, and then pauses
				synctest.Wait()
			}
			if w := ask(); w.Code >= 300 {
				t.Errorf("%s: %d", file, w.Code)
			}
			time.Sleep(2 * headTime)
			if n := len(s.cuts.free); n != 0 {
				t.Errorf("%s: %d tables are kept for screens that don't read", file, n)
			}
			served.Wait()
		})
	}
}

// dying is a film whose swarm ends when its first bytes were there.
type dying struct {
	proxy.Film
	ctx context.Context
}

func (d dying) Read([]byte) (int, error) {
	<-d.ctx.Done()
	return 0, d.ctx.Err()
}

func TestTablesThatNeverCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newSeekable(t)
		l.library.openFilm = func(ctx context.Context) (proxy.Film, error) {
			return dying{memoryFilm{bytes.NewReader(l.film), l.library}, ctx}, nil
		}
		s := l.server()
		l.dead = "movie"
		began := time.Now()
		w := fetch(s, http.MethodGet, "/dlna/media/movie.mp4", "TimeSeekRange.dlna.org: npt=12-")
		if took := time.Since(began); w.Code != http.StatusServiceUnavailable && w.Code != http.StatusGatewayTimeout || took > DefaultPatience+cutWait || len(s.cuts.free) != 0 {
			t.Errorf("%d after %v, %d places taken", w.Code, took, len(s.cuts.free))
		}
	})
}

func TestIndexesAreBounded(t *testing.T) {
	var x indexes
	first := x.of("0")
	if x.of("0") != first {
		t.Error("an index is forgotten at once")
	}
	for n := range 3 * maxIndexes {
		x.of(fmt.Sprint(n))
	}
	if len(x.films) != maxIndexes || len(x.order) != maxIndexes {
		t.Errorf("%d indexes", len(x.films))
	}
}

// Whatever ranges are asked, of bytes and of time: what comes has the length that was told, no
// more than the film with its tables, and all is given back.
func FuzzRanges(f *testing.F) {
	film, err := os.ReadFile("../../cmd/swarmgate/media/film.mp4")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][2]string{
		{"bytes=0-", ""},
		{"bytes=500-999", "npt=0-"},
		{"bytes=-500", ""},
		{"bytes=0-0,5-9", ""},
		{"bytes=99999999999999999999-", ""},
		{"", "npt=12.5-"},
		{"", "npt=0:00:05.000-0:00:10"},
		{"bytes=9-1", "npt=23.9-24"},
		{"items=1-", "npt=-"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, ranges, seek string) {
		l := &seekable{library: newLibrary(), films: map[string][]byte{"movie": film}, from: 0, to: time.Minute}
		l.live = finite("live")
		s := l.server()
		for _, path := range []string{"/dlna/media/movie.mp4", "/dlna/media/film.mp4", "/dlna/media/channel.ts"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header["Range"], r.Header["Timeseekrange.dlna.org"] = []string{ranges}, []string{seek}
			w := httptest.NewRecorder()
			mounted(s).ServeHTTP(w, r)
			if told := w.Header().Get("Content-Length"); told != "" && told != fmt.Sprint(w.Body.Len()) {
				t.Fatalf("%s: %s bytes told, %d sent", path, told, w.Body.Len())
			}
			if w.Body.Len() > 2*len(film) || w.Code >= 500 {
				t.Fatalf("%s: %d, %d bytes", path, w.Code, w.Body.Len())
			}
		}
		if s.Streams() != 0 || l.opened.Load() != l.closed.Load() {
			t.Fatalf("opened %d, closed %d", l.opened.Load(), l.closed.Load())
		}
	})
}
