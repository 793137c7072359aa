package web

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// reach is what is known of a request's way to us beyond the request itself.
type reach struct {
	base   string // path in front of all of ours, by which the client knows us; empty for none
	secure bool   // the client speaks HTTPS, with us or with a proxy
	keyed  bool   // the path held the key of streams
	proxy  bool   // a proxy that is believed handed it on

	unknown bool // that proxy does not say for whom
	owner   bool // the request shows the owner's token
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
	r.RemoteAddr = "" // nobody's: who asks by a proxy never has the rights of the proxy
	if client := s.client(r.Header.Values("X-Forwarded-For")); client.IsValid() {
		r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	} else {
		way.unknown, way.owner = true, s.showsToken(r)
	}
	r.Host = s.access.hosts.forwarded(r.Host, r.Header.Get("X-Forwarded-Host"))
	way.secure = way.secure || r.Header.Get("X-Forwarded-Proto") == "https"
	return true
}

// maxHops bounds how many proxies are looked past.
const maxHops = 16

// client returns whom our proxies name: the last that is no proxy of ours is what a proxy of ours has seen, what
// stands before it anyone may have written. Where all are ours it is the first; the zero Addr where one can't be read.
func (s *Server) client(headers []string) (client netip.Addr) {
	hops := strings.Split(strings.Join(headers, ","), ",")
	if len(hops) > maxHops {
		hops = hops[len(hops)-maxHops:]
	}
	for _, hop := range slices.Backward(hops) {
		client = hopAddress(strings.TrimSpace(hop))
		if !client.IsValid() || !contains(s.config.Proxies, client) {
			break
		}
	}
	return client
}

// hopAddress reads an address, with or without a port; the zero Addr is for what is none.
func hopAddress(hop string) netip.Addr {
	if at, err := netip.ParseAddrPort(hop); err == nil {
		return at.Addr().Unmap().WithZone("")
	}
	if inner, ok := strings.CutPrefix(hop, "["); ok {
		hop = strings.TrimSuffix(inner, "]")
	}
	at, err := netip.ParseAddr(hop)
	if err != nil {
		return netip.Addr{}
	}
	return at.Unmap().WithZone("")
}
