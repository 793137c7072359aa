package control

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anacrolix/dms/upnp"
	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/description"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const echoType = "urn:schemas-upnp-org:service:Echo:1"

// echo is a service that gives back what it was asked.
func echo(log io.Writer) *Server {
	type args = []description.Argument
	return &Server{
		Service: &description.Service{Type: echoType, Path: "Echo", Actions: []description.Action{
			{Name: "Echo", In: args{{Name: "Text"}, {Name: "N"}}, Out: args{{Name: "Back"}, {Name: "Base"}}},
			{Name: "Fail"},
			{Name: "Crooked", Out: args{{Name: "A"}, {Name: "B"}}},
		}},
		Actions: map[string]Action{
			"Echo": func(c *Call) ([]string, error) {
				if _, err := c.Number("N"); err != nil {
					return nil, err
				}
				text, sent := c.Arg("Text")
				if !sent {
					return nil, ErrInvalidArgs
				}
				return []string{text, c.Base()}, nil
			},
			"Fail":    func(*Call) ([]string, error) { return nil, errors.New("disk /secret is full") },
			"Crooked": func(*Call) ([]string, error) { return []string{"one"}, nil },
		},
		Product: "test/1 UPnP/1.0 test/1",
		Logger:  zerolog.New(log),
	}
}

func envelope(action, args string) string {
	return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:` + action + ` xmlns:u="` + echoType + `">` + args +
		`</u:` + action + `></s:Body></s:Envelope>`
}

func ask(t *testing.T, s *Server, body, soapAction string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://192.168.1.2:8088/dlna/Echo/control", strings.NewReader(body))
	if soapAction != "" {
		r.Header.Set("SOAPACTION", soapAction)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestServeHTTP(t *testing.T) {
	const header = `"` + echoType + `#Echo"`
	good := envelope("Echo", "<Text>a &amp; b</Text>")
	const answer = "<Back>a &amp; b</Back><Base>http://192.168.1.2:8088</Base>"
	for _, c := range []struct {
		name, body, header string
		code               int
		want               string
	}{
		{"as the standard says", good, header, 200, answer},
		{"without SOAPACTION", good, "", 200, answer},
		{"SOAPACTION without quotation marks", good, strings.Trim(header, `"`), 200, answer},
		{"SOAPACTION of another action", good, `"` + echoType + `#Fail"`, 500, "<errorCode>401</errorCode>"},
		{"unknown action", envelope("Search", ""), "", 500, "<errorCode>401</errorCode>"},
		{"other service", strings.ReplaceAll(good, "Echo:1", "Echo:2"), "", 500, "<errorCode>401</errorCode>"},
		{"missing argument", envelope("Echo", ""), header, 500, "<errorCode>402</errorCode>"},
		{"negative number", envelope("Echo", "<Text/><N>-1</N>"), header, 500, "<errorCode>402</errorCode>"},
		{"number too large", envelope("Echo", "<Text/><N>4294967296</N>"), header, 500, "<errorCode>402</errorCode>"},
		{"number with space", envelope("Echo", "<Text/><N> 7\n</N>"), header, 200, "<Back></Back>"},
		{"no XML", "x", header, 500, "<errorCode>402</errorCode>"},
		{"failure", envelope("Fail", ""), "", 500, "<errorCode>501</errorCode>"},
		{"answer that isn't described", envelope("Crooked", ""), "", 500, "<errorCode>501</errorCode>"},
		{"too long", good + strings.Repeat(" ", maxBody), header, 413, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			w := ask(t, echo(&log), c.body, c.header)
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("status %d, body\n%s\nwant %d with %s", w.Code, w.Body, c.code, c.want)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Error("the answer tells what is only for the log")
			}
			if c.code == 413 {
				return
			}
			h := w.Result().Header
			if got := h.Get("Content-Type"); got != `text/xml; charset="utf-8"` {
				t.Errorf("Content-Type %s", got)
			}
			if _, ok := w.Header()["EXT"]; !ok || len(w.Header()["SERVER"]) != 1 {
				t.Errorf("EXT or SERVER missing in %v", w.Header())
			}
		})
	}
}

