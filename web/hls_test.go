package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

var eightOClock = time.Date(2026, 11, 23, 20, 0, 0, 500e6, time.FixedZone("", 3600))

// threeSegments is a playlist with a gap before its last segment.
var threeSegments = mpegts.Playlist{Target: 2 * time.Second, Discontinuities: 40, Segments: []mpegts.Segment{
	{Number: 390_000_000, Duration: 1920 * time.Millisecond, Date: eightOClock, Clean: true},
	{Number: 390_000_001, Duration: 2 * time.Second, Date: eightOClock.Add(1920 * time.Millisecond), Clean: true},
	{Number: 390_000_002, Duration: 1040 * time.Millisecond, Date: eightOClock.Add(9 * time.Second), Discontinuity: true, Clean: true},
}}

func lists(p mpegts.Playlist) func(context.Context, string) (mpegts.Playlist, error) {
	return func(context.Context, string) (mpegts.Playlist, error) { return p, nil }
}

func TestHLSPlaylist(t *testing.T) {
	g := newFakeGateway()
	var client string
	g.segments = func(_ context.Context, who string) (mpegts.Playlist, error) { client = who; return threeSegments, nil }
	w := ask(t, g, http.MethodGet, "/live/news/index.m3u8", "", header("User-Agent", "VLC/3"))
	want := `#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:390000000
#EXT-X-DISCONTINUITY-SEQUENCE:40
#EXT-X-PROGRAM-DATE-TIME:2026-11-23T19:00:00.500Z
#EXTINF:1.92000,
390000000.ts
#EXTINF:2.00000,
390000001.ts
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-11-23T19:00:09.500Z
#EXTINF:1.04000,
390000002.ts
`
	if w.Body.String() != want {
		t.Errorf("got\n%s\nwant\n%s", w.Body, want)
	}
	if kind := w.Header().Get("Content-Type"); kind != "application/vnd.apple.mpegurl" {
		t.Errorf("Content-Type %q", kind)
	}
	if client != "192.168.1.20 VLC/3" {
		t.Errorf("the player is %q", client)
	}
	conforms(t, w.Body.String())
}

// conforms holds what RFC 8216 says about the text of a live media playlist.
func conforms(t *testing.T, text string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	// "It MUST be the first line of every Media Playlist" (4.3.1.1).
	if lines[0] != "#EXTM3U" {
		t.Errorf("the first line is %q", lines[0])
	}
	seen := map[string]int{}
	target, duration, dated := 0, -1.0, false
	for i, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		seen[name]++
		switch {
		case line == "" || strings.HasPrefix(line, "\ufeff"):
			t.Errorf("line %d is empty or has a BOM", i+1) // "They MUST NOT contain any Byte Order Mark" (4.1)
		case name == "#EXT-X-TARGETDURATION":
			target = number(t, value)
		case name == "#EXT-X-MEDIA-SEQUENCE", name == "#EXT-X-DISCONTINUITY-SEQUENCE":
			number(t, value)
			// "The EXT-X-MEDIA-SEQUENCE tag MUST appear before the first Media Segment" (4.3.3.2), and
			// "The EXT-X-DISCONTINUITY-SEQUENCE tag MUST appear before any EXT-X-DISCONTINUITY tag" (4.3.3.3).
			if seen["#EXTINF"]+seen["#EXT-X-DISCONTINUITY"] > 0 {
				t.Errorf("line %d stands behind a segment", i+1)
			}
		case name == "#EXT-X-PROGRAM-DATE-TIME":
			// "date-time-msec is an ISO/IEC 8601:2004 date/time representation … It SHOULD indicate a time
			// zone and fractional parts of seconds, to millisecond accuracy" (4.3.2.6).
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", value); err != nil {
				t.Errorf("line %d: %v", i+1, err)
			}
			dated = true
		case name == "#EXTINF":
			seconds, err := strconv.ParseFloat(strings.TrimSuffix(value, ","), 64)
			// "The EXTINF duration of each Media Segment … when rounded to the nearest integer, MUST be less
			// than or equal to the target duration" (4.3.3.1).
			if err != nil || int(math.Round(seconds)) > target {
				t.Errorf("line %d: %q, the target is %d", i+1, line, target)
			}
			duration = seconds
		case strings.HasPrefix(line, "#EXT-X-PLAYLIST-TYPE"):
			t.Error("a live playlist has a type") // "A Live Playlist MUST NOT contain the EXT-X-PLAYLIST-TYPE tag" (6.2.2)
		case strings.HasPrefix(line, "#"):
		default:
			// "This tag is REQUIRED for each Media Segment" (4.3.2.1).
			if duration < 0 {
				t.Errorf("line %d: %q has no EXTINF", i+1, line)
			}
			duration = -1
		}
	}
	for _, once := range []string{"#EXTM3U", "#EXT-X-VERSION", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-DISCONTINUITY-SEQUENCE"} {
		if seen[once] != 1 { // "There MUST NOT be more than one Media Playlist tag of each type in any Media Playlist" (4.3.3)
			t.Errorf("%s is there %d times", once, seen[once])
		}
	}
	// "A Media Playlist MUST indicate an EXT-X-VERSION of 3 or higher if it contains … Floating-point
	// EXTINF duration values" (7).
	if !dated || !strings.Contains(text, "#EXT-X-VERSION:3\n") {
		t.Error("no date, or another version than 3")
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Errorf("%q is no decimal-integer", text)
	}
	return n
}

