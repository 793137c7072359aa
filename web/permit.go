package web

import (
	"crypto/subtle"
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// openPaths are for everybody at home, password or not: the page itself, which asks for the
// password, and what says that the gateway is alive. None tells of the catalog.
var openPaths = []string{"/{$}", "/watch/", "/gateway/", "/assets/", "/licences.txt", "/favicon.ico", "/healthz", "/readyz", "/api/v1/login"}

// streamPaths are for TVs and players, which can give no password.
var streamPaths = []string{
	"/live/", "/film/", "/ch/", "/dlna/", "/channels.m3u", "/films.m3u", "/films.json", "/films.rss", "/xmltv.xml", "/xmltv.xml.gz",
	"/discover.json", "/lineup.json", "/lineup_status.json", "/lineup.post", "/device.xml",
}

// among tells whether a path is one of a list, in which what ends in "/" stands for all below.
func among(paths []string, path string) bool {
	for _, one := range paths {
		if one == "/{$}" && path == "/" || one == path || strings.HasSuffix(one, "/") && strings.HasPrefix(path, one) {
			return true
		}
	}
	return false
}

// permitted tells whether a request may be served without the password, or has given it.
func (s *Server) permitted(r *http.Request) bool {
	path := r.URL.Path
	switch {
	case !s.locked() || among(openPaths, path):
		return true
	case among(streamPaths, path) && (s.config.Access.Guests || reachOf(r).keyed || s.plays(r)):
		return true
	case s.config.Access.Guests && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return true
	}
	return s.member(r)
}

// plays tells whether who asks is a TV or player by its address.
func (s *Server) plays(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && (len(s.config.Access.Streams) == 0 || contains(s.config.Access.Streams, from.Addr().Unmap()))
}

// deny answers who lacks the password.
func (s *Server) deny(w http.ResponseWriter, r *http.Request) {
	if wait := s.signin.guesses.wait(guesser(r), s.signin.now()); wait > 0 {
		s.tooMany(w, wait)
		return
	}
	s.refusals.Warn().Str("client", r.RemoteAddr).Str("method", r.Method).Str("path", r.URL.Path).Msg("refused without the password")
	w.Header().Set("WWW-Authenticate", `Bearer realm="swarmgate"`)
	s.fail(w, http.StatusUnauthorized, "This takes the password of the household: sign in on the page, or send a token (Authorization: Bearer).")
}

func (s *Server) tooMany(w http.ResponseWriter, wait time.Duration) {
	seconds := int(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	s.fail(w, http.StatusTooManyRequests, fmt.Sprintf("There were too many wrong guesses; try again in %d s.", seconds))
}

// cutKey takes the key of streams off a path: "/k/KEY/live/…".
func (s *Server) cutKey(path string) (rest, key string, ok bool) {
	after, ok := strings.CutPrefix(path, "/k/")
	key, _, _ = strings.Cut(after, "/")
	known := s.config.Access.Key
	rest = strings.TrimPrefix(after, key)
	if !ok || known == "" || subtle.ConstantTimeCompare([]byte(key), []byte(known)) != 1 || !among(streamPaths, rest) {
		return "", "", false
	}
	return rest, key, true
}

// streamKey is what stands in front of the paths of streams in what we tell a client: the key,
// where its players may need it.
func (s *Server) streamKey(r *http.Request) string {
	a := &s.config.Access
	if s.locked() && !a.Guests && len(a.Streams) > 0 && a.Key != "" && (reachOf(r).keyed || s.member(r)) {
		return "/k/" + a.Key
	}
	return ""
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}
