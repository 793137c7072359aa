package web

import (
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
)

// ownerOnly lets only the owner of the gateway through: who sits at its machine, or shows
// Config.OwnerToken. A guest of the home may watch; who takes part is not his to decide.
func (s *Server) ownerOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !fromThisMachine(r) && !s.showsToken(r) {
			s.log.Warn().Str("client", r.RemoteAddr).Str("path", r.URL.Path).Msg("only the owner may do this")
			s.fail(w, http.StatusForbidden, "Only the owner of the gateway may change this; nothing was changed. "+
				"Run the command on the gateway's own machine, or give it --token with a copy of the file owner.token, which lies in the gateway's --dir.")
			return
		}
		next(w, r)
	}
}

// household lets through who may do everything that the household does: with a password, who gave
// it. Guests may watch; how the gateway is run is not for them.
func (s *Server) household(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.locked() && !s.member(r) {
			s.deny(w, r)
			return
		}
		next(w, r)
	}
}

// fromThisMachine tells whether a program of this machine asks, and not by a proxy for others.
func fromThisMachine(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() || reachOf(r).proxy {
		return false
	}
	for _, field := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(field) != "" {
			return false
		}
	}
	return true
}

func (s *Server) showsToken(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return s.config.OwnerToken != "" && strings.EqualFold(scheme, "Bearer") &&
		subtle.ConstantTimeCompare([]byte(strings.TrimSpace(token)), []byte(s.config.OwnerToken)) == 1
}
