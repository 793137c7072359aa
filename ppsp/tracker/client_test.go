package tracker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// wire is a http.RoundTripper that calls a handler, on behalf of a host.
type wire struct {
	handler http.Handler
	from    string // source address of the requests
}

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.RemoteAddr = w.from
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, in)
	return out.Result(), nil
}

const trackerURL = "https://tracker.example/"

func clientOf(h http.Handler, peer byte) *Client {
	return NewClient(ClientConfig{
		URL: trackerURL, PeerID: ppsp.PeerID{peer},
		HTTP: &http.Client{Transport: wire{h, "198.51.100.1:4000"}},
	})
}

func TestClientAndServer(t *testing.T) {
	s := NewServer(ServerConfig{TrackTimeout: time.Minute})
	a, b := clientOf(s, 1), clientOf(s, 2)
	ctx := t.Context()
	ours := []Address{address("192.0.2.1:7574", Host, 10), address("198.51.100.1:7574", Reflexive, 5)}

	answer, err := a.Connect(ctx, []SwarmAction{Join(swarmA, Seeder), Join(swarmB, Seeder)}, ours, nil)
	if err != nil || len(answer.Swarms) != 2 || answer.Observed.IsValid() || answer.TrackTimeout != time.Minute {
		t.Fatalf("joined two swarms: %+v, %v", answer, err)
	}
	answer, err = b.Connect(ctx, []SwarmAction{Join(swarmA, Leech), Join(swarmB, Leech)}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Observed != address("198.51.100.1:4000", Reflexive, 0) {
		t.Errorf("observed %v", answer.Observed)
	}
	listed := []Peer{{ppsp.PeerID{1}.String(), ours, ""}}
	for _, id := range []ppsp.SwarmID{swarmA, swarmB} {
		got, ok := answer.Of(id)
		if !ok || got.Failed || !reflect.DeepEqual(got.Peers, listed) {
			t.Errorf("swarm %s: %+v", id.Short(), got)
		}
	}
	if _, ok := answer.Of("another"); ok {
		t.Error("an answer for a swarm that was not asked about")
	}

	answer, err = b.Find(ctx, swarmA, &PeerNum{PeerCount: 5})
	if got, _ := answer.Of(swarmA); err != nil || !reflect.DeepEqual(got.Peers, listed) {
		t.Errorf("FIND: %+v, %v", answer, err)
	}
	if _, err := b.StatReport(ctx); err != nil {
		t.Errorf("keep-alive: %v", err)
	}
	answer, err = b.StatReport(ctx, StreamStats{SwarmID: swarmA.String(), DownloadedBytes: 5}, StreamStats{SwarmID: "aa"})
	if got, _ := answer.Of(swarmA); err != nil || got.Failed {
		t.Errorf("STAT_REPORT: %+v, %v", answer, err)
	}
	if got, _ := answer.Of("\xaa"); !got.Failed {
		t.Errorf("STAT_REPORT on a swarm of others: %+v", answer)
	}

	answer, err = b.Connect(ctx, []SwarmAction{Leave(swarmA), Join(swarmB, Leech)}, nil, nil)
	if got, _ := answer.Of(swarmA); err != nil || got.Failed {
		t.Errorf("switched: %+v, %v", answer, err)
	}
	if err := a.Leave(ctx, swarmA, swarmB); err != nil {
		t.Error(err)
	}
	if err := a.Leave(ctx, swarmA); err != nil {
		t.Errorf("left a swarm it was not in: %v", err)
	}
	if answer, err = b.Find(ctx, swarmB, nil); err != nil || len(answer.Swarms[0].Peers) != 0 {
		t.Errorf("the one who left is still listed: %+v, %v", answer, err)
	}
}

func TestClientStatesItsBestAddresses(t *testing.T) {
	s := NewServer(ServerConfig{OpenStatus: true})
	var all []Address
	for i := range 20 {
		all = append(all, Address{AddrPort: addrPort(i), Type: Host, Priority: int64(i)})
	}
	if _, err := clientOf(s, 1).Connect(t.Context(), []SwarmAction{Join(swarmA, Leech)}, all, nil); err != nil {
		t.Fatal(err)
	}
	status, _ := s.config.Registry.Status(t.Context(), time.Now())
	got := status.Swarms[0].Members[0].Addresses
	if len(got) != MaxAddresses || got[0].Priority != 19 {
		t.Errorf("listed with %v", got)
	}
}

// RFC 7846, 4: media type and method.
func TestClientRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	c := clientOf(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
	}), 1)
	if _, err := c.StatReport(t.Context()); err == nil {
		t.Error("a teapot is taken for a tracker")
	}
	if got.Method != "POST" || got.Header.Get("Content-Type") != "application/ppsp-tracker+json" || got.Header.Get("Accept") != MediaType {
		t.Errorf("%s with %v", got.Method, got.Header)
	}
	if r, err := DecodeRequest(body); err != nil || r.PeerID != "01000000000000000000000000000000" || len(r.TransactionID) < 20 {
		t.Errorf("%s: %+v, %v", body, r, err)
	}
}

