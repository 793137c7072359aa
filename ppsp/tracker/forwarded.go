package tracker

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// The headers by which proxies name who asks.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded"
)

// Behind returns a handler for a tracker behind proxies at these addresses, which speak HTTPS for
// it: requests from there count as from the address that the proxies name last in
// the header, X-Forwarded-For or Forwarded (RFC 7239). What others write there is worth nothing, and so
// is the other header, which a proxy may pass on as a client wrote it. Such an address has no port, so
// that nobody takes it for one of a peer.
func Behind(proxies []netip.Prefix, header string, h http.Handler) http.Handler {
	if len(proxies) == 0 {
		return h
	}
	trusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if trusted(source(r).Addr()) {
			if from := forwarded(hops(header, r.Header), trusted); from.IsValid() {
				r.RemoteAddr = netip.AddrPortFrom(from, 0).String()
			}
		}
		h.ServeHTTP(w, r)
	})
}

// maxForwarded bounds how many proxies are looked past.
const maxForwarded = 16

// forwarded returns the last address that is not trusted, which is the one that a trusted proxy
// saw itself; the zero Addr if there is none, or if a proxy names none.
func forwarded(list []string, trusted func(netip.Addr) bool) netip.Addr {
	for i := len(list) - 1; i >= 0 && i >= len(list)-maxForwarded; i-- {
		a, ok := forwardedAddress(strings.TrimSpace(list[i]))
		if !ok {
			return netip.Addr{}
		}
		if !trusted(a) {
			return a
		}
	}
	return netip.Addr{}
}

// hops returns what proxies say of whence a request came, the last proxy last.
func hops(header string, h http.Header) []string {
	if header != Forwarded {
		return strings.Split(strings.Join(h.Values(header), ","), ",")
	}
	var list []string
	for _, line := range h.Values(header) { // a quotation that a client leaves open ends with its line
		for _, element := range splitOutside(line, ',') {
			list = append(list, forwardedFor(element))
		}
	}
	return list
}

// forwardedFor returns the "for" of one element of Forwarded: an address, in brackets and quotes
// where it is one of IPv6 (RFC 7239, 6); empty where there is none.
func forwardedFor(element string) string {
	for _, pair := range splitOutside(element, ';') {
		name, value, found := strings.Cut(pair, "=")
		if found && strings.EqualFold(strings.TrimSpace(name), "for") {
			value = strings.TrimSpace(value)
			if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			return value
		}
	}
	return ""
}

// splitOutside splits a header's value, but not within quotation marks.
func splitOutside(s string, separator byte) (parts []string) {
	quoted, from := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted: // an escape, which no address has: what follows is not understood
			return append(parts, "")
		case s[i] == separator && !quoted:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	return append(parts, s[from:])
}

// forwardedAddress reads an address, with or without a port.
func forwardedAddress(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err == nil
}
