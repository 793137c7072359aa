package events

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/dlna/renderer/lanhttp"
	"github.com/swarmgate/swarmgate/dlna/renderer/lastchange"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const body = `<p><property><LastChange>&lt;Event&gt;&lt;InstanceID val="0"&gt;&lt;TransportState val="PLAYING"/&gt;&lt;/InstanceID&gt;&lt;/Event&gt;</LastChange></property></p>`

// notify sends an event to a hub. Pairs of headers come on top of those that all have; an
// empty value takes one away.
func notify(h *Hub, name, from, body string, headers ...string) int {
	r := httptest.NewRequest("NOTIFY", "/dlna/event/"+name, strings.NewReader(body))
	r.RemoteAddr = from
	r.Header.Set("NT", "upnp:event")
	r.Header.Set("NTS", "upnp:propchange")
	r.Header.Set("SID", "uuid:1")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestHubTakesWhatWasSubscribedTo(t *testing.T) {
	var h Hub
	var got []lastchange.Change
	name := h.open(netip.MustParseAddr("192.168.77.30"), func(c []lastchange.Change) { got = append(got, c...) })
	// UDA 1.1, 4.1.2: the initial event may come before the answer to SUBSCRIBE.
	if code := notify(&h, name, "192.168.77.30:5000", body); code != http.StatusOK {
		t.Errorf("before the SID is known: status %d", code)
	}
	h.settle(name, "uuid:1")
	for _, c := range []struct {
		what, name, from string
		headers          []string
		want             int
	}{
		{"as it should be", name, "192.168.77.30:5000", nil, 200},
		{"another host", name, "192.168.77.31:5000", nil, 412},
		{"another name", strings.Repeat("0", 32), "192.168.77.30:5000", nil, 412},
		{"no name", "", "192.168.77.30:5000", nil, 412},
		{"another SID", name, "192.168.77.30:5000", []string{"SID", "uuid:2"}, 412},
		{"no NT", name, "192.168.77.30:5000", []string{"NT", ""}, 400},
		{"no NTS", name, "192.168.77.30:5000", []string{"NTS", ""}, 400},
	} {
		if code := notify(&h, c.name, c.from, body, c.headers...); code != c.want {
			t.Errorf("%s: status %d, want %d", c.what, code, c.want)
		}
	}
	if want := (lastchange.Change{Name: "TransportState", Value: "PLAYING"}); !slices.Equal(got, []lastchange.Change{want, want}) {
		t.Errorf("took %+v", got)
	}
	h.close(name)
	if code := notify(&h, name, "192.168.77.30:5000", body); code != 412 || h.Len() != 0 {
		t.Errorf("after the end: status %d, %d callbacks", code, h.Len())
	}
	r := httptest.NewRequest(http.MethodGet, "/dlna/event/"+name, nil)
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d", w.Code)
	}
}

func TestHubIsBounded(t *testing.T) {
	var h Hub
	host := netip.MustParseAddr("192.168.77.30")
	taken := 0
	name := h.open(host, func([]lastchange.Change) { taken++ })
	for range 3 * perSecond {
		notify(&h, name, "192.168.77.30:5000", body)
	}
	if taken > 2*perSecond || taken < perSecond { // a second may have passed meanwhile
		t.Errorf("%d events taken at once", taken)
	}
	if code := notify(&h, h.open(host, func([]lastchange.Change) { t.Error("taken") }), "192.168.77.30:5000", strings.Repeat("x", lastchange.MaxEvent+1)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge event: status %d", code)
	}
	for range 2 * maxCallbacks {
		h.open(host, nil)
	}
	if h.Len() != maxCallbacks {
		t.Errorf("%d callbacks", h.Len())
	}
}

// service is an event URL as a device has one. It writes down what it is asked.
type service struct {
	asked  []string
	sid    string
	status int
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.Method+" "+r.Header.Get("CALLBACK")+r.Header.Get("NT")+r.Header.Get("SID")+" "+r.Header.Get("TIMEOUT"))
	w.Header()["SID"] = []string{s.sid}
	w.Header()["TIMEOUT"] = []string{"Second-1810"}
	w.WriteHeader(s.status)
}

func TestSubscription(t *testing.T) {
	s := &service{sid: "uuid:77", status: 200}
	server := httptest.NewServer(s)
	defer server.Close()
	at, _ := url.Parse(server.URL + "/event")
	client := lanhttp.New(netip.MustParseAddr("127.0.0.1"), 1000, nil)
	var h Hub
	sub, err := h.Subscribe(t.Context(), client, at, "http://192.168.77.10:8088/dlna/event/", func([]lastchange.Change) {})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(sub.Until); left < 30*time.Minute || left > 31*time.Minute {
		t.Errorf("granted for %v", left)
	}
	if err := sub.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	sub.Cancel(t.Context())
	want := []string{
		"SUBSCRIBE <http://192.168.77.10:8088/dlna/event/" + sub.name + ">upnp:event Second-300",
		"SUBSCRIBE uuid:77 Second-300", // a renewal has neither CALLBACK nor NT (UDA 1.1, 4.1.3)
		"UNSUBSCRIBE uuid:77 ",
	}
	if !slices.Equal(s.asked, want) || h.Len() != 0 {
		t.Errorf("asked %q, want %q; %d callbacks", s.asked, want, h.Len())
	}
	s.status = http.StatusPreconditionFailed
	if err := sub.Renew(t.Context()); err == nil {
		t.Error("a renewal that was refused is taken for granted")
	}
	if _, err := h.Subscribe(t.Context(), client, at, "http://x/", nil); err == nil || h.Len() != 0 {
		t.Errorf("a refused subscription: %v, %d callbacks", err, h.Len())
	}
	s.status, s.sid = 200, ""
	if _, err := h.Subscribe(t.Context(), client, at, "http://x/", nil); err == nil || h.Len() != 0 {
		t.Errorf("no SID: %v, %d callbacks", err, h.Len())
	}
}

func TestGranted(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"Second-300": 5 * time.Minute, "second-1": shortest, "Second-infinite": longest, "Second-999999": longest, "": asked, "Second-x": asked, "infinite": asked,
	} {
		if got := granted(header); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
