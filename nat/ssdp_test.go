package nat

import (
	"bufio"
	"bytes"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// searchAnswer is miniupnpd's, with another location and target.
func searchAnswer(location, target string) []byte {
	return []byte("HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: " + target + "\r\n" +
		"USN: uuid:00000000-0000-4000-8000-00000000000b::" + target + "\r\nEXT:\r\nSERVER: Debian/12 UPnP/1.1 MiniUPnPd/2.3.1\r\n" +
		"LOCATION: " + location + "\r\n\r\n")
}

// UPnP Device Architecture 2.0, 1.3.2: "MAN ... Its value shall be enclosed in double quotes", "Value shall be
// "ssdp:discover"", and the fields HOST, MAN, MX and ST are required.
func TestSearchRequest(t *testing.T) {
	for _, target := range searchTargets {
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(searchRequest(target, ssdpGroup))))
		if err != nil {
			t.Fatal(err)
		}
		if req.Method != "M-SEARCH" || req.RequestURI != "*" || req.Host != "239.255.255.250:1900" ||
			req.Header.Get("Man") != `"ssdp:discover"` || req.Header.Get("Mx") != "1" || req.Header.Get("St") != target {
			t.Errorf("request is\n%s", searchRequest(target, ssdpGroup))
		}
	}
}

func TestParseSearchAnswer(t *testing.T) {
	igd := searchTargets[1]
	for name, c := range map[string]struct {
		answer []byte
		want   string // "" = refused
	}{
		"gateway":               {searchAnswer("http://192.168.11.1:5000/rootDesc.xml", igd), "http://192.168.11.1:5000/rootDesc.xml"},
		"gateway of version 2":  {searchAnswer("http://192.168.11.1/", searchTargets[0]), "http://192.168.11.1/"},
		"lower-case field":      {bytes.Replace(searchAnswer("http://192.168.11.1:80/d", igd), []byte("LOCATION"), []byte("location"), 1), "http://192.168.11.1:80/d"},
		"television":            {searchAnswer("http://192.168.11.1:5000/d", "urn:schemas-upnp-org:device:MediaRenderer:1"), ""},
		"sends us to ourselves": {searchAnswer("http://127.0.0.1:8088/api", igd), ""},
		"sends us elsewhere":    {searchAnswer("http://192.168.11.7:5000/rootDesc.xml", igd), ""},
		"by name":               {searchAnswer("http://router.lan:5000/rootDesc.xml", igd), ""},
		"file":                  {searchAnswer("file:///etc/passwd", igd), ""},
		"password":              {searchAnswer("http://a:b@192.168.11.1:5000/d", igd), ""},
		"no location":           {searchAnswer("", igd), ""},
		"long location":         {searchAnswer("http://192.168.11.1:5000/"+strings.Repeat("a", maxLocation), igd), ""},
		"not found":             {bytes.Replace(searchAnswer("http://192.168.11.1:5000/d", igd), []byte("200 OK"), []byte("404 No"), 1), ""},
		"our own search":        {searchRequest(igd, ssdpGroup), ""},
		"cut off":               {searchAnswer("http://192.168.11.1:5000/d", igd)[:60], ""},
		"too long":              {append(searchAnswer("http://192.168.11.1:5000/d", igd), make([]byte, maxSSDP)...), ""},
		"nothing":               {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u, ok := parseSearchAnswer(c.answer, netip.MustParseAddr("::ffff:192.168.11.1"))
			if ok != (c.want != "") || ok && u.String() != c.want {
				t.Errorf("parseSearchAnswer = %v, %v; want %q", u, ok, c.want)
			}
		})
	}
}

func FuzzParseSearchAnswer(f *testing.F) {
	f.Add(searchAnswer("http://192.168.11.1:5000/rootDesc.xml", searchTargets[0]))
	f.Add(searchAnswer("http://[::1]:5000/", searchTargets[1]))
	f.Add(searchRequest(searchTargets[0], ssdpGroup))
	from := netip.MustParseAddr("192.168.11.1")
	f.Fuzz(func(t *testing.T, b []byte) {
		u, ok := parseSearchAnswer(b, from)
		if !ok {
			return
		}
		if host, err := netip.ParseAddr(u.Hostname()); err != nil || host.Unmap() != from || u.Scheme != "http" {
			t.Fatalf("led to %v", u)
		}
	})
}
