package description

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/anacrolix/dms/upnp"
	"github.com/swarmgate/swarmgate/dlna/profile"
)

func device() *Device {
	return &Device{
		Name: `Tom's "Swarmgate" & <co>`, UDN: "uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1", Version: "1.2",
		Root: "/dlna", PresentationURL: "/",
		Icons:    []upnp.Icon{{Mimetype: "image/png", Width: 48, Height: 48, Depth: 24, URL: "/dlna/icon/48.png"}},
		Services: []*Service{clock()},
	}
}

// The elements in the order of UDA 1.1, 2.3, and what DLNA, Samsung and Windows look for.
func TestDeviceXML(t *testing.T) {
	got := device().XML(4711, profile.Description{})
	const caps = `DCM10,getMediaInfo.sec,getCaptionInfo.sec`
	want := xml.Header + strings.Join([]string{
		`<root xmlns="urn:schemas-upnp-org:device-1-0" xmlns:dlna="urn:schemas-dlna-org:device-1-0" xmlns:sec="http://www.sec.co.kr/dlna"`,
		` xmlns:pnpx="http://schemas.microsoft.com/windows/pnpx/2005/11"`,
		` xmlns:df="http://schemas.microsoft.com/windows/2008/09/devicefoundation"`,
		` xmlns:microsoft="urn:schemas-microsoft-com:WMPNSS-1-0" configId="4711">`,
		`<specVersion><major>1</major><minor>0</minor></specVersion><device>`,
		`<deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType>`,
		`<friendlyName>Tom's "Swarmgate" &amp; &lt;co&gt;</friendlyName>`,
		`<manufacturer>Swarmgate</manufacturer>`,
		`<modelDescription>Home gateway for peer-to-peer streaming</modelDescription><modelName>Swarmgate</modelName><modelNumber>1.2</modelNumber>`,
		`<serialNumber>uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1</serialNumber>`,
		`<UDN>uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1</UDN>`,
		`<dlna:X_DLNADOC>DMS-1.50</dlna:X_DLNADOC>`,
		`<pnpx:X_deviceCategory>MediaDevices</pnpx:X_deviceCategory><df:X_deviceCategory>Multimedia.DMS</df:X_deviceCategory>`,
		`<microsoft:magicPacketWakeSupported>0</microsoft:magicPacketWakeSupported>`,
		`<sec:ProductCap>` + caps + `</sec:ProductCap><sec:X_ProductCap>` + caps + `</sec:X_ProductCap>`,
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

func TestDescriptionForADevice(t *testing.T) {
	got := string(device().XML(1, profile.Description{
		NameSuffix: ": 1", Manufacturer: "M", ModelName: "N", ModelNumber: "2", NoSamsungCaps: true,
	}))
	for _, want := range []string{
		`&lt;co&gt;: 1</friendlyName>`, `<manufacturer>M</manufacturer>`, `<modelName>N</modelName><modelNumber>2</modelNumber>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
	if strings.Contains(got, "ProductCap") {
		t.Errorf("capabilities in %s", got)
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
		b := d.XML(1, profile.Description{NameSuffix: version})
		var back upnp.DeviceDesc
		if err := xml.Unmarshal(b, &back); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if len(back.Device.ServiceList) != 1 || back.Device.UDN != d.UDN {
			t.Fatalf("%q changes the rest of the description: %s", name, b)
		}
	})
}
