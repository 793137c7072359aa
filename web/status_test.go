package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/logbook"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

func TestStatus(t *testing.T) {
	g := newFakeGateway()
	var got status
	get := func(c Config) string {
		t.Helper()
		c.Gateway = g
		body := askOf(t, New(c), "/api/v1/status", "")
		got = status{}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		return body
	}
	if body := get(Config{}); !strings.Contains(body, `"share_ratio":null`) || !strings.Contains(body, `"trouble":[]`) || !strings.Contains(body, `"samples":[]`) {
		t.Errorf("at rest: %s", body)
	}
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	g.overview = proxy.Overview{Since: at, Received: 1000, Sent: 500, Samples: []proxy.Sample{{At: at, DownBps: 8, UpBps: 4, Peers: 2, BufferS: 1.5}}}
	g.sessions = []proxy.Session{
		{ID: "s1", Channel: "news", Peers: 3, Viewers: 2, DownBps: 100, UpBps: 10, Outage: membership.Outage{Tracker: "tracker.example:80", Problem: "no_answer", Since: at}},
		{ID: "s2", Channel: "short", Peers: 1, DownBps: 5, Error: "nothing fits the link"},
	}
	get(Config{
		Version: "1.2", Ready: func() error { return errors.New("It starts.") },
		Network: func() Network {
			return Network{Addresses: []Address{{"192.0.2.1:5", "mapped", "router"}}, Text: "Asked.", Problem: "Nobody gets in."}
		},
		Discovery: func() Discovery { return Discovery{Problem: "No multicast."} },
	})
	if got.Peers != 4 || got.Viewers != 2 || got.Sessions != 2 || got.DownBps != 105 || got.UpBps != 10 || *got.Ratio != 0.5 || !got.Since.Equal(at) || got.Version != "1.2" {
		t.Errorf("status %+v", got)
	}
	if len(got.Samples) != 1 || got.Samples[0] != (sample{at, 8, 4, 2, 1.5}) {
		t.Errorf("samples %+v", got.Samples)
	}
	if len(got.Addresses) != 1 || got.Addresses[0] != (address{"192.0.2.1:5", "mapped", "router"}) || got.Network != "Asked." {
		t.Errorf("network %+v %q", got.Addresses, got.Network)
	}
	get(Config{Discovery: func() Discovery { return Discovery{Problem: "Switched off.", Off: true} }})
	for _, one := range got.Trouble {
		if one.Code == "tvs" {
			t.Errorf("what was switched off is told as trouble: %+v", one)
		}
	}
}

// What is amiss is told with the worst first.
func TestTrouble(t *testing.T) {
	g := newFakeGateway()
	g.sessions = []proxy.Session{
		{ID: "s1", Channel: "news", Outage: membership.Outage{Tracker: "tracker.example:80", Problem: "no_answer", Since: time.Now()}},
		{ID: "s2", Channel: "short", Error: "nothing fits the link"},
	}
	s := New(Config{
		Gateway: g, Ready: func() error { return errors.New("It starts.") }, Network: func() Network { return Network{Problem: "Nobody gets in."} },
		Discovery: func() Discovery { return Discovery{Problem: "No multicast."} },
	})
	var got status
	if err := json.Unmarshal([]byte(askOf(t, s, "/api/v1/status", "")), &got); err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, one := range got.Trouble {
		codes = append(codes, one.Code+" "+one.About)
		if one.Text == "" || strings.Contains(one.Text, "MP4") {
			t.Errorf("%s says %q", one.Code, one.Text)
		}
		if one.Code == "failed" && one.Text != "Nothing fits the link." {
			t.Errorf("why it failed: %q", one.Text)
		}
	}
	if got := strings.Join(codes, ","); got != "not_ready ,tracker tracker.example:80,failed A short film,peers ,tvs " {
		t.Errorf("trouble %s", got)
	}
}

func loggedServer(t *testing.T, access Access) *Server {
	t.Helper()
	var book logbook.Book
	l := zerolog.New(&book).With().Timestamp().Logger()
	l.Info().Msg("one")
	l.Warn().Str("peer", "192.0.2.7").Msg("two")
	l.Debug().Msg("three")
	return New(Config{Gateway: newFakeGateway(), Log: &book, Access: access})
}

func TestLog(t *testing.T) {
	s := loggedServer(t, Access{})
	for query, want := range map[string]string{
		"":                     "one two three",
		"?level=info":          "one two",
		"?level=warn":          "two",
		"?limit=1":             "three",
		"?after=1":             "two three",
		"?after=9":             "",
		"?level=debug&limit=2": "two three",
	} {
		var list []logLine
		if err := json.Unmarshal([]byte(askOf(t, s, "/api/v1/log"+query, "")), &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range list {
			got = append(got, l.Message)
			if l.Message == "two" && (l.Number != 2 || l.Level != "warn" || l.Details != "peer=192.0.2.7" || l.Time.IsZero()) {
				t.Errorf("%+v", l)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s lists %v, want %s", query, got, want)
		}
	}
	for _, query := range []string{"?level=loud", "?level=fatal", "?limit=0", "?limit=1001", "?limit=x", "?after=-1"} {
		w := serveTo(t, s, http.MethodGet, "/api/v1/log"+query, "")
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), ".") {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// Guests watch; the log and what else runs the gateway is for who gave the password.
func TestGuestsReadNoLog(t *testing.T) {
	s := loggedServer(t, Access{Password: []byte("$2a$04$x"), Guests: true, Tokens: []string{"a token of a program"}})
	if w := serveTo(t, s, http.MethodGet, "/api/v1/log", ""); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "192.0.2.7") {
		t.Errorf("a guest: %d %s", w.Code, w.Body)
	}
	if w := serveTo(t, s, http.MethodGet, "/api/v1/status", ""); w.Code != http.StatusOK {
		t.Errorf("a guest asks for the status: %d", w.Code)
	}
	if w := serveTo(t, s, http.MethodGet, "/api/v1/log", "a token of a program"); w.Code != http.StatusOK {
		t.Errorf("a program: %d", w.Code)
	}
}

// serveTo asks a server from within the home, with a token if there is one.
func serveTo(t *testing.T, s *Server, method, target, token string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://192.168.1.5:8088"+target, nil)
	r.RemoteAddr = "192.168.1.20:40000"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// askOf returns the body of a GET that went well.
func askOf(t *testing.T, s *Server, target, token string) string {
	t.Helper()
	w := serveTo(t, s, http.MethodGet, target, token)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.String()
}
