package tracker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// post sends a body to the handler as the RFC wants it and decodes the response.
func post(t *testing.T, h http.Handler, body string) (int, *Response) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/video_1", strings.NewReader(body))
	r.Header.Set("Content-Type", MediaType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); got != MediaType {
		t.Fatalf("Content-Type %q, body %s", got, w.Body)
	}
	response, err := DecodeResponse(w.Body.Bytes())
	if err != nil {
		// Without a transaction ID a response is no valid one; the refusal of what can't be
		// read has none.
		var raw root[Response]
		if err := json.Unmarshal(w.Body.Bytes(), &raw); err != nil {
			t.Fatal(err)
		}
		response = &raw.Message
	}
	return w.Code, response
}

func connectBody(peer, members string, actions ...string) string {
	return `{"PPSPTrackerProtocol":{"version":1,"request_type":"CONNECT","transaction_id":"t","peer_id":"` + peer + `","connect":{` +
		members + `"swarm_action":[` + strings.Join(actions, ",") + `]}}}`
}

func action(swarm string, a ActionType, m Mode) string {
	return `{"swarm_id":"` + swarm + `","action":"` + string(a) + `","peer_mode":"` + string(m) + `"}`
}

func findBody(peer, swarm string) string {
	return `{"PPSPTrackerProtocol":{"version":1,"request_type":"FIND","transaction_id":"t","peer_id":"` + peer + `","find":{"swarm_id":"` + swarm + `"}}}`
}

func statBody(peer, members string) string {
	return `{"PPSPTrackerProtocol":{"version":1,"request_type":"STAT_REPORT","transaction_id":"t","peer_id":"` + peer + `"` + members + `}}`
}

func results(r *Response) map[string]Number {
	out := make(map[string]Number)
	for _, s := range r.Results {
		out[s.SwarmID] = s.Result
	}
	return out
}

func TestExamplesOfTheRFCAsASession(t *testing.T) {
	s := NewServer(ServerConfig{})
	for _, c := range []struct {
		name string
		want map[string]Number
	}{
		{"connect_seeder", map[string]Number{"1111": 0, "2222": 0}},
		{"connect_leech", map[string]Number{"1111": 0}},
		{"find", map[string]Number{"1111": 0}},
		{"stat_report", map[string]Number{"1111": 0}},
		{"connect_switch", map[string]Number{"1111": 0, "2222": 0}},
	} {
		status, r := post(t, s, string(example(t, c.name)))
		if status != 200 || r.ErrorCode != NoError || !reflect.DeepEqual(results(r), c.want) {
			t.Errorf("%s: status %d, %+v", c.name, status, r)
		}
		if c.name == "connect_leech" || c.name == "find" || c.name == "connect_switch" {
			group := r.Results[len(r.Results)-1].PeerGroup
			if group == nil || len(group.Peers) != 1 || group.Peers[0].ID != "656164657220" {
				t.Errorf("%s: the seeder is not listed: %+v", c.name, group)
			}
		}
		if c.name == "connect_seeder" && r.Results[0].PeerGroup != nil {
			t.Errorf("a seeder without peer_num got peers: %+v", r)
		}
	}
}

// Each code of RFC 7846, 4.3: "with an empty message-body (no peer_addr and swarm_result
// attributes)".
func TestErrorAnswers(t *testing.T) {
	full := NewMemory(MemoryConfig{MaxPeers: 1})
	for _, c := range []struct {
		name   string
		config ServerConfig
		body   string
		status int
		code   ErrorCode
		id     string
	}{
		{"not JSON", ServerConfig{}, "x", 400, BadRequest, ""},
		{"malformed inside", ServerConfig{}, statBody("", ""), 400, BadRequest, "t"},
		{"over long", ServerConfig{}, strings.Repeat(" ", MaxRequest) + "x", 413, BadRequest, ""},
		{"version", ServerConfig{}, strings.Replace(findBody("p", "1"), `"version":1`, `"version":9`, 1), 400, UnsupportedVersion, "t"},
		{"FIND of a stranger", ServerConfig{}, findBody("stranger", "1111"), 403, ForbiddenAction, "t"},
		{"STAT_REPORT of a stranger", ServerConfig{}, statBody("stranger", ""), 403, ForbiddenAction, "t"},
		{"LEAVE of a stranger", ServerConfig{}, connectBody("stranger", "", action("1111", ActionLeave, Leech)), 403, ForbiddenAction, "t"},
		{"registry broken", ServerConfig{Registry: broken{}}, findBody("p", "1111"), 500, InternalServerError, "t"},
		{"registry broken, CONNECT", ServerConfig{Registry: broken{}}, connectBody("p", "", action("1111", ActionJoin, Leech)), 500, InternalServerError, "t"},
		{"registry full", ServerConfig{Registry: full}, connectBody("p", "", action("1111", ActionJoin, Leech)), 503, ServiceUnavailable, "t"},
		{"not authorized", ServerConfig{Authorize: refuseAll}, findBody("p", "1111"), 401, AuthenticationRequired, "t"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.config.Registry == Registry(full) {
				join(t, full, 0, "1111", "first", Leech)
				c.config.Now = func() time.Time { return at(0) }
			}
			status, r := post(t, NewServer(c.config), c.body)
			want := &Response{Version: 1, ResponseType: Failed, ErrorCode: c.code, TransactionID: c.id}
			if status != c.status || !reflect.DeepEqual(r, want) {
				t.Errorf("status %d, %+v; want %d, %+v", status, r, c.status, want)
			}
		})
	}
}

