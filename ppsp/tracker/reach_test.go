package tracker

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/swarmgate/swarmgate/ppsp"
)

// resolver answers each question for a name with loopback addresses, as a name does whose owner
// points it at his victims (DNS rebinding).
func resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-ended })
	go func() {
		defer close(ended)
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type, TTL: 1},
					Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			}
			if out, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// A name that stands for an address of the home is not followed there, unless a person named the tracker.
func TestNameOfAPrivateAddress(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		NewServer(ServerConfig{}).ServeHTTP(w, r)
	}))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	transport := &http.Transport{DialContext: DialContext(&net.Dialer{Resolver: resolver(t)}, nil)}
	defer transport.CloseIdleConnections()
	for _, c := range []struct {
		url   string
		given bool
		want  bool
	}{
		{"http://rebind.example" + port + "/", false, false},
		{"http://REBIND.example" + port + "/", false, false},
		{"http://böse.example" + port + "/", false, false}, // net/http connects to xn--bse-sna.example
		{"http://rebind.example" + port + "/", true, true}, // the connection of this one is not lent to others: see below
		{"http://127.0.0.1" + port + "/", false, true},
		{"http://localhost" + port + "/", false, true},
	} {
		asked = 0
		client := NewClient(ClientConfig{URL: c.url, Given: c.given, PeerID: ppsp.PeerID{1}, HTTP: &http.Client{Transport: transport}})
		_, err := client.Connect(t.Context(), []SwarmAction{Join(swarmA, Leech)}, nil, nil)
		if (err == nil) != c.want || (asked > 0) != c.want {
			t.Errorf("%s, given %v: %v, asked %d times", c.url, c.given, err, asked)
		}
		if !c.want && (!errors.Is(err, ErrPrivate) || !strings.Contains(err.Error(), "--tracker")) {
			t.Errorf("%s: error %v, want ErrPrivate with the remedy", c.url, err)
		}
		transport.CloseIdleConnections()
	}
}

// A proxy that a person named is used, wherever it is.
func TestPrivateProxy(t *testing.T) {
	proxied := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied = r.Host
		w.WriteHeader(http.StatusTeapot)
	}))
	defer proxy.Close()
	named := func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	transport := &http.Transport{DialContext: DialContext(nil, named), Proxy: named}
	defer transport.CloseIdleConnections()
	c := NewClient(ClientConfig{URL: "http://tracker.example/", HTTP: &http.Client{Transport: transport}})
	if _, err := c.StatReport(t.Context()); err == nil || proxied != "tracker.example" {
		t.Errorf("error %v, the proxy was asked for %q", err, proxied)
	}
}

// Redirects of a tracker lead nowhere, least of all into the home.
func TestRedirectIntoTheHome(t *testing.T) {
	reached := false
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer inside.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inside.URL, status)
		}))
		c := NewClient(ClientConfig{URL: outside.URL})
		if _, err := c.StatReport(t.Context()); err == nil || reached {
			t.Errorf("%d: error %v, reached %v", status, err, reached)
		}
		c.CloseIdleConnections()
		outside.Close()
	}
}

func TestGuard(t *testing.T) {
	for at, private := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "192.168.1.1:80": true, "10.0.0.1:80": true, "172.31.0.1:80": true, "[fd00::1]:80": true,
		"169.254.169.254:80": true, "[fe80::1%eth0]:80": true, "100.64.0.1:80": true, "0.0.0.0:80": true, "[::ffff:192.168.1.1]:80": true,
		"224.0.0.1:80": true, "nonsense": true, "0.0.0.1:80": true, "[64:ff9b::192.168.1.1]:80": true, "[2002:c0a8:101::1]:80": true,
		"198.51.100.7:80": false, "[2001:db8::1]:443": false,
	} {
		if err := guard(at); (err != nil) != private {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// What a tracker may name depends on where it is itself.
func TestWhomATrackerMayName(t *testing.T) {
	addr := netip.MustParseAddr
	lan := func() []netip.Prefix {
		return []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24"), netip.MustParsePrefix("fd00::/64")}
	}
	outside, home, here := addr("198.51.100.1"), addr("192.168.9.1"), addr("127.0.0.1")
	for _, c := range []struct {
		from netip.Addr
		to   string
		want bool
	}{
		{outside, "203.0.113.9", true},
		{outside, "192.168.7.20", true}, // another peer of our household
		{outside, "fd00::5", true},
		{outside, "192.168.1.1", false},
		{outside, "10.0.0.1", false},
		{outside, "127.0.0.1", false},
		{outside, "::1", false},
		{outside, "100.64.0.1", false},
		{netip.Addr{}, "10.0.0.1", false},
		{home, "10.0.0.1", true},
		{home, "127.0.0.1", false},
		{here, "127.0.0.1", true},
		{here, "::1", true},
		{here, "10.0.0.1", true},
	} {
		if got := mayName(c.from, addr(c.to), lan); got != c.want {
			t.Errorf("a tracker at %v names %s: %v", c.from, c.to, got)
		}
	}
	if len(networks()) == 0 {
		t.Error("this machine is in no network, not even loopback")
	}
}

// Of a real answer what we may not follow is left out.
func TestPrivatePeersOfATracker(t *testing.T) {
	c := clientOf(nil, 1)
	group := &PeerGroup{Peers: []Peer{
		{"02", []Address{address("10.9.9.9:1", Host, 0), address("198.51.100.7:1", Reflexive, 0)}, ""},
		{"03", []Address{address("127.0.0.1:1", Host, 0)}, ""},
	}}
	got := c.swarmAnswer(SwarmResult{PeerGroup: group}, netip.MustParseAddr("198.51.100.1"), func() []netip.Prefix { return nil })
	if len(got.Peers) != 1 || len(got.Peers[0].Addresses) != 1 || got.Peers[0].Addresses[0].Type != Reflexive {
		t.Errorf("%+v", got.Peers)
	}
	if len(group.Peers[0].Addresses) != 2 {
		t.Error("the answer itself was changed")
	}
}
