package node

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

// record is a DTLS record.
func record(kind byte, epoch byte, body string) []byte {
	b := []byte{kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 9}
	if kind == recordCID {
		b = append(b, "12345678"...)
	}
	return append(append(b, 0, byte(len(body))), body...)
}

// helloFor is a ClientHello of RFC 6347, 4.2.1, with the extensions given.
func helloFor(cookie, extensions string) []byte {
	body := append([]byte{0xfe, 0xfd}, bytes.Repeat([]byte{0xab}, 32)...)
	body = append(body, 0)                                               // session ID
	body = append(append(body, byte(len(cookie))), cookie...)            // cookie
	body = append(body, 0, 2, 0xc0, 0x2b, 1, 0)                          // suites, compression
	body = append(append(body, 0, byte(len(extensions))), extensions...) //
	b := append([]byte{helloType, 0, 0, byte(len(body)), 0, 0, 0, 0, 0, 0, 0, byte(len(body))}, body...)
	return record(recordHandshake, 0, string(b))
}

// serverNameOf is a server_name extension (RFC 6066, 3).
func serverNameOf(name string) string {
	n := byte(len(name))
	return "\x00\x00\x00" + string([]byte{n + 5, 0, n + 3, 0, 0, n}) + name
}

func TestParseHello(t *testing.T) {
	groups := "\x00\x0a\x00\x04\x00\x02\x00\x1d"
	good := helloFor("", groups+serverNameOf("club"))
	h, ok := parseHello(good)
	if !ok || h.server != "club" || len(h.cookie) > 0 || h.again || h.random[31] != 0xab {
		t.Fatalf("%+v, %v", h, ok)
	}
	if h, ok := parseHello(helloFor("crumb", serverNameOf("club"))); !ok || string(h.cookie) != "crumb" || h.server != "club" {
		t.Errorf("with a cookie: %+v, %v", h, ok)
	}
	for name, b := range map[string][]byte{
		"no name": helloFor("", groups), "no extensions": helloFor("", ""), "other kind of name": helloFor("", "\x00\x00\x00\x06\x00\x04\x01\x00\x01x"),
		"not a handshake": record(23, 0, string(good[13:])), "another epoch": record(22, 1, string(good[13:])),
		"not a hello": record(22, 0, "\x02"+string(good[14:])), "a fragment": record(22, 0, string(good[13:22])+"\x00\x00\x05"+string(good[25:])),
		"nothing": nil,
	} {
		if h, ok := parseHello(b); ok {
			t.Errorf("%s: read as %+v", name, h)
		}
	}
	for n := range good {
		if h, ok := parseHello(good[:n]); ok {
			t.Errorf("cut at %d: read as %+v", n, h)
		}
	}
}

// "Match … the first byte" (RFC 7983, 7): channel IDs of ours never look like DTLS.
func TestFirstBytes(t *testing.T) {
	for first := range 256 {
		b := append([]byte{byte(first)}, make([]byte, 40)...)
		if isDTLS(b) != (first >= 20 && first <= 63) || isDTLS(b) && first >= firstChannelByte {
			t.Errorf("first byte %d", first)
		}
	}
	if isDTLS(record(22, 0, "")) {
		t.Error("a header alone is taken for a record")
	}
}

// Once the handshake is over, plain alerts and data would be anybody's word.
func TestLateRecords(t *testing.T) {
	finished := record(recordCID, 1, "finished")
	for name, c := range map[string]struct {
		b         []byte
		plain, ok bool
	}{
		"encrypted":             {finished, false, true},
		"without connection ID": {record(23, 1, "data"), false, true},
		"repeated flight":       {append(append(record(22, 0, "key"), record(20, 0, "\x01")...), finished...), true, true},
		"plain alert":           {record(21, 0, "\x02\x28"), true, false},
		"plain data":            {record(23, 0, "data"), true, false},
		"alert behind a flight": {append(record(22, 0, "key"), record(21, 0, "\x02\x28")...), true, false},
		"cut":                   {finished[:len(finished)-1], false, false},
		"cut header":            {finished[:12], false, false},
	} {
		if plain, ok := late(c.b); plain != c.plain || ok != c.ok {
			t.Errorf("%s: plain %v, let in %v", name, plain, ok)
		}
	}
}

func TestHost(t *testing.T) {
	for s, want := range map[string]string{"192.0.2.1": "192.0.2.1/32", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64"} {
		if got := host(netip.MustParseAddr(s)); got.String() != want {
			t.Errorf("host of %s is %v", s, got)
		}
	}
}

// What strangers send never panics, and names are parts of what they sent.
func FuzzRecords(f *testing.F) {
	f.Add(helloFor("crumb", serverNameOf("club")))
	f.Add(record(recordCID, 1, "data"))
	f.Add(append(record(22, 0, "key"), record(20, 0, "\x01")...))
	captured, err := hex.DecodeString("16fefd0000000000000000" + "0036" + "0100002a000000000000002afefd" + strings.Repeat("11", 32) + "0000" + "0002c02b0100")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(captured)
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, ok := parseHello(b); ok && (!bytes.Contains(b, []byte(h.server)) || !bytes.Contains(b, h.random[:])) {
			t.Errorf("read as %+v", h)
		}
		if id, ok := recordID(b); ok && !bytes.Contains(b, id[:]) {
			t.Errorf("connection ID %x", id)
		}
		late(b)
		ourCookie(b)
		if h, ok := parseHello(b); ok {
			with := withCookie(b, []byte("a cookie"))
			if g, ok := parseHello(with); !ok || string(g.cookie) != "a cookie" || g.server != h.server || !bytes.Equal(withCookie(with, h.cookie), b) {
				t.Errorf("with a cookie: %+v, %v", g, ok)
			}
		}
	})
}

// The cookie goes into a ClientHello and out of it again.
func TestCookies(t *testing.T) {
	c, other := newCookies(), newCookies()
	from := netip.MustParseAddrPort("192.0.2.1:7")
	bare := helloFor("", serverNameOf("club"))
	h, _ := parseHello(bare)
	now := 100 * cookieAge
	cookie := c.cookie(from, h.random, now/cookieAge)
	request := verifyRequest(bare, cookie)
	if got := ourCookie(request); !bytes.Equal(got, cookie) || !bytes.Equal(request[5:11], bare[5:11]) || len(request) > len(bare) {
		t.Errorf("%x asks for %x", request, got)
	}
	with := withCookie(bare, cookie)
	g, ok := parseHello(with)
	if !ok || !bytes.Equal(g.cookie, cookie) || g.again || g.random != h.random || !bytes.Equal(withCookie(with, nil), bare) {
		t.Errorf("%+v, %v", g, ok)
	}
	if !c.valid(cookie, from, h.random, now) || !c.valid(cookie, from, h.random, now+cookieAge) {
		t.Error("refused")
	}
	elsewhere, later := netip.MustParseAddrPort("192.0.2.1:8"), g.random
	later[0] ^= 1
	if c.valid(cookie, from, h.random, now+2*cookieAge) || c.valid(cookie, elsewhere, h.random, now) || c.valid(cookie, from, later, now) || other.valid(cookie, from, h.random, now) {
		t.Error("good for another time, address, handshake or node")
	}
	if ourCookie(verifyRequest(bare, make([]byte, 20))) != nil || ourCookie(bare) != nil || ourCookie(nil) != nil {
		t.Error("the library's is taken for ours")
	}
}
