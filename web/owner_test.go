package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/proxy/members"
)

// Only who sits at the gateway's machine, or has its token, decides who takes part; the home sees it.
func TestOwnerDecidesWhoTakesPart(t *testing.T) {
	for _, c := range []struct {
		name, from, token string // the server's
		field, value      string
		allowed           bool
	}{
		{name: "this machine", from: "127.0.0.1:5000", allowed: true},
		{name: "this machine, IPv6", from: "[::1]:5000", allowed: true},
		{name: "this machine, IPv4 in IPv6", from: "[::ffff:127.0.0.1]:5000", token: "secret", allowed: true},
		{name: "a guest", from: "192.168.1.9:5000", token: "secret"},
		{name: "a guest, where there is no token", from: "192.168.1.9:5000", field: "Authorization", value: "Bearer "},
		{name: "a wrong token", from: "192.168.1.9:5000", token: "secret", field: "Authorization", value: "Bearer secre"},
		{name: "another scheme", from: "192.168.1.9:5000", token: "secret", field: "Authorization", value: "Basic secret"},
		{name: "a guest, by a proxy here", from: "127.0.0.1:5000", token: "secret", field: "X-Forwarded-For", value: "192.168.1.9"},
		{name: "the same, as RFC 7239 has it", from: "127.0.0.1:5000", field: "Forwarded", value: "for=192.168.1.9"},
		{name: "the token", from: "192.168.1.9:5000", token: "secret", field: "Authorization", value: "bearer secret", allowed: true},
	} {
		f := &fakeSecurity{bans: []node.Ban{{Member: "x"}}, members: []members.Member{{ID: "abc"}}}
		ask := func(method, path, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, "http://192.168.1.5:8088"+path, strings.NewReader(body))
			r.RemoteAddr = c.from
			if body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			if c.field != "" {
				r.Header.Set(c.field, c.value)
			}
			w := httptest.NewRecorder()
			New(Config{Gateway: newFakeGateway(), Security: f, OwnerToken: c.token}).Handler().ServeHTTP(w, r)
			return w
		}
		for _, path := range []string{"/api/v1/bans", "/api/v1/members"} {
			if w := ask(http.MethodGet, path, ""); w.Code != http.StatusOK {
				t.Errorf("%s: GET %s: %d %s", c.name, path, w.Code, w.Body)
			}
		}
		for _, q := range [][3]string{
			{http.MethodPost, "/api/v1/bans", `{"who": "192.0.2.7"}`},
			{http.MethodDelete, "/api/v1/bans/" + f.bans[0].ID(), ""},
			{http.MethodPost, "/api/v1/members", `{"name": "Mallory", "swarms": ["01ff"]}`},
			{http.MethodDelete, "/api/v1/members/abc", ""},
		} {
			w := ask(q[0], q[1], q[2])
			var p problem
			_ = json.Unmarshal(w.Body.Bytes(), &p) // what is no problem has no Error
			if c.allowed && w.Code >= 300 || !c.allowed && (w.Code != http.StatusForbidden || !strings.Contains(p.Error, "owner.token")) {
				t.Errorf("%s: %s %s: %d %s", c.name, q[0], q[1], w.Code, w.Body)
			}
		}
		if !c.allowed && (len(f.bans) != 1 || len(f.members) != 1) {
			t.Errorf("%s: it was changed: %v, %v", c.name, f.bans, f.members)
		}
	}
}
