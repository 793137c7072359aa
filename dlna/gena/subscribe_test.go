package gena

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func nop() zerolog.Logger { return zerolog.Nop() }

func TestSubscribeAnswer(t *testing.T) {
	p := New("ContentDirectory", "test/1 UPnP/1.0 test/1", homeGuard(), nop())
	w := request(p, "SUBSCRIBE", "NT: upnp:event", "CALLBACK: <"+tv+">", "TIMEOUT: Second-300")
	h := w.Header()
	if w.Code != http.StatusOK || len(h["SID"]) != 1 || h["TIMEOUT"][0] != "Second-300" || h["SERVER"][0] != "test/1 UPnP/1.0 test/1" {
		t.Errorf("%d %v", w.Code, h)
	}
	if !w.Flushed {
		t.Error("the answer is held back: the initial event can overtake it")
	}
	again := request(p, "SUBSCRIBE", "NT: upnp:event", "CALLBACK: <"+tv+">")
	if sidOf(again) == sidOf(w) {
		t.Error("two subscriptions have one SID")
	}
}

func TestSubscribeRefuses(t *testing.T) {
	const nt = "NT: upnp:event"
	for _, c := range []struct {
		name    string
		method  string
		headers []string
		code    int
	}{
		// UDA 1.1, 4.1.2 and 4.1.3.
		{"SID and NT", "SUBSCRIBE", []string{"SID: uuid:1", nt}, 400},
		{"SID and CALLBACK", "SUBSCRIBE", []string{"SID: uuid:1", "CALLBACK: <" + tv + ">"}, 400},
		{"unknown SID", "SUBSCRIBE", []string{"SID: uuid:1"}, 412},
		{"no NT", "SUBSCRIBE", []string{"CALLBACK: <" + tv + ">"}, 412},
		{"other NT", "SUBSCRIBE", []string{"NT: upnp:propchange", "CALLBACK: <" + tv + ">"}, 412},
		{"no CALLBACK", "SUBSCRIBE", []string{nt}, 412},
		{"CALLBACK without brackets", "SUBSCRIBE", []string{nt, "CALLBACK: " + tv}, 412},
		{"CALLBACK not ended", "SUBSCRIBE", []string{nt, "CALLBACK: <" + tv}, 412},
		{"CALLBACK too long", "SUBSCRIBE", []string{nt, "CALLBACK: <" + tv + strings.Repeat("x", maxCallbackHeader) + ">"}, 412},
		{"CALLBACK elsewhere", "SUBSCRIBE", []string{nt, "CALLBACK: <http://8.8.8.8/>"}, 412},
		{"unsubscribe without SID", "UNSUBSCRIBE", nil, 412},
		{"unsubscribe with NT", "UNSUBSCRIBE", []string{"SID: uuid:1", nt}, 400},
		{"other method", "POST", nil, 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := New("ContentDirectory", "x", homeGuard(), nop())
			if w := request(p, c.method, c.headers...); w.Code != c.code {
				t.Errorf("status %d, want %d", w.Code, c.code)
			}
			if n := p.Subscribers(); n != 0 {
				t.Errorf("%d subscriptions", n)
			}
		})
	}
}

// CallStranger: whoever subscribes can't have the gateway call where it likes.
func TestMayCall(t *testing.T) {
	p := New("ContentDirectory", "x", homeGuard(), nop())
	for _, c := range []struct {
		host, url string
		want      bool
	}{
		{"192.168.77.20", "http://192.168.77.20:5000/evt", true},
		{"192.168.77.20", "http://192.168.77.20/", true},
		{"192.168.77.20", "http://[::ffff:192.168.77.20]/", true},
		{"192.168.77.20", "http://192.168.77.21:5000/", true}, // a TV with two interfaces
		{"192.168.77.20", "http://192.168.78.20:5000/", false},
		{"192.168.77.20", "http://203.0.113.6/", false},
		{"203.0.113.6", "http://203.0.113.7/", true},
		{"192.168.77.20", "http://127.0.0.1:8088/", false},
		{"192.168.77.20", "http://192.168.77.10:8088/api/v1/channels", false}, // the gateway itself
		{"192.168.77.10", "http://192.168.77.10:5000/", true},
		{"127.0.0.1", "http://192.168.77.10:5000/", true},
		{"127.0.0.1", "http://127.0.0.1:5000/", true},
		{"10.0.0.7", "http://10.0.0.7/", true}, // behind a second router
		{"10.0.0.7", "http://10.0.0.8/", false},
		{"192.168.77.20", "https://192.168.77.20/", false},
		{"192.168.77.20", "http://user@192.168.77.20/", false},
		{"192.168.77.20", "http://tv.example/", false},
		{"192.168.77.20", "http:///evt", false},
		{"192.168.77.20", "file:///etc/passwd", false},
		{"192.168.77.20", "gopher://192.168.77.20/", false},
	} {
		allowed, err := p.callbacks("<"+c.url+">", netip.MustParseAddr(c.host))
		if (err == nil) != c.want || c.want && len(allowed) != 1 {
			t.Errorf("%s names %s: %v, %v; want %v", c.host, c.url, allowed, err, c.want)
		}
	}
}

