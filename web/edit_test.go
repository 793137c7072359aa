package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/proxy"
)

func (g *fakeGateway) Rename(id, title, group string) (proxy.Item, error) {
	if id == "short" {
		return proxy.Item{}, proxy.ErrConfigured
	}
	if title == "full" {
		return proxy.Item{}, fmt.Errorf("%w: disk full", proxy.ErrNotWritten)
	}
	err := g.note(id, func(i *proxy.Item) { i.Title, i.Group = title, group })
	item, _ := g.Item(id)
	return item, err
}

func (g *fakeGateway) Move(id string, by int) error {
	if id == "short" {
		return proxy.ErrConfigured
	}
	if by == 99 {
		return fmt.Errorf("%w: disk full", proxy.ErrNotWritten)
	}
	return g.note(id, func(i *proxy.Item) { i.Group += strings.Repeat("+", by) })
}

func (g *fakeGateway) Subtitle(id, language string) ([]byte, error) {
	text, ok := g.texts[id+"."+language]
	if !ok {
		return nil, proxy.ErrNotFound
	}
	return []byte(text), nil
}

func TestEditChannel(t *testing.T) {
	for _, c := range []struct {
		path, body string
		code       int
		want       string
	}{
		{"news", `{"title": " World "}`, 200, `"title":"World","kind":"live","group":"Info"`},
		{"news", `{"group": ""}`, 200, `"title":"News, all day","kind":"live","group":""`},
		{"news", `{"title": "World", "group": "A", "move": 2}`, 200, `"title":"World"`},
		{"news", `{"title": " "}`, 400, "The title is empty"},
		{"news", `{"name": "World"}`, 400, "Send JSON like"},
		{"none", `{"title": "World"}`, 404, "no channel or film"},
		{"short", `{"title": "World"}`, 409, "comes with the configuration"},
		{"news", `{"title": "full"}`, 500, "could not be kept"},
		{"news", `{"title": "World", "move": 99}`, 500, "could not be kept"},
		{"short", `{"move": 1}`, 409, "comes with the configuration"},
	} {
		w := ask(t, newFakeGateway(), http.MethodPatch, "/api/v1/channels/"+c.path, c.body)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %d %s, want %d %s", c.path, c.body, w.Code, w.Body, c.code, c.want)
		}
	}
	g := newFakeGateway()
	ask(t, g, http.MethodPatch, "/api/v1/channels/news", `{"title": "World", "group": "A", "move": 99}`)
	if item, _ := g.Item("news"); item.Title != "News, all day" || item.Group != "Info" {
		t.Errorf("half of a change was made: %+v", item)
	}
	if w := ask(t, g, http.MethodPost, "/api/v1/channels", `{"link": "swarm:full"}`); w.Code != http.StatusInternalServerError {
		t.Errorf("a link that can't be kept: %d %s", w.Code, w.Body)
	}
}

func TestSubtitlesAsWebVTT(t *testing.T) {
	g := newFakeGateway()
	g.items[1].Subtitles = []proxy.Subtitle{{}, {Language: "de"}}
	g.texts = map[string]string{
		"short.":   "1\n00:00:01,000 --> 00:00:02,500\nOne, two\n\n",
		"short.de": "\ufeff1\r\n00:00:01,000 --> 00:00:02,500 X1:0\r\nGr\xfcn, <i>ja</i>\r\n",
	}
	for language, want := range map[string]string{
		"und": "WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.500\nOne, two\n\n",
		"de":  "WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.500\nGrün, <i>ja</i>\n",
	} {
		w := ask(t, g, http.MethodGet, "/film/short/subtitles/"+language+".vtt", "")
		if got := w.Body.String(); got != want || w.Header().Get("Content-Type") != "text/vtt; charset=utf-8" {
			t.Errorf("%s: %q, want %q", language, got, want)
		}
	}
	for _, path := range []string{"/film/short/subtitles/fr.vtt", "/film/short/subtitles/de", "/film/none/subtitles/de.vtt"} {
		if w := ask(t, g, http.MethodGet, path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if list := ask(t, g, http.MethodGet, "/api/v1/channels/short", "").Body.String(); !strings.Contains(list, `"language":"de","url":"http://192.168.1.5:8088/film/short/subtitles/de.vtt"`) {
		t.Errorf("channel without its subtitles: %s", list)
	}
	// Where guests are not let in, the address has the key, by which it can be read.
	l := newLocked(t, func(c *Config) {
		closedToGuests(c)
		c.Access.Streams = []netip.Prefix{netip.MustParsePrefix("192.168.1.99/32")}
		c.Gateway = g
	})
	path := "/k/" + goodKey + "/film/short/subtitles/de.vtt"
	if w := l.ask(http.MethodGet, "/api/v1/channels/short", "", header("Authorization", "Bearer "+goodToken)); !strings.Contains(w.Body.String(), `"url":"http://192.168.1.5:8088`+path+`"`) {
		t.Errorf("no key in %s", w.Body)
	}
	if w := l.ask(http.MethodGet, path, ""); w.Code != http.StatusOK {
		t.Errorf("by the key: %d %s", w.Code, w.Body)
	}
}
