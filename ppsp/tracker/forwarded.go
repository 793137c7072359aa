package tracker

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Behind returns a handler for a tracker behind proxies at these addresses, which speak HTTPS for
// it: requests from there count as from the address that the proxies name last in
// X-Forwarded-For. What others write there is worth nothing. Such an address has no port, so
// that nobody takes it for one of a peer.
func Behind(proxies []netip.Prefix, h http.Handler) http.Handler {
	if len(proxies) == 0 {
		return h
	}
	trusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if trusted(source(r).Addr()) {
			if from := forwarded(r.Header.Values("X-Forwarded-For"), trusted); from.IsValid() {
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
func forwarded(headers []string, trusted func(netip.Addr) bool) netip.Addr {
	list := strings.Split(strings.Join(headers, ","), ",")
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

// forwardedAddress reads an address, with or without a port.
func forwardedAddress(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err == nil
}
