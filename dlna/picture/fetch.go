package picture

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// maxPicture bounds a picture as it is fetched, in bytes.
	maxPicture = 1 << 20
	// fetchTimeout bounds how long a picture may take to come.
	fetchTimeout = 8 * time.Second
	maxRedirects = 3
	maxHeader    = 16 << 10 // bytes of an answer
)

// Fetch returns the bytes that a URL names.
type Fetch func(ctx context.Context, url string) ([]byte, error)

// Public returns a Fetch that goes to the Internet alone: not to this machine, nor to others of the
// home, whatever a name resolves to. home tells their addresses: all that this machine reaches
// without a router, also those to which the gateway would not answer.
func Public(home func(netip.Addr) bool) Fetch {
	dialer := &net.Dialer{
		Timeout: fetchTimeout,
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !abroad(to.Addr().Unmap(), home) {
				return fmt.Errorf("%s is no address in the Internet", address)
			}
			return nil
		},
	}
	client := &http.Client{
		Timeout: fetchTimeout,
		// No proxy: it could reach what we may not.
		Transport: &http.Transport{
			DialContext: dialer.DialContext, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
			TLSHandshakeTimeout: fetchTimeout,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects || r.URL.Scheme != "https" {
				return errors.New("it leads to too many other places, or to one without https")
			}
			return nil
		},
	}
	return func(ctx context.Context, url string) ([]byte, error) { return get(ctx, client, url) }
}

// elsewhere are networks that look like the Internet's and lead elsewhere: to addresses of IPv4
// that another machine takes out of them, or nowhere (RFC 6890).
var elsewhere = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // behind the provider's NAT
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("64:ff9b::/96"),   // NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"), // NAT64 of the home's own
	netip.MustParsePrefix("2001::/32"),      // Teredo
	netip.MustParsePrefix("2002::/16"),      // 6to4
	netip.MustParsePrefix("fec0::/10"),
}

// abroad tells whether an address lies in the Internet.
func abroad(a netip.Addr, home func(netip.Addr) bool) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !home(a) &&
		!slices.ContainsFunc(elsewhere, func(p netip.Prefix) bool { return p.Contains(a) })
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "image/png, image/jpeg, image/webp, image/gif")
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %s", answer.Status)
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxPicture+1))
	if err == nil && len(b) > maxPicture {
		err = fmt.Errorf("it is larger than %d MiB", maxPicture>>20)
	}
	return b, err
}

// inline returns the picture that a data URL carries (RFC 2397).
func inline(logo string) ([]byte, error) {
	_, text, ok := strings.Cut(logo, ";base64,")
	if !ok || base64.StdEncoding.DecodedLen(len(text)) > maxPicture {
		return nil, errNoPicture
	}
	return base64.StdEncoding.DecodeString(text)
}
