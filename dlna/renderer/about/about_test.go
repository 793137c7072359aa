package about

import (
	"net/url"
	"strings"
	"testing"
)

const described = `<?xml version="1.0" encoding="utf-8"?>
<root xmlns="urn:schemas-upnp-org:device-1-0" xmlns:sec="http://www.sec.co.kr/dlna">
 <specVersion><major>1</major><minor>0</minor></specVersion>
 <device>
  <deviceType>urn:schemas-upnp-org:device:MediaRenderer:1</deviceType>
  <friendlyName>[TV] Wohnzimmer &amp; Küche</friendlyName>
  <manufacturer>Samsung Electronics</manufacturer>
  <modelName>UE55NU7179</modelName>
  <UDN>uuid:0F5E3A52-6f1b-4c7e-9d0a-7a52b2f6c9d1</UDN>
  <serviceList>
   <service><serviceType>urn:schemas-upnp-org:service:RenderingControl:1</serviceType><SCPDURL>/rc.xml</SCPDURL><controlURL>/rc/control</controlURL><eventSubURL>/rc/event</eventSubURL></service>
   <service><serviceType>urn:schemas-upnp-org:service:ConnectionManager:1</serviceType><controlURL>/cm/control</controlURL></service>
   <service><serviceType>urn:schemas-upnp-org:service:AVTransport:1</serviceType><SCPDURL>avt.xml</SCPDURL><controlURL>avt/control</controlURL><eventSubURL> /avt/event </eventSubURL></service>
  </serviceList>
 </device>
</root>`

// embedded is a device of another kind that has the renderer within it.
const embedded = `<root><URLBase>http://192.168.77.30:7000/base/</URLBase><device><deviceType>urn:x:device:Basic:1</deviceType><UDN>uuid:root</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:MediaRenderer:2</deviceType><friendlyName>  </friendlyName><modelName>LG webOS TV</modelName>
<manufacturer>LG</manufacturer><UDN>uuid:inner</UDN><serviceList><service><serviceType>urn:schemas-upnp-org:service:AVTransport:2</serviceType>
<controlURL>control</controlURL></service></serviceList></device></deviceList></device></root>`

var location, _ = url.Parse("http://192.168.77.30:49494/d/description.xml")

func TestParse(t *testing.T) {
	r, err := Parse([]byte(described), location, "uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1")
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "[TV] Wohnzimmer & Küche" || r.Model != "Samsung Electronics UE55NU7179" {
		t.Errorf("named %q, %q", r.Name, r.Model)
	}
	for _, c := range []struct {
		got  *url.URL
		want string
	}{
		{r.AVTransport.Control, "http://192.168.77.30:49494/d/avt/control"},
		{r.AVTransport.Events, "http://192.168.77.30:49494/avt/event"},
		{r.RenderingControl.Control, "http://192.168.77.30:49494/rc/control"},
		{r.RenderingControl.SCPD, "http://192.168.77.30:49494/rc.xml"},
	} {
		if c.got == nil || c.got.String() != c.want {
			t.Errorf("%v, want %s", c.got, c.want)
		}
	}
}

func TestParseEmbedded(t *testing.T) {
	r, err := Parse([]byte(embedded), location, "UUID:inner")
	if err != nil || r.AVTransport.Control.String() != "http://192.168.77.30:7000/base/control" || r.RenderingControl.Control != nil || r.AVTransport.Events != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Name != "LG webOS TV" || r.Model != "LG webOS TV" {
		t.Errorf("named %q, %q", r.Name, r.Model)
	}
}

func TestParseRefuses(t *testing.T) {
	const udn = "uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1"
	for name, document := range map[string]string{
		"another device's":        strings.Replace(described, "uuid:0F5E", "uuid:1F5E", 1),
		"no renderer":             strings.Replace(described, "MediaRenderer", "MediaServer", 1),
		"no AVTransport":          strings.Replace(described, "service:AVTransport", "service:Other", 1),
		"AVTransport elsewhere":   strings.Replace(described, "avt/control", "http://192.168.77.1/reboot", 1),
		"no XML":                  "<root><device",
		"a page":                  "<!doctype html><p>Not found",
		"nothing":                 "",
		"too long":                described + strings.Repeat(" ", MaxDocument),
		"deeper than anybody has": strings.Repeat("<device>", 3) + described,
	} {
		if r, err := Parse([]byte(document), location, udn); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestURLsElsewhereAreLeftOut(t *testing.T) {
	document := strings.NewReplacer("/rc/control", "http://127.0.0.1:631/", "/avt/event", "http://8.8.8.8/", "/rc.xml", "file:///etc/passwd").Replace(described)
	document = strings.Replace(document, "<device>", "<URLBase>http://192.168.77.1/</URLBase><device>", 1)
	r, err := Parse([]byte(document), location, "uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1")
	if err != nil || r.RenderingControl.Control != nil || r.AVTransport.Events != nil || r.RenderingControl.SCPD != nil || r.AVTransport.Control.Host != location.Host {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNamesAreLines(t *testing.T) {
	for in, want := range map[string]string{
		"Living\n room\t TV":                "Living room TV",
		"\u202egnivil":                      "gnivil",
		"\x1b[31mred":                       "[31mred",
		"📺 غرفة":                            "📺 غرفة",
		strings.Repeat("x", 1000):           strings.Repeat("x", maxText),
		"\xff\xfe":                          "",
		"family \U0001F468\u200d\U0001F469": "family \U0001F468\u200d\U0001F469",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMaxVolume(t *testing.T) {
	scpd := func(maximum string) string {
		return `<scpd><serviceStateTable><stateVariable><name>Mute</name><allowedValueRange><maximum>1</maximum></allowedValueRange></stateVariable>
<stateVariable sendEvents="no"><name>Volume</name><dataType>ui2</dataType><allowedValueRange><minimum>0</minimum><maximum>` + maximum +
			`</maximum><step>1</step></allowedValueRange></stateVariable></serviceStateTable></scpd>`
	}
	for maximum, want := range map[string]int{"50": 50, " 100 ": 100, "65535": 65535, "65536": 100, "0": 100, "-3": 100, "x": 100, "99999999": 100} {
		if got := MaxVolume([]byte(scpd(maximum))); got != want {
			t.Errorf("%q: %d, want %d", maximum, got, want)
		}
	}
	if got := MaxVolume([]byte("<scpd")); got != 100 {
		t.Errorf("broken: %d", got)
	}
}

// Whatever a description says, no URL taken from it leads away from the device.
func FuzzParse(f *testing.F) {
	f.Add([]byte(described), "uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1")
	f.Add([]byte(embedded), "uuid:inner")
	f.Fuzz(func(t *testing.T, document []byte, udn string) {
		MaxVolume(document)
		r, err := Parse(document, location, udn)
		if err != nil {
			return
		}
		if r.AVTransport.Control == nil || len([]rune(r.Name)) > 2*maxText+1 || strings.ContainsAny(r.Name+r.Model, "\r\n\x1b") {
			t.Errorf("%+v", r)
		}
		for _, s := range []Service{r.AVTransport, r.RenderingControl} {
			for _, u := range []*url.URL{s.Control, s.Events, s.SCPD} {
				if u != nil && (strings.TrimPrefix(u.Hostname(), "::ffff:") != location.Hostname() || u.Scheme != "http") {
					t.Errorf("leads to %v", u)
				}
			}
		}
	})
}
