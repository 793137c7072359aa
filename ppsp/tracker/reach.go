package tracker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// ErrPrivate says that the name of a tracker stands for an address of the home (or of this machine)
// although nobody at home named the tracker: who owns the name could have us talk to whatever is
// there (DNS rebinding).
var ErrPrivate = errors.New("its name stands for an address of a home network; if the tracker is yours, name it by that address, or in the configuration or with --tracker")

// reach is where a client may be taken.
type reach struct {
	url   *url.URL // of the tracker
	given bool     // to private addresses, too
}

// reachOf tells where a request to the URL may go. An address that stands in the URL, or the name of
// this machine, is where the link says it is.
func reachOf(address string, given bool) reach {
	u, err := url.Parse(address)
	if err != nil {
		return reach{}
	}
	host := strings.ToLower(u.Hostname())
	_, bad := netip.ParseAddr(host)
	literal := bad == nil || host == "localhost" || strings.HasSuffix(host, ".localhost")
	return reach{url: u, given: given || literal}
}

type reachKey struct{}

// trace binds a request to where it may go, and notes in from where it went.
func (r reach) trace(ctx context.Context, from *netip.Addr) context.Context {
	ctx = context.WithValue(ctx, reachKey{}, r)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if a, err := netip.ParseAddrPort(i.Conn.RemoteAddr().String()); err == nil {
			*from = a.Addr().Unmap()
		}
	}})
}

// DialContext is how an http.Transport for Clients connects, by base, or by a dialer of its own if that is
// nil: not to a private address for a tracker whose name stands for one, unless that was given. It looks at
// each address that is about to be connected to, when the name has been resolved. The proxy that the same
// Transport's Proxy names, nil for none, is taken as it is: a person named it.
func DialContext(base *net.Dialer, proxy func(*http.Request) (*url.URL, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	if base == nil {
		base = &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		r, ours := ctx.Value(reachKey{}).(reach)
		if !ours || r.given || r.through(proxy, address) {
			return base.DialContext(ctx, network, address)
		}
		guarded := *base
		guarded.ControlContext = func(_ context.Context, _, at string, _ syscall.RawConn) error { return guard(at) }
		conn, err := guarded.DialContext(ctx, network, address)
		if errors.Is(err, ErrPrivate) {
			return nil, ErrPrivate // without the operation and the address: both are told
		}
		return conn, err
	}
}

// through tells whether an address is that of the proxy between us and the tracker. In doubt it is not,
// so that nothing goes unguarded because net/http writes a name in another way than we do.
func (r reach) through(proxy func(*http.Request) (*url.URL, error), address string) bool {
	if proxy == nil || r.url == nil {
		return false
	}
	at, err := proxy(&http.Request{URL: r.url})
	if err != nil || at == nil {
		return false
	}
	port := at.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[at.Scheme]
	}
	return strings.EqualFold(address, net.JoinHostPort(at.Hostname(), port))
}

// guard refuses addresses that do not mean the same everywhere.
func guard(at string) error {
	a, err := netip.ParseAddrPort(at)
	if err != nil {
		return fmt.Errorf("%s is no address: %w", at, ErrPrivate)
	}
	if !public(a.Addr().Unmap()) {
		return ErrPrivate
	}
	return nil
}

// mayName tells whether a tracker at home, which is invalid if that is not known, may send us to an
// address: to a public one always, to one of this machine if it is there itself, to one of a home if it is in
// a home itself, and else only to those of networks that we are in, where peers of one household find
// each other through a tracker outside.
func mayName(home, to netip.Addr, nearby func() []netip.Prefix) bool {
	switch {
	case public(to):
		return true
	case to.IsLoopback():
		return home.IsLoopback()
	case home.IsValid() && !public(home):
		return true
	}
	for _, n := range nearby() {
		if n.Contains(to) {
			return true
		}
	}
	return false
}

// networks returns those that this machine is in.
func networks() []netip.Prefix {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var list []netip.Prefix
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, p.Masked())
		}
	}
	return list
}