func TestFailureIsLogged(t *testing.T) {
	var log bytes.Buffer
	ask(t, echo(&log), envelope("Fail", ""), "")
	if !strings.Contains(log.String(), "disk /secret is full") {
		t.Errorf("log %q", log.String())
	}
}

func TestOnlyPost(t *testing.T) {
	w := httptest.NewRecorder()
	echo(io.Discard).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/dlna/Echo/control", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("status %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestCheck(t *testing.T) {
	s := echo(io.Discard)
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	s.Actions["Spare"] = s.Actions["Fail"]
	if s.Check() == nil {
		t.Error("an action without description passes")
	}
	delete(s.Actions, "Spare")
	delete(s.Actions, "Fail")
	if s.Check() == nil {
		t.Error("a description without action passes")
	}
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

func TestBase(t *testing.T) {
	own := func(a string) net.Addr { return address(a) }
	for _, c := range []struct {
		host string
		own  net.Addr
		want string
	}{
		{"192.168.1.2:8088", own("192.168.1.2:8088"), "http://192.168.1.2:8088"},
		{"gateway.local:80", own("172.17.0.2:8088"), "http://gateway.local:80"},
		{"192.168.1.2", own("192.168.1.2:8088"), "http://192.168.1.2:8088"}, // a screen that drops the port
		{"", own("192.168.1.2:8088"), "http://192.168.1.2:8088"},            // HTTP/1.0
		{"[fd77::1]", own("[fd77::1]:8088"), "http://[fd77::1]:8088"},
		{"[fd77::1]:8088", nil, "http://[fd77::1]:8088"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Host = c.host
		if c.own != nil {
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, c.own))
		}
		if got := (&Call{Request: r}).Base(); got != c.want {
			t.Errorf("host %q at %v: %s, want %s", c.host, c.own, got, c.want)
		}
	}
}

// slow is a connection on which the request never ends.
type slow struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (s *slow) SetReadDeadline(at time.Time) error {
	s.deadline = at
	return nil
}

func (s *slow) Read([]byte) (int, error) {
	time.Sleep(time.Until(s.deadline))
	return 0, os.ErrDeadlineExceeded
}

// More actions than memory is meant for wait, and are told so in the end.
func TestActionsUnderWayAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hold := echo(io.Discard), make(chan struct{})
		s.Actions["Fail"] = func(*Call) ([]string, error) { <-hold; return nil, nil }
		codes := make(chan int, 2*maxUnderway)
		for range maxUnderway + 3 {
			go func() { codes <- ask(t, s, envelope("Fail", ""), "").Code }()
		}
		time.Sleep(underwayWait + time.Second)
		for range 3 {
			if code := <-codes; code != http.StatusServiceUnavailable {
				t.Errorf("status %d", code)
			}
		}
		if len(codes) != 0 {
			t.Errorf("%d more were answered", len(codes))
		}
		go func() { codes <- ask(t, s, envelope("Echo", "<Text/>"), "").Code }() // waits
		synctest.Wait()
		close(hold)
		for range maxUnderway + 1 {
			if code := <-codes; code != http.StatusOK {
				t.Errorf("status %d", code)
			}
		}
	})
}

// A control point that doesn't send what it announced keeps nobody waiting.
func TestSlowRequestIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, w := time.Now(), &slow{ResponseRecorder: httptest.NewRecorder()}
		echo(io.Discard).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", w))
		if took := time.Since(start); took != readTimeout || w.Code != http.StatusRequestTimeout {
			t.Errorf("status %d after %v, want 408 after %v", w.Code, took, readTimeout)
		}
	})
}

func TestHeaderAgrees(t *testing.T) {
	for header, want := range map[string]bool{
		"": true, `""`: true, "Browse": true, `"` + upnp.ServiceURN{Auth: "a", Type: "b", Version: 1}.String() + `#Browse"`: true,
		`"urn:schemas-upnp-org:service:ContentDirectory:1#Search"`: false, `"#Browse"`: true, `"`: true, `"x#y"`: true,
	} {
		if got := headerAgrees(header, "Browse"); got != want {
			t.Errorf("SOAPACTION %s: %v, want %v", header, got, want)
		}
	}
}
