package renderer

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/av1"
	"github.com/huin/goupnp/soap"

	"github.com/swarmgate/swarmgate/dlna/media"
	"github.com/swarmgate/swarmgate/dlna/renderer/about"
	"github.com/swarmgate/swarmgate/dlna/renderer/finder"
	"github.com/swarmgate/swarmgate/dlna/renderer/lanhttp"
)

const (
	// maxAnswer bounds the answer to an action in bytes; GetPositionInfo holds metadata.
	maxAnswer = 256 << 10
	// actionTimeout bounds one action that a person waits for. Some televisions answer only when
	// the stream has begun, which takes a cold channel up to media.DefaultPatience.
	actionTimeout = media.DefaultPatience + 3*time.Second
)

// endpoint is where and how a renderer is spoken to. All but sign does not change.
type endpoint struct {
	location  string
	host      netip.Addr // with a zone where it needs one
	about     about.Renderer
	client    *http.Client // for what is not SOAP
	transport *av1.AVTransport1
	rendering *av1.RenderingControl1 // nil if it has none
	maxVolume int
	sign      sign
}

// sign is when a renderer last answered an action in HTTP, whatever it said: also an answer that
// can't be read comes from somebody who is there.
type sign struct {
	next http.RoundTripper
	last atomic.Int64 // Unix time in nanoseconds
	n    atomic.Int64 // how many answers there were
}

// RoundTrip is that of http.RoundTripper.
func (s *sign) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.next.RoundTrip(r)
	if err == nil {
		s.last.Store(time.Now().UnixNano())
		s.n.Add(1)
	}
	return answer, err
}

// at returns when that was.
func (s *sign) at() time.Time { return time.Unix(0, s.last.Load()) }

// mark is for since.
func (s *sign) mark() int64 { return s.n.Load() }

// since tells whether there was an answer since mark was taken.
func (s *sign) since(mark int64) bool { return s.n.Load() != mark }

// meet fetches the description that a sighting names.
func (c *Config) meet(ctx context.Context, s finder.Sighting) (*endpoint, error) {
	location, err := url.Parse(s.Location)
	if err != nil {
		return nil, err
	}
	host := s.Host
	if host.Is6() && host.IsLinkLocalUnicast() {
		host = host.WithZone(s.Interface)
	}
	e := &endpoint{location: s.Location, host: host, client: lanhttp.New(host, about.MaxDocument+1, c.Dial), maxVolume: 100}
	document, err := lanhttp.Get(ctx, e.client, location)
	if err != nil {
		return nil, err
	}
	if e.about, err = about.Parse(document, location, s.UDN); err != nil {
		return nil, err
	}
	actions := lanhttp.New(host, maxAnswer, c.Dial)
	actions.Timeout = actionTimeout
	e.sign.next, actions.Transport = actions.Transport, &e.sign
	e.transport = &av1.AVTransport1{ServiceClient: serviceAt(e.about.AVTransport.Control, actions)}
	if control := e.about.RenderingControl.Control; control != nil {
		e.rendering = &av1.RenderingControl1{ServiceClient: serviceAt(control, actions)}
	}
	if scpd := e.about.RenderingControl.SCPD; scpd != nil {
		if document, err := lanhttp.Get(ctx, e.client, scpd); err == nil {
			e.maxVolume = about.MaxVolume(document)
		}
	}
	return e, nil
}

func serviceAt(control *url.URL, client *http.Client) goupnp.ServiceClient {
	return goupnp.ServiceClient{SOAPClient: &soap.SOAPClient{EndpointURL: *control, HTTPClient: *client}}
}
