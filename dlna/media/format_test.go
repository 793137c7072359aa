package media

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

func TestFormatOf(t *testing.T) {
	const live, film = "DLNA.ORG_OP=00;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=CD100000000000000000000000000000",
		"DLNA.ORG_OP=01;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=01700000000000000000000000000000"
	for _, c := range []struct {
		kind                       ppsp.Kind
		mediaType, mime, extension string
		features                   string
	}{
		{ppsp.Live, "video/mp2t", "video/mpeg", ".ts", live},
		{ppsp.Live, "", "video/mpeg", ".ts", live},
		{ppsp.Film, "video/mp4", "video/mp4", ".mp4", film},
		{ppsp.Film, "VIDEO/MP4; codecs=avc1", "video/mp4", ".mp4", film},
		{ppsp.Film, "video/mp2t", "video/mpeg", ".ts", film},
		{ppsp.Film, "video/x-matroska", "video/x-matroska", ".mkv", film},
		{ppsp.Film, "audio/mpeg", "audio/mpeg", ".mp3", film},
		{ppsp.Film, "", "video/mp4", ".mp4", film},
		{ppsp.Film, "text/vnd.trolltech.linguist", "video/mp4", ".mp4", film},
	} {
		f := FormatOf(proxy.Item{Kind: c.kind, MediaType: c.mediaType})
		if f.MIME != c.mime || f.Extension != c.extension || f.Live != (c.kind == ppsp.Live) || f.ContentFeatures != c.features {
			t.Errorf("%v %q: %+v", c.kind, c.mediaType, f)
		}
		if want := "http-get:*:" + c.mime + ":" + c.features; f.ProtocolInfo != want {
			t.Errorf("%v %q: %s, want %s", c.kind, c.mediaType, f.ProtocolInfo, want)
		}
	}
}

// OP: its first digit is time, the second bytes (DLNA Guidelines, 7.4.1.3.20).
func TestTimeSeekIsOfferedWhereItWorks(t *testing.T) {
	for _, c := range []struct {
		mediaType string
		duration  time.Duration
		op        string
		seek      bool
	}{
		{"video/mp4", time.Hour, "DLNA.ORG_OP=11", true},
		{"video/mp2t", time.Hour, "DLNA.ORG_OP=11", true},
		{"audio/mp4", time.Hour, "DLNA.ORG_OP=11", true},
		{"video/mp4", 0, "DLNA.ORG_OP=01", false},
		{"video/x-matroska", time.Hour, "DLNA.ORG_OP=01", false},
		{"video/mpeg", time.Hour, "DLNA.ORG_OP=01", false},
		{"", time.Hour, "DLNA.ORG_OP=01", false},
	} {
		f := FormatOf(proxy.Item{Kind: ppsp.Film, MediaType: c.mediaType, Duration: c.duration})
		if !strings.Contains(f.ProtocolInfo, c.op) || f.TimeSeek != c.seek {
			t.Errorf("%q of %v: %+v", c.mediaType, c.duration, f)
		}
	}
}

// The bits of DLNA.ORG_FLAGS, counted from the left of the first eight digits, bit 31 first
// (DLNA Guidelines, 7.4.1.3.23).
func TestFlagsSayWhatTheServerDoes(t *testing.T) {
	bit := func(f Format, n uint) bool {
		_, digits, _ := strings.Cut(f.ContentFeatures, "DLNA.ORG_FLAGS=")
		if len(digits) != 32 || strings.Trim(digits[8:], "0") != "" {
			t.Fatalf("flags %q", digits)
		}
		v, err := strconv.ParseUint(digits[:8], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		return v>>n&1 == 1
	}
	live, film := FormatOf(proxy.Item{Kind: ppsp.Live}), FormatOf(proxy.Item{Kind: ppsp.Film})
	for _, c := range []struct {
		name       string
		n          uint
		live, film bool
	}{
		{"sender paced", 31, true, false},
		{"time seek, limited", 30, true, false},
		{"byte seek, limited", 29, false, false},
		{"play container", 28, false, false},
		{"beginning moves", 27, true, false},
		{"end moves", 26, true, false},
		{"RTSP pause", 25, false, false},
		{"streaming", 24, true, true},
		{"interactive", 23, false, false},
		{"background", 22, false, true},
		{"connection stalling", 21, false, true},
		{"DLNA 1.5", 20, true, true},
		{"link protection", 16, false, false},
	} {
		if bit(live, c.n) != c.live || bit(film, c.n) != c.film {
			t.Errorf("%s: live %v, film %v", c.name, bit(live, c.n), bit(film, c.n))
		}
	}
}

// What Samsung calls by a name of its own is in the list by that name.
func TestProtocolsOfADevice(t *testing.T) {
	p := &profile.Profile{Types: map[string]string{"video/x-matroska": "video/x-mkv"}}
	list := strings.Join(ProtocolsFor(p), ",")
	if !strings.Contains(list, "http-get:*:video/x-mkv:*") || strings.Contains(list, "matroska") || len(ProtocolsFor(p)) != len(Protocols()) {
		t.Errorf("%s", list)
	}
}

func TestProtocols(t *testing.T) {
	list := Protocols()
	seen := make(map[string]bool)
	for _, p := range list {
		if seen[p] {
			t.Errorf("%s is there twice", p)
		}
		seen[p] = true
	}
	if !seen["http-get:*:video/mpeg:*"] || !seen["http-get:*:video/mp4:*"] {
		t.Errorf("protocols %q", list)
	}
}

// Whatever the ID, the path of an item leads back to it through a URL and the mux.
func FuzzPath(f *testing.F) {
	for _, id := range []string{"4f1a", "a b/c.d", "..", "%2F", "ä?#", "."} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if id == "" {
			return
		}
		got := ""
		mux := http.NewServeMux()
		mux.HandleFunc(Root+"{file}", func(_ http.ResponseWriter, r *http.Request) { got = idOf(r.PathValue("file")) })
		r, err := http.NewRequest(http.MethodGet, "http://h"+Path(proxy.Item{ID: id}), nil)
		if err != nil {
			t.Fatalf("path of %q: %v", id, err)
		}
		mux.ServeHTTP(httptest.NewRecorder(), r)
		if got != id {
			t.Errorf("%q came back as %q", id, got)
		}
	})
}
