package gena

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/lan"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// homeGuard knows a machine with two networks, one of them public.
func homeGuard() *lan.Guard {
	return &lan.Guard{Interfaces: func() ([]lan.Interface, error) {
		return []lan.Interface{{Name: "lan0", Index: 2, Flags: net.FlagUp, Prefixes: []netip.Prefix{
			netip.MustParsePrefix("192.168.77.10/24"), netip.MustParsePrefix("203.0.113.5/28"), netip.MustParsePrefix("127.0.0.1/8"),
		}}}, nil
	}}
}

// delivery is an event that reached a fake subscriber.
type delivery struct {
	at      time.Duration
	url     string
	headers map[string]string
	values  map[string]string
}

// fakeHome collects what is sent to subscribers, in virtual time.
type fakeHome struct {
	start time.Time

	mu    sync.Mutex
	got   []delivery
	down  map[string]error // by URL
	codes map[string]int   // by URL, 200 if absent
	slow  time.Duration
}

func (f *fakeHome) post(ctx context.Context, url string, headers [][2]string, body []byte) (int, error) {
	f.mu.Lock()
	slow, err, code := f.slow, f.down[url], f.codes[url]
	f.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if err != nil {
		return 0, err
	}
	d := delivery{at: time.Since(f.start), url: url, headers: make(map[string]string), values: make(map[string]string)}
	for _, h := range headers {
		d.headers[h[0]] = h[1]
	}
	var set struct {
		Properties []struct {
			Variables []struct {
				XMLName xml.Name
				Value   string `xml:",chardata"`
			} `xml:",any"`
		} `xml:"urn:schemas-upnp-org:event-1-0 property"`
	}
	if err := xml.Unmarshal(body, &set); err != nil {
		return 0, err
	}
	for _, p := range set.Properties {
		d.values[p.Variables[0].XMLName.Local] = p.Variables[0].Value
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, d)
	return max(code, http.StatusOK), nil
}

func (f *fakeHome) take() []delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.got
	f.got = nil
	return got
}

func (f *fakeHome) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// atHome runs a publisher in virtual time.
func atHome(t *testing.T, f func(*testing.T, *Publisher, *fakeHome)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		home := &fakeHome{start: time.Now(), down: make(map[string]error), codes: make(map[string]int)}
		p := New("ContentDirectory", "test/1 UPnP/1.0 test/1", homeGuard(), zerolog.Nop())
		p.post = home.post
		p.Set("TransferIDs", "")
		p.Set("SystemUpdateID", "1")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		f(t, p, home)
	})
}

// request sends a SUBSCRIBE or UNSUBSCRIBE from the TV at 192.168.77.20.
func request(p *Publisher, method string, headers ...string) *httptest.ResponseRecorder {
	return requestFrom(p, "192.168.77.20:40000", method, headers...)
}

func requestFrom(p *Publisher, from, method string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/dlna/ContentDirectory/event", nil)
	r.RemoteAddr = from
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

const tv = "http://192.168.77.20:5000/evt"

// subscribe makes a subscription and returns its SID.
func subscribe(t *testing.T, p *Publisher, headers ...string) string {
	t.Helper()
	w := request(p, "SUBSCRIBE", slices.Concat([]string{"NT: upnp:event", "CALLBACK: <" + tv + ">"}, headers)...)
	sid := sidOf(w)
	if w.Code != http.StatusOK || !strings.HasPrefix(sid, "uuid:") {
		t.Fatalf("SUBSCRIBE: %d %v", w.Code, w.Header())
	}
	return sid
}

func sidOf(w *httptest.ResponseRecorder) string { return strings.Join(w.Header()["SID"], ",") }

var errDown = errors.New("connection refused")

func (d delivery) String() string {
	return fmt.Sprintf("%v %s %v %v", d.at, d.url, d.headers, d.values)
}
