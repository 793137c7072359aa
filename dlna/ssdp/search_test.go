package ssdp

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// The searches of known control points, as they are on the wire.
var searches = map[string]string{
	"VLC (libupnp)": lines("M-SEARCH * HTTP/1.1", "HOST: 239.255.255.250:1900", `MAN: "ssdp:discover"`, "MX: 5",
		"ST: "+testType, "USER-AGENT: Linux/6.1.0 UPnP/1.0, Portable SDK for UPnP devices/1.14.13"),
	"GUPnP": lines("M-SEARCH * HTTP/1.1", "Host: 239.255.255.250:1900", `Man: "ssdp:discover"`, "ST: "+testType, "MX: 3",
		"User-Agent: gssdp-discover GSSDP/1.6.2"),
	"Samsung":            lines("M-SEARCH * HTTP/1.1", "HOST: 239.255.255.250:1900", `MAN: "ssdp:discover"`, "MX: 3", "ST: "+testType, "CONTENT-LENGTH: 0"),
	"LG webOS":           lines("M-SEARCH * HTTP/1.1", "Host:239.255.255.250:1900", "ST:"+testType, `Man:"ssdp:discover"`, "MX:3"),
	"Xbox":               lines("M-SEARCH * HTTP/1.1", "Host:239.255.255.250:1900", `Man:"ssdp:discover"`, "ST:"+testType, "MX:3"),
	"no empty line":      strings.TrimSuffix(lines("M-SEARCH * HTTP/1.1", "HOST: 239.255.255.250:1900", `MAN: "ssdp:discover"`, "MX: 3", "ST: "+testType), "\r\n\r\n"),
	"bare line feeds":    "M-SEARCH * HTTP/1.1\nHOST: 239.255.255.250:1900\nMAN: \"ssdp:discover\"\nMX: 3\nST: " + testType + "\n\n",
	"MAN without quotes": lines("M-SEARCH * HTTP/1.1", "HOST: 239.255.255.250:1900", "MAN: ssdp:discover", "MX: 3", "ST: "+testType),
}

func TestParseSearchOfKnownControlPoints(t *testing.T) {
	for name, datagram := range searches {
		s, err := parseSearch([]byte(datagram))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.target != testType || s.wait < 3*time.Second || s.wait > 5*time.Second {
			t.Errorf("%s: got %+v", name, s)
		}
	}
}

func TestParseSearchBoundsMX(t *testing.T) {
	for mx, want := range map[string]time.Duration{"0": 0, "1": time.Second, "5": 5 * time.Second, "120": maxMX, "2147483647": maxMX} {
		s, err := parseSearch([]byte(lines("M-SEARCH * HTTP/1.1", `MAN: "ssdp:discover"`, "MX: "+mx, "ST: ssdp:all")))
		if err != nil || s.wait != want {
			t.Errorf("MX %s: %v, %v; want %v", mx, s.wait, err, want)
		}
	}
}

// UDA 1.1, 1.3.2: a unicast search has no MX, and names the device as HOST.
func TestParseUnicastSearch(t *testing.T) {
	for host, want := range map[string]bool{
		"192.168.77.10:1900": true, "192.168.77.10": true, "[fd77::10]:1900": true,
		"239.255.255.250:1900": false, "[FF02::C]:1900": false, "ff05::c": false, "": false, "nas": false,
	} {
		s, err := parseSearch([]byte(lines("M-SEARCH * HTTP/1.1", "HOST: "+host, `MAN: "ssdp:discover"`, "ST: ssdp:all")))
		if (err == nil) != want || s.wait != 0 {
			t.Errorf("HOST %q: %+v, %v", host, s, err)
		}
	}
	if _, err := parseSearch([]byte(lines("M-SEARCH * HTTP/1.1", "HOST: 192.168.77.10:1900", `MAN: "ssdp:discover"`, "MX: soon", "ST: ssdp:all"))); err == nil {
		t.Error("an MX that is no number is taken")
	}
}

func TestParseSearchRefuses(t *testing.T) {
	const man = `MAN: "ssdp:discover"`
	for name, datagram := range map[string]string{
		// UDA 1.1, 1.3.2: "If an M-SEARCH request does not contain an MX header field, the
		// device MUST silently discard and ignore the M-SEARCH request."
		"no MX":          lines("M-SEARCH * HTTP/1.1", man, "ST: ssdp:all"),
		"negative MX":    lines("M-SEARCH * HTTP/1.1", man, "MX: -1", "ST: ssdp:all"),
		"absurd MX":      lines("M-SEARCH * HTTP/1.1", man, "MX: 99999999999999999999", "ST: ssdp:all"),
		"no ST":          lines("M-SEARCH * HTTP/1.1", man, "MX: 3"),
		"no MAN":         lines("M-SEARCH * HTTP/1.1", "MX: 3", "ST: ssdp:all"),
		"other MAN":      lines("M-SEARCH * HTTP/1.1", `MAN: "ssdp:update"`, "MX: 3", "ST: ssdp:all"),
		"other resource": lines("M-SEARCH / HTTP/1.1", man, "MX: 3", "ST: ssdp:all"),
		"no version":     lines("M-SEARCH *", man, "MX: 3", "ST: ssdp:all"),
		"no colon":       lines("M-SEARCH * HTTP/1.1", man, "MX 3", "ST: ssdp:all"),
		"cut off":        "M-SEARCH * HT",
	} {
		if s, err := parseSearch([]byte(datagram)); err == nil || errors.Is(err, errNotSearch) {
			t.Errorf("%s: got %+v, %v", name, s, err)
		}
	}
}

func TestParseSearchPassesOverTheRest(t *testing.T) {
	d := testDevice()
	for name, datagram := range map[string]string{
		"empty":     "",
		"announced": string(d.appendAlive(nil, &groupIPv4, testType, "http://192.168.1.9/d.xml")),
		"answer":    string(d.appendAnswer(nil, testType, "http://192.168.1.9/d.xml", time.Unix(0, 0), false)),
		"noise":     "\x00\x01\x02",
		"too long":  "M-SEARCH * HTTP/1.1\r\nX: " + strings.Repeat("x", maxDatagram),
	} {
		if _, err := parseSearch([]byte(datagram)); !errors.Is(err, errNotSearch) {
			t.Errorf("%s: error %v, want errNotSearch", name, err)
		}
	}
}

func FuzzParseSearch(f *testing.F) {
	for _, datagram := range searches {
		f.Add([]byte(datagram))
	}
	f.Add([]byte("M-SEARCH * HTTP/1.1\r\n MX: 3\r\n\r\n"))
	d := testDevice()
	f.Fuzz(func(t *testing.T, datagram []byte) {
		before := string(datagram)
		s, err := parseSearch(datagram)
		if string(datagram) != before {
			t.Fatal("the datagram was changed")
		}
		if err != nil {
			if s != (search{}) {
				t.Fatalf("error %v and yet %+v", err, s)
			}
			return
		}
		if s.wait < 0 || s.wait > maxMX || s.target == "" || strings.ContainsAny(s.target, "\r\n") {
			t.Fatalf("got %+v", s)
		}
		for _, target := range d.match(s.target) {
			if s.target != "ssdp:all" && !strings.EqualFold(target, s.target) {
				t.Fatalf("a search for %q finds %q", s.target, target)
			}
		}
	})
}
