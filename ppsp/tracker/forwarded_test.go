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
		h := Behind(proxies, XForwardedFor, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		r.RemoteAddr = c.from
		r.Header["X-Forwarded-For"] = c.headers
		r.Header.Set("Forwarded", "for=203.0.113.99") // as the client wrote it
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("from %s with %q: %s, want %s", c.from, c.headers, got, c.want)
		}
	}
	server := NewServer(ServerConfig{})
	if Behind(nil, Forwarded, server) != http.Handler(server) {
		t.Error("without proxies there is another handler")
	}
}

// RFC 7239, 4: "for=192.0.2.43, for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com", and 6:
// "an IPv6 address is always enclosed in square brackets", and then in quotes.
func TestBehindByForwarded(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("203.0.113.60/32")}
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{[]string{"for=192.0.2.43"}, "192.0.2.43:0"},
		{[]string{`For="[2001:db8:cafe::17]:4711"`}, "[2001:db8:cafe::17]:0"},
		{[]string{`for="[2001:db8:cafe::17]"`}, "[2001:db8:cafe::17]:0"},
		{[]string{"for=192.0.2.60;proto=http;by=203.0.113.43"}, "192.0.2.60:0"},
		{[]string{"proto=https; for=192.0.2.60"}, "192.0.2.60:0"},
		{[]string{"for=192.0.2.43, for=198.51.100.17;by=203.0.113.60"}, "198.51.100.17:0"},
		{[]string{"for=192.0.2.43, for=203.0.113.60"}, "192.0.2.43:0"},
		{[]string{"for=192.0.2.43", "for=203.0.113.60"}, "192.0.2.43:0"},
		{[]string{`for=192.0.2.43, for="_hidden"`}, "127.0.0.1:9"},
		{[]string{"for=unknown"}, "127.0.0.1:9"},
		{[]string{"for=192.0.2.43, by=203.0.113.60"}, "127.0.0.1:9"},
		{[]string{`for="192.0.2.43, for=192.0.2.44`}, "127.0.0.1:9"},
		{[]string{`for=192.0.2.43;host="a,for=192.0.2.44"`}, "192.0.2.43:0"},
		{[]string{`for=192.0.2.43;host="a\",for=192.0.2.44"`}, "127.0.0.1:9"},
		{[]string{`for="x`, "for=192.0.2.43"}, "192.0.2.43:0"},
		{[]string{`for="\`, "for=192.0.2.43"}, "192.0.2.43:0"},
		{nil, "127.0.0.1:9"},
	} {
		got := ""
		h := Behind(proxies, Forwarded, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		r.RemoteAddr = "127.0.0.1:9"
		r.Header["Forwarded"] = c.headers
		r.Header.Set("X-Forwarded-For", "203.0.113.99") // as the client wrote it
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.headers, got, c.want)
		}
	}
}
