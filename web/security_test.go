package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/members"
)

// fakeSecurity is a Security in memory.
type fakeSecurity struct {
	bans    []node.Ban
	members []members.Member
	err     error
}

func (f *fakeSecurity) Bans() []node.Ban { return f.bans }

func (f *fakeSecurity) Ban(who string, d time.Duration, reason string) (node.Ban, error) {
	b, err := node.ParseBan(who)
	if err != nil {
		return b, err
	}
	if b.Reason, b.Manual = reason, true; d > 0 {
		b.Until = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(d)
	}
	f.bans = append(f.bans, b)
	return b, nil
}

func (f *fakeSecurity) Unban(id string) error {
	if id == "removed" {
		return proxy.ErrRemoved
	}
	if len(f.bans) == 0 || f.bans[0].ID() != id {
		return proxy.ErrNotFound
	}
	f.bans = f.bans[1:]
	return nil
}

func (f *fakeSecurity) Members() ([]members.Member, error) { return f.members, f.err }

func (f *fakeSecurity) AddMember(name, address string, swarms []string, valid time.Duration) (members.Issued, error) {
	if name == "" {
		return members.Issued{}, errors.New("write a name")
	}
	m := members.Member{ID: "abc", Name: name, Address: address, Until: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(valid)}
	for _, s := range swarms {
		id, err := ppsp.ParseSwarmID(s)
		if err != nil {
			return members.Issued{}, err
		}
		m.Swarms = append(m.Swarms, id)
	}
	f.members = append(f.members, m)
	return members.Issued{Member: m, Authority: "02ab", Certificates: []byte("CERT"), Key: []byte("KEY")}, nil
}

func (f *fakeSecurity) RemoveMember(who string) error {
	if f.err != nil {
		return f.err
	}
	if len(f.members) == 0 || f.members[0].ID != who {
		return proxy.ErrNotFound
	}
	f.members = nil
	return nil
}

// manage asks a server that has f.
func manage(f *fakeSecurity, method, path, body string) *httptest.ResponseRecorder {
	c := Config{Gateway: newFakeGateway()}
	if f != nil {
		c.Security = f
	}
	r := httptest.NewRequest(method, "http://192.168.1.5:8088"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:5000"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	New(c).Handler().ServeHTTP(w, r)
	return w
}

func TestBansByAPI(t *testing.T) {
	f := &fakeSecurity{}
	if w := manage(f, http.MethodGet, "/api/v1/bans", ""); w.Body.String() != "[]\n" {
		t.Errorf("nobody: %s", w.Body)
	}
	w := manage(f, http.MethodPost, "/api/v1/bans", `{"who": "192.0.2.7:9", "hours": 1.5, "reason": "x"}`)
	if w.Code != http.StatusCreated || w.Header().Get("Location") != "/api/v1/bans/"+f.bans[0].ID() {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	manage(f, http.MethodPost, "/api/v1/bans", `{"who": "`+strings.Repeat("AB", 32)+`"}`)
	f.bans = append(f.bans, node.Ban{Net: f.bans[0].Net})
	want := `[{"id":"` + f.bans[0].ID() + `","who":"192.0.2.7:9","member":false,"until":"2030-01-01T01:30:00Z","reason":"x","by":"hand"},` +
		`{"id":"` + f.bans[1].ID() + `","who":"` + strings.Repeat("ab", 32) + `","member":true,"until":null,"reason":"","by":"hand"},` +
		`{"id":"` + f.bans[2].ID() + `","who":"192.0.2.7","member":false,"until":null,"reason":"","by":"node"}]` + "\n"
	if w := manage(f, http.MethodGet, "/api/v1/bans", ""); w.Body.String() != want {
		t.Errorf("got\n%swant\n%s", w.Body, want)
	}
	if w := manage(f, http.MethodDelete, "/api/v1/bans/"+f.bans[0].ID(), ""); w.Code != http.StatusNoContent || len(f.bans) != 2 {
		t.Errorf("DELETE: %d %s", w.Code, w.Body)
	}
	f.members = []members.Member{{ID: strings.Repeat("ab", 32), Name: "Alice"}}
	if w := manage(f, http.MethodGet, "/api/v1/bans", ""); !strings.Contains(w.Body.String(), `"name":"Alice","member":true`) {
		t.Errorf("a member without his name: %s", w.Body)
	}
	if w := manage(f, http.MethodDelete, "/api/v1/bans/removed", ""); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "members add") {
		t.Errorf("DELETE of a removed member: %d %s", w.Code, w.Body)
	}
	if w := manage(f, http.MethodDelete, "/api/v1/bans/none", ""); w.Code != http.StatusNotFound {
		t.Errorf("DELETE of none: %d %s", w.Code, w.Body)
	}
}

func TestMembersByAPI(t *testing.T) {
	f := &fakeSecurity{}
	w := manage(f, http.MethodPost, "/api/v1/members", `{"name": "Alice", "swarms": ["01ff"], "address": "192.0.2.1:7", "hours": 24}`)
	var added memberEntry
	if err := json.Unmarshal(w.Body.Bytes(), &added); err != nil || w.Code != http.StatusCreated || added.Key != "KEY" || added.Certificate != "CERT" || added.Authority != "02ab" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := `[{"id":"abc","name":"Alice","address":"192.0.2.1:7","swarms":["01ff"],"added":"0001-01-01T00:00:00Z","until":"2030-01-02T00:00:00Z"}]` + "\n"
	if w := manage(f, http.MethodGet, "/api/v1/members", ""); w.Body.String() != want {
		t.Errorf("got\n%swant\n%s", w.Body, want)
	}
	if w := manage(f, http.MethodDelete, "/api/v1/members/abc", ""); w.Code != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", w.Code, w.Body)
	}
	if w := manage(f, http.MethodDelete, "/api/v1/members/abc", ""); w.Code != http.StatusNotFound {
		t.Errorf("DELETE, again: %d %s", w.Code, w.Body)
	}
	f.err = errors.New("the disk")
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		path := "/api/v1/members"
		if method == http.MethodDelete {
			path += "/abc"
		}
		if w := manage(f, method, path, ""); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "the disk") {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
}

func TestRequestsOfSecurityThatCantBe(t *testing.T) {
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/api/v1/bans", `{"who": "nobody"}`, 400},
		{"/api/v1/bans", `{"who": "192.0.2.1", "hours": -1}`, 400},
		{"/api/v1/bans", `{"who": "192.0.2.1", "hours": 1e9}`, 400},
		{"/api/v1/bans", `{"whom": "192.0.2.1"}`, 400},
		{"/api/v1/bans", `{`, 400},
		{"/api/v1/bans", `{"who": "` + strings.Repeat("x", maxBody) + `"}`, 413},
		{"/api/v1/bans", "", 415},
		{"/api/v1/members", `{"name": ""}`, 400},
		{"/api/v1/members", `{"name": "a", "hours": 1e9}`, 400},
		{"/api/v1/members", `{"name": "a", "swarms": ["zz"]}`, 400},
		{"/api/v1/members", "", 415},
	} {
		w := manage(&fakeSecurity{}, http.MethodPost, c.path, c.body)
		var p problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); w.Code != c.status || err != nil || p.Error == "" {
			t.Errorf("%s %.40s: %d %s", c.path, c.body, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/api/v1/bans", "/api/v1/members"} {
		if w := manage(nil, http.MethodGet, path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s without security: %d", path, w.Code)
		}
	}
}