func refuseAll(*http.Request, string) ([]string, bool) {
	return []string{`Digest realm="swarm"`}, false
}

func TestAuthorizeSeesThePeerAndItsChallengeIsSent(t *testing.T) {
	var asked string
	s := NewServer(ServerConfig{Authorize: func(r *http.Request, peerID string) ([]string, bool) {
		asked = peerID
		return []string{`Digest realm="swarm"`}, r.Header.Get("Authorization") != ""
	}})
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(connectBody("p9", "", action("1", ActionJoin, Leech))))
	r.Header.Set("Content-Type", MediaType)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Digest realm="swarm"` || asked != "p9" {
		t.Errorf("%d, %v, asked for %q", w.Code, w.Header(), asked)
	}
	if s, _ := s.config.Registry.Status(t.Context(), time.Now()); s.Peers != 0 {
		t.Error("the refused peer is registered")
	}
}

// broken is a registry that can't be reached.
type broken struct{}

var errBroken = errors.New("connection refused")

func (broken) Join(context.Context, time.Time, string, Member) error        { return errBroken }
func (broken) Leave(context.Context, time.Time, string, string) error       { return errBroken }
func (broken) Touch(context.Context, time.Time, string) error               { return errBroken }
func (broken) Report(context.Context, time.Time, string, StreamStats) error { return errBroken }
func (broken) Expire(context.Context, time.Time) error                      { return errBroken }
func (broken) Find(context.Context, time.Time, string, string, int, *PeerNum) ([]Peer, error) {
	return nil, errBroken
}

func (broken) Known(context.Context, time.Time, string) (bool, error) { return false, errBroken }
func (broken) Remove(context.Context, time.Time, string) error        { return errBroken }

func (broken) Status(context.Context, time.Time) (Status, error) { return Status{}, errBroken }

func TestHTTPAround(t *testing.T) {
	s := NewServer(ServerConfig{})
	for _, c := range []struct {
		method, path, contentType string
		want                      int
	}{
		{"GET", "/", "", 405},
		{"PUT", "/", MediaType, 405},
		{"DELETE", StatusPath, "", 405},
		{"POST", "/", "application/json", 415},
		{"POST", "/", "text/plain", 415}, // what a web page of others can make a browser send
		{"POST", "/", "", 415},
		{"POST", "/", MediaType + "; charset=utf-8", 200},
		{"POST", "/any/path", strings.ToUpper(MediaType), 200},
	} {
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(string(example(t, "connect_leech"))))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s %s %q: %d, want %d", c.method, c.path, c.contentType, w.Code, c.want)
		}
		if c.want == 405 && w.Header().Get("Allow") != "POST" {
			t.Errorf("%s: Allow %q", c.method, w.Header().Get("Allow"))
		}
	}
}

func TestConnectResultsOfEachSwarm(t *testing.T) {
	s := NewServer(ServerConfig{})
	// RFC 7846, 2.3.2 A: refused "when a CONNECT request only contains invalid swarm
	// actions"; here one of two is.
	_, r := post(t, s, connectBody("p", "", action("1111", ActionLeave, Leech), action("2222", ActionJoin, Leech)))
	if want := map[string]Number{"1111": Failed, "2222": Successful}; r.ErrorCode != NoError || !reflect.DeepEqual(results(r), want) {
		t.Errorf("got %+v", r)
	}
	_, r = post(t, s, connectBody("p", "", action("3333", ActionJoin, Seeder), action("2222", ActionJoin, Seeder)))
	if want := map[string]Number{"3333": Successful, "2222": Successful}; !reflect.DeepEqual(results(r), want) {
		t.Errorf("a peer in several swarms, changing its mode: %+v", r)
	}
	// 4.1.1: LEAVE "regardless of the peer mode"
	_, r = post(t, s, connectBody("p", "", `{"swarm_id":"2222","action":"LEAVE"}`))
	if want := map[string]Number{"2222": Successful}; !reflect.DeepEqual(results(r), want) {
		t.Errorf("LEAVE without a mode: %+v", r)
	}
	if status, _ := s.config.Registry.Status(t.Context(), time.Now()); len(status.Swarms) != 1 || status.Swarms[0].SwarmID != "3333" {
		t.Errorf("left with %+v", status)
	}
}

// RFC 7846, 4.3: the answer of an error has the transaction ID, also where the request is not worth
// being read; and a client takes the HTTP status of a proxy for the code.
func TestTooManyRequests(t *testing.T) {
	s := NewServer(ServerConfig{Now: func() time.Time { return at(0) }})
	for s.rates.may(netip.MustParseAddr("192.0.2.1"), at(0)) {
	}
	status, r := post(t, s, findBody("p", "1111"))
	want := &Response{Version: 1, ResponseType: Failed, ErrorCode: ServiceUnavailable, TransactionID: "t"}
	if status != 503 || !reflect.DeepEqual(r, want) {
		t.Errorf("status %d, %+v", status, r)
	}
	for body, want := range map[string]string{
		`{"transaction_id" : "abc"`: "abc", `"transaction_id":"a\"b"`: "", `"transaction_id":7`: "", "": "",
		`"transaction_id"`: "", `"transaction_id":"`: "", `"transaction_id":"` + strings.Repeat("x", 129) + `"`: "",
	} {
		if got := scanID([]byte(body)); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no backend", http.StatusServiceUnavailable)
	}))
	defer proxy.Close()
	c := NewClient(ClientConfig{URL: proxy.URL})
	defer c.CloseIdleConnections()
	_, err := c.StatReport(t.Context())
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != ServiceUnavailable {
		t.Errorf("a proxy without a tracker: %v", err)
	}
}

