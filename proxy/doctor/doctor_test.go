package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/swarmgate/swarmgate/nat"
	"github.com/swarmgate/swarmgate/nat/behaviour"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sound holds for a check that a person can do something with.
func sound(t *testing.T, c Check) {
	t.Helper()
	if c.Name == "" || c.Value == "" || c.Meaning == "" || !c.OK && c.Remedy == "" {
		t.Errorf("says too little: %+v", c)
	}
	if c.OK != (c.State == Well || c.State == Unknown) || !c.OK && c.State != Unwell {
		t.Errorf("two states: %+v", c)
	}
	for _, s := range []string{c.Meaning, c.Remedy} {
		if strings.ContainsAny(s, "\n\r") || strings.Contains(s, "..") {
			t.Errorf("%q is no sentence", s)
		}
	}
}

func TestExamine(t *testing.T) {
	var names []string
	well := Examine(t.Context(), Config{Dir: t.TempDir(), NoNAT: true}, func(c Check) {
		sound(t, c)
		if !c.OK && c.Name != "lan" { // a machine for tests may have no network
			t.Errorf("%+v", c)
		}
		if c.OK || c.Name != "lan" {
			names = append(names, c.Name)
		}
		asked := c.Name == "socket" || c.Name == "disk" || c.Name == "lan" || c.Name == "ipv6"
		if asked == (c.State == Unknown) {
			t.Errorf("nothing outside was asked: %+v", c)
		}
	})
	if got := strings.Join(names, " "); got != "socket disk lan stun nat mapping ipv6 peers tracker time" && got != "socket disk stun nat mapping ipv6 peers tracker time" {
		t.Errorf("checks: %s, well: %v", got, well)
	}
}

// Whatever hangs, an examination ends in time.
func TestExamineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		hang := func(ctx context.Context) []Check {
			<-ctx.Done()
			return []Check{unwell("hung", "v", "m", "r")}
		}
		var told []string
		if examine(t.Context(), []func(context.Context) []Check{hang, hang}, func(c Check) { told = append(told, c.Name) }) || len(told) != 2 {
			t.Errorf("told %q", told)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// Trackers name STUN servers, and are waited for no longer than it takes.
func TestNamedServers(t *testing.T) {
	type naming struct {
		after  time.Duration
		server string
	}
	for name, c := range map[string]struct {
		config Config
		named  []naming
		closed bool // nobody names any more
		want   string
		within time.Duration
	}{
		"by a person":  {Config{STUN: []string{"mine:1"}}, []naming{{0, "a:1"}}, false, "mine:1", 0},
		"by a tracker": {Config{}, []naming{{time.Second, "a:1"}}, false, "a:1", time.Second + namingTime},
		"by two":       {Config{}, []naming{{time.Second, "a:1"}, {namingTime / 2, "b:1"}}, false, "a:1 b:1", time.Second + namingTime},
		"twice":        {Config{}, []naming{{0, "a:1"}, {time.Millisecond, "a:1"}}, true, "a:1", time.Millisecond},
		"by none":      {Config{}, nil, true, "", 0},
		"nobody knows": {Config{}, nil, false, "", outsideTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), outsideTime)
				defer cancel()
				named := make(chan string, maxTrackers)
				var trackers sync.WaitGroup
				trackers.Go(func() {
					for _, n := range c.named {
						time.Sleep(n.after)
						named <- n.server
					}
					if c.closed {
						close(named)
					}
				})
				began := time.Now()
				if got := strings.Join(c.config.servers(ctx, named), " "); got != c.want || time.Since(began) > c.within {
					t.Errorf("%q after %v", got, time.Since(began))
				}
				trackers.Wait()
			})
		})
	}
}

func TestSocket(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := socket(t.Context(), conn.LocalAddr().String())
	if sound(t, c); !c.OK || !strings.Contains(c.Value, "in use") {
		t.Errorf("taken: %+v", c)
	}
	c = socket(t.Context(), "203.0.113.9:1")
	if sound(t, c); c.OK {
		t.Errorf("of another machine: %+v", c)
	}
}

