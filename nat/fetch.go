package nat

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/huin/goupnp"
)

const (
	maxReply    = 256 << 10       // bytes of a description or a SOAP answer; real ones have 2 to 20 kB
	httpTimeout = 3 * time.Second // for a whole request: a gateway is one cable away
)

// boundedClient talks to one gateway and to nothing else: no proxy, no redirects, no other host, no endless answer, no
// connection left open behind. It speaks from an IPv6 address of its own, if one is given.
func boundedClient(host string, from netip.Addr) http.Client {
	dialer := &net.Dialer{Timeout: httpTimeout}
	if from.Is6() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	base := &http.Transport{
		DialContext:            dialer.DialContext,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 16 << 10,
	}
	return http.Client{
		Transport:     boundedTransport{base, host},
		Timeout:       httpTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type boundedTransport struct {
	base *http.Transport
	host string
}

func (t boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Hostname() != t.host {
		return nil, fmt.Errorf("gateway %s sends us to %s: refused", t.host, plain(req.URL.Host))
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{&boundedReader{resp.Body, maxReply}, resp.Body}
	return resp, nil
}

var errLongReply = errors.New("the answer is too long")

// boundedReader fails where io.LimitReader would pretend that the answer ends.
type boundedReader struct {
	r    io.Reader
	left int
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errLongReply
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// fetchDescription reads a gateway's description into goupnp's form. goupnp's own reading has no bound and asks whom the
// device names.
func fetchDescription(ctx context.Context, location *url.URL, from netip.Addr) (*goupnp.RootDevice, error) {
	client := boundedClient(location.Hostname(), from)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("read gateway description: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read gateway description: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read gateway description %s: status %d", plain(location.String()), resp.StatusCode)
	}
	return parseDescription(resp.Body, location)
}

// parseDescription reads a description that lies at location.
func parseDescription(r io.Reader, location *url.URL) (*goupnp.RootDevice, error) {
	root := new(goupnp.RootDevice)
	decoder := xml.NewDecoder(r)
	decoder.DefaultSpace = goupnp.DeviceXMLNamespace
	if err := decoder.Decode(root); err != nil {
		return nil, fmt.Errorf("read gateway description %s: %w", plain(location.String()), err)
	}
	base := location
	// Some gateways name a base that they have left long ago.
	if u, err := url.Parse(root.URLBaseStr); err == nil && u.Hostname() == location.Hostname() && u.Scheme == "http" {
		base = u
	}
	root.SetURLBase(base)
	return root, nil
}

// httpPort is the port of an http URL.
func httpPort(u *url.URL) uint16 {
	if p, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(p)
	}
	return 80
}

// localAddressTowards is the address from which this machine talks to a gateway, which is the one to map to. Connecting
// a UDP socket sends nothing.
func localAddressTowards(ctx context.Context, gateway netip.AddrPort) (netip.Addr, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", gateway.String())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find own address towards gateway %s: %w", gateway.Addr(), err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}
