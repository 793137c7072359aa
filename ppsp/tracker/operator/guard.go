package operator

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard lets in who asks by a name of the tracker (else a page elsewhere could have its name
// lead here: DNS rebinding), from no other site where something changes (CSRF), and with the
// credentials that are wanted.
func (d *Desk) guard(h http.Handler) http.Handler {
	sites := http.NewCrossOriginProtection()
	sites.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusForbidden, "Another site may not change anything here.")
	}))
	h = sites.Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		if !d.ours(r.Host) {
			fail(w, http.StatusMisdirectedRequest, "Ask by the tracker's IP address, by localhost, or by a name in its certificate.")
			return
		}
		if d.config.Authorize != nil {
			if challenges, ok := d.config.Authorize(r, ""); !ok {
				header["Www-Authenticate"] = challenges
				fail(w, http.StatusUnauthorized, "Show the operator's token: as Authorization: Bearer TOKEN, or as the password of any user.")
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// ours tells whether a Host header names this tracker.
func (d *Desk) ours(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || slices.ContainsFunc(d.config.Names, func(n string) bool { return strings.EqualFold(n, host) })
}
