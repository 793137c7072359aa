package description

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/anacrolix/dms/upnp"
)

func device() *Device {
	return &Device{
		Name: `Tom's "Swarmgate" & <co>`, UDN: "uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1", Version: "1.2",
		Root: "/dlna", PresentationURL: "/",
		Icons:    []upnp.Icon{{Mimetype: "image/png", Width: 48, Height: 48, Depth: 24, URL: "/dlna/icon/48.png"}},
		Services: []*Service{clock()},
	}
}

func TestDeviceXML(t *testing.T) {
	got, err := device().XML(4711)
	if err != nil {
		t.Fatal(err)
	}
	want := xml.Header + strings.Join([]string{
		`<root xmlns="urn:schemas-upnp-org:device-1-0" xmlns:dlna="urn:schemas-dlna-org:device-1-0" xmlns:sec="http://www.sec.co.kr/dlna" configId="4711">`,
		`<specVersion><major>1</major><minor>0</minor></specVersion><device>`,
		`<deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType>`,
		`<friendlyName>Tom's "Swarmgate" &amp; &lt;co&gt;</friendlyName>`,
		`<manufacturer>Swarmgate</manufacturer><modelName>Swarmgate</modelName>`,
		`<UDN>uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1</UDN>`,
		`<modelDescription>Home gateway for peer-to-peer streaming</modelDescription><modelNumber>1.2</modelNumber>`,
		`<serialNumber>uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1</serialNumber>`,
		`<dlna:X_DLNADOC>DMS-1.50</dlna:X_DLNADOC>`,
		`<iconList><icon><mimetype>image/png</mimetype><width>48</width><height>48</height><depth>24</depth><url>/dlna/icon/48.png</url></icon></iconList>`,
		`<serviceList><service><serviceType>urn:schemas-upnp-org:service:Clock:1</serviceType><serviceId>urn:upnp-org:serviceId:Clock</serviceId>`,
		`<SCPDURL>/dlna/Clock/scpd.xml</SCPDURL><controlURL>/dlna/Clock/control</controlURL><eventSubURL>/dlna/Clock/event</eventSubURL></service></serviceList>`,
		`<presentationURL>/</presentationURL></device></root>`,
	}, "")
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var back upnp.DeviceDesc
	if err := xml.Unmarshal(got, &back); err != nil || back.Device.FriendlyName != device().Name {
		t.Errorf("read back %q, %v", back.Device.FriendlyName, err)
	}
}

func TestConfigID(t *testing.T) {
	a, b := []byte("one"), []byte("two")
	id := ConfigID(a, b)
	if id != ConfigID(a, b) {
		t.Error("the same descriptions have two IDs")
	}
	if id == ConfigID(a, []byte("three")) {
		t.Error("another description has the same ID")
	}
	// UDA 1.1, 1.2.2: CONFIGID.UPNP.ORG is "non-negative … from 0 to 16777215 (2^24-1)".
	for n := range 1000 {
		if id := ConfigID([]byte(strings.Repeat("x", n))); id >= 1<<24 {
			t.Fatalf("ID %d of %d bytes", id, n)
		}
	}
}

// A name that XML can't carry doesn't break the description.
func FuzzDeviceXML(f *testing.F) {
	f.Add("Swarmgate (kitchen)", "1.0")
	f.Add("\x00\xff]]>", "<b>&#34;")
	f.Fuzz(func(t *testing.T, name, version string) {
		d := device()
		d.Name, d.Version = name, version
		b, err := d.XML(1)
		if err != nil {
			t.Fatal(err)
		}
		var back upnp.DeviceDesc
		if err := xml.Unmarshal(b, &back); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if len(back.Device.ServiceList) != 1 || back.Device.UDN != d.UDN {
			t.Fatalf("%q changes the rest of the description: %s", name, b)
		}
	})
}
