package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// origin returns scheme and host as the client knows them: "http://192.168.1.5:8088". The
// guard has checked the host.
func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	host := r.Host
	if host == "" { // a client of HTTP/1.0
		if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = addr.String()
		}
	}
	return scheme + "://" + host
}

// itemURLs are the absolute addresses of an item.
type itemURLs struct {
	Page string `json:"page"`
	TS   string `json:"ts,omitempty"`
	File string `json:"file,omitempty"`
}

func urlsOf(origin string, item proxy.Item) itemURLs {
	id := url.PathEscape(item.ID)
	urls := itemURLs{Page: origin + "/watch/" + id}
	if item.Kind == ppsp.Live {
		urls.TS = origin + "/live/" + id + ".ts"
	} else {
		urls.File = origin + "/film/" + id
	}
	return urls
}

// maxDataLogo bounds a logo that is carried in its own URL, in bytes.
const maxDataLogo = 32 << 10

// logoURL returns the logo of an item if a browser or player in the home may fetch it:
// a picture in the URL itself, or https from a public name. A publisher must not make the
// devices of the home send requests to each other.
func logoURL(logo string) string {
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
	host = canonicalName(host)
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
