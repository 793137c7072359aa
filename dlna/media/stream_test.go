package media

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// say sends a request as it is written here and returns the connection's other end.
func say(t *testing.T, server *httptest.Server, lines ...string) (*bufio.Reader, net.Conn) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(conn), conn
}

// The ways in which screens ask for a channel: each gets the stream, without length and
// without chunks, whatever range it had in mind.
func TestLive(t *testing.T) {
	l := newLibrary()
	l.live = finite(strings.Repeat("G", 188*100))
	server := httptest.NewServer(mounted(newServer(l)))
	defer server.Close()
	for _, c := range []struct {
		name  string
		lines []string
		proto string
	}{
		{"Samsung", []string{
			"GET /dlna/media/channel.ts HTTP/1.1", "Host: 192.168.1.2:8088", "User-Agent: DLNADOC/1.50 SEC_HHP_[TV] UE40D7000/1.0",
			"getcontentFeatures.dlna.org: 1", "transferMode.dlna.org: Streaming", "Range: bytes=0-",
		}, "HTTP/1.1"},
		{"LG", []string{
			"GET /dlna/media/channel.ts HTTP/1.1", "Host: 192.168.1.2:8088", "User-Agent: Linux/3.10.19-32 UPnP/1.0 LGE_DLNA_SDK/1.6.0",
			"TimeSeekRange.dlna.org: npt=0.000-", "transferMode.dlna.org: Streaming",
		}, "HTTP/1.1"},
		{"VLC", []string{
			"GET /dlna/media/channel.ts HTTP/1.1", "Host: 192.168.1.2:8088", "Accept: */*", "User-Agent: VLC/3.0.24 LibVLC/3.0.24",
			"Range: bytes=0-",
		}, "HTTP/1.1"},
		{"absurd range", []string{"GET /dlna/media/channel.ts HTTP/1.1", "Host: x", "Range: bytes=99999999999999999999-"}, "HTTP/1.1"},
		{"last bytes", []string{"GET /dlna/media/channel.ts HTTP/1.1", "Host: x", "Range: bytes=-500"}, "HTTP/1.1"},
		{"HTTP/1.0", []string{"GET /dlna/media/channel.ts HTTP/1.0"}, "HTTP/1.0"},
		{"HTTP/1.0 that would go on", []string{"GET /dlna/media/channel.ts HTTP/1.0", "Connection: keep-alive"}, "HTTP/1.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, _ := say(t, server, c.lines...)
			answer, err := io.ReadAll(in) // ends because the connection does
			if err != nil {
				t.Fatal(err)
			}
			head, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
			if !bytes.HasPrefix(head, []byte(c.proto+" 200 OK\r\n")) || string(body) != strings.Repeat("G", 188*100) {
				t.Errorf("answer %s and %d bytes", head, len(body))
			}
			for _, no := range []string{"Content-Length", "Content-Range", "Transfer-Encoding"} {
				if bytes.Contains(head, []byte(no)) {
					t.Errorf("%s in\n%s", no, head)
				}
			}
			for _, want := range []string{
				"\r\nContent-Type: video/mpeg\r\n", "\r\ntransferMode.dlna.org: Streaming\r\n", "\r\nAccept-Ranges: none\r\n",
				"\r\ncontentFeatures.dlna.org: DLNA.ORG_OP=00;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=CD1000",
			} {
				if !bytes.Contains(head, []byte(want)) {
					t.Errorf("%q missing in\n%s", want, head)
				}
			}
		})
	}
	if l.opened.Load() != l.closed.Load() {
		t.Errorf("opened %d, closed %d", l.opened.Load(), l.closed.Load())
	}
}

// Bytes reach the screen when they are there, not when a buffer is full.
func TestLiveIsNotHeldBack(t *testing.T) {
	l := newLibrary()
	first := make(chan struct{})
	l.live = func(ctx context.Context) (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			_, _ = w.Write(bytes.Repeat([]byte{0x47}, 188))
			<-first
			w.Close()
		}()
		return r, nil
	}
	server := httptest.NewServer(mounted(newServer(l)))
	defer server.Close()
	answer, err := http.Get(server.URL + "/dlna/media/channel.ts")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.ReadFull(answer.Body, make([]byte, 188)); err != nil {
		t.Errorf("the first packet is held back: %v", err)
	}
	close(first)
	if rest, err := io.ReadAll(answer.Body); err != nil || len(rest) != 0 {
		t.Errorf("%d bytes more, %v", len(rest), err)
	}
}

func TestScreenThatSwitchesOffGivesTheChannelBack(t *testing.T) {
	l := newLibrary()
	s := newServer(l)
	server := httptest.NewServer(mounted(s))
	in, conn := say(t, server, "GET /dlna/media/channel.ts HTTP/1.1", "Host: x")
	if _, err := in.ReadString('G'); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	server.Close() // waits for the request to end
	if s.Streams() != 0 || l.closed.Load() != 1 {
		t.Errorf("%d streams left, %d given back", s.Streams(), l.closed.Load())
	}
}

