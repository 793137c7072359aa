package web

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// aLink is a link to a film whose swarm ID consists of one letter.
func aLink(letter, title string) ppsp.Link {
	l := ppsp.NewLink(ppsp.StaticDefaults(ppsp.SwarmID(strings.Repeat(letter, 32))))
	l.Title, l.Trackers = title, []string{"https://tracker.example.com/announce"}
	return l
}

// show asks for the preview of a text.
func show(t *testing.T, g *fakeGateway, text string) preview {
	t.Helper()
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		t.Fatal(err)
	}
	return decodePreview(t, ask(t, g, http.MethodPost, "/api/v1/preview", string(body)))
}

func decodePreview(t *testing.T, w *httptest.ResponseRecorder) preview {
	t.Helper()
	var p preview
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return p
}

func TestPreviewOfALink(t *testing.T) {
	g := newFakeGateway()
	l := aLink("a", "A film")
	l.Length = 399360
	p := show(t, g, "  "+l.String()+"\n")
	if len(p.Found) != 1 || p.Problem != "" {
		t.Fatalf("%+v", p)
	}
	if got := p.Found[0]; got.Title != "A film" || got.Kind != "film" || got.Length != 399360 || got.Known || fmt.Sprint(got.Trackers) != "[tracker.example.com]" || got.Link != l.String() {
		t.Errorf("%+v", got)
	}
	g.items = append(g.items, proxy.Item{ID: proxy.ItemID(l.SwarmID)})
	if p := show(t, g, l.String()); !p.Found[0].Known {
		t.Errorf("what is in the catalog is not told: %+v", p)
	}
	if n := len(g.Items()); n != 3 {
		t.Errorf("a preview added something: %d items", n)
	}
}

func TestPreviewOfAList(t *testing.T) {
	own, bare := aLink("b", "Its own title"), aLink("c", "")
	list := "\ufeff#EXTM3U\r\n#EXTINF:-1 group-title=\"News\",Another title\r\n" + own.String() + "\r\n" +
		"#EXTINF:-1 tvg-logo=\"https://example.com/l.png\" group-title=\"Series, old\",The list's title\r\n" + bare.String() + "\r\n" +
		"#EXTINF:-1,Not ours\r\nhttp://example.com/stream.ts\r\n" + bare.String() + "\r\n"
	p := show(t, newFakeGateway(), list)
	if len(p.Found) != 2 || p.Problem != "" {
		t.Fatalf("%+v", p)
	}
	if p.Found[0].Title != "Its own title" || p.Found[0].Group != "News" {
		t.Errorf("first %+v", p.Found[0])
	}
	if p.Found[1].Title != "The list's title" || p.Found[1].Group != "Series, old" || p.Found[1].Logo != "https://example.com/l.png" {
		t.Errorf("second %+v", p.Found[1])
	}
}

// What a list says of a line that is none of ours is not said of the next that is.
func TestPreviewKeepsWordsToTheirLine(t *testing.T) {
	for _, foreign := range []string{"http://example.com/stream.ts", "ppsp:live/zz", "stream.ts"} {
		list := aLink("b", "One").String() + "\n#EXTINF:-1 group-title=\"News\",Not ours\n" + foreign + "\n" + aLink("c", "").String()
		p := show(t, newFakeGateway(), list)
		if len(p.Found) != 2 || p.Found[1].Group != "" || strings.Contains(p.Found[1].Title, "Not ours") {
			t.Errorf("%s: %+v", foreign, p)
		}
	}
}

func TestPreviewExplainsWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "Nothing was pasted",
		"hello":                        ".",
		"ppsp:live/0d":                 ".",
		"#EXTM3U\n# nothing":           "names no channel",
		"magnet:?xt=urn:btih:1234":     "no link of a swarm",
		"udp://239.0.0.1:1234":         "no link of a swarm",
		"rtsp://a\nhttp://example.com": "no link of a swarm",
		"http://127.0.0.1:1/list.m3u":  "not in the Internet but in this home",
		"http://192.168.1.1/":          "not in the Internet but in this home",
		"http://[::1]/":                "not in the Internet but in this home",
		"http://[fd00::1]/":            "not in the Internet but in this home",
		"http://100.64.0.1/":           "not in the Internet but in this home",
	} {
		p := show(t, newFakeGateway(), text)
		if len(p.Found) != 0 || !strings.Contains(p.Problem, want) || strings.Contains(p.Problem, "\n") || len(p.Problem) < 10 {
			t.Errorf("%q: %+v, want a problem with %q", text, p, want)
		}
	}
	if w := ask(t, newFakeGateway(), http.MethodPost, "/api/v1/preview", `{"text":"`+strings.Repeat("a", maxBody)+`"}`); w.Code != http.StatusBadRequest {
		t.Errorf("a text that is too long: %d", w.Code)
	}
}

// A list is fetched by its address, and redirections lead no further than that address may.
func TestPreviewOfAListByAddress(t *testing.T) {
	l := aLink("d", "From afar")
	mux := http.NewServeMux()
	var elsewhere string
	mux.HandleFunc("/list.m3u", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "#EXTM3U\n%s\n", l) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxList+1)) })
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>\n<p>no list") })
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/inside", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) })
	server := httptest.NewServer(mux)
	defer server.Close()
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a server in the home was asked") }))
	defer inside.Close()
	_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
	elsewhere = "http://127.0.0.2:" + port + "/"
	s := New(Config{Gateway: newFakeGateway()})
	s.fetchable = func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") } // the test's Internet
	for path, want := range map[string]string{
		"/list.m3u": "", "/none": "404", "/large": "larger", "/page": "no list of swarms", "/round": "from one address to the next", "/inside": "in this home",
	} {
		body := fmt.Sprintf(`{"text":%q}`, server.URL+path)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/preview", strings.NewReader(body))
		r.RemoteAddr, r.Host = home, "localhost"
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		p := decodePreview(t, w)
		if want == "" && (len(p.Found) != 1 || p.Found[0].Title != "From afar") || !strings.Contains(p.Problem, want) {
			t.Errorf("%s: %+v, want %q", path, p, want)
		}
	}
}

func FuzzPreview(f *testing.F) {
	f.Add("#EXTM3U\n#EXTINF:-1 tvg-logo=\"a\" group-title=\"b\",c\n" + aLink("e", "").String())
	f.Add("#EXTINF:-1 a=\"b\nppsp:live/0d")
	s := New(Config{Gateway: newFakeGateway()})
	f.Fuzz(func(t *testing.T, text string) {
		p := s.preview(text)
		if len(p.Found) == 0 && p.Problem == "" || strings.ContainsAny(p.Problem, "\n\r") || len(p.Found) > MaxPreview {
			t.Fatalf("%q: %+v", text, p)
		}
		for _, one := range p.Found {
			if _, err := ppsp.ParseLink(one.Link); err != nil {
				t.Fatalf("%q gives the link %q: %v", text, one.Link, err)
			}
		}
	})
}
