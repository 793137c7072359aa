package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// access decides whom the gateway answers.
type access struct {
	hosts  hosts
	lan    *lan
	origin *http.CrossOriginProtection
}

func newAccess(names []string, clients []netip.Prefix) access {
	machine, err := os.Hostname()
	if err != nil {
		machine = "" // one name fewer under which the gateway answers
	}
	return access{hosts: newHosts(machine, names), lan: newLAN(clients), origin: http.NewCrossOriginProtection()}
}

// refusal returns the sentence that tells a client why it is refused, empty if it is not.
func (a access) refusal(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if way := reachOf(r); way.unknown {
		if !way.owner && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			return "The reverse proxy in front of this gateway does not say who asks; let it set X-Forwarded-For to the address of its client."
		}
	} else if err != nil || !a.lan.holds(from.Addr()) {
		return fmt.Sprintf("This gateway answers its own home only, and %s is outside of it.", r.RemoteAddr)
	}
	if !a.hosts.answers(r.Host) {
		return fmt.Sprintf("This gateway does not answer to the name %q; open it by its IP address, by the name of its machine, or by a name that ends in .local.", r.Host)
	}
	if err := a.origin.Check(r); err != nil {
		return "A page of another site tried to change something here; nothing was changed."
	}
	return ""
}

// refusals bounds the log lines that strangers can cause.
const refusals = 10 // a minute

// guard puts the checks and the headers that hold for every path in front of next.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		r = s.arrived(r)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if why := s.access.refusal(r); why != "" {
			s.refusals.Warn().Str("client", r.RemoteAddr).Str("host", r.Host).Str("path", r.URL.Path).Str("why", why).Msg("request refused")
			s.fail(w, http.StatusForbidden, why)
			return
		}
		if leadsOut(r.URL.Path) {
			s.refusals.Warn().Str("client", r.RemoteAddr).Str("path", r.URL.Path).Msg("a path that leads out was asked for; there is nothing")
		}
		if len(r.TransferEncoding) > 0 && !s.whole(w, r) {
			return
		}
		if !s.permitted(r) {
			s.deny(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// leadsOut tells whether a path is of a form that only those write who look for files. No handler
// opens a file by a name in a path, so that nothing is found; it is only told.
func leadsOut(path string) bool {
	if strings.Contains(strings.ToLower(path), "%2e%2e") {
		return true
	}
	path = strings.ReplaceAll(path, `\`, "/")
	for step := range strings.SplitSeq(path, "/") {
		if step == ".." {
			return true
		}
	}
	return false
}

// whole refuses a body without a length. Where a reverse proxy and we disagree about where a
// request ends, a stranger's request would ride inside another's: so the connection ends behind
// each such body, and what a proxy took for a part of it is never read as a request. Only TVs
// are let in with one.
func (s *Server) whole(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Connection", "close")
	if strings.HasPrefix(r.URL.Path, "/dlna/") {
		return true
	}
	s.refusals.Warn().Str("client", r.RemoteAddr).Str("path", r.URL.Path).Msg("a body without a length was refused")
	s.fail(w, http.StatusLengthRequired, "Send the body with its Content-Length.")
	return false
}

// refusalLog is a log of what strangers can cause, with few lines.
func refusalLog(log zerolog.Logger) zerolog.Logger {
	return log.Sample(&zerolog.BurstSampler{Burst: refusals, Period: time.Minute})
}

// hosts are the names under which the gateway answers. A page of a stranger's site whose
// name suddenly resolves to an address of this home (DNS rebinding) sends its own name in
// Host, which none of these is.
type hosts struct {
	machine string          // first label of the machine's name
	names   map[string]bool // in full
}

// homeSuffixes are domains that no one can register; routers use them for the home.
var homeSuffixes = []string{"", ".local", ".lan", ".home", ".home.arpa", ".internal"}

func newHosts(machine string, names []string) hosts {
	h := hosts{names: map[string]bool{}}
	machine = canonicalName(machine)
	if machine != "" {
		h.names[machine] = true
		h.machine, _, _ = strings.Cut(machine, ".")
	}
	for _, name := range names {
		h.names[canonicalName(name)] = true
	}
	return h
}

// forwarded returns which name a client wrote, of that which its proxy wrote to us and of what the header says. A page of
// a stranger's site can set the header, but not its own name: so that must not be a stranger's, and one that the
// gateway was given is the client's own. Who makes up a name without a dot has no site under it.
func (h hosts) forwarded(host, said string) string {
	name, _ := withoutPort(host)
	name = canonicalName(name)
	other, _ := withoutPort(said)
	ours := h.names[name] && canonicalName(other) != name
	if said == "" || strings.Contains(name, ".") && (ours || !h.answers(host)) {
		return host
	}
	return said
}

func canonicalName(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// answers tells whether the value of a Host field is one of ours. An empty one is: old
// players send none, browsers always do.
func (h hosts) answers(host string) bool {
	if host == "" {
		return true
	}
	name, ok := withoutPort(host)
	if !ok {
		return false
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return err == nil && addr.Is6() && strings.HasSuffix(name, "]")
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Is4()
	}
	name = canonicalName(name)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".local") {
		return true
	}
	if label, suffix, _ := strings.Cut(name, "."); h.machine != "" && label == h.machine {
		for _, home := range homeSuffixes {
			if "."+suffix == home || suffix == home {
				return true
			}
		}
	}
	return h.names[name]
}

// withoutPort cuts a decimal port from a Host field.
func withoutPort(host string) (string, bool) {
	at := strings.LastIndexByte(host, ':')
	if at < 0 || strings.HasSuffix(host, "]") {
		return host, true
	}
	for _, c := range host[at+1:] {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return host[:at], true
}
