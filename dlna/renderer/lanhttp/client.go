// Package lanhttp makes HTTP clients that speak to one host of the home and to nobody else.
//
// What a device says about itself names URLs. A client of this package connects to the
// device's own address only, follows no redirection, uses no proxy, and reads no more than
// it was told to: whatever a description says, the gateway can't be made to ask others.
package lanhttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	// Timeout bounds a request with its answer.
	Timeout = 5 * time.Second
	// dialTimeout bounds the connection: a host of the home that is there answers at once.
	dialTimeout = 2 * time.Second
	maxHeader   = 16 << 10 // bytes
)

// ErrElsewhere says that a URL leads away from the host.
var ErrElsewhere = errors.New("leads to another host")

// Dial connects to a host. It is net.Dialer.DialContext unless a test has its own.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// New makes a client for the host, whose answers are cut after maxBody bytes. dial may be nil.
func New(host netip.Addr, maxBody int64, dial Dial) *http.Client {
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	to := host
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			at, err := netip.ParseAddrPort(address)
			if err != nil || at.Addr().Unmap().WithZone("") != to.WithZone("") {
				return nil, fmt.Errorf("connect to %s: %w than %s", address, ErrElsewhere, to)
			}
			return dial(ctx, network, netip.AddrPortFrom(to, at.Port()).String())
		},
		// Renderers close idle connections without a word, and a request that is no GET is not
		// repeated on a new one.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
	}
	return &http.Client{
		Timeout:       Timeout,
		Transport:     &bounded{transport, maxBody},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded cuts the bodies of answers.
type bounded struct {
	next    http.RoundTripper
	maxBody int64
}

// RoundTrip is that of http.RoundTripper.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, b.maxBody), answer.Body}
	return answer, nil
}

// Get fetches a document.
func Get(ctx context.Context, client *http.Client, from *url.URL) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", from, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// Within returns the URL that ref means in a document at base. It is an http URL of the
// same host, or the error is ErrElsewhere.
func Within(base *url.URL, ref string) (*url.URL, error) {
	u, err := base.Parse(ref)
	if err != nil {
		return nil, err
	}
	have, err := netip.ParseAddr(u.Hostname())
	want, err2 := netip.ParseAddr(base.Hostname())
	if err != nil || err2 != nil || u.Scheme != "http" || u.User != nil || have.Unmap().WithZone("") != want.Unmap().WithZone("") {
		return nil, fmt.Errorf("%s %w than the description", ref, ErrElsewhere)
	}
	return u, nil
}
