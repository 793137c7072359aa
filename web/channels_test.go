package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

func TestChannelsHaveTheFieldsOfTheContract(t *testing.T) {
	g := newFakeGateway()
	g.sessions = []proxy.Session{{ID: "s", Channel: "news", State: proxy.StateBuffering}}
	w := ask(t, g, http.MethodGet, "/api/v1/channels", "")
	want := `[{"id":"news","title":"News, all day","kind":"live","group":"Info","link":"swarm:news","logo":"",` +
		`"urls":{"page":"http://192.168.1.5:8088/watch/news","ts":"http://192.168.1.5:8088/live/news.ts","hls":"http://192.168.1.5:8088/live/news/index.m3u8","ll":"http://192.168.1.5:8088/live/news/ll.m3u8"},"state":"buffering",` +
		`"media_type":"video/mp2t","length":0,"duration_s":0,"rate_bps":1500000,"favourite":false,"position_s":0},` +
		`{"id":"short","title":"A short film","kind":"film","group":"","link":"swarm:short","logo":"",` +
		`"urls":{"page":"http://192.168.1.5:8088/watch/short","file":"http://192.168.1.5:8088/film/short"},"state":"idle",` +
		`"media_type":"video/mp4","length":100000,"duration_s":12.4,"rate_bps":64516,"favourite":false,"position_s":0}]` + "\n"
	if w.Body.String() != want {
		t.Errorf("got\n%s\nwant\n%s", w.Body, want)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
}

func TestAnEmptyCatalogIsAnEmptyList(t *testing.T) {
	w := ask(t, &fakeGateway{}, http.MethodGet, "/api/v1/channels", "")
	if w.Body.String() != "[]\n" {
		t.Errorf("body %q", w.Body)
	}
}

func TestOneChannel(t *testing.T) {
	var c channel
	w := ask(t, newFakeGateway(), http.MethodGet, "/api/v1/channels/short", "")
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || c.ID != "short" || c.State != proxy.StateIdle {
		t.Errorf("%+v, %v", c, err)
	}
	if w := ask(t, newFakeGateway(), http.MethodGet, "/api/v1/channels/none", ""); w.Code != http.StatusNotFound {
		t.Errorf("unknown: status %d", w.Code)
	}
}

func TestAddingAChannel(t *testing.T) {
	g := newFakeGateway()
	w := ask(t, g, http.MethodPost, "/api/v1/channels", `{"link": "  swarm:more\n"}`)
	if w.Code != http.StatusCreated {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if got := w.Header().Get("Location"); got != "/api/v1/channels/more%2F%C3%A9" {
		t.Errorf("Location %q", got)
	}
	var c channel
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || c.Title != "More" {
		t.Errorf("%+v, %v", c, err)
	}
	if len(g.items) != 3 {
		t.Errorf("%d items", len(g.items))
	}
	if w := ask(t, g, http.MethodGet, w.Header().Get("Location"), ""); w.Code != http.StatusOK {
		t.Errorf("Location leads to %d", w.Code)
	}
}

func TestAddingWhatIsNoLink(t *testing.T) {
	for name, test := range map[string]struct {
		body   string
		set    func(*http.Request)
		status int
		says   string
	}{
		"bad link":      {`{"link":"oops"}`, nil, 400, errBadLink.Error()},
		"empty link":    {`{"link":" "}`, nil, 400, "empty"},
		"no link":       {`{}`, nil, 400, "empty"},
		"not JSON":      {`swarm:more`, nil, 400, "JSON"},
		"unknown field": {`{"url":"swarm:more"}`, nil, 400, "url"},
		"wrong type":    {`{"link":7}`, nil, 400, "JSON"},
		"too long":      {`{"link":"` + strings.Repeat("x", maxBody) + `"}`, nil, 413, "too long"},
		"a form":        {`link=swarm:more`, header("Content-Type", "application/x-www-form-urlencoded"), 415, "application/json"},
		"plain text":    {`{"link":"swarm:more"}`, header("Content-Type", "text/plain"), 415, "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			set := []func(*http.Request){}
			if test.set != nil {
				set = append(set, test.set)
			}
			g := newFakeGateway()
			w := ask(t, g, http.MethodPost, "/api/v1/channels", test.body, set...)
			if w.Code != test.status || !strings.Contains(sentence(t, w), test.says) {
				t.Errorf("status %d %s, want %d with %q", w.Code, w.Body, test.status, test.says)
			}
			if len(g.items) != 2 {
				t.Error("the catalog changed")
			}
		})
	}
}

func TestRemovingAChannel(t *testing.T) {
	g := newFakeGateway()
	if w := ask(t, g, http.MethodDelete, "/api/v1/channels/news", ""); w.Code != http.StatusNoContent || w.Body.Len() != 0 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if w := ask(t, g, http.MethodDelete, "/api/v1/channels/news", ""); w.Code != http.StatusNotFound {
		t.Errorf("again: status %d", w.Code)
	}
	w := ask(t, g, http.MethodDelete, "/api/v1/channels/short", "")
	if w.Code != http.StatusInternalServerError || !strings.Contains(sentence(t, w), "in use") {
		t.Errorf("in use: status %d %s", w.Code, w.Body)
	}
}

// What the configuration has is changed there.
func TestConfiguredChannelsStay(t *testing.T) {
	for _, w := range []*httptest.ResponseRecorder{
		ask(t, newFakeGateway(), http.MethodPost, "/api/v1/channels", `{"link": "swarm:configured"}`),
		ask(t, newFakeGateway(), http.MethodDelete, "/api/v1/channels/configured", ""),
	} {
		if w.Code != http.StatusConflict || !strings.Contains(sentence(t, w), "comes with the configuration") {
			t.Errorf("status %d %s", w.Code, w.Body)
		}
	}
}

func TestSessionsHaveTheFieldsOfTheContract(t *testing.T) {
	g := newFakeGateway()
	if w := ask(t, g, http.MethodGet, "/api/v1/sessions", ""); w.Body.String() != "[]\n" {
		t.Errorf("none: %q", w.Body)
	}
	g.sessions = []proxy.Session{{
		ID: "1", Channel: "news", State: proxy.StatePlaying, Text: "Playing", Peers: 3,
		DownBps: 1_500_000, UpBps: 20_000, BufferS: 1.25, Viewers: 2,
	}}
	want := `[{"id":"1","channel":"news","state":"playing","text":"Playing","peers":3,"down_bps":1500000,"up_bps":20000,"buffer_s":1.25,"viewers":2}]` + "\n"
	if w := ask(t, g, http.MethodGet, "/api/v1/sessions", ""); w.Body.String() != want {
		t.Errorf("got\n%s\nwant\n%s", w.Body, want)
	}
	g.sessions[0].Outage = membership.Outage{Tracker: "t.example:7846", Problem: membership.NoAnswer, Since: time.Date(2031, 1, 2, 10, 31, 0, 0, time.UTC)}
	want = strings.Replace(want, `"viewers":2`, `"viewers":2,"tracker":{"name":"t.example:7846","problem":"no_answer","since":"2031-01-02T10:31:00Z"}`, 1)
	if w := ask(t, g, http.MethodGet, "/api/v1/sessions", ""); w.Body.String() != want {
		t.Errorf("got\n%s\nwant\n%s", w.Body, want)
	}
}
