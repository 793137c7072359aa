package tracker

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestBehind(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		from    string
		headers []string
		want    string
	}{
		{"127.0.0.1:9", []string{"192.0.2.1"}, "192.0.2.1:0"},
		{"[::ffff:127.0.0.1]:9", []string{"192.0.2.1"}, "192.0.2.1:0"},
		{"127.0.0.1:9", []string{"192.0.2.1:4711"}, "192.0.2.1:0"},
		{"127.0.0.1:9", []string{"2001:db8::1"}, "[2001:db8::1]:0"},
		{"127.0.0.1:9", []string{"[2001:db8::1]:80"}, "[2001:db8::1]:0"},
		{"127.0.0.1:9", []string{"203.0.113.5, 192.0.2.1, 10.1.2.3"}, "192.0.2.1:0"}, // the first is the peer's own word
		{"127.0.0.1:9", []string{"203.0.113.5", "192.0.2.1"}, "192.0.2.1:0"},
		{"127.0.0.1:9", []string{"192.0.2.1, nonsense"}, "127.0.0.1:9"},
		{"127.0.0.1:9", []string{"10.0.0.1"}, "127.0.0.1:9"},
		{"127.0.0.1:9", nil, "127.0.0.1:9"},
		{"127.0.0.2:9", []string{"192.0.2.1"}, "127.0.0.2:9"}, // no proxy of ours
		{"198.51.100.1:9", []string{"192.0.2.1"}, "198.51.100.1:9"},
	} {
		got := ""
		h := Behind(proxies, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		r.RemoteAddr = c.from
		r.Header["X-Forwarded-For"] = c.headers
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("from %s with %q: %s, want %s", c.from, c.headers, got, c.want)
		}
	}
	server := NewServer(ServerConfig{})
	if Behind(nil, server) != http.Handler(server) {
		t.Error("without proxies there is another handler")
	}
}
