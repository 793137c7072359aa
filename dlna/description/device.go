package description

import (
	"bytes"
	"hash/fnv"

	"github.com/anacrolix/dms/upnp"
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

// root is the description with the version of the configuration (UDA 1.1, 2.3: configId).
type root struct {
	upnp.DeviceDesc
	ConfigID uint32 `xml:"configId,attr"`
}

// XML returns the device description. It names version 1.0 of the architecture, as DLNA
// demands and older television sets check.
func (d *Device) XML(configID uint32) ([]byte, error) {
	description := root{ConfigID: configID, DeviceDesc: upnp.DeviceDesc{
		NSDLNA:      "urn:schemas-dlna-org:device-1-0",
		NSSEC:       "http://www.sec.co.kr/dlna",
		SpecVersion: upnp.SpecVersion{Major: 1},
		Device: upnp.Device{
			DeviceType:      MediaServer,
			FriendlyName:    d.Name,
			Manufacturer:    "Swarmgate",
			ModelName:       "Swarmgate",
			UDN:             d.UDN,
			VendorXML:       d.vendorXML(),
			IconList:        d.Icons,
			PresentationURL: d.PresentationURL,
		},
	}}
	for _, s := range d.Services {
		description.Device.ServiceList = append(description.Device.ServiceList, upnp.Service{
			ServiceType: s.Type,
			ServiceId:   s.ID,
			SCPDURL:     d.SCPDPath(s),
			ControlURL:  d.ControlPath(s),
			EventSubURL: d.EventPath(s),
		})
	}
	b, err := document("device description", description)
	// Some screens show the numeric references of encoding/xml as they stand. Names that
	// people gave stand in elements only, where quotation marks need no reference.
	b = bytes.ReplaceAll(b, []byte("&#34;"), []byte(`"`))
	return bytes.ReplaceAll(b, []byte("&#39;"), []byte(`'`)), err
}

// vendorXML has the elements that the types of dms lack: the rest of the model, and the
// mark by which DLNA knows a media server.
func (d *Device) vendorXML() string {
	b := xmltext.AppendElement(nil, "modelDescription", "Home gateway for peer-to-peer streaming")
	b = xmltext.AppendElement(b, "modelNumber", d.Version)
	b = xmltext.AppendElement(b, "serialNumber", d.UDN)
	b = xmltext.AppendElement(b, "dlna:X_DLNADOC", "DMS-1.50")
	return string(b)
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
