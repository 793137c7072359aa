package finder

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func lines(s ...string) string { return strings.Join(s, "\r\n") + "\r\n\r\n" }

// Messages as devices send them.
var messages = map[string]string{
	"gmediarender answers": lines("HTTP/1.1 200 OK", "CACHE-CONTROL: max-age=1800", "DATE: Sun, 22 Nov 2026 20:15:00 GMT", "EXT:",
		"LOCATION: http://192.168.77.30:49494/description.xml", `OPT: "http://schemas.upnp.org/upnp/1/0/"; ns=01`, "SERVER: Linux/6.1 UPnP/1.0",
		"ST: urn:schemas-upnp-org:device:MediaRenderer:1", "USN: uuid:GMediaRender-1_0-000-000-002::urn:schemas-upnp-org:device:MediaRenderer:1"),
	"a Samsung announces itself": lines("NOTIFY * HTTP/1.1", "HOST: 239.255.255.250:1900", "CACHE-CONTROL: max-age=1800",
		"LOCATION: http://192.168.77.21:9197/dmr", "NT: urn:schemas-upnp-org:device:MediaRenderer:1", "NTS: ssdp:alive",
		"SERVER: SHP, UPnP/1.0, Samsung UPnP SDK/1.0", "USN: uuid:0F5E3A52-6f1b-4c7e-9d0a-7a52b2f6c9d1::urn:schemas-upnp-org:device:MediaRenderer:1"),
	"an LG of version 2": lines("NOTIFY * HTTP/1.1", "Host:239.255.255.250:1900", "Cache-Control:max-age = 60", "Location:http://192.168.77.22:1234/",
		"Nt:urn:schemas-upnp-org:device:MediaRenderer:2", "Nts:ssdp:alive", "Usn:uuid:lg::urn:schemas-upnp-org:device:MediaRenderer:2"),
	"only line feeds, no empty line": "HTTP/1.1 200 OK\nLOCATION: http://192.168.77.23/d\nST: urn:schemas-upnp-org:device:MediaRenderer:1\nUSN: uuid:a",
	"farewell of the root device":    lines("NOTIFY * HTTP/1.1", "NT: upnp:rootdevice", "NTS: ssdp:byebye", "USN: uuid:a::upnp:rootdevice"),
}

func TestParse(t *testing.T) {
	for name, want := range map[string]message{
		"gmediarender answers":           {udn: "uuid:gmediarender-1_0-000-000-002", location: "http://192.168.77.30:49494/description.xml", age: 1800 * time.Second},
		"a Samsung announces itself":     {udn: "uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1", location: "http://192.168.77.21:9197/dmr", age: 1800 * time.Second},
		"an LG of version 2":             {udn: "uuid:lg", location: "http://192.168.77.22:1234/", age: time.Minute},
		"only line feeds, no empty line": {udn: "uuid:a", location: "http://192.168.77.23/d", age: defaultAge},
		"farewell of the root device":    {udn: "uuid:a", farewell: true, age: defaultAge},
	} {
		if got, err := parse([]byte(messages[name])); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestParseLeavesOutWhatIsNoRenderer(t *testing.T) {
	answer := messages["gmediarender answers"]
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"another device":       {strings.ReplaceAll(answer, "MediaRenderer", "MediaServer"), errNoRenderer},
		"ssdp:update":          {strings.Replace(messages["a Samsung announces itself"], "ssdp:alive", "ssdp:update", 1), errNoRenderer},
		"a search":             {string(appendSearch(nil, group4)), errMalformed},
		"an error":             {strings.Replace(answer, "200 OK", "404 Not Found", 1), errMalformed},
		"no LOCATION":          {strings.Replace(answer, "LOCATION", "X", 1), errMalformed},
		"no USN":               {strings.Replace(answer, "USN", "X", 1), errMalformed},
		"a USN that is none":   {strings.Replace(answer, "USN: uuid:", "USN: ", 1), errMalformed},
		"endless LOCATION":     {strings.Replace(answer, "/description", "/"+strings.Repeat("x", maxLocation), 1), errMalformed},
		"endless name":         {strings.Replace(answer, "uuid:", "uuid:"+strings.Repeat("x", maxUDN), 1), errMalformed},
		"too large":            {answer + strings.Repeat("x", maxDatagram), errMalformed},
		"headers without end":  {"HTTP/1.1 200 OK\n" + strings.Repeat("a:b\n", maxHeaders) + answer[len("HTTP/1.1 200 OK\r\n"):], errMalformed},
		"nothing":              {"", errMalformed},
		"headers after an end": {"HTTP/1.1 200 OK\r\n\r\n" + answer, errMalformed},
	} {
		if got, err := parse([]byte(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v; want %v", name, got, err, c.want)
		}
	}
}

// UDA 1.1, 1.2.2: "max-age: […] Integer". What devices make of it is bounded.
func TestAge(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"max-age=1800":           1800 * time.Second,
		"no-cache, MAX-AGE = 90": 90 * time.Second,
		`max-age="120"`:          2 * time.Minute,
		"max-age=0":              minAge,
		"max-age=99999999":       maxAge,
		"max-age=-5":             defaultAge,
		"max-age=99999999999999": defaultAge,
		"":                       defaultAge,
	} {
		if got := ageOf(header); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

// UDA 1.1, 1.3.2: the form of a search by multicast.
func TestSearchText(t *testing.T) {
	want := lines("M-SEARCH * HTTP/1.1", "HOST: 239.255.255.250:1900", `MAN: "ssdp:discover"`, "MX: 1", "ST: urn:schemas-upnp-org:device:MediaRenderer:1")
	if got := string(appendSearch(nil, group4)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whatever a datagram holds, what is taken from it keeps the bounds.
func FuzzParse(f *testing.F) {
	for _, m := range messages {
		f.Add([]byte(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			if m != (message{}) {
				t.Errorf("%+v with error %v", m, err)
			}
			return
		}
		if !strings.HasPrefix(m.udn, "uuid:") || len(m.udn) > maxUDN || m.age < minAge || m.age > maxAge {
			t.Errorf("%+v", m)
		}
		if m.farewell == (m.location != "") || len(m.location) > maxLocation || strings.ContainsAny(m.udn+m.location, "\r\n") {
			t.Errorf("%+v", m)
		}
	})
}