// A thousand CONNECTs a second for a minute are remembered.
func TestManyRepeats(t *testing.T) {
	r := newRepeats()
	const many = 50_000
	body := func(i int) []byte { return fmt.Appendf(nil, "request %d", i) }
	for i := range many {
		r.put(body(i), at(0).Add(time.Duration(i)*time.Millisecond), 1)
	}
	kept := 0
	for i := range many {
		if done, ok := r.get(body(i), at(50)); ok && done == 1 {
			kept++
		}
	}
	if kept < many*85/100 {
		t.Errorf("%d of %d are remembered", kept, many)
	}
}

func TestRepeatedRequestIsAnsweredAlike(t *testing.T) {
	s := NewServer(ServerConfig{Now: func() time.Time { return at(0) }})
	body := connectBody("p", "", action("1111", ActionJoin, Leech))
	_, first := post(t, s, body)
	// RFC 7846, 4.3: "The tracker MUST be prepared to receive a request with a repeated
	// transaction_id."
	if _, second := post(t, s, body); !reflect.DeepEqual(first, second) {
		t.Errorf("%+v, then %+v", first, second)
	}
}

func TestPeerCount(t *testing.T) {
	s := NewServer(ServerConfig{})
	for i := range 40 {
		post(t, s, connectBody(string(rune('a'+i)), "", action("1111", ActionJoin, Leech)))
	}
	for num, want := range map[string]int{
		"":                               DefaultPeers,
		`"peer_num":{"peer_count":5},`:   5,
		`"peer_num":{"peer_count":"7"},`: 7,
		`"peer_num":{"peer_count":0},`:   0,
		// RFC 7846, 3.2.2: "peer_count should be less than 30 in this specification."
		`"peer_num":{"peer_count":30},`:                  29,
		`"peer_num":{"peer_count":9223372036854775807},`: 29,
	} {
		_, r := post(t, s, connectBody("asker", num, action("1111", ActionJoin, Leech)))
		got := 0
		if g := r.Results[0].PeerGroup; g != nil {
			got = len(g.Peers)
		}
		if got != want {
			t.Errorf("%s: %d peers, want %d", num, got, want)
		}
	}
	_, r := post(t, s, connectBody("source", `"peer_num":{"peer_count":3},`, action("1111", ActionJoin, Seeder)))
	// RFC 7846, 4.1.1: "or if a SEEDER includes a peer_num element in the request"
	if g := r.Results[0].PeerGroup; g == nil || len(g.Peers) != 3 {
		t.Errorf("a seeder with peer_num: %+v", r)
	}
}

