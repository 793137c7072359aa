package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/proxy"
)

func (g *fakeGateway) Rename(id, title, group string) (proxy.Item, error) {
	if id == "short" {
		return proxy.Item{}, proxy.ErrConfigured
	}
	err := g.note(id, func(i *proxy.Item) { i.Title, i.Group = title, group })
	item, _ := g.Item(id)
	return item, err
}

func (g *fakeGateway) Move(id string, by int) error {
	if id == "short" {
		return proxy.ErrConfigured
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
		{"short", `{"move": 1}`, 409, "comes with the configuration"},
	} {
		w := ask(t, newFakeGateway(), http.MethodPatch, "/api/v1/channels/"+c.path, c.body)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %d %s, want %d %s", c.path, c.body, w.Code, w.Body, c.code, c.want)
		}
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
}