func TestPage(t *testing.T) {
	status := http.StatusOK
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
	}))
	defer gateway.Close()
	at := gateway.Listener.Addr().String()
	if c := page(t.Context(), at); !c.OK || c.Meaning != "The gateway runs." {
		t.Errorf("%+v", c)
	}
	status = http.StatusNotFound
	c := page(t.Context(), at)
	if sound(t, c); c.OK {
		t.Errorf("another program: %+v", c)
	}
	gateway.Close()
	c = page(t.Context(), at)
	if sound(t, c); !c.OK || c.Value != "not running" {
		t.Errorf("%+v", c)
	}
}

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	if c := disk(t.Context(), filepath.Join(dir, "made", "later")); !c.OK {
		t.Errorf("a folder to be made: %+v", c)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := disk(t.Context(), file)
	if sound(t, c); c.OK {
		t.Errorf("a file: %+v", c)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		c := disk(t.Context(), dir)
		if sound(t, c); c.OK || !strings.Contains(c.Value, "can't be written") {
			t.Errorf("not ours: %+v", c)
		}
	}
}

// answering is a tracker's answer of PPSTP with a code, to any request.
func answering(w http.ResponseWriter, r *http.Request, code tracker.ErrorCode) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	request, err := tracker.DecodeRequest(b)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", tracker.MediaType)
	w.WriteHeader(code.HTTPStatus())
	fmt.Fprintf(w, `{"PPSPTrackerProtocol":{"version":1,"response_type":%d,"error_code":%d,"transaction_id":%q}}`, min(code, 1), code, request.TransactionID)
}

func TestTrackers(t *testing.T) {
	code, page, date := tracker.NoError, false, time.Now()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
		if page {
			_, _ = w.Write([]byte("<html>"))
			return
		}
		answering(w, r, code)
	}))
	defer server.Close()
	ask := func(at string) (tracker, clock Check) {
		checks := Config{Trackers: []string{at}}.trackers(t.Context(), make(chan string, 1))
		for _, c := range checks {
			sound(t, c)
		}
		return checks[0], checks[1]
	}
	date = date.Add(time.Hour)
	if tracker, clock := ask(server.URL); !tracker.OK || clock.OK || !strings.Contains(clock.Meaning, "behind") {
		t.Errorf("a clock that is an hour behind: %+v, %+v", tracker, clock)
	}
	date = time.Now()
	if _, clock := ask(server.URL); !clock.OK || !strings.Contains(clock.Meaning, "right") {
		t.Errorf("a clock that is right: %+v", clock)
	}
	for _, code = range []tracker.ErrorCode{tracker.ForbiddenAction, tracker.ServiceUnavailable, tracker.AuthenticationRequired} {
		if tracker, _ := ask(server.URL); tracker.OK || !strings.HasPrefix(tracker.Meaning, "It answers, but") {
			t.Errorf("%s: %+v", code, tracker)
		}
	}
	page = true
	if tracker, _ := ask(server.URL); tracker.OK {
		t.Errorf("a page: %+v", tracker)
	}
	server.Close()
	if tracker, clock := ask(server.URL); tracker.OK || !clock.OK || clock.State != Unknown || !strings.Contains(tracker.Meaning, "refused") {
		t.Errorf("nobody: %+v, %+v", tracker, clock)
	}
	if tracker, _ := ask("tracker.example"); tracker.OK {
		t.Errorf("no URL: %+v", tracker)
	}
}

// A tracker takes us in as it does a gateway, names its STUN server, and is left as it was.
func TestTrackerTakesUsIn(t *testing.T) {
	var watched []tracker.RequestType
	var mu sync.Mutex
	s := tracker.NewServer(tracker.ServerConfig{STUNPort: 3478, Watch: func(r *tracker.Request, _ netip.Addr, code tracker.ErrorCode, _ time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		watched = append(watched, r.Type)
		if code != tracker.NoError {
			t.Errorf("%s: %s", r.Type, code)
		}
	}, OpenStatus: true})
	server := httptest.NewServer(s)
	defer server.Close()
	named := make(chan string, 1)
	if c := (Config{Trackers: []string{server.URL}}).trackers(t.Context(), named)[0]; c.State != Well {
		t.Errorf("%+v", c)
	}
	if at := <-named; at != "127.0.0.1:3478" {
		t.Errorf("named %q", at)
	}
	if want := []tracker.RequestType{tracker.TypeConnect, tracker.TypeConnect}; !slices.Equal(watched, want) {
		t.Errorf("asked %q", watched)
	}
	answer, err := http.Get(server.URL + tracker.StatusPath)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if b, err := io.ReadAll(answer.Body); err != nil || strings.Contains(string(b), "swarm_id") {
		t.Errorf("left behind: %s, %v", b, err)
	}
}

