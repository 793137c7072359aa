package ssdp

import (
	"bufio"
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	testUDN  = "uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1"
	testType = "urn:schemas-upnp-org:device:MediaServer:1"
	testCDS  = "urn:schemas-upnp-org:service:ContentDirectory:1"
	testCM   = "urn:schemas-upnp-org:service:ConnectionManager:1"
)

func testDevice() Device {
	return Device{
		UDN: testUDN, Type: testType, Services: []string{testCDS, testCM},
		Server: "Linux UPnP/1.0 DLNADOC/1.50 Swarmgate/1.0", BootID: 1760000000, ConfigID: 4711,
	}
}

func lines(s ...string) string { return strings.Join(s, "\r\n") + "\r\n\r\n" }

func TestAlive(t *testing.T) {
	d := testDevice()
	got := string(d.appendAlive(nil, &groupIPv4, testCDS, "http://192.168.77.10:8088/dlna/device.xml"))
	if want := lines(
		"NOTIFY * HTTP/1.1",
		"HOST: 239.255.255.250:1900",
		"CACHE-CONTROL: max-age=1800",
		"LOCATION: http://192.168.77.10:8088/dlna/device.xml",
		"SERVER: Linux UPnP/1.0 DLNADOC/1.50 Swarmgate/1.0",
		"NT: "+testCDS,
		"NTS: ssdp:alive",
		"USN: "+testUDN+"::"+testCDS,
		"BOOTID.UPNP.ORG: 1760000000",
		"CONFIGID.UPNP.ORG: 4711",
	); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestByebye(t *testing.T) {
	d := testDevice()
	got := string(d.appendByebye(nil, &groupIPv4, testUDN))
	if want := lines(
		"NOTIFY * HTTP/1.1",
		"HOST: 239.255.255.250:1900",
		"NT: "+testUDN,
		"NTS: ssdp:byebye",
		"USN: "+testUDN,
		"BOOTID.UPNP.ORG: 1760000000",
		"CONFIGID.UPNP.ORG: 4711",
	); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAnswer(t *testing.T) {
	d := testDevice()
	d.MaxAge = time.Hour
	at := time.Date(2026, 3, 1, 20, 15, 0, 0, time.FixedZone("CET", 3600))
	got := string(d.appendAnswer(nil, rootDevice, "http://192.168.77.10:8088/dlna/device.xml", at, false))
	if want := lines(
		"HTTP/1.1 200 OK",
		"CACHE-CONTROL: max-age=3600",
		"DATE: Sun, 01 Mar 2026 19:15:00 GMT",
		"EXT:",
		"LOCATION: http://192.168.77.10:8088/dlna/device.xml",
		"SERVER: Linux UPnP/1.0 DLNADOC/1.50 Swarmgate/1.0",
		"ST: upnp:rootdevice",
		"USN: "+testUDN+"::upnp:rootdevice",
		"BOOTID.UPNP.ORG: 1760000000",
		"CONFIGID.UPNP.ORG: 4711",
	); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader([]byte(got))), nil)
	if err != nil || res.Header.Get("Date") != at.UTC().Format(http.TimeFormat) {
		t.Errorf("a reader of HTTP gets %v, %v", res, err)
	}
}

func TestMatch(t *testing.T) {
	d := testDevice()
	all := []string{rootDevice, testUDN, testType, testCDS, testCM}
	for _, c := range []struct {
		st   string
		want []string
	}{
		{"ssdp:all", all},
		{rootDevice, []string{rootDevice}},
		{testUDN, []string{testUDN}},
		{strings.ToUpper(testUDN), []string{testUDN}},
		{testType, []string{testType}},
		{testCDS, []string{testCDS}},
		{testCM, []string{testCM}},
		{"urn:schemas-upnp-org:device:MediaServer:2", nil},
		{"urn:schemas-upnp-org:device:MediaRenderer:1", nil},
		{"uuid:00000000-0000-0000-0000-000000000000", nil},
		{"upnp:rootdevice ", nil},
		{"", nil},
	} {
		if got := d.match(c.st); !slices.Equal(got, c.want) {
			t.Errorf("match(%q) = %q, want %q", c.st, got, c.want)
		}
	}
}

// UDA 1.1, A.2.4 and A.2.5: over IPv6 the group stands in brackets, and 01-NLS has the same
// value as BOOTID.UPNP.ORG.
func TestMessagesOfIPv6(t *testing.T) {
	d := testDevice()
	ids := []string{`OPT: "http://schemas.upnp.org/upnp/1/0/"; ns=01`, "01-NLS: 1760000000", "BOOTID.UPNP.ORG: 1760000000", "CONFIGID.UPNP.ORG: 4711"}
	for got, want := range map[string]string{
		string(d.appendByebye(nil, &groupLink, testUDN)): lines(append([]string{
			"NOTIFY * HTTP/1.1", "HOST: [FF02::C]:1900",
			"NT: " + testUDN, "NTS: ssdp:byebye", "USN: " + testUDN,
		}, ids...)...),
		string(d.appendAlive(nil, &groupSite, testUDN, "http://[fd77::10]:8088/d.xml")): lines(append([]string{
			"NOTIFY * HTTP/1.1", "HOST: [FF05::C]:1900",
			"CACHE-CONTROL: max-age=1800", "LOCATION: http://[fd77::10]:8088/d.xml", "SERVER: " + d.Server,
			"NT: " + testUDN, "NTS: ssdp:alive", "USN: " + testUDN,
		}, ids...)...),
	} {
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