// respond answers each request with the next of the given texts, in which T stands for the
// request's transaction ID, and counts the requests.
func respond(count *atomic.Int32, ids *[]string, texts ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request, _ := DecodeRequest(body)
		*ids = append(*ids, string(body))
		n := int(count.Add(1))
		text := texts[min(n, len(texts))-1]
		status, text, _ := strings.Cut(text, " ")
		if status != "200" {
			w.WriteHeader(map[string]int{"302": 302, "401": 401, "404": 404, "503": 503}[status])
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(text, `"T"`, `"`+request.TransactionID+`"`))
	})
}

func TestClientErrors(t *testing.T) {
	const (
		good   = `200 {"PPSPTrackerProtocol":{"version":1,"response_type":0,"error_code":0,"transaction_id":"T"}}`
		prefix = "join swarm 47a0…b03b: tracker https://tracker.example/: "
	)
	code := func(status string, n string) string {
		return status + ` {"PPSPTrackerProtocol":{"version":1,"response_type":1,"error_code":` + n + `,"transaction_id":"T"}}`
	}
	for _, c := range []struct {
		name     string
		texts    []string
		want     string // error, empty if none
		requests int32
	}{
		{"good", []string{good}, "", 1},
		{"06", []string{code("401", "6")}, prefix + "06 authentication required", 1},
		{"06 as HTTP 200 and text", []string{code("200", `"06"`)}, prefix + "06 authentication required", 1},
		{"401 of a proxy", []string{"401 <html>"}, prefix + "06 authentication required", 1},
		{"05", []string{code("503", "5")}, prefix + "05 service unavailable", 1},
		{"success with a code", []string{`200 {"PPSPTrackerProtocol":{"version":1,"response_type":0,"error_code":4,"transaction_id":"T"}}`}, prefix + "04 internal server error", 1},
		{"failure without a code", []string{code("200", "0")}, prefix + "the request failed, and the tracker does not say why", 1},
		{"no such page", []string{"404 <html>"}, prefix + "HTTP status 404 Not Found; is this URL a tracker's?", 1},
		{"sent elsewhere", []string{"302 "}, prefix + "HTTP status 302 Found; is this URL a tracker's?", 1},
		// RFC 7846, 4.3: "If the peer receives an invalid response, the same request with
		// identical content including the same transaction_id MUST be repeated."
		{"web page, then good", []string{"200 <html>", good}, "", 2},
		{"always a web page", []string{"200 <html>"}, prefix + "invalid response: invalid character '<' looking for beginning of value; is this URL a tracker's?", 2},
		{"answer to another request", []string{strings.Replace(good, `"T"`, `"other"`, 1)}, prefix + "invalid response: it is to another request", 2},
		{"another version", []string{strings.Replace(good, `"version":1`, `"version":2`, 1)}, prefix + "invalid response: version 2, want 1; is this URL a tracker's?", 2},
		{"endless", []string{"200 " + strings.Repeat(" ", MaxResponse+1)}, prefix + "response has more than 4194304 bytes; is this URL a tracker's?", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var count atomic.Int32
			var bodies []string
			_, err := clientOf(respond(&count, &bodies, c.texts...), 1).Connect(t.Context(), []SwarmAction{Join(swarmA, Leech)}, nil, nil)
			if got := errorText(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if count.Load() != c.requests {
				t.Errorf("%d requests, want %d", count.Load(), c.requests)
			}
			for _, b := range bodies {
				if b != bodies[0] {
					t.Errorf("repeated with other content:\n%s\n%s", bodies[0], b)
				}
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestClientErrorsSayWhatWasToBeDone(t *testing.T) {
	c := clientOf(http.NotFoundHandler(), 1)
	ctx := t.Context()
	_, join := c.Connect(ctx, []SwarmAction{Join(swarmA, Leech), Join(swarmB, Leech)}, nil, nil)
	_, find := c.Find(ctx, swarmA, nil)
	_, keep := c.StatReport(ctx)
	_, report := c.StatReport(ctx, StreamStats{SwarmID: "not hex"})
	for want, err := range map[string]error{
		"join or leave 2 swarms: ":         join,
		"find peers of swarm 47a0…b03b: ":  find,
		"report to tracker: ":              keep,
		`report on swarm "not hex": `:      report,
		"leave swarm 47a0…b03b: ":          c.Leave(ctx, swarmA),
		"join swarm 47a0…b03b: tracker : ": second(NewClient(ClientConfig{}).Connect(ctx, []SwarmAction{Join(swarmA, Leech)}, nil, nil)),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q first", err, want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestForgotten(t *testing.T) {
	c := clientOf(NewServer(ServerConfig{}), 1)
	if _, err := c.Find(t.Context(), swarmA, nil); !Forgotten(err) {
		t.Errorf("FIND of a stranger: %v", err)
	}
	for _, err := range []error{nil, errBroken, &Error{Code: BadRequest}} {
		if Forgotten(err) {
			t.Errorf("%v is taken for being forgotten", err)
		}
	}
}

func TestClientOverRealSockets(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(NewServer(ServerConfig{}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	c := NewClient(ClientConfig{URL: server.URL, PeerID: ppsp.PeerID{1}})
	for range 5 {
		if _, err := c.Connect(t.Context(), []SwarmAction{Join(swarmA, Leech)}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("5 requests took %d connections, want one kept alive", n)
	}
	server.Close()
	_, err := c.Connect(t.Context(), []SwarmAction{Join(swarmA, Leech)}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "Post") {
		t.Errorf("tracker gone: %v", err)
	}
	c.CloseIdleConnections()
}

func TestClientOverTLS(t *testing.T) {
	// RFC 7846, 4: "Implementations MUST support the "https" URI scheme".
	server := httptest.NewUnstartedServer(NewServer(ServerConfig{}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the stranger's handshake
	server.StartTLS()
	defer server.Close()
	c := NewClient(ClientConfig{URL: server.URL, PeerID: ppsp.PeerID{1}, HTTP: server.Client()})
	if _, err := c.Connect(t.Context(), []SwarmAction{Join(swarmA, Leech)}, nil, nil); err != nil {
		t.Fatal(err)
	}
	stranger := NewClient(ClientConfig{URL: server.URL, PeerID: ppsp.PeerID{1}})
	defer stranger.CloseIdleConnections()
	if _, err := stranger.StatReport(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
}

func TestClientTimeout(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	c := NewClient(ClientConfig{URL: server.URL, Timeout: 20 * time.Millisecond})
	defer c.CloseIdleConnections()
	if _, err := c.StatReport(t.Context()); !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(errorText(err), "timeout") {
		t.Errorf("a silent tracker: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.StatReport(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// RFC 7846, 6.5: "peers may decide not to return cookies received from the tracker".
func TestClientReturnsNoCookiesAndLeavesTheGivenClientAlone(t *testing.T) {
	cookies := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookies += len(r.Cookies())
		http.SetCookie(w, &http.Cookie{Name: "track", Value: "me"})
	})
	given := &http.Client{Transport: wire{h, "192.0.2.1:1"}, Jar: jar{}}
	c := NewClient(ClientConfig{URL: trackerURL, HTTP: given})
	_, _ = c.StatReport(t.Context())
	_, _ = c.StatReport(t.Context())
	if cookies != 0 {
		t.Errorf("%d cookies returned", cookies)
	}
	if given.Jar == nil || given.CheckRedirect != nil {
		t.Error("the given client was changed")
	}
}

func TestOwnAndSurplusPeersAreLeftOut(t *testing.T) {
	c := clientOf(nil, 1)
	group := &PeerGroup{Peers: []Peer{{c.peerID.String(), []Address{address("192.0.2.1:1", Host, 0)}, ""}}}
	for i := range 2 * MaxPeers {
		group.Peers = append(group.Peers, Peer{string(rune('a' + i)), []Address{{AddrPort: addrPort(i)}}, ""})
	}
	got := c.swarmAnswer(SwarmResult{PeerGroup: group}, netip.Addr{}, nil).Peers
	if len(got) != MaxPeers || got[0].ID != "a" {
		t.Errorf("%d peers, first %+v", len(got), got[0])
	}
}

func TestTrackTimeoutIsBounded(t *testing.T) {
	for in, want := range map[Number]time.Duration{-1: 0, 0: 0, 7: 7 * time.Second, 1 << 62: time.Hour} {
		if got := trackTimeout(in); got != want {
			t.Errorf("%d: %v, want %v", in, got, want)
		}
	}
}

func TestResponseThatIsJSONButNoMessage(t *testing.T) {
	b, err := json.Marshal(map[string]int{"version": 1})
	if err != nil {
		t.Fatal(err)
	}
	var count atomic.Int32
	var bodies []string
	_, err = clientOf(respond(&count, &bodies, "200 "+string(b)), 1).StatReport(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no PPSPTrackerProtocol element") {
		t.Errorf("got %v", err)
	}
}
