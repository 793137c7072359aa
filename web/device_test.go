package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestDevice(t *testing.T) {
	for _, test := range []struct {
		name      string
		discovery func() Discovery
		want      string
	}{
		{
			"found", func() Discovery { return Discovery{Name: "Swarmgate (den)", FoundOn: []string{"eth0", "wlan0"}} },
			`{"name":"Swarmgate (den)","found_on":["eth0","wlan0"],"problem":""}`,
		},
		{
			"not found", func() Discovery { return Discovery{Name: "Swarmgate (den)", Problem: "no multicast on eth0"} },
			`{"name":"Swarmgate (den)","found_on":[],"problem":"no multicast on eth0"}`,
		},
		{"no media server", nil, `{"name":"","found_on":[],"problem":"This gateway is no media server, so TVs can't find it."}`},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/device", nil)
		r.RemoteAddr, r.Host = home, "localhost"
		w := httptest.NewRecorder()
		New(Config{Gateway: newFakeGateway(), Discovery: test.discovery}).Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.String() != test.want+"\n" {
			t.Errorf("%s: status %d: %s", test.name, w.Code, w.Body)
		}
	}
}

// A cable that is pulled or plugged in shows on pages that are open.
func TestDeviceIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var plugged atomic.Bool
		client, _ := serveConfig(t, Config{Gateway: newFakeGateway(), Discovery: func() Discovery {
			if plugged.Load() {
				return Discovery{Name: "Den", FoundOn: []string{"eth0"}}
			}
			return Discovery{Name: "Den", Problem: "no network"}
		}})
		resp := get(t, t.Context(), client, "/api/v1/events")
		defer resp.Body.Close()
		events := follow(resp.Body)
		if got, want := events.next(), "event: device\ndata: "+`{"name":"Den","found_on":[],"problem":"no network"}`; !strings.HasPrefix(got, want) {
			t.Errorf("first events %q, want %q", got, want)
		}
		plugged.Store(true)
		time.Sleep(eventPeriod + eventGap)
		if got, want := events.next(), "event: device\ndata: "+`{"name":"Den","found_on":["eth0"],"problem":""}`; got != want {
			t.Errorf("then %q, want %q", got, want)
		}
	})
}
