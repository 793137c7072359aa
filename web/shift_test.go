package web

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// span is what the fake gateway has stored of its channel.
type span struct{ from, to time.Duration }

func (g *fakeGateway) LiveSpan(string) (from, to time.Duration, ok bool) {
	return g.stored.from, g.stored.to, g.stored != span{}
}

func (g *fakeGateway) OpenLiveAt(_ context.Context, id string, since time.Duration) (io.ReadCloser, time.Duration, error) {
	g.change(func() { g.opened++ })
	return closing{io.NopCloser(strings.NewReader(id + " since " + since.String())), g}, since, nil
}

func TestViewersGoBackInAChannel(t *testing.T) {
	for _, c := range []struct {
		stored span
		query  string
		code   int
		want   string
	}{
		{span{time.Second, time.Minute}, "", 200, "live"},
		{span{time.Second, time.Minute}, "?behind=0", 200, "live"},
		{span{time.Second, time.Minute}, "?behind=12.5", 200, "news since 47.5s"},
		{span{time.Second, time.Minute}, "?behind=3600", 200, "news since 0s"}, // the oldest there is
		{span{}, "?behind=30", 200, "live"},                                    // nothing is stored yet
		{span{}, "?behind=-1", 400, "behind=30"},
		{span{}, "?behind=NaN", 400, "behind=30"},
		{span{}, "?behind=1e9", 400, "behind=30"},
		{span{}, "?behind=yesterday", 400, "behind=30"},
	} {
		g := newFakeGateway()
		g.stored = c.stored
		g.openLive = func(context.Context, string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("live")), nil
		}
		w := ask(t, g, http.MethodGet, "/live/news.ts"+c.query, "")
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%+v %s: %d %s, want %d %s", c.stored, c.query, w.Code, w.Body, c.code, c.want)
		}
		if g.open() != 0 {
			t.Errorf("%s: %d streams left open", c.query, g.open())
		}
	}
}
