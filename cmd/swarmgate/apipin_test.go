package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/tracker/auth"
)

// A command speaks to an API whose certificate nobody signed, if it is told that certificate's
// fingerprint; to no other.
func TestPinnedAPI(t *testing.T) {
	atHome(t)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) }))
	defer server.Close()
	pin := auth.Fingerprint(server.Certificate().Raw)
	var spaced strings.Builder
	for i := 0; i < len(pin); i += 2 { // as openssl writes it
		spaced.WriteString(":" + strings.ToUpper(pin[i:i+2]))
	}
	for _, p := range []string{pin, spaced.String()[1:]} {
		if status, out, err := once(t, "bans", "list", "--api", server.URL, "--pin", p); status != 0 || !strings.Contains(out, "Nobody is shut out") {
			t.Errorf("exit status %d: %s%s", status, out, err)
		}
	}
	other := strings.Repeat("0", 64)
	sentence(t, []string{"bans", "list", "--api", server.URL, "--pin", other}, 1, "it has another certificate than the one that was pinned")
	sentence(t, []string{"bans", "list", "--api", server.URL}, 1, "is not trusted")
	sentence(t, []string{"bans", "list", "--api", server.URL}, 1, "name its fingerprint with --pin")
	sentence(t, []string{"bans", "list", "--api", server.URL, "--pin", "abc"}, 2, "--pin: a fingerprint has 64 hexadecimal digits")
	sentence(t, []string{"bans", "list", "--api", "http://localhost:1", "--pin", pin}, 2, "--pin is of no use without an https:// address in --api")
}
