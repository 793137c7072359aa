package proxy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestLogosThatMayBeFetched(t *testing.T) {
	for logo, want := range map[string]bool{
		"":                                   false,
		"https://cdn.example.org/logo.png":   true,
		"https://cdn.example.org:8443/l?a=b": true,
		"http://cdn.example.org/logo.png":    false, // seen and changed on the way
		"https://192.168.1.1/reboot":         false,
		"https://[fd00::1]/":                 false,
		"https://router.lan/x":               false,
		"https://router/x":                   false,
		"https://localhost/x":                false,
		"https://printer.local./x":           false,
		"https://127.1/x":                    false,
		"https://2130706433.1/x":             false,
		"https://user:pw@cdn.example.org/":   false,
		"javascript:alert(1)":                false,
		"data:image/png;base64,iVBORw0KGgo=": true,
		"data:text/html;base64,PGI+":         false,
		"data:image/svg+xml;base64,PGI+":     false,
		"data:image/png;base64," + strings.Repeat("A", maxDataLogo): false,
		"//cdn.example.org/logo.png":                                false,
		"ftp://cdn.example.org/logo.png":                            false,
		"https://%zz/":                                              false,
	} {
		if got := PublicLogo(logo) != ""; got != want {
			t.Errorf("%.60s: %v, want %v", logo, got, want)
		}
	}
	// That one was left out is in the log.
	var log bytes.Buffer
	g, err := New(Config{Logger: zerolog.New(&log)})
	if err != nil {
		t.Fatal(err)
	}
	l := filmLink("A")
	l.Logo = "https://192.168.1.1/reboot"
	if i, err := g.Add(l.String()); err != nil || i.Logo != "" || !strings.Contains(log.String(), "the logo is left out") {
		t.Errorf("%+v, %v; the log has %s", i, err, &log)
	}
}
