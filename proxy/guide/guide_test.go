package guide

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var evening = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)

var catalog = []Channel{{ID: "a1", Title: "News 24"}, {ID: "b2", Title: "Kino"}, {ID: "c3", Title: "Kino"}}

const twoChannels = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tv SYSTEM "xmltv.dtd">
<tv generator-info-name="someone">
 <channel id="news.example"><display-name lang="de">news-24</display-name><icon src="http://10.0.0.1/x"/></channel>
 <channel id="kino.example"><display-name>K</display-name><display-name>Kino</display-name></channel>
 <programme start="20261123200000 +0000" stop="20261123201500 +0000" channel="news.example">
  <title lang="de">Tagesschau &amp; Wetter</title><title lang="en">News</title><desc>What
   happened.</desc><credits><actor>X</actor></credits></programme>
 <programme start="20261123211500 +0100" channel="news.example"><title>Talk</title></programme>
 <programme start="202611232100" channel="news.example"><title>Late</title></programme>
 <programme start="20261123193000 GMT" stop="20261123213000 GMT" channel="kino.example"><title>A Film</title></programme>
 <programme start="20261123193000 +0000" channel="c3"><title>by its ID</title></programme>
 <programme start="20261123193000 +0000" channel="nobody"><title>not ours</title></programme>
 <programme start="yesterday" channel="news.example"><title>no time</title></programme>
 <programme start="20250101000000 +0000" stop="20250101010000 +0000" channel="news.example"><title>long ago</title></programme>
 <programme start="20271123193000 +0000" channel="news.example"><title>far ahead</title></programme>