// homely is a DNS in which every name stands for this machine.
func homely(t *testing.T) *net.Resolver {
	var answering sync.WaitGroup
	t.Cleanup(answering.Wait)
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe() // no packets: each message is behind its length
		answering.Go(func() {
			defer server.Close()
			var length [2]byte
			for {
				if _, err := io.ReadFull(server, length[:]); err != nil {
					return
				}
				b := make([]byte, binary.BigEndian.Uint16(length[:]))
				var m dnsmessage.Message
				if _, err := io.ReadFull(server, b); err != nil || m.Unpack(b) != nil || len(m.Questions) == 0 {
					return
				}
				m.Response, m.Additionals = true, nil
				if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
					m.Answers = []dnsmessage.Resource{{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type},
						Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
					}}
				}
				out, err := m.AppendPack(make([]byte, 2))
				if err != nil {
					return
				}
				binary.BigEndian.PutUint16(out, uint16(len(out)-2))
				if _, err := server.Write(out); err != nil {
					return
				}
			}
		})
		return client, nil
	}}
}

// Links that others made have us ask nobody in the home under a name, neither a tracker nor its STUN server; those that a
// person named may be there.
func TestLinkedTrackerInTheHome(t *testing.T) {
	asked := 0
	answering := tracker.NewServer(tracker.ServerConfig{STUNPort: 3478})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		answering.ServeHTTP(w, r)
	}))
	defer server.Close()
	before := net.DefaultResolver
	net.DefaultResolver = homely(t)
	defer func() { net.DefaultResolver = before }()
	transport := &http.Transport{DialContext: tracker.DialContext(nil, nil), DisableKeepAlives: true}
	at := strings.Replace(server.URL, "127.0.0.1", "rebind.example", 1)
	for _, c := range []struct {
		config Config
		state  State
		named  int
	}{
		{Config{Trackers: []string{at}}, Well, 1},
		{Config{Linked: []string{at}}, Unwell, 0},
		{Config{Linked: []string{server.URL}}, Well, 1},
	} {
		asked = 0
		c.config.HTTP = &http.Client{Transport: transport}
		named := make(chan string, 1)
		if got := c.config.trackers(t.Context(), named)[0]; got.State != c.state || (asked > 0) != (c.state == Well) || len(named) != c.named {
			t.Errorf("%+v: %+v, asked %d times, %d STUN servers named", c.config, got, asked, len(named))
		}
	}
	for server, want := range map[string]string{"rebind.example:3478": "", "203.0.113.1:3478": "203.0.113.1:3478", "192.168.1.1:3478": "192.168.1.1:3478", "nonsense": ""} {
		if got := onInternet(t.Context(), server); got != want {
			t.Errorf("a STUN server that is named as %s is asked at %q, want %q", server, got, want)
		}
	}
}