// RFC 7846, 4.1.2: "The response MUST include a peer_group element".
func TestFindAlwaysHasAPeerGroup(t *testing.T) {
	s := NewServer(ServerConfig{})
	post(t, s, connectBody("p", "", action("1111", ActionJoin, Leech)))
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(findBody("p", "1111")))
	r.Header.Set("Content-Type", MediaType)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), `"peer_group":{"peer_info":[]}`) {
		t.Errorf("got %s", w.Body)
	}
	if status, e := post(t, s, findBody("p", "2222")); status != 403 || e.ErrorCode != ForbiddenAction {
		t.Errorf("FIND in a swarm of others: %d, %+v", status, e)
	}
}

// RFC 7846, 4.1.1: "Peers can use [...] STUN [...] to gather their candidates, in which
// case peer_addr SHOULD NOT present in the response. If no STUN is used [...] the tracker
// can return the address back with a "REFLEXIVE" attribute type."
func TestObservedAddress(t *testing.T) {
	s := NewServer(ServerConfig{})
	stated := func(kind, ip string) string {
		return `"peer_addr":{"ip_address":{"address_type":"ipv4","address":"` + ip + `"},"port":5,"priority":1,"type":"` + kind + `"},`
	}
	observed := address("192.0.2.1:1234", Reflexive, 0) // httptest's request comes from there
	for _, c := range []struct {
		peer, members string
		want          *Address
		listed        Address
	}{
		{"none", "", &observed, observed},
		{"host", stated("HOST", "10.0.0.7"), &observed, address("10.0.0.7:5", Host, 1)},
		{"stun", stated("REFLEXIVE", "198.51.100.7"), nil, address("198.51.100.7:5", Reflexive, 1)},
	} {
		_, r := post(t, s, connectBody(c.peer, c.members, action(c.peer, ActionJoin, Leech)))
		if !reflect.DeepEqual(r.PeerAddress, c.want) {
			t.Errorf("%s: peer_addr %v, want %v", c.peer, r.PeerAddress, c.want)
		}
		_, r = post(t, s, connectBody("asker", "", action(c.peer, ActionJoin, Leech)))
		if want := []Peer{{c.peer, []Address{c.listed}, ""}}; !reflect.DeepEqual(r.Results[0].PeerGroup.Peers, want) {
			t.Errorf("%s is listed as %+v", c.peer, r.Results[0].PeerGroup.Peers)
		}
	}
}

func TestStatReport(t *testing.T) {
	s := NewServer(ServerConfig{})
	post(t, s, connectBody("p", "", action("1111", ActionJoin, Leech)))
	stats := func(swarms ...string) string {
		var all []string
		for _, id := range swarms {
			all = append(all, `{"swarm_id":"`+id+`","uploaded_bytes":512,"downloaded_bytes":768,"available_bandwidth":1,"concurrent_links":5}`)
		}
		return `,"stat_report":{"type":"STREAM_STATS","stat":[` + strings.Join(all, ",") + `]}`
	}
	for _, c := range []struct {
		name, body string
		code       ErrorCode
		want       map[string]Number
	}{
		// RFC 7846, 4.1.3: "If no Statistics Group is included, the STAT_REPORT is used as a
		// "keep-alive" message".
		{"keep-alive", statBody("p", ""), NoError, map[string]Number{}},
		{"statistics", statBody("p", stats("1111")), NoError, map[string]Number{"1111": Successful}},
		{"one swarm of others", statBody("p", stats("1111", "2222")), NoError, map[string]Number{"1111": Successful, "2222": Failed}},
		{"only swarms of others", statBody("p", stats("2222")), ForbiddenAction, map[string]Number{}},
		{"another type", statBody("p", `,"stat_report":{"type":"KARMA","stat":{"karma":1}}`), NoError, map[string]Number{}},
	} {
		_, r := post(t, s, c.body)
		if r.ErrorCode != c.code || !reflect.DeepEqual(results(r), c.want) {
			t.Errorf("%s: %+v", c.name, r)
		}
		// RFC 7846, 3.3.4: for a STAT_REPORT "the peer group element SHOULD NOT be set".
		for _, result := range r.Results {
			if result.PeerGroup != nil {
				t.Errorf("%s: a peer group in %+v", c.name, r)
			}
		}
	}
	status, _ := s.config.Registry.Status(t.Context(), time.Now())
	if got := status.Swarms[0].Members[0].Stats; got == nil || got.DownloadedBytes != 768 {
		t.Errorf("noted %+v", got)
	}
}

