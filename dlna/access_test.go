package dlna

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/dlna/lan"
)

func TestOnlyHome(t *testing.T) {
	guard := &lan.Guard{Interfaces: func() ([]lan.Interface, error) {
		return []lan.Interface{{Name: "eth0", Flags: net.FlagUp, Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.5/28")}}}, nil
	}}
	h := onlyHome(guard, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, c := range []struct {
		from, host string
		code       int
	}{
		{"192.168.77.20:40000", "192.168.77.10:8088", 204},
		{"127.0.0.1:40000", "localhost:8088", 204},
		{"[::1]:40000", "[::1]:8088", 204},
		{"[fe80::1%lan0]:40000", "[fe80::2]:8088", 204},
		{"[::ffff:192.168.77.20]:40000", "192.168.77.10:8088", 204},
		{"203.0.113.6:40000", "203.0.113.5:8088", 204},
		{"192.168.77.20:40000", "", 204},
		{"8.8.8.8:40000", "192.168.77.10:8088", 403},
		{"100.64.0.9:40000", "192.168.77.10:8088", 403},
		{"[2001:db8::1]:40000", "192.168.77.10:8088", 403},
		{"", "192.168.77.10:8088", 403},
		{"@", "192.168.77.10:8088", 403},
		{"192.168.77.20:40000", "evil.example:8088", 421},
	} {
		r := httptest.NewRequest(http.MethodGet, "/dlna/device.xml", nil)
		r.RemoteAddr, r.Host = c.from, c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("from %q for %q: %d, want %d", c.from, c.host, w.Code, c.code)
		}
	}
}

// Who reached us by an address of its own link is told one that fits into a URL, of those that the
// household's selection takes.
func TestWidened(t *testing.T) {
	read := 0
	prefixes := []netip.Prefix{
		netip.MustParsePrefix("10.8.0.1/24"), netip.MustParsePrefix("192.168.77.10/24"), netip.MustParsePrefix("fd77::1/64"), netip.MustParsePrefix("fe80::1/64"),
	}
	list := func() ([]lan.Interface, error) {
		read++
		return []lan.Interface{{Name: "lan0", Flags: net.FlagUp, Prefixes: prefixes}, {Name: "lan1", Prefixes: prefixes[3:]}}, nil
	}
	networks := lan.Selection{DenyNetworks: prefixes[:1]}
	for _, c := range []struct {
		guard     *lan.Guard
		host, own string
		want      string
	}{
		{&lan.Guard{Interfaces: list}, "[fe80::1]:8088", "[fe80::1%lan0]:8088", "10.8.0.1:8088"},
		{&lan.Guard{Interfaces: list, Selection: networks}, "[fe80::1]:8088", "[fe80::1%lan0]:8088", "192.168.77.10:8088"},
		{&lan.Guard{Interfaces: list}, "[fe80::1]:8088", "[fe80::1%lan1]:8088", "[fe80::1]:8088"},
		{&lan.Guard{Interfaces: list}, "[fe80::1]:8088", "[fe80::1%none0]:8088", "[fe80::1]:8088"},
		{&lan.Guard{Interfaces: list}, "[fd77::1]:8088", "[fd77::1]:8088", "[fd77::1]:8088"},
		{&lan.Guard{Interfaces: list}, "192.168.77.10", "192.168.77.10:8088", "192.168.77.10"},
	} {
		for range 50 {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Host = c.host
			own := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.own))
			if got := widened(c.guard, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, own))).Host; got != c.want {
				t.Errorf("%s at %s: %s, want %s", c.host, c.own, got, c.want)
			}
		}
	}
	if read > 6 {
		t.Errorf("the interfaces were read %d times", read)
	}
}

func TestHomeHost(t *testing.T) {
	for host, want := range map[string]bool{
		"": true, "192.168.1.2": true, "192.168.1.2:8088": true, "[fd77::1]:80": true, "[fd77::1]": true, "fd77::1": true,
		"localhost": true, "localhost:8088": true, "gateway:8088": true, "Gateway.local": true, "gateway.local.:8088": true,
		"gateway.home.arpa": true, "nas.lan:8088": true,
		"example.com": false, "192.168.1.2.example.com:8088": false, "local": true, "evil.localx": false,
		"gateway:port": false, "gate way": false, `a"b`: false, "a<b>.local": false, "a/b": false, "x.local:99999": false,
		"::% ": false, "[fe80::1%<b>]": false, "fe80::1%eth0": true,
	} {
		if got := homeHost(host); got != want {
			t.Errorf("homeHost(%q) = %v, want %v", host, got, want)
		}
	}
}

// A host that passes can stand in a URL and names nothing that a page in the Internet could.
func FuzzHomeHost(f *testing.F) {
	for _, host := range []string{"", "192.168.1.2:8088", "[::1]:80", "gateway.local", "evil.example", "[fe80::1%25eth0]"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !homeHost(host) {
			return
		}
		if strings.ContainsAny(host, "/\\?#@<>\"'& \r\n") {
			t.Fatalf("%q passes", host)
		}
		for _, public := range []string{".com", ".org", ".example"} {
			if strings.HasSuffix(strings.TrimSuffix(host, "."), public) {
				t.Fatalf("%q passes", host)
			}
		}
	})
}