// stuck is the connection of a screen that was unplugged: writes wait for their deadline.
type stuck struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (s *stuck) SetWriteDeadline(at time.Time) error {
	s.deadline = at
	return nil
}

func (s *stuck) Write([]byte) (int, error) {
	time.Sleep(time.Until(s.deadline))
	return 0, errors.New("i/o timeout")
}

func TestScreenThatVanishesWithoutAWord(t *testing.T) {
	for path, stall := range map[string]time.Duration{"/dlna/media/channel.ts": liveStall, "/dlna/media/film.mp4": filmStall} {
		synctest.Test(t, func(t *testing.T) {
			l := newLibrary()
			s, start := newServer(l), time.Now()
			mounted(s).ServeHTTP(&stuck{ResponseRecorder: httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, path, nil))
			if took := time.Since(start); took < stall || took > stall+time.Second {
				t.Errorf("%s: given up after %v, want %v", path, took, stall)
			}
			if s.Streams() != 0 || l.closed.Load() != 1 {
				t.Errorf("%s: %d streams left, %d given back", path, s.Streams(), l.closed.Load())
			}
		})
	}
}

func TestFilmRanges(t *testing.T) {
	l := newLibrary()
	film := string(l.film)
	for _, c := range []struct {
		ask    string
		code   int
		length int
		want   string
		of     string
	}{
		{"", 200, 100000, film, ""},
		{"bytes=0-", 206, 100000, film, "bytes 0-99999/100000"},
		{"bytes=0-0", 206, 1, film[:1], "bytes 0-0/100000"},
		{"bytes=500-999", 206, 500, film[500:1000], "bytes 500-999/100000"},
		{"bytes=99999-", 206, 1, film[99999:], "bytes 99999-99999/100000"},
		{"bytes=-500", 206, 500, film[99500:], "bytes 99500-99999/100000"},
		{"bytes=99000-200000", 206, 1000, film[99000:], "bytes 99000-99999/100000"},
		{"bytes=100000-", 416, -1, "", "bytes */100000"},
		{"bytes=x", 416, -1, "", ""},
		{"npt=1-", 416, -1, "", ""},
	} {
		t.Run(c.ask, func(t *testing.T) {
			headers := []string{"transferMode.dlna.org: Streaming"}
			if c.ask != "" {
				headers = append(headers, "Range: "+c.ask)
			}
			w := fetch(newServer(l), http.MethodGet, "/dlna/media/film.mp4", headers...)
			if w.Code != c.code || w.Header().Get("Content-Range") != c.of {
				t.Errorf("%d %q, want %d %q", w.Code, w.Header().Get("Content-Range"), c.code, c.of)
			}
			if c.length >= 0 && (w.Body.String() != c.want || w.Header().Get("Content-Length") != fmt.Sprint(c.length)) {
				t.Errorf("%d bytes, Content-Length %s", w.Body.Len(), w.Header().Get("Content-Length"))
			}
			head := fetch(newServer(l), http.MethodHead, "/dlna/media/film.mp4", headers...)
			if head.Code != w.Code || head.Header().Get("Content-Length") != w.Header().Get("Content-Length") && c.code != 416 {
				t.Errorf("HEAD answers %d with length %s", head.Code, head.Header().Get("Content-Length"))
			}
		})
	}
	if l.opened.Load() != l.closed.Load() {
		t.Errorf("opened %d, closed %d", l.opened.Load(), l.closed.Load())
	}
}

func TestParallelReadersAtRandomOffsets(t *testing.T) {
	l := newLibrary()
	server := httptest.NewServer(mounted(newServer(l)))
	defer server.Close()
	want := sha256.Sum256(l.film)
	var readers sync.WaitGroup
	for n := range 10 {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 7))
			got := make([]byte, len(l.film))
			for _, part := range random.Perm(20) {
				from, to := part*5000, part*5000+4999
				r, err := http.NewRequest(http.MethodGet, server.URL+"/dlna/media/film.mp4", nil)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to))
				answer, err := server.Client().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = io.ReadFull(answer.Body, got[from:to+1])
				answer.Body.Close()
				if err != nil {
					t.Error(err)
				}
			}
			if sha256.Sum256(got) != want {
				t.Errorf("reader %d has another film", n)
			}
		})
	}
	readers.Wait()
}

// A screen that goes on where it stopped learns whether the film is still the same.
func TestIfRange(t *testing.T) {
	s := newServer(newLibrary())
	tag := fetch(s, http.MethodHead, "/dlna/media/film.mp4").Header().Get("ETag")
	if w := fetch(s, http.MethodGet, "/dlna/media/film.mp4", "Range: bytes=10-19", "If-Range: "+tag); w.Code != http.StatusPartialContent {
		t.Errorf("same film: %d", w.Code)
	}
	if w := fetch(s, http.MethodGet, "/dlna/media/film.mp4", "Range: bytes=10-19", `If-Range: "other"`); w.Code != http.StatusOK {
		t.Errorf("other film: %d", w.Code)
	}
}
