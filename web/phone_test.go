package web

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"rsc.io/qr"
)

func TestReach(t *testing.T) {
	cidr := func(texts ...string) func() ([]net.Addr, error) {
		return func() ([]net.Addr, error) {
			var list []net.Addr
			for _, text := range texts {
				ip, network, err := net.ParseCIDR(text)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, &net.IPNet{IP: ip, Mask: network.Mask})
			}
			return list, nil
		}
	}
	none := func() ([]net.Addr, error) { return nil, errors.New("the system says nothing") }
	for _, c := range []struct {
		host, listen string
		addresses    func() ([]net.Addr, error)
		page, why    string
	}{
		{"192.168.1.5:8088", "", none, "http://192.168.1.5:8088/", ""},
		{"gate.local:8088", "127.0.0.1:8088", none, "http://gate.local:8088/", ""},
		{"localhost:8088", "", cidr("127.0.0.1/8", "fe80::1/64", "169.254.1.1/16", "10.1.2.3/24"), "http://10.1.2.3:8088/", ""},
		{"127.0.0.1:8088", "[::]:8088", cidr("10.1.2.3/24"), "http://10.1.2.3:8088/", ""},
		{"[::1]:8088", "192.168.7.7:8088", none, "http://192.168.7.7:8088/", ""},
		{"localhost:8088", "127.0.0.1:8088", cidr("10.1.2.3/24"), "", "--http :8088"},
		{"localhost:8088", "", cidr("127.0.0.1/8"), "", "no network"},
		{"localhost:8088", "", none, "", "router"},
	} {
		config := Config{Gateway: newFakeGateway()}
		if c.listen != "" {
			config.Listen = netip.MustParseAddrPort(c.listen)
		}
		r := httptest.NewRequest(http.MethodGet, "/api/v1/reach", nil)
		r.Host = c.host
		if got := New(config).reachable(r, c.addresses); got.Page != c.page || !strings.Contains(got.Problem, c.why) || (got.Problem == "") != (c.why == "") {
			t.Errorf("%s, open at %q: %+v, want %q %q", c.host, c.listen, got, c.page, c.why)
		}
	}
	if w := ask(t, newFakeGateway(), http.MethodGet, "/api/v1/reach", ""); w.Body.String() != `{"page":"http://192.168.1.5:8088/","problem":""}`+"\n" {
		t.Errorf("%s", w.Body)
	}
}

// The picture has the modules of the code, row by row, and the white border around them.
func TestQRCode(t *testing.T) {
	const text = "http://192.168.1.5:8088/watch/a%20b?c=ä"
	w := ask(t, newFakeGateway(), http.MethodGet, "/api/v1/qr.svg?text="+url.QueryEscape(text), "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("no XML: %v", err)
		}
	}
	drawn := runs(t, w.Body.String())
	for y := range code.Size {
		for x := range code.Size {
			if drawn[[2]int{x + quiet, y + quiet}] != code.Black(x, y) {
				t.Fatalf("module %d, %d of %d differs", x, y, code.Size)
			}
		}
	}
	for _, bad := range []string{"", "?text=", "?text=" + strings.Repeat("a", maxQR+1)} {
		if w := ask(t, newFakeGateway(), http.MethodGet, "/api/v1/qr.svg"+bad, ""); w.Code != http.StatusBadRequest {
			t.Errorf("%.20s: %d", bad, w.Code)
		}
	}
	if w := ask(t, newFakeGateway(), http.MethodGet, "/api/v1/qr.svg?text="+strings.Repeat("%C3%A4", maxQR/2), ""); w.Code != http.StatusOK {
		t.Errorf("the longest text: %d", w.Code)
	}
}

// runs reads the black squares of a picture.
func runs(t *testing.T, svg string) map[[2]int]bool {
	t.Helper()
	_, path, found := strings.Cut(svg, `/><path d="`)
	if !found {
		t.Fatalf("no path in %s", svg)
	}
	path, _, _ = strings.Cut(path, `"`)
	black := map[[2]int]bool{}
	for run := range strings.SplitSeq(strings.TrimSuffix(path, "z"), "z") {
		var x, y, n, m int
		if k, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &n, &m); err != nil || k != 4 || n != m {
			t.Fatalf("run %q: %v", run, err)
		}
		for i := range n {
			black[[2]int{x + i, y}] = true
		}
	}
	return black
}