// A long list is compressed for who can take it.
func TestHLSPlaylistIsCompressed(t *testing.T) {
	long := mpegts.Playlist{Target: time.Second}
	for i := range 900 {
		long.Segments = append(long.Segments, mpegts.Segment{Number: uint64(i), Duration: time.Second, Date: eightOClock})
	}
	g := newFakeGateway()
	g.segments = lists(long)
	plain := ask(t, g, http.MethodGet, "/live/news/index.m3u8", "")
	conforms(t, plain.Body.String())
	packed := ask(t, g, http.MethodGet, "/live/news/index.m3u8", "", header("Accept-Encoding", "gzip, br"))
	z, err := gzip.NewReader(packed.Body)
	if err != nil || packed.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v, encoding %q", err, packed.Header().Get("Content-Encoding"))
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain.Body.Bytes()) {
		t.Errorf("%d bytes, %v, want the %d that are sent plainly", len(got), err, plain.Body.Len())
	}
}

func TestHLSSegment(t *testing.T) {
	g := newFakeGateway()
	content := strings.Repeat("G123", 5000)
	g.segment = func(_ string, number uint64) (io.ReadSeeker, error) {
		if number != 390_000_001 {
			return nil, proxy.ErrNotFound
		}
		return strings.NewReader(content), nil
	}
	w := ask(t, g, http.MethodGet, "/live/news/390000001.ts", "")
	if w.Code != http.StatusOK || w.Body.String() != content || w.Header().Get("Content-Length") != fmt.Sprint(len(content)) || w.Header().Get("Content-Type") != "video/mp2t" {
		t.Errorf("status %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
	part := ask(t, g, http.MethodGet, "/live/news/390000001.ts", "", header("Range", "bytes=4-7"))
	if part.Code != http.StatusPartialContent || part.Body.String() != content[4:8] {
		t.Errorf("a range: status %d, %q", part.Code, part.Body)
	}
	for _, path := range []string{
		"/live/news/390000000.ts", "/live/news/390000001", "/live/news/x.ts", "/live/news/-1.ts", "/live/news/99999999999999999999.ts",
		"/live/news/index.m3u", "/live/none/index.m3u8", "/live/short/index.m3u8", "/live/short/1.ts", "/live/news/..%2f1.ts", "/live/news/1/2.ts",
	} {
		if w := ask(t, g, http.MethodGet, path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		} else {
			sentence(t, w)
		}
	}
}

func TestHLSThatCannotBeOpened(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
	}{{proxy.ErrBusy, 503}, {proxy.ErrNotFound, 404}, {errors.New("tracker says no"), 502}} {
		g := newFakeGateway()
		g.segments = func(context.Context, string) (mpegts.Playlist, error) { return mpegts.Playlist{}, test.err }
		if w := ask(t, g, http.MethodGet, "/live/news/index.m3u8", ""); w.Code != test.status {
			t.Errorf("%v: status %d, want %d", test.err, w.Code, test.status)
		} else {
			sentence(t, w)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGateway()
		g.segments = func(ctx context.Context, _ string) (mpegts.Playlist, error) {
			<-ctx.Done()
			return mpegts.Playlist{}, ctx.Err()
		}
		if w := ask(t, g, http.MethodGet, "/live/news/index.m3u8", ""); w.Code != http.StatusGatewayTimeout {
			t.Errorf("nobody sends: status %d", w.Code)
		}
	})
}

func TestHLSHeadJoinsNoSwarm(t *testing.T) {
	g := newFakeGateway()
	g.segments = func(context.Context, string) (mpegts.Playlist, error) {
		t.Error("the swarm was joined")
		return mpegts.Playlist{}, errors.New("no")
	}
	if w := ask(t, g, http.MethodHead, "/live/news/index.m3u8", ""); w.Code != http.StatusOK || w.Header().Get("Content-Type") != playlistType {
		t.Errorf("status %d, type %q", w.Code, w.Header().Get("Content-Type"))
	}
}

func TestCodecsAreTold(t *testing.T) {
	g := newFakeGateway()
	g.items[0].Codecs = proxy.Codecs{Video: "MPEG-2", Audio: "AC-3"}
	g.sessions = []proxy.Session{{ID: "s", Channel: "news", Codecs: proxy.Codecs{Video: "HEVC"}}}
	if w := ask(t, g, http.MethodGet, "/api/v1/channels/news", ""); !strings.Contains(w.Body.String(), `"codecs":{"video":"MPEG-2","audio":"AC-3","browser":"no"}`) {
		t.Error(w.Body)
	}
	if w := ask(t, g, http.MethodGet, "/api/v1/sessions", ""); !strings.Contains(w.Body.String(), `"codecs":{"video":"HEVC","audio":"","browser":"some"}`) {
		t.Error(w.Body)
	}
	if w := ask(t, g, http.MethodGet, "/api/v1/channels/short", ""); strings.Contains(w.Body.String(), "codecs") {
		t.Error(w.Body)
	}
}
