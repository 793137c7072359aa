package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
)

func (g *fakeGateway) SetFavourite(id string, favourite bool) error {
	return g.note(id, func(i *proxy.Item) { i.Favourite = favourite })
}

func (g *fakeGateway) SetPosition(id string, position time.Duration) error {
	return g.note(id, func(i *proxy.Item) { i.Position = position })
}

func (g *fakeGateway) note(id string, change func(*proxy.Item)) error {
	err := proxy.ErrNotFound
	g.change(func() {
		for i := range g.items {
			if g.items[i].ID == id {
				change(&g.items[i])
				err = nil
			}
		}
	})
	return err
}

func TestFavouritesAndPositions(t *testing.T) {
	g := newFakeGateway()
	for _, c := range []struct {
		method, path, body string
		code               int
	}{
		{http.MethodPut, "/api/v1/channels/news/favourite", "", 204},
		{http.MethodPut, "/api/v1/channels/none/favourite", "", 404},
		{http.MethodGet, "/api/v1/channels/news/favourite", "", 405},
		{http.MethodPut, "/api/v1/channels/short/position", `{"position_s": 7.5}`, 204},
		{http.MethodPut, "/api/v1/channels/none/position", `{"position_s": 7.5}`, 404},
		{http.MethodPut, "/api/v1/channels/short/position", `{"position_s": -1}`, 400},
		{http.MethodPut, "/api/v1/channels/short/position", `{"position_s": 1e300}`, 400},
		{http.MethodPut, "/api/v1/channels/short/position", `{"at": 1}`, 400},
		{http.MethodPut, "/api/v1/channels/short/position", `{}`, 400},
		{http.MethodPut, "/api/v1/channels/short/position", strings.Repeat(" ", maxBody+1), 400},
	} {
		if w := ask(t, g, c.method, c.path, c.body); w.Code != c.code {
			t.Errorf("%s %s %.40s: %d %s, want %d", c.method, c.path, c.body, w.Code, w.Body, c.code)
		}
	}
	w := ask(t, g, http.MethodGet, "/api/v1/channels", "")
	for _, want := range []string{`"favourite":true,"position_s":0`, `"favourite":false,"position_s":7.5`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s is missing in %s", want, w.Body)
		}
	}
	if w := ask(t, g, http.MethodDelete, "/api/v1/channels/news/favourite", ""); w.Code != http.StatusNoContent || g.items[0].Favourite {
		t.Errorf("%d, %+v", w.Code, g.items[0])
	}
}
