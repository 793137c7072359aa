package description

import (
	"cmp"
	"encoding/xml"
	"hash/fnv"
	"strconv"

	"github.com/anacrolix/dms/upnp"
	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/dlna/xmltext"
)

// MediaServer is the type of the device.
const MediaServer = "urn:schemas-upnp-org:device:MediaServer:1"

// Device describes a media server (UDA 1.1, 2.3).
type Device struct {
	Name            string // as screens show it
	UDN             string // "uuid:…"
	Version         string // of the program
	Root            string // path under which the URLs of the services lie: "/dlna"
	PresentationURL string // of the page, may be relative
	Icons           []upnp.Icon
	Services        []*Service
}

// SCPDPath is where the description of a service's actions lies (UDA 1.1, 2.3, SCPDURL).
func (d *Device) SCPDPath(s *Service) string { return d.Root + "/" + s.Path + "/scpd.xml" }

// ControlPath is where a service takes its actions (UDA 1.1, 2.3, controlURL).
func (d *Device) ControlPath(s *Service) string { return d.Root + "/" + s.Path + "/control" }

// EventPath is where a service takes subscriptions (UDA 1.1, 2.3, eventSubURL).
func (d *Device) EventPath(s *Service) string { return d.Root + "/" + s.Path + "/event" }

// The namespaces of vendors: DLNA, Samsung, and Windows, which lists devices by their category.
const (
	dlnaSpace      = "urn:schemas-dlna-org:device-1-0"
	samsungSpace   = "http://www.sec.co.kr/dlna"
	pnpxSpace      = "http://schemas.microsoft.com/windows/pnpx/2005/11"
	categorySpace  = "http://schemas.microsoft.com/windows/2008/09/devicefoundation"
	microsoftSpace = "urn:schemas-microsoft-com:WMPNSS-1-0"
)

// samsungCaps is what Samsung's television sets may ask of the server: bookmarks, the length of a film
// and its subtitles.
const samsungCaps = "DCM10,getMediaInfo.sec,getCaptionInfo.sec"

// XML returns the device description for devices to which it says something else where told. It names
// version 1.0 of the architecture, as DLNA demands and older television sets check, and has its
// elements in the order of UDA 1.1, 2.3. Quotation marks stand as they are: some screens show the
// numeric references of encoding/xml.
func (d *Device) XML(configID uint32, other profile.Description) []byte {
	b := append([]byte(xml.Header), "<root"...)
	for _, space := range [][2]string{
		{"xmlns", "urn:schemas-upnp-org:device-1-0"},
		{"xmlns:dlna", dlnaSpace},
		{"xmlns:sec", samsungSpace},
		{"xmlns:pnpx", pnpxSpace},
		{"xmlns:df", categorySpace},
		{"xmlns:microsoft", microsoftSpace},
		{"configId", strconv.FormatUint(uint64(configID), 10)},
	} {
		b = xmltext.AppendAttr(b, space[0], space[1])
	}
	b = append(b, "><specVersion><major>1</major><minor>0</minor></specVersion><device>"...)
	for _, e := range [][2]string{
		{"deviceType", MediaServer},
		{"friendlyName", d.Name + other.NameSuffix},
		{"manufacturer", cmp.Or(other.Manufacturer, "Swarmgate")},
		{"modelDescription", "Home gateway for peer-to-peer streaming"},
		{"modelName", cmp.Or(other.ModelName, "Swarmgate")},
		{"modelNumber", cmp.Or(other.ModelNumber, d.Version)},
		{"serialNumber", d.UDN},
		{"UDN", d.UDN},
		{"dlna:X_DLNADOC", "DMS-1.50"},
		{"pnpx:X_deviceCategory", "MediaDevices"},
		{"df:X_deviceCategory", "Multimedia.DMS"},
		{"microsoft:magicPacketWakeSupported", "0"},
	} {
		b = xmltext.AppendElement(b, e[0], e[1])
	}
	if !other.NoSamsungCaps {
		b = xmltext.AppendElement(b, "sec:ProductCap", samsungCaps)
		b = xmltext.AppendElement(b, "sec:X_ProductCap", samsungCaps)
	}
	b = d.appendIcons(b)
	b = d.appendServices(b)
	b = xmltext.AppendElement(b, "presentationURL", d.PresentationURL)
	return append(b, "</device></root>"...)
}

func (d *Device) appendIcons(b []byte) []byte {
	b = append(b, "<iconList>"...)
	for _, i := range d.Icons {
		b = append(b, "<icon>"...)
		b = xmltext.AppendElement(b, "mimetype", i.Mimetype)
		b = xmltext.AppendElement(b, "width", strconv.Itoa(i.Width))
		b = xmltext.AppendElement(b, "height", strconv.Itoa(i.Height))
		b = xmltext.AppendElement(b, "depth", strconv.Itoa(i.Depth))
		b = xmltext.AppendElement(b, "url", i.URL)
		b = append(b, "</icon>"...)
	}
	return append(b, "</iconList>"...)
}

func (d *Device) appendServices(b []byte) []byte {
	b = append(b, "<serviceList>"...)
	for _, s := range d.Services {
		b = append(b, "<service>"...)
		b = xmltext.AppendElement(b, "serviceType", s.Type)
		b = xmltext.AppendElement(b, "serviceId", s.ID)
		b = xmltext.AppendElement(b, "SCPDURL", d.SCPDPath(s))
		b = xmltext.AppendElement(b, "controlURL", d.ControlPath(s))
		b = xmltext.AppendElement(b, "eventSubURL", d.EventPath(s))
		b = append(b, "</service>"...)
	}
	return append(b, "</serviceList>"...)
}

// ConfigID sums up descriptions in the 24 bits of CONFIGID.UPNP.ORG (UDA 1.1, 1.2.2): it
// changes when they do.
func ConfigID(descriptions ...[]byte) uint32 {
	h := fnv.New32a()
	for _, d := range descriptions {
		h.Write(d)
	}
	return h.Sum32()>>8 ^ h.Sum32()&0xFF
}
