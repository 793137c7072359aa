// Package about reads what a media renderer says about itself: the description of the device
// (UPnP Device Architecture 1.1, 2.3) and the range of its volume, from the description of
// its RenderingControl service.
package about

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/swarmgate/swarmgate/dlna/renderer/lanhttp"
)

// MaxDocument bounds a description in bytes; those of known devices have less than 30 kB.
const MaxDocument = 256 << 10

const (
	maxDepth   = 4   // of devices in devices
	maxDevices = 32  // in a description
	maxText    = 120 // characters of a name
)

// Service is where a service is controlled and gives its events.
type Service struct {
	Control *url.URL // nil if the device has no such service
	Events  *url.URL // nil if it has no events
	SCPD    *url.URL // nil if it is not described
}

// Renderer is a media renderer by its own words.
type Renderer struct {
	UDN              string // "uuid:…", in lower case
	Name             string // that its owner gave it, or its model
	Model            string // with its manufacturer
	AVTransport      Service
	RenderingControl Service
}

var (
	errNoRenderer = errors.New("the description has no media renderer of that name")
	errTransport  = errors.New("the renderer has no AVTransport service that can be reached")
)

// device is a device in a description, as far as it matters.
type device struct {
	Type         string    `xml:"deviceType"`
	Name         string    `xml:"friendlyName"`
	Manufacturer string    `xml:"manufacturer"`
	Model        string    `xml:"modelName"`
	UDN          string    `xml:"UDN"`
	Services     []service `xml:"serviceList>service"`
	Devices      []device  `xml:"deviceList>device"`
}

type service struct {
	Type    string `xml:"serviceType"`
	SCPD    string `xml:"SCPDURL"`
	Control string `xml:"controlURL"`
	Events  string `xml:"eventSubURL"`
}

// Parse reads the description that lies at location, of the renderer with that UDN. URLs
// that lead to another host are left out; without AVTransport it is an error.
func Parse(document []byte, location *url.URL, udn string) (Renderer, error) {
	var root struct {
		Base   string `xml:"URLBase"`
		Device device `xml:"device"`
	}
	if len(document) > MaxDocument {
		return Renderer{}, fmt.Errorf("description of more than %d bytes", MaxDocument)
	}
	if err := decoder(document).Decode(&root); err != nil {
		return Renderer{}, fmt.Errorf("description: %w", err)
	}
	base := location
	if root.Base != "" { // of UDA 1.0
		if u, err := lanhttp.Within(location, strings.TrimSpace(root.Base)); err == nil {
			base = u
		}
	}
	count := 0
	d := find(&root.Device, strings.ToLower(udn), maxDepth, &count)
	if d == nil {
		return Renderer{}, errNoRenderer
	}
	r := Renderer{UDN: strings.ToLower(strings.TrimSpace(d.UDN)), Name: clean(d.Name), Model: model(d)}
	if r.Name == "" {
		r.Name = r.Model
	}
	for i := range d.Services {
		switch s := &d.Services[i]; {
		case strings.HasPrefix(strings.TrimSpace(s.Type), "urn:schemas-upnp-org:service:AVTransport:"):
			r.AVTransport = s.urls(base)
		case strings.HasPrefix(strings.TrimSpace(s.Type), "urn:schemas-upnp-org:service:RenderingControl:"):
			r.RenderingControl = s.urls(base)
		}
	}
	if r.AVTransport.Control == nil {
		return Renderer{}, errTransport
	}
	return r, nil
}

// find returns the device of that name, which may lie within others.
func find(d *device, udn string, depth int, count *int) *device {
	if *count++; depth == 0 || *count > maxDevices {
		return nil
	}
	if strings.ToLower(strings.TrimSpace(d.UDN)) == udn && strings.Contains(d.Type, ":MediaRenderer:") {
		return d
	}
	for i := range d.Devices {
		if found := find(&d.Devices[i], udn, depth-1, count); found != nil {
			return found
		}
	}
	return nil
}

func (s *service) urls(base *url.URL) Service {
	within := func(ref string) *url.URL {
		if ref = strings.TrimSpace(ref); ref == "" {
			return nil
		}
		u, err := lanhttp.Within(base, ref)
		if err != nil {
			return nil
		}
		return u
	}
	return Service{Control: within(s.Control), Events: within(s.Events), SCPD: within(s.SCPD)}
}

// model names the make, with the manufacturer in front unless it says so itself.
func model(d *device) string {
	model, maker := clean(d.Model), clean(d.Manufacturer)
	if maker == "" || strings.HasPrefix(strings.ToLower(model), strings.ToLower(maker)) {
		return model
	}
	return strings.TrimSpace(maker + " " + model)
}

// clean makes a line of a text that a device gave: bounded, and without what moves a cursor
// or turns the direction of what follows.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200d' {
			r = ' '
		}
		if n++; n > maxText {
			break
		}
		b.WriteRune(r)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// MaxVolume returns the highest value of Volume in the description of a RenderingControl,
// 100 if it names none.
func MaxVolume(scpd []byte) int {
	const usual, most = 100, 1<<16 - 1 // Volume is a ui2
	if len(scpd) > MaxDocument {
		return usual
	}
	var root struct {
		Variables []struct {
			Name    string `xml:"name"`
			Maximum string `xml:"allowedValueRange>maximum"`
		} `xml:"serviceStateTable>stateVariable"`
	}
	if err := decoder(scpd).Decode(&root); err != nil {
		return usual
	}
	for _, v := range root.Variables {
		if strings.TrimSpace(v.Name) != "Volume" {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(v.Maximum)); err == nil && n > 0 && n <= most {
			return n
		}
	}
	return usual
}

// decoder reads XML as devices write it: with bare ampersands, and with names of encodings
// that are none of theirs.
func decoder(document []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(bytes.ToValidUTF8(document, []byte("\uFFFD"))))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}
