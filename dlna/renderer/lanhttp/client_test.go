package lanhttp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustParse(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestGetIsCut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 1000 {
			_, _ = io.WriteString(w, strings.Repeat("x", 1000))
		}
	}))
	defer server.Close()
	body, err := Get(t.Context(), New(netip.MustParseAddr("127.0.0.1"), 5000, nil), mustParse(t, server.URL))
	if err != nil || len(body) != 5000 {
		t.Errorf("%d bytes, %v; want 5000", len(body), err)
	}
}

func TestGetFollowsNobody(t *testing.T) {
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer server.Close()
	if _, err := Get(t.Context(), New(netip.MustParseAddr("127.0.0.1"), 5000, nil), mustParse(t, server.URL)); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("error %v, want the status of the redirection", err)
	}
	if asked != 0 {
		t.Error("the client went where it was sent")
	}
}

func TestClientConnectsToItsHostAlone(t *testing.T) {
	var dialed []string
	client := New(netip.MustParseAddr("192.168.77.30"), 5000, func(_ context.Context, _, address string) (net.Conn, error) {
		dialed = append(dialed, address)
		return nil, errors.New("no network here")
	})
	for _, to := range []string{"http://192.168.77.1/", "http://localhost/", "http://example.org/", "http://[::1]/", "http://0.0.0.0:80/"} {
		if _, err := Get(t.Context(), client, mustParse(t, to)); err == nil || !errors.Is(err, ErrElsewhere) && !strings.Contains(err.Error(), "lookup") {
			t.Errorf("%s: error %v, want ErrElsewhere", to, err)
		}
	}
	if len(dialed) != 0 {
		t.Errorf("connected to %q", dialed)
	}
	_, _ = Get(t.Context(), client, mustParse(t, "http://192.168.77.30:49494/"))
	if len(dialed) != 1 || dialed[0] != "192.168.77.30:49494" {
		t.Errorf("connected to %q", dialed)
	}
}

// A link-local address is reached through its interface, which no URL names.
func TestZoneIsKept(t *testing.T) {
	var dialed string
	client := New(netip.MustParseAddr("fe80::30%lan0"), 5000, func(_ context.Context, _, address string) (net.Conn, error) {
		dialed = address
		return nil, errors.New("no network here")
	})
	_, _ = Get(t.Context(), client, mustParse(t, "http://[fe80::30]:49494/"))
	if dialed != "[fe80::30%lan0]:49494" {
		t.Errorf("connected to %q", dialed)
	}
}

func TestWithin(t *testing.T) {
	base := mustParse(t, "http://192.168.77.30:49494/d/description.xml")
	for ref, want := range map[string]string{
		"/upnp/control":                       "http://192.168.77.30:49494/upnp/control",
		"control?x=1":                         "http://192.168.77.30:49494/d/control?x=1",
		"http://192.168.77.30:8080/control":   "http://192.168.77.30:8080/control",
		"//192.168.77.1/reboot":               "",
		"http://192.168.77.1/reboot":          "",
		"http://user@192.168.77.30/":          "",
		"https://192.168.77.30/":              "",
		"http://192.168.77.30.example.org/":   "",
		"http://[::ffff:192.168.77.30]:1/map": "http://[::ffff:192.168.77.30]:1/map",
		"file:///etc/passwd":                  "",
		"http://%zz/":                         "",
	} {
		got, err := Within(base, ref)
		if want == "" {
			if err == nil {
				t.Errorf("%s: %v", ref, got)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v; want %s", ref, got, err, want)
		}
	}
}
