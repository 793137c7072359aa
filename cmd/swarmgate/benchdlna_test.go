package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy/publish"
)

// The film that is played is one: players find in it how long it plays.
func TestLongFilm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.mp4")
	if err := longFilm(path, 3<<20); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != 3<<20 {
		t.Errorf("%v bytes, %v", info.Size(), err)
	}
	if d := publish.Duration(path); d != 24*time.Second {
		t.Errorf("plays %v", d)
	}
}

func TestMadeUpChannelsAreLinks(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range madeUpChannels(100) {
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		seen[string(l.SwarmID)] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d swarms", len(seen))
	}
}

func TestQuantile(t *testing.T) {
	if v := []float64{5, 1, 4, 2, 3, 9, 7, 8, 6, 10}; quantile(v, 0.5) != 6 || quantile(v, 0.9) != 10 || quantile(v[:1], 0.9) != 1 {
		t.Errorf("median %v", quantile(v, 0.5))
	}
}

func TestTableTellsWhatWasLeftOut(t *testing.T) {
	f := dlnaFigures{serverFigures: serverFigures{Items: 1000, BrowseMedianMS: 1.25}, LeftOut: "minidlna, which is not installed"}
	var out bytes.Buffer
	say := func(form string, args ...any) { fmt.Fprintf(&out, form+"\n", args...) }
	f.print(say)
	for _, want := range []string{"Browse of 1000 items, median", "1.2 ms", "Left out: minidlna, which is not installed."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	out.Reset()
	f.MiniDLNA, f.LeftOut = &serverFigures{BrowseMedianMS: 7.5}, ""
	if f.print(say); !strings.Contains(out.String(), "7.5 ms") || strings.Contains(out.String(), "Left out") {
		t.Errorf("table\n%s", &out)
	}
}

// The folder with the most items is found wherever it is, and the film by its name.
func TestLargestFolder(t *testing.T) {
	answers := map[string]string{
		"0": `<container id="a"></container><container id="b"></container>`,
		"a": strings.Repeat(`<item id="x"><res protocolInfo="p">http://x/1</res></item>`, 3),
		"b": `<container id="c"></container>`,
		"c": strings.Repeat(`<item id="y"></item>`, 4) + `<item id="z"><title>A Long Film</title><res size="1">http://x/long?a&amp;b</res></item>`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		_, _ = b.ReadFrom(r.Body)
		for id, answer := range answers {
			if strings.Contains(b.String(), "<ObjectID>"+id+"<") {
				n := strings.Count(answer, "<item ") + strings.Count(answer, "<container ")
				fmt.Fprintf(w, "<Result>%s</Result><NumberReturned>%d</NumberReturned>", strings.NewReplacer("<", "&lt;", "&", "&amp;").Replace(answer), n)
			}
		}
	}))
	defer server.Close()
	content, _ := url.Parse(server.URL)
	c := &controlPoint{client: server.Client(), content: content}
	id, items, film, err := c.largest(t.Context(), "Long Film")
	if id != "c" || items != 5 || film != "http://x/long?a&b" || err != nil {
		t.Errorf("%q %d %q %v", id, items, film, err)
	}
	if _, _, _, err := c.largest(t.Context(), "Another"); err == nil {
		t.Error("a film that is not there is found")
	}
}

func TestBenchDLNAUsage(t *testing.T) {
	for _, b := range []benchDLNA{{Items: 0, Film: 1 << 20, Reads: 1}, {Items: 100000, Film: 1 << 20, Reads: 1}, {Items: 1, Film: 5, Reads: 1}, {Items: 1, Film: 1 << 20}} {
		if err := b.Run(t.Context(), console{}); err == nil {
			t.Errorf("%+v is taken", b)
		}
	}
}
