package nat

import (
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
	"github.com/huin/goupnp/soap"
)

const sampleDescription = `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><URLBase>http://192.168.11.1:5000/</URLBase><device>
<friendlyName>router</friendlyName><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/ctl/ip</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANIPv6FirewallControl:1</serviceType><controlURL>/ctl/6</controlURL></service>
</serviceList></device></root>`

// Whatever a description says, few services are taken from it, and asking them leads to the gateway alone.
func FuzzDescription(f *testing.F) {
	f.Add([]byte(sampleDescription))
	f.Add([]byte(strings.ReplaceAll(sampleDescription, "/ctl/", "http://198.51.100.1/")))
	f.Add([]byte("<root><device><deviceList><device/></deviceList>"))
	location, err := url.Parse("http://192.168.11.1:5000/desc.xml")
	if err != nil {
		f.Fatal(err)
	}
	d := device{location, netip.MustParseAddrPort(location.Host)}
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := parseDescription(&boundedReader{bytes.NewReader(b), maxReply}, location)
		if err != nil {
			return
		}
		if n := utf8.RuneCountInString(gatewayTitle(d, root)); n > maxPlain+1 {
			t.Errorf("the title has %d characters", n)
		}
		list := connections(root, d)
		if len(list) > maxConnections {
			t.Errorf("%d connections are taken", len(list))
		}
		for _, c := range list {
			var sc *goupnp.ServiceClient
			switch c := c.(type) {
			case *internetgateway2.WANIPConnection2:
				sc = &c.ServiceClient
			case *internetgateway2.WANIPConnection1:
				sc = &c.ServiceClient
			case *internetgateway2.WANPPPConnection1:
				sc = &c.ServiceClient
			}
			if guard, ok := sc.SOAPClient.HTTPClient.Transport.(boundedTransport); !ok || guard.host != location.Hostname() {
				t.Errorf("%s is asked without a guard", sc.Service.ServiceType)
			}
		}
	})
}

// canned is a gateway that answers all with the same.
type canned struct {
	status int
	body   []byte
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.NopCloser(&boundedReader{bytes.NewReader(c.body), maxReply})
	return &http.Response{StatusCode: c.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: body, Request: r}, nil
}

// Whatever a gateway answers, errors are short and fit to be shown, and addresses are addresses.
func FuzzSOAPAnswer(f *testing.F) {
	const envelope = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%</s:Body></s:Envelope>`
	for _, s := range []string{
		`<u:GetExternalIPAddressResponse xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1"><NewExternalIPAddress>203.0.113.11</NewExternalIPAddress></u:GetExternalIPAddressResponse>`,
		`<u:GetSpecificPortMappingEntryResponse><NewInternalPort>6881</NewInternalPort><NewInternalClient>192.168.11.11</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription>x</NewPortMappingDescription><NewLeaseDuration>60</NewLeaseDuration></u:GetSpecificPortMappingEntryResponse>`,
		`<u:AddPinholeResponse><UniqueID>7</UniqueID></u:AddPinholeResponse>`,
		`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>606</errorCode><errorDescription>no</errorDescription></UPnPError></detail></s:Fault>`,
	} {
		f.Add(200, []byte(strings.Replace(envelope, "%", s, 1)))
		f.Add(500, []byte(strings.Replace(envelope, "%", s, 1)))
	}
	at := url.URL{Scheme: "http", Host: "192.168.11.1:5000", Path: "/ctl"}
	f.Fuzz(func(t *testing.T, status int, b []byte) {
		client := soap.NewSOAPClient(at)
		client.HTTPClient.Transport = canned{status, b}
		sc := goupnp.ServiceClient{SOAPClient: client}
		ports := &igd{self: netip.MustParseAddr("192.168.11.11"), client: &internetgateway2.WANIPConnection1{ServiceClient: sc}}
		holes := &firewall{self: homeIPv6, client: &internetgateway2.WANIPv6FirewallControl1{ServiceClient: sc}}
		a, addressErr := ports.externalIP(t.Context())
		if a.IsValid() && (a.IsUnspecified() || a.Zone() != "") {
			t.Errorf("external address %v", a)
		}
		_, lookupErr := ports.lookup(t.Context(), 6881)
		_, statusErr := holes.externalIP(t.Context())
		for _, err := range []error{addressErr, lookupErr, statusErr, ports.add(t.Context(), 1, 1, 1), ports.remove(t.Context(), 1), holes.add(t.Context(), 1, 1, 1), holes.remove(t.Context(), 1)} {
			if err == nil {
				continue
			}
			for _, words := range []string{mappingProblem(err), pinholeProblem(err)} {
				if len(words) > 4*maxReason+200 || strings.ContainsAny(words, "\x00\x1b\n\r") {
					t.Errorf("words are %q", words)
				}
			}
		}
	})
}
