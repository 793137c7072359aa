package nat

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

const (
	maxSSDP     = 2048 // bytes of an answer that are looked at
	maxLocation = 512  // characters of the address of a description
)

// searchTargets are what a gateway answers to. An IGD 2 answers to both (UPnP IGD 2.0, 2.3), though some lie to one of
// them.
var searchTargets = []string{
	"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
}

// The groups are those of UPnP Device Architecture 2.0, 1.3.2 and A.3.
var (
	ssdpGroup  = netip.MustParseAddrPort("239.255.255.250:1900")
	ssdpGroup6 = netip.MustParseAddrPort("[ff02::c]:1900")
)

// searchRequest is an M-SEARCH (UPnP Device Architecture 2.0, 1.3.2): gateways answer within a second.
func searchRequest(target string, group netip.AddrPort) []byte {
	return fmt.Appendf(nil, "M-SEARCH * HTTP/1.1\r\nHOST: %s\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: %s\r\n\r\n", group, target)
}

// parseSearchAnswer returns where a gateway's description lies. The answer must come from the address that it names: a
// device speaks for itself only, and nobody can send us to a third machine or to a service of our own.
func parseSearchAnswer(b []byte, from netip.Addr) (*url.URL, bool) {
	if len(b) > maxSSDP {
		return nil, false
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return nil, false
	}
	resp.Body.Close()
	location := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusOK || len(location) > maxLocation || !strings.Contains(resp.Header.Get("St"), ":InternetGatewayDevice:") {
		return nil, false
	}
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "http" || u.User != nil {
		return nil, false
	}
	if host, err := netip.ParseAddr(u.Hostname()); err != nil || host.Unmap() != from.Unmap().WithZone("") {
		return nil, false
	}
	if from.Zone() != "" { // a link-local address means nothing without
		u.Host = netip.AddrPortFrom(from, httpPort(u)).String()
	}
	return u, true
}