// What is said of a way out, in all combinations, fits together: where peers can't get through, something is not well, and
// everybody gets through only where somebody did.
func TestOutside(t *testing.T) {
	server, seen, local := netip.MustParseAddrPort("203.0.113.1:3478"), netip.MustParseAddrPort("198.51.100.7:5"), netip.MustParseAddrPort("192.168.1.2:5")
	mapped := nat.Trial{Gateway: "router", Mapped: seen, Public: true}
	wrong := nat.Trial{Gateway: "router", Mapped: netip.MustParseAddrPort("198.51.100.99:5"), Public: true}
	inner := nat.Trial{Gateway: "router", Mapped: netip.MustParseAddrPort("100.64.0.7:5")}
	double := nat.Trial{Gateway: "router", Mapped: netip.MustParseAddrPort("192.168.0.7:5")}
	silent := nat.Trial{Gateway: "router", Mapped: netip.AddrPortFrom(netip.Addr{}, 7)}
	none := way{err: errors.New("No port mapping: the router refuses it. Allow it.")}
	report := func(mapping, filtering behaviour.Dependence) behaviour.Report {
		return behaviour.Report{Server: server, Local: local, Seen: seen, Mapping: mapping, Filtering: filtering}
	}
	symmetric, port := report(behaviour.OnAddressAndPort, ""), report(behaviour.Independent, behaviour.OnAddressAndPort)
	part := report(behaviour.NotOnPort, behaviour.OnAddressAndPort)
	atPublic := behaviour.Report{Server: server, Local: seen, Seen: seen}
	six := netip.MustParseAddr("2001:db8::1")
	for _, c := range []struct {
		name    string
		report  behaviour.Report
		port    way
		six     netip.Addr
		nat     string
		natIs   State
		mapping State
		peers   string
		peersBe State
	}{
		{"blocked", behaviour.Report{}, none, netip.Addr{}, "blocked", Unwell, Well, "not known", Unknown},
		{"home", port, none, netip.Addr{}, "port-restricted", Well, Well, "most, by hole punching", Well},
		{"home with UPnP", port, way{mapped, nil, behaviour.Arrived}, netip.Addr{}, "port-restricted", Well, Well, "everybody", Well},
		{"home with UPnP, not tried", port, way{mapped, nil, behaviour.Untold}, netip.Addr{}, "port-restricted", Well, Well, "everybody, says the router", Unknown},
		{"home with UPnP that lies", port, way{mapped, nil, behaviour.Lost}, netip.Addr{}, "port-restricted", Well, Unwell, "most, by hole punching", Well},
		{"home with UPnP that does not tell", port, way{silent, nil, behaviour.Untold}, netip.Addr{}, "port-restricted", Well, Well, "most, by hole punching", Well},
		{"carrier", port, way{inner, nil, behaviour.Lost}, netip.Addr{}, "carrier NAT, port-restricted", Well, Well, "most, by hole punching", Well},
		{"two routers", port, way{double, nil, behaviour.Lost}, netip.Addr{}, "double NAT, port-restricted", Well, Well, "most, by hole punching", Well},
		{"two routers that forward", port, way{double, nil, behaviour.Arrived}, netip.Addr{}, "double NAT, port-restricted", Well, Well, "everybody", Well},
		{"another address", port, way{wrong, nil, behaviour.Untold}, netip.Addr{}, "double NAT, port-restricted", Well, Well, "most, by hole punching", Well},
		{"symmetric", symmetric, none, netip.Addr{}, "symmetric", Unwell, Well, "some", Unwell},
		{"symmetric with UPnP", symmetric, way{mapped, nil, behaviour.Arrived}, netip.Addr{}, "symmetric", Well, Well, "everybody", Well},
		{"symmetric with UPnP that lies", symmetric, way{mapped, nil, behaviour.Lost}, netip.Addr{}, "symmetric", Unwell, Unwell, "some", Unwell},
		{"symmetric with IPv6", symmetric, none, six, "symmetric", Unwell, Well, "some", Well},
		{"one server", part, none, netip.Addr{}, "NAT", Unknown, Well, "most, as it looks", Unknown},
		{"one server and a carrier", part, way{inner, nil, behaviour.Lost}, netip.Addr{}, "carrier NAT", Unknown, Well, "most, as it looks", Unknown},
		{"a public address", atPublic, none, netip.Addr{}, "public address", Well, Well, "most, by hole punching", Well},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := outlook{servers: []string{"s"}, seen: c.report, port: c.port, six: c.six}
			n, m, p := o.kind(), o.mapping(), o.peers()
			for _, check := range []Check{n, m, p, o.stun(), o.ipv6()} {
				sound(t, check)
			}
			if n.Value != c.nat || n.State != c.natIs || m.State != c.mapping || p.Value != c.peers || p.State != c.peersBe {
				t.Errorf("NAT %+v, mapping %+v, peers %+v", n, m, p)
			}
		})
	}
	for _, arrival := range []behaviour.Arrival{behaviour.Untold, behaviour.Arrived, behaviour.Lost} {
		o := outlook{servers: []string{"s"}, seen: symmetric, port: none, six: six}
		for _, o.hole = range []way{{mapped, nil, arrival}, {inner, nil, arrival}, {err: errors.New("No IPv6 pinhole: no router answered.")}} {
			sound(t, o.pinhole())
			sound(t, o.peers())
		}
	}
	for _, o := range []outlook{{}, {noNAT: true}, {servers: []string{"s"}, unseen: errors.New("no such host")}} {
		for _, check := range []Check{o.stun(), o.kind(), o.mapping(), o.peers()} {
			if check.Name != "mapping" || o.noNAT {
				if sound(t, check); check.State == Well {
					t.Errorf("nobody was asked: %+v", check)
				}
			}
		}
	}
}