// A link-local address means nothing without its interface, which no URL of a subscriber names.
func TestCallbackOnTheLink(t *testing.T) {
	p := New("ContentDirectory", "x", homeGuard(), nop())
	for _, c := range []struct{ host, callback, dials string }{
		{"fe80::20%lan0", "http://[fe80::20]:5000/evt", "[fe80::20%lan0]:5000"},
		{"fe80::20%lan0", "http://[fe80::20]/evt", "[fe80::20%lan0]:80"},
		{"192.168.77.20", "http://192.168.77.20:5000/evt", "192.168.77.20:5000"},
	} {
		got, err := p.callbacks("<"+c.callback+">", netip.MustParseAddr(c.host))
		if err != nil {
			t.Fatal(err)
		}
		dialed := ""
		post := newPost(func(_ context.Context, _, address string) (net.Conn, error) {
			dialed = address
			return nil, errors.New("enough")
		})
		if _, _ = post(t.Context(), got[0], nil, nil); dialed != c.dials {
			t.Errorf("%s from %s: dials %q, want %q", c.callback, c.host, dialed, c.dials)
		}
	}
}

func TestCallbacksAreBounded(t *testing.T) {
	p := New("ContentDirectory", "x", homeGuard(), nop())
	got, err := p.callbacks(strings.Repeat("<http://192.168.77.20/>", 20), netip.MustParseAddr("192.168.77.20"))
	if err != nil || len(got) != maxCallbacks {
		t.Errorf("%d callbacks, %v; want %d", len(got), err, maxCallbacks)
	}
}

func TestSubscribersAreBounded(t *testing.T) {
	p := New("ContentDirectory", "x", homeGuard(), nop())
	var first string
	for n := range maxPerHost + 1 {
		if sid := subscribe(t, p); n == 0 {
			first = sid
		}
	}
	if n := p.Subscribers(); n != maxPerHost {
		t.Errorf("%d subscriptions of one host, want %d", n, maxPerHost)
	}
	if w := request(p, "SUBSCRIBE", "SID: "+first); w.Code != http.StatusPreconditionFailed {
		t.Errorf("the oldest subscription of the host is still there: %d", w.Code)
	}
	code := 0
	for n := range maxSubscribers {
		code = requestFrom(p, fmt.Sprintf("192.168.77.%d:1", 100+n), "SUBSCRIBE", "NT: upnp:event",
			fmt.Sprintf("CALLBACK: <http://192.168.77.%d/>", 100+n)).Code
	}
	if code != http.StatusServiceUnavailable || p.Subscribers() != maxSubscribers {
		t.Errorf("status %d with %d subscriptions, want 503 with %d", code, p.Subscribers(), maxSubscribers)
	}
	subscribe(t, p) // who has some can still replace one
}

func TestParseTimeout(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": maxTimeout, "Second-infinite": maxTimeout, "Second-1800": 30 * time.Minute, "second-300": 5 * time.Minute,
		" Second-300 ": 5 * time.Minute, "Second-1": minTimeout, "Second-0": minTimeout, "Second-999999999": maxTimeout,
		"Second--5": maxTimeout, "Second-99999999999999999999": maxTimeout, "300": maxTimeout,
	} {
		if got := parseTimeout(header); got != want {
			t.Errorf("TIMEOUT %q: %v, want %v", header, got, want)
		}
	}
}

// No header makes the publisher call a host that isn't in the subscriber's network.
func FuzzCallbacks(f *testing.F) {
	f.Add("<http://192.168.77.20:5000/evt>")
	f.Add("<http://192.168.77.21/><http://8.8.8.8/>")
	f.Add("<><<>>< http://[::1]/ >")
	f.Add("<http://192.168.77.20%2f@8.8.8.8/>")
	host := netip.MustParseAddr("192.168.77.20")
	network := netip.MustParsePrefix("192.168.77.0/24")
	p := New("ContentDirectory", "x", homeGuard(), nop())
	f.Fuzz(func(t *testing.T, header string) {
		allowed, err := p.callbacks(header, host)
		if (len(allowed) == 0) != (err != nil) || len(allowed) > maxCallbacks {
			t.Fatalf("%d callbacks, %v", len(allowed), err)
		}
		for _, u := range allowed {
			r, err := http.NewRequest("NOTIFY", u, nil)
			if err != nil {
				t.Fatalf("%q can't be called: %v", u, err)
			}
			to, err := netip.ParseAddr(r.URL.Hostname())
			if err != nil || !network.Contains(to.Unmap()) || r.URL.Scheme != "http" {
				t.Fatalf("%q is allowed", u)
			}
		}
	})
}
