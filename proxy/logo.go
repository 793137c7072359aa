package proxy

import (
	"net/netip"
	"net/url"
	"strings"
)

// maxDataLogo bounds a logo that is carried in its own URL, in bytes.
const maxDataLogo = 32 << 10

// PublicLogo returns the logo of an item if a browser or player in the home may fetch it:
// a picture in the URL itself, or https from a public name. A publisher must not make the
// devices of the home send requests to each other.
func PublicLogo(logo string) string {
	u, err := url.Parse(logo)
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "data":
		for _, kind := range []string{"image/png;", "image/jpeg;", "image/webp;", "image/gif;"} {
			if strings.HasPrefix(u.Opaque, kind) && len(logo) <= maxDataLogo {
				return logo
			}
		}
	case "https":
		if u.User == nil && publicName(u.Hostname()) {
			return u.String()
		}
	}
	return ""
}

// publicName tells whether a host name may lie outside of the home.
func publicName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return false
	}
	for _, suffix := range []string{".localhost", ".local", ".lan", ".home", ".home.arpa", ".internal"} {
		if strings.HasSuffix(host, suffix) {
			return false
		}
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	return strings.Trim(last, "0123456789") != "" // 127.1 is an address to browsers
}
