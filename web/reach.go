package web

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// reach is what is known of a request's way to us beyond the request itself.
type reach struct {
	base   string // path in front of all of ours, by which the client knows us; empty for none
	secure bool   // the client speaks HTTPS, with us or with a proxy
	keyed  bool   // the path held the key of streams
	proxy  bool   // a proxy that is believed handed it on
}

type reachKey struct{}

func reachOf(r *http.Request) reach {
	known, _ := r.Context().Value(reachKey{}).(reach)
	return known
}

// arrived undoes what reverse proxies and base path have done to a request: r then is from the
// client, for the name that it wrote, and for our own path. It changes a copy.
func (s *Server) arrived(r *http.Request) *http.Request {
	way := reach{secure: r.TLS != nil}
	c := *r
	c.URL = cloneURL(r.URL)
	if s.proxied(&c, &way) {
		way.base, way.proxy = s.config.Base, true
	}
	if base := s.config.Base; base != "" {
		if rest, ok := strings.CutPrefix(c.URL.Path, base); ok && (rest == "" || rest[0] == '/') {
			way.base = base
			c.URL.Path = "/" + strings.TrimPrefix(rest, "/")
			c.URL.RawPath = strings.TrimPrefix(c.URL.RawPath, base)
		}
	}
	if rest, key, ok := s.cutKey(c.URL.Path); ok {
		way.keyed = true
		c.URL.Path = rest
		c.URL.RawPath = strings.TrimPrefix(c.URL.RawPath, "/k/"+key)
	}
	return c.WithContext(context.WithValue(r.Context(), reachKey{}, way))
}

func cloneURL(u *url.URL) *url.URL {
	c := *u
	return &c
}

// proxied takes over what a proxy that is believed says of the client, and tells whether it was one.
func (s *Server) proxied(r *http.Request, way *reach) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !contains(s.config.Proxies, from.Addr().Unmap()) {
		return false
	}
	// The last that is no proxy of ours is what a proxy of ours has seen; what stands before it anyone may have written.
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		r.RemoteAddr = net.JoinHostPort(hop.Unmap().String(), "0")
		if !contains(s.config.Proxies, hop.Unmap()) {
			break
		}
	}
	if host := r.Header.Get("X-Forwarded-Host"); host != "" {
		r.Host = host
	}
	way.secure = way.secure || r.Header.Get("X-Forwarded-Proto") == "https"
	return true
}
