package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

func TestPlaylists(t *testing.T) {
	g := newFakeGateway()
	g.items = append(g.items, proxy.Item{ID: "b/2", Title: "Second", Kind: ppsp.Live, Logo: "https://logos.example/b.png"})
	for path, want := range map[string]string{
		"/channels.m3u": "#EXTM3U x-tvg-url=\"http://192.168.1.5:8088/xmltv.xml.gz\"\n" +
			"#EXTINF:-1 tvg-id=\"news\" group-title=\"Info\",News, all day\n" +
			"http://192.168.1.5:8088/live/news.ts\n" +
			"#EXTINF:-1 tvg-id=\"b/2\" tvg-logo=\"https://logos.example/b.png\",Second\n" +
			"http://192.168.1.5:8088/live/b%2F2.ts\n",
		"/films.m3u": "#EXTM3U\n" +
			"#EXTINF:12 tvg-id=\"short\",A short film\n" +
			"http://192.168.1.5:8088/film/short\n",
	} {
		w := ask(t, g, http.MethodGet, path, "")
		if w.Code != http.StatusOK || w.Body.String() != want {
			t.Errorf("%s: status %d\n%s\nwant\n%s", path, w.Code, w.Body, want)
		}
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "audio/x-mpegurl") {
			t.Errorf("%s: Content-Type %q", path, got)
		}
	}
}

func TestPlaylistNamesTheHostAsAsked(t *testing.T) {
	for host, want := range map[string]string{
		"localhost:8088": "http://localhost:8088/live/news.ts",
		"nas.local":      "http://nas.local/live/news.ts",
		"[fd00::1]:8088": "http://[fd00::1]:8088/live/news.ts",
	} {
		w := ask(t, newFakeGateway(), http.MethodGet, "/channels.m3u", "", func(r *http.Request) { r.Host = host })
		if !strings.Contains(w.Body.String(), "\n"+want+"\n") {
			t.Errorf("host %s:\n%s", host, w.Body)
		}
	}
}

// Titles and groups come from strangers' links.
func TestPlaylistKeepsEntriesApart(t *testing.T) {
	g := newFakeGateway()
	g.items = []proxy.Item{{
		ID: "x", Kind: ppsp.Live, Duration: 1400 * time.Millisecond,
		Title: "A\r\n#EXTINF:1,B\nhttp://evil.example/\u2028",
		Group: "g\" tvg-id=\"y\nz",
	}}
	w := ask(t, g, http.MethodGet, "/channels.m3u", "")
	lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3:\n%s", len(lines), w.Body)
	}
	if want := `#EXTINF:1 tvg-id="x" group-title="g' tvg-id='y z",A  #EXTINF:1,B http://evil.example/ `; lines[1] != want {
		t.Errorf("entry\n%s\nwant\n%s", lines[1], want)
	}
}

func FuzzPlaylistEntry(f *testing.F) {
	f.Add("id", "title", "group", "https://l.example/x.png")
	f.Add("\"", "\n", "\r\"", "data:image/png;base64,AA==")
	f.Fuzz(func(t *testing.T, id, title, group, logo string) {
		g := newFakeGateway()
		g.items = []proxy.Item{{ID: id, Title: title, Group: group, Logo: logo, Kind: ppsp.Live}}
		body := ask(t, g, http.MethodGet, "/channels.m3u", "").Body.String()
		if n := strings.Count(body, "\n"); n != 3 || strings.Contains(body, "\r") {
			t.Fatalf("%d lines:\n%q", n, body)
		}
		_, body, _ = strings.Cut(body, "\n")
		entry, _, _ := strings.Cut(body, "\n")
		attributes := strings.TrimSuffix(entry, ","+oneLine(title))
		if strings.Count(attributes, `"`)%2 != 0 || strings.Count(attributes, `"`) > 6 {
			t.Errorf("attributes %s", attributes)
		}
	})
}
