package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/proxy/config"
)

// settingsServer serves the settings of a gateway with defaults, whose folder for state is dir.
func settingsServer(t *testing.T, dir string, access Access) *Server {
	t.Helper()
	s, err := config.Load("", config.Surroundings{Environ: []string{"HOME=" + dir, "SWARMGATE_LOG_LEVEL=warn"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Set("dir", dir), s.TakeChosen(), s.Validate()); err != nil {
		t.Fatal(err)
	}
	return New(Config{Gateway: newFakeGateway(), Settings: config.NewOwner(s), Access: access})
}

func patch(t *testing.T, s *Server, body, token string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPatch, "http://192.168.1.5:8088/api/v1/settings", strings.NewReader(body))
	r.RemoteAddr = "192.168.1.20:40000"
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func listed(t *testing.T, body string) map[string]setting {
	t.Helper()
	var list []setting
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	byKey := map[string]setting{}
	for _, one := range list {
		byKey[one.Key] = one
	}
	return byKey
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	s := settingsServer(t, dir, Access{})
	all := listed(t, askOf(t, s, "/api/v1/settings", ""))
	if one := all["buffer.live"]; one.Value != "32MiB" || one.Origin != config.FromDefault || !one.Changeable || one.Pending || one.Meaning == "" || one.Applies != "restart" {
		t.Errorf("%+v", one)
	}
	if one := all["log.level"]; one.Value != "warn" || one.Origin != config.FromEnv || one.Changeable || one.Overridden != "SWARMGATE_LOG_LEVEL" {
		t.Errorf("%+v", one)
	}
	w := patch(t, s, `{"buffer.live": "64MiB", "dlna.enabled": false}`, "")
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if all = listed(t, w.Body.String()); all["buffer.live"].Value != "64MiB" || !all["buffer.live"].Pending || all["dlna.enabled"].Value != false {
		t.Errorf("%+v", all["buffer.live"])
	}
	after := settingsServer(t, dir, Access{})
	if one := listed(t, askOf(t, after, "/api/v1/settings", ""))["buffer.live"]; one.Value != "64MiB" || one.Pending || one.Origin != config.FromPage {
		t.Errorf("after a start: %+v", one)
	}
}

func TestWrongSettings(t *testing.T) {
	s := settingsServer(t, t.TempDir(), Access{})
	var p settingsProblem
	w := patch(t, s, `{"buffer.live": "1KiB", "dlna.announce": "20m"}`, "")
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusBadRequest {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(p.Reasons["buffer.live"], "too little") || !strings.Contains(p.Reasons["dlna.announce"], "more than half") || !strings.HasPrefix(p.Error, "dlna.announce: is more") {
		t.Errorf("%+v", p)
	}
	for _, body := range []string{`{"ffmpeg": "/tmp/evil"}`, `{"log.level": "debug"}`, `{"nothing": 1}`, `[]`, `{`} {
		if w := patch(t, s, body, ""); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestGuestsSeeAndChangeNoSettings(t *testing.T) {
	s := settingsServer(t, t.TempDir(), Access{Password: []byte("$2a$04$x"), Guests: true, Tokens: []string{"a token of a program"}})
	if w := serveTo(t, s, http.MethodGet, "/api/v1/settings", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("a guest asks: %d", w.Code)
	}
	if w := patch(t, s, `{"buffer.sessions": 3}`, ""); w.Code != http.StatusUnauthorized {
		t.Errorf("a guest changes: %d", w.Code)
	}
	if w := patch(t, s, `{"buffer.sessions": 3}`, "a token of a program"); w.Code != http.StatusOK {
		t.Errorf("a program: %d %s", w.Code, w.Body)
	}
}

func TestSettingsAreCheckedWhileTheyAreWritten(t *testing.T) {
	s := settingsServer(t, t.TempDir(), Access{Password: []byte("$2a$04$x"), Guests: true, Tokens: []string{"a token of a program"}})
	check := func(body, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://192.168.1.5:8088/api/v1/settings/check", strings.NewReader(body))
		r.RemoteAddr = "192.168.1.20:40000"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w
	}
	const token = "a token of a program"
	if w := check(`{"buffer.live": "64MiB"}`, token); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `{"error":"","reasons":{}}` {
		t.Errorf("a good value: %d %s", w.Code, w.Body)
	}
	wrong := check(`{"buffer.live": "1KiB"}`, token)
	if changed := patch(t, s, `{"buffer.live": "1KiB"}`, token); wrong.Code != http.StatusOK || !strings.Contains(wrong.Body.String(), "too little") || wrong.Body.String() != changed.Body.String() {
		t.Errorf("%d %s, a change says %s", wrong.Code, wrong.Body, changed.Body)
	}
	if w := check(`{"buffer.live": "64MiB"}`, "no token"); w.Code != http.StatusUnauthorized {
		t.Errorf("a guest: %d %s", w.Code, w.Body)
	}
}
