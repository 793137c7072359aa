package web

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestHostsThatAnswer(t *testing.T) {
	h := newHosts("livingroom.home", []string{"tv.example.org", "Media.Example.NET."})
	for host, want := range map[string]bool{
		"":                          true,
		"192.168.1.5":               true,
		"192.168.1.5:8088":          true,
		"8.8.8.8":                   true, // an address can't be rebound
		"[::1]":                     true,
		"[fe80::1]:8088":            true,
		"[fe80::1%25eth0]:80":       true,
		"localhost":                 true,
		"LOCALHOST:8088":            true,
		"swarmgate.localhost":       true,
		"nas.local":                 true,
		"NAS.Local.:80":             true,
		"livingroom":                true,
		"livingroom:8088":           true,
		"livingroom.lan":            true,
		"livingroom.home":           true,
		"livingroom.home.arpa":      true,
		"tv.example.org":            true,
		"TV.example.org.:443":       true,
		"media.example.net":         true,
		"evil.example":              false,
		"livingroom.evil.example":   false, // who knows the machine's name still can't
		"livingroom.com":            false,
		"other.lan":                 false,
		"local":                     false,
		"notlocalhost":              false,
		"evil-local":                false,
		"192.168.1.5.evil.example":  false,
		"192.168.1.5:80:80":         false,
		"192.168.1.5:80@evil":       false,
		"localhost:80x":             false,
		"::1":                       false, // needs brackets
		"[192.168.1.5]":             false,
		"[::1":                      false,
		"[::1]x":                    false,
		"example.org":               false,
		"sub.tv.example.org":        false,
		"0x7f.1":                    false,
		".":                         false,
		"xn--lcalhost-n4a.example.": false,
	} {
		if got := h.answers(host); got != want {
			t.Errorf("Host %q: answers = %v, want %v", host, got, want)
		}
	}
}

func TestAMachineWithoutNameAnswersNoEmptyLabel(t *testing.T) {
	h := newHosts("", nil)
	for _, host := range []string{".lan", ".local.evil.example", ":80."} {
		if h.answers(host) {
			t.Errorf("answers to %q", host)
		}
	}
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"", "localhost:80", "[::1]:1", "a.local", "box.lan", "1.2.3.4", "evil.example", "[", "]", ":", "\x00"} {
		f.Add(s)
	}
	h := newHosts("box", []string{"tv.example.org"})
	f.Fuzz(func(t *testing.T, host string) {
		if !h.answers(host) || host == "" {
			return
		}
		// Oracle: what answers is an address, or a name that no stranger can own.
		name := strings.ToLower(host)
		if at := strings.LastIndexByte(name, ':'); at >= 0 && !strings.HasSuffix(name, "]") {
			name = name[:at]
		}
		if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			return
		}
		name = strings.TrimSuffix(name, ".")
		if slices.Contains([]string{"localhost", "box", "box.local", "box.lan", "box.home", "box.home.arpa", "box.internal", "tv.example.org"}, name) {
			return
		}
		if !strings.HasSuffix(name, ".local") && !strings.HasSuffix(name, ".localhost") {
			t.Errorf("answers to %q", host)
		}
	})
}

func TestAddressesOfTheHome(t *testing.T) {
	l := newLAN([]netip.Prefix{netip.MustParsePrefix("100.64.0.0/10")})
	l.addrs = func() ([]net.Addr, error) {
		_, v6, _ := net.ParseCIDR("2001:db8:1:2::5/64")
		_, all, _ := net.ParseCIDR("0.0.0.0/0")
		return []net.Addr{v6, all, &net.UnixAddr{Name: "x"}}, nil
	}
	for addr, want := range map[string]bool{
		"127.0.0.1":          true,
		"::1":                true,
		"10.1.2.3":           true,
		"172.31.0.1":         true,
		"192.168.0.1":        true,
		"::ffff:192.168.0.1": true,
		"169.254.1.1":        true,
		"fe80::1%eth0":       true,
		"fd00::1":            true,
		"100.64.3.4":         true, // configured
		"2001:db8:1:2::77":   true, // on the same link
		"2001:db8:1:3::77":   false,
		"8.8.8.8":            false,
		"::ffff:8.8.8.8":     false,
		"172.32.0.1":         false,
	} {
		if got := l.holds(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: holds = %v, want %v", addr, got, want)
		}
	}
	if l.holds(netip.Addr{}) {
		t.Error("holds no address at all")
	}
}

func TestInterfacesAreReadAtMostEveryTenSeconds(t *testing.T) {
	l := newLAN(nil)
	now, reads := time.Unix(1000, 0), 0
	l.now = func() time.Time { return now }
	l.addrs = func() ([]net.Addr, error) { reads++; return nil, nil }
	for range 100 {
		l.holds(netip.MustParseAddr("8.8.8.8"))
	}
	if reads != 1 {
		t.Errorf("%d reads, want 1", reads)
	}
	now = now.Add(lookEvery)
	l.holds(netip.MustParseAddr("8.8.8.8"))
	if reads != 2 {
		t.Errorf("%d reads after a while, want 2", reads)
	}
}

func TestGuard(t *testing.T) {
	public := func(r *http.Request) { r.RemoteAddr = "8.8.8.8:1" }
	odd := func(r *http.Request) { r.RemoteAddr = "@" }
	rebound := func(r *http.Request) { r.Host = "evil.example" }
	for name, test := range map[string]struct {
		method, path string
		set          []func(*http.Request)
		want         int
	}{
		"from the home":                 {"GET", "/", nil, 200},
		"from outside":                  {"GET", "/", []func(*http.Request){public}, 403},
		"from an unknown kind of place": {"GET", "/healthz", []func(*http.Request){odd}, 403},
		"rebound name":                  {"GET", "/api/v1/channels", []func(*http.Request){rebound}, 403},
		"another site deletes":          {"DELETE", "/api/v1/channels/news", []func(*http.Request){header("Origin", "http://evil.example")}, 403},
		"another site, newer browser":   {"DELETE", "/api/v1/channels/news", []func(*http.Request){header("Sec-Fetch-Site", "cross-site")}, 403},
		"a sandboxed frame":             {"DELETE", "/api/v1/channels/news", []func(*http.Request){header("Origin", "null")}, 403},
		"our page deletes":              {"DELETE", "/api/v1/channels/news", []func(*http.Request){header("Origin", "http://192.168.1.5:8088")}, 204},
		"a script deletes":              {"DELETE", "/api/v1/channels/news", nil, 204},
		"another site reads":            {"GET", "/api/v1/channels", []func(*http.Request){header("Origin", "http://evil.example")}, 200}, // and may not see it
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(t, newFakeGateway(), test.method, test.path, "", test.set...)
			if w.Code != test.want {
				t.Errorf("status %d, want %d: %s", w.Code, test.want, w.Body)
			}
			if test.want == 403 {
				sentence(t, w)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("other sites may read the answer")
			}
		})
	}
}

func TestRefusalsLeaveAFewLogLines(t *testing.T) {
	var log bytes.Buffer
	handler := New(Config{Gateway: newFakeGateway(), Logger: zerolog.New(&log)}).Handler()
	for range 1000 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Host = home, "evil.example"
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	lines := strings.Count(log.String(), "\n")
	if lines == 0 || lines > refusals {
		t.Errorf("%d lines, want 1 to %d", lines, refusals)
	}
	if !strings.Contains(log.String(), "evil.example") {
		t.Errorf("the log does not tell the name: %s", log.String())
	}
}