</tv>`

func parse(text string) (*collector, error) {
	c := newCollector(catalog, evening)
	plain, err := unpacked(strings.NewReader(text))
	if err != nil {
		return c, err
	}
	return c, readXMLTV(&bounded{from: plain, left: MaxSource}, c)
}

func guideOf(t *testing.T, text string) *Guide {
	t.Helper()
	c, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &Guide{channels: c.sorted()}
}

func TestWhatIsOn(t *testing.T) {
	g := guideOf(t, twoChannels)
	for _, test := range []struct {
		id        string
		at        time.Duration // after eight in the evening
		now, next string
	}{
		{"a1", -time.Hour, "", "Tagesschau & Wetter"},
		{"a1", 0, "Tagesschau & Wetter", "Talk"},
		{"a1", 15*time.Minute - 1, "Tagesschau & Wetter", "Talk"},
		{"a1", 15 * time.Minute, "Talk", "Late"}, // until the next begins, which alone is told
		{"a1", 90 * time.Minute, "Late", ""},
		{"a1", 3 * time.Hour, "", ""},
		{"b2", 0, "A Film", ""},
		{"c3", 0, "A Film", ""}, // two channels of one name have one programme; of two at once the first counts
		{"d4", 0, "", ""},
	} {
		now, next := g.OnAir(test.id, evening.Add(test.at))
		if now.Title != test.now || next.Title != test.next {
			t.Errorf("%s at %v: %q, then %q; want %q, then %q", test.id, test.at, now.Title, next.Title, test.now, test.next)
		}
	}
	if now, _ := g.OnAir("a1", evening); now.Description != "What happened." || !now.Start.Equal(evening) || !now.End.Equal(evening.Add(15*time.Minute)) {
		t.Errorf("%+v", now)
	}
	if list := g.Programmes("a1", evening.Add(10*time.Minute), evening.Add(20*time.Minute)); len(list) != 2 {
		t.Errorf("between: %+v", list)
	}
	if list := g.Programmes("a1", evening.Add(-24*time.Hour), evening.Add(24*time.Hour)); len(list) != 3 {
		t.Errorf("all: %+v", list)
	}
}

func TestTimesOfXMLTV(t *testing.T) {
	for text, want := range map[string]string{
		"20261123200000 +0000": "2026-11-23T20:00:00Z",
		"20261123200000 +0130": "2026-11-23T18:30:00Z",
		"20261123200000":       "2026-11-23T20:00:00Z",
		"202611232000 -0500":   "2026-11-24T01:00:00Z",
		"20261123 +0000":       "2026-11-23T00:00:00Z",
		"20261123200000 UTC":   "2026-11-23T20:00:00Z",
		"":                     "",
		"2026":                 "",
		"20261323200000 +0000": "",
		"2026112320000 +0000":  "",
		"x":                    "",
	} {
		got, ok := parseTime(text)
		if ok != (want != "") || ok && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %v", text, got, ok)
		}
	}
}

func TestEncodings(t *testing.T) {
	text := strings.Replace(twoChannels, "UTF-8", "ISO-8859-1", 1)
	g := guideOf(t, strings.Replace(text, "Talk", "Caf\xe9 \xfcber", 1))
	if _, next := g.OnAir("a1", evening); next.Title != "Café über" {
		t.Errorf("%q", next.Title)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(twoChannels))
	_ = z.Close()
	if now, _ := guideOf(t, b.String()).OnAir("a1", evening); now.Title == "" {
		t.Error("compressed: nothing is on")
	}
}

// repeated is an endless document, and counts what was read of it.
type repeated struct {
	head, again string
	read        int64
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if r.head == "" {
			r.head = r.again
		}
		m := copy(p[n:], r.head)
		r.head = r.head[m:]
		n += m
	}
	r.read += int64(n)
	return n, nil
}

// Guides that would fill memory or keep a processor busy are refused, and say why.
func TestHostileGuides(t *testing.T) {
	for name, test := range map[string]struct{ head, again, says string }{
		"text without end":      {"<tv><channel id='x'><display-name>", "aaaaaaaaaaaaaaaa", "too long"},
		"CDATA without end":     {"<tv><programme><title><![CDATA[", "<<<<<<<<", "too long"},
		"comment without end":   {"<tv><!--", "<a/> ", "too long"},
		"attribute without end": {"<tv><channel id='", "aaaaaaaa", "too long"},
		"attributes":            {"<tv><channel ", "a='b' ", "too long"},
		"instruction":           {"<?xml ", "a", "too long"},
		"elements in elements":  {"<tv>", "<a>", "deep"},
		"elements in a channel": {"<tv><channel id='x'>", "<a>", "deep"},
		"without end":           {"<tv>", "<programme start='1' channel='c'><title>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</title></programme>", "as much as is read"},
	} {
		t.Run(name, func(t *testing.T) {
			source := &repeated{head: test.head, again: test.again}
			left := int64(4 << 20) // in the place of MaxSource, for time's sake
			err := readXMLTV(&bounded{from: source, left: left}, newCollector(catalog, evening))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one with %q", err, test.says)
			}
			if test.says == "too long" && source.read > 2*maxToken {
				t.Errorf("%d bytes were read before", source.read)
			}
		})
	}
	for name, text := range map[string]string{
		"entities that grow":  `<!DOCTYPE tv [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><tv><channel id="&b;"/></tv>`,
		"entity of a file":    `<!DOCTYPE tv [<!ENTITY x SYSTEM "file:///etc/passwd">]><tv><channel id="x"><display-name>&x;</display-name></channel></tv>`,
		"no XML":              "hello",
		"a page":              "<!DOCTYPE html><html><body>Not found</body></html>",
		"cut off":             twoChannels[:len(twoChannels)/2],
		"wrong nesting":       "<tv><channel id='x'></tv></channel>",
		"an unknown encoding": `<?xml version="1.0" encoding="EBCDIC"?><tv/>`,
		"empty":               "",
		"broken gzip":         "\x1f\x8b\x08\x00\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parse(text)
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line", err)
			}
			if name != "cut off" && c.n > 0 {
				t.Errorf("%d broadcasts", c.n)
			}
		})
	}
}

// A gzip bomb is unpacked as far as is read at most, in little memory.
func TestGzipBomb(t *testing.T) {
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	_, _ = io.WriteString(z, "<tv>")
	_, _ = io.Copy(z, io.LimitReader(&repeated{again: strings.Repeat(" ", 1<<16)}, 8<<20))
	_ = z.Close()
	plain, err := unpacked(&packed)
	if err != nil {
		t.Fatal(err)
	}
	err = readXMLTV(&bounded{from: plain, left: MaxSource}, newCollector(catalog, evening))
	if err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("error %v", err)
	}
}

func TestBroadcastsAreBounded(t *testing.T) {
	c := newCollector(catalog, evening)
	for i := range MaxProgrammes + 10 {
		c.add([]string{"a1"}, Programme{Start: evening.Add(time.Duration(i) * time.Second)})
	}
	if c.n != MaxProgrammes {
		t.Errorf("%d are kept", c.n)
	}
	c = newCollector(catalog, evening)
	for i := range MaxProgrammes / 2 {
		c.add([]string{"a1", "b2"}, Programme{Title: "x", Description: strings.Repeat("d", maxSummary), Start: evening.Add(time.Duration(i) * time.Second)})
	}
	text := 0
	for _, p := range c.sorted()["a1"] {
		text += len(p.Description)
	}
	if text > MaxText || text < MaxText-maxSummary || c.n != MaxProgrammes {
		t.Errorf("%d bytes of descriptions of %d broadcasts are kept", text, c.n)
	}
	if got := shortened("aé", 2); got != "a" {
		t.Errorf("cut in a character: %q", got)
	}
}

// The sources are read at once, again when the catalog has changed, and after a while; one that
// fails leaves what it told, and is tried again soon.
func TestGuideIsRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "guide.xml")
		put := func(title string) {
			const form = "20060102150405 -0700"
			text := fmt.Sprintf("<tv><programme start=%q stop=%q channel='a1'><title>%s</title></programme></tv>",
				time.Now().Format(form), time.Now().Add(9*time.Hour).Format(form), title)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Error(err)
			}
		}
		put("one")
		var changes, added atomic.Uint32
		changes.Store(1)
		channels := func() []Channel { return append(slices.Clone(catalog), Channel{ID: fmt.Sprint(added.Load())}) }
		g := New(Config{Sources: []string{path}, Refresh: time.Hour, Channels: channels, Changes: changes.Load, Logger: zerolog.Nop()})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.Run(ctx) }()
		on := func(want string) {
			t.Helper()
			synctest.Wait()
			if now, _ := g.OnAir("a1", time.Now()); now.Title != want {
				t.Errorf("%q is on, want %q", now.Title, want)
			}
		}
		on("one")
		put("two")
		time.Sleep(time.Minute)
		on("one")
		changes.Add(1) // as when a film's position is noted
		time.Sleep(time.Minute)
		on("one")
		added.Add(1)
		changes.Add(1)
		time.Sleep(lookEvery)
		on("two")
		put("three")
		time.Sleep(time.Hour + lookEvery)
		on("three")
		if err := os.WriteFile(path, []byte("<tv><pro"), 0o600); err != nil {
			t.Error(err)
		}
		added.Add(1)
		changes.Add(1)
		time.Sleep(lookEvery)
		on("three") // what is known stays
		if _, err := g.Problem(); err == nil {
			t.Error("the trouble is not told")
		}
		put("four")
		time.Sleep(retryAfter + lookEvery)
		on("four")
		if _, err := g.Problem(); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestGuideOverHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/guide.xml" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, twoChannels)
	}))
	defer server.Close()
	g := New(Config{Channels: func() []Channel { return catalog }, Logger: zerolog.Nop()})
	c := newCollector(catalog, evening)
	if err := g.readSource(t.Context(), server.URL+"/guide.xml", c); err != nil || c.n == 0 {
		t.Errorf("%d broadcasts, %v", c.n, err)
	}
	if err := g.readSource(t.Context(), server.URL+"/other", c); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a wrong address: %v", err)
	}
	if err := g.readSource(t.Context(), filepath.Join(t.TempDir(), "none"), c); err == nil {
		t.Error("a missing file is read")
	}
	for source, good := range map[string]bool{"https://example.org/x.xml.gz": true, "guide.xml": true, "": false, "http://": false, "http://a b/": false} {
		if err := CheckSource(source); (err == nil) != good {
			t.Errorf("%q: %v", source, err)
		}
	}
}

func FuzzReadXMLTV(f *testing.F) {
	f.Add(twoChannels)
	f.Add("<tv><channel id='a1'/><programme channel='a1' start='20261123200000'><title>x</title></programme></tv>")
	f.Fuzz(func(t *testing.T, text string) {
		c, _ := parse(text)
		last := map[string]time.Time{}
		for id, list := range c.sorted() {
			for _, p := range list {
				if !p.End.After(p.Start) || p.Start.Before(last[id]) || len(p.Title) > maxTitle || len(p.Description) > maxSummary {
					t.Fatalf("%s: %+v", id, p)
				}
				last[id] = p.End
			}
		}
	})
}

// Of a channel of which no source tells, its stream does.
func TestWhatTheStreamTells(t *testing.T) {
	g := guideOf(t, twoChannels)
	told := Programme{Title: "From the stream", Start: evening, End: evening.Add(time.Hour)}
	g.cfg.Stream = func(id string) []Programme {
		if id == "b2" {
			t.Error("asked although a source tells")
		}
		return []Programme{told}
	}
	if now, _ := g.OnAir("z9", evening); now != told {
		t.Errorf("now %+v", now)
	}
	if list := g.Programmes("z9", evening, evening.Add(time.Minute)); len(list) != 1 || list[0] != told {
		t.Errorf("list %+v", list)
	}
	if now, _ := g.OnAir("b2", evening); now.Title != "A Film" {
		t.Errorf("now %+v", now)
	}
	if now, _ := g.OnAir("z9", evening.Add(2*time.Hour)); now.Title != "" {
		t.Errorf("later %+v", now)
	}
}
