package gena

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/dlna/lan"
)

// listener is a control point's HTTP server.
type listener struct {
	URL string
	raw chan string // method, path, headers and body as they came
}

// newListener reads requests by hand: net/http would hide how headers are written.
func newListener(t *testing.T, answer string) *listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{URL: "http://" + ln.Addr().String(), raw: make(chan string, 4)}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			b := make([]byte, 8192)
			var got strings.Builder
			for !strings.Contains(got.String(), "propertyset>") {
				n, err := conn.Read(b)
				got.Write(b[:n])
				if err != nil {
					break
				}
			}
			l.raw <- got.String()
			_, _ = io.WriteString(conn, answer)
			conn.Close()
		}
	})
	t.Cleanup(func() {
		ln.Close()
		conns.Wait()
	})
	return l
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// A subscription over real sockets: the answer first, then the initial event, then a change.
func TestEventsOverHTTP(t *testing.T) {
	subscriber := newListener(t, ok)
	p := New("ContentDirectory", "test/1 UPnP/1.0 test/1", &lan.Guard{}, nop())
	p.Set("SystemUpdateID", "41")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	server := httptest.NewServer(p)
	defer server.Close()

	r, err := http.NewRequest("SUBSCRIBE", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("CALLBACK", "<"+subscriber.URL+"/evt>")
	r.Header.Set("NT", "upnp:event")
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	sid := answer.Header.Get("SID")
	host := strings.TrimPrefix(subscriber.URL, "http://")
	head, body, _ := strings.Cut(<-subscriber.raw, "\r\n\r\n")
	for _, want := range []string{
		"NOTIFY /evt HTTP/1.1\r\n", "\r\nHost: " + host + "\r\n", "\r\nCONTENT-TYPE: text/xml; charset=\"utf-8\"\r\n",
		"\r\nNT: upnp:event\r\n", "\r\nNTS: upnp:propchange\r\n", "\r\nSID: " + sid + "\r\n", "\r\nSEQ: 0\r\n", "\r\nContent-Length: ",
	} {
		if !strings.Contains(head+"\r\n", want) {
			t.Errorf("%q is missing in\n%s", want, head)
		}
	}
	if want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0">` +
		`<e:property><SystemUpdateID>41</SystemUpdateID></e:property></e:propertyset>`; body != want {
		t.Errorf("body\n%s\nwant\n%s", body, want)
	}
	p.Set("SystemUpdateID", "42")
	if event := <-subscriber.raw; !strings.Contains(event, "\r\nSEQ: 1\r\n") || !strings.Contains(event, ">42<") {
		t.Errorf("event\n%s", event)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNotifyJudgesTheAnswer(t *testing.T) {
	for _, c := range []struct {
		answer string
		code   int
		fails  bool
	}{
		{ok, 200, false},
		{"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n", 412, false},
		{"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 0, true},
		{"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 0, true},
		{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxAnswer) + "\r\n\r\n", 0, true},
		{"", 0, true},
	} {
		l := newListener(t, c.answer)
		code, err := newPost(nil)(t.Context(), l.URL, nil, []byte("<e:propertyset></e:propertyset>"))
		if code != c.code || (err != nil) != c.fails {
			t.Errorf("answer %.40q: %d, %v", c.answer, code, err)
		}
	}
}