func TestStatusPage(t *testing.T) {
	get := func(s *Server, from, forwarded string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, StatusPath, nil)
		r.RemoteAddr = from
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	closed, open := NewServer(ServerConfig{}), NewServer(ServerConfig{OpenStatus: true})
	post(t, closed, string(example(t, "connect_leech")))
	w := get(closed, "127.0.0.1:5", "")
	var got Status
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
	}
	if got.Peers != 1 || got.Swarms[0].SwarmID != "1111" || len(got.Swarms[0].Members[0].Addresses) != 2 {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(w.Body.String(), `"address": "2001:db8::2"`) {
		t.Errorf("the addresses are not to be seen: %s", w.Body)
	}
	for _, c := range []struct {
		s               *Server
		from, forwarded string
		want            int
	}{
		{closed, "[::1]:5", "", 200},
		{closed, "192.0.2.1:5", "", 403},
		{closed, "127.0.0.1:5", "192.0.2.1", 403},
		{open, "192.0.2.1:5", "", 200},
		{NewServer(ServerConfig{OpenStatus: true, Registry: broken{}}), "127.0.0.1:5", "", 500},
	} {
		if w := get(c.s, c.from, c.forwarded); w.Code != c.want {
			t.Errorf("from %s for %q: %d, want %d", c.from, c.forwarded, w.Code, c.want)
		}
	}
}

func TestRunExpiresAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := NewMemory(MemoryConfig{TrackTimeout: 20 * time.Second})
		s := NewServer(ServerConfig{Registry: memory, TrackTimeout: 20 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		post(t, s, connectBody("p", "", action("1111", ActionJoin, Leech)))
		count := func() int { memory.mu.Lock(); defer memory.mu.Unlock(); return memory.peers.count() }
		time.Sleep(19 * time.Second)
		if n := count(); n != 1 {
			t.Errorf("after 19 of 20 s there are %d peers", n)
		}
		time.Sleep(7 * time.Second)
		if n := count(); n != 0 {
			t.Errorf("after 26 s, without any request, there are still %d peers", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestTrackTimeoutIsTold(t *testing.T) {
	s := NewServer(ServerConfig{TrackTimeout: 1500 * time.Millisecond})
	_, r := post(t, s, connectBody("p", "", action("1111", ActionJoin, Leech)))
	if r.TrackTimeout != 2 {
		t.Errorf("track_timeout %d, want 1.5 s rounded up", r.TrackTimeout)
	}
}

func TestNewHTTPServerBoundsItsConnections(t *testing.T) {
	h := NewHTTPServer(NewServer(ServerConfig{}))
	for _, d := range []time.Duration{h.ReadHeaderTimeout, h.ReadTimeout, h.WriteTimeout, h.IdleTimeout} {
		if d <= 0 || d > 2*time.Minute {
			t.Errorf("a timeout of %v", d)
		}
	}
	// A peer's connection must survive the time between its requests.
	if h.IdleTimeout <= DefaultReportInterval {
		t.Errorf("idle timeout %v", h.IdleTimeout)
	}
}

// The fullest response must stay within what a client reads.
func TestFullestResponseFits(t *testing.T) {
	r := &Response{TransactionID: strings.Repeat("t", MaxTransactionID)}
	a := address("[2001:db8:1111:2222:3333:4444:5555:6666]:65535", Reflexive, 1<<62)
	a.Connection, a.ASN, a.Protocol = "wireless", strings.Repeat("9", maxASN), strings.Repeat("p", maxProtocol)
	p := Peer{ID: strings.Repeat("i", MaxPeerID), Addresses: slices.Repeat([]Address{a}, MaxAddresses)}
	for range MaxActions {
		r.Results = append(r.Results, SwarmResult{
			SwarmID: strings.Repeat("s", MaxSwarmIDText), PeerGroup: &PeerGroup{Peers: slices.Repeat([]Peer{p}, MaxPeers)},
		})
	}
	b, err := EncodeResponse(r)
	if err != nil || len(b) > MaxResponse {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("{"), failing{}))
	r.Header.Set("Content-Type", MediaType)
	w := httptest.NewRecorder()
	NewServer(ServerConfig{}).ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), `"error_code":1`) {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
