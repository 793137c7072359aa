package web

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// pageRoutes are addresses that the page needs and programs rarely do.
func (s *Server) pageRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"/api/v1/preview":             methods{http.MethodPost: s.showPreview},
		"/api/v1/reach":               methods{http.MethodGet: s.showReach},
		"/api/v1/qr.svg":              methods{http.MethodGet: s.showQR},
		"/film/{id}/subtitles/{file}": methods{http.MethodGet: s.subtitles},
	}
}

// reachable is where other devices of the home open the page, at /api/v1/reach.
type reachable struct {
	Page    string `json:"page"`    // empty if they can't
	Problem string `json:"problem"` // why, and what to do; one sentence
}

// showReach tells the address under which the client knows us, unless that is its own machine's.
func (s *Server) showReach(w http.ResponseWriter, r *http.Request) {
	answerJSON(w, http.StatusOK, s.reachable(r, net.InterfaceAddrs))
}

func (s *Server) reachable(r *http.Request, addresses func() ([]net.Addr, error)) reachable {
	from, err := url.Parse(s.origin(r) + "/")
	if err != nil || !thisMachine(from.Hostname()) {
		return reachable{Page: s.origin(r) + "/"}
	}
	at := func(host string) reachable {
		there := *from
		there.Host = net.JoinHostPort(host, cmp.Or(from.Port(), "80"))
		return reachable{Page: there.String()}
	}
	const closed = "The page is open to this machine alone; start the gateway with --http :8088, and phones of the home reach it."
	if a := s.config.Listen; a.IsValid() && !a.Addr().IsUnspecified() {
		if a.Addr().IsLoopback() {
			return reachable{Problem: closed}
		}
		return at(a.Addr().String())
	}
	all, err := addresses()
	if err != nil {
		return reachable{Problem: "This machine does not tell its address; open the page by the address that your router shows for it."}
	}
	for _, one := range all {
		prefix, err := netip.ParsePrefix(one.String())
		if err != nil || !prefix.Addr().Unmap().Is4() || prefix.Addr().IsLoopback() || prefix.Addr().IsLinkLocalUnicast() {
			continue
		}
		return at(prefix.Addr().Unmap().String())
	}
	return reachable{Problem: "This machine is in no network; connect it to the one that your phone is in."}
}

// thisMachine tells whether a name means whichever machine it is asked on.
func thisMachine(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
