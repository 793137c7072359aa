package dlna

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/dlna/lan"
)

// onlyHome lets requests pass that come from the home and are meant for it.
func onlyHome(guard *lan.Guard, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !guard.Local(from.Addr()) {
			http.Error(w, "only for the home's own network", http.StatusForbidden)
			return
		}
		if !homeHost(r.Host) {
			http.Error(w, "reach this server by its address", http.StatusMisdirectedRequest)
			return
		}
		r = widened(guard, r)
		// Who sends or takes nothing any more gives its connection back. What plays sets
		// deadlines of its own.
		control, deadline := http.NewResponseController(w), time.Now().Add(requestTime)
		_ = control.SetWriteDeadline(deadline) // else the connection's own limits hold
		if r.ContentLength != 0 {
			_ = control.SetReadDeadline(deadline)
		}
		next.ServeHTTP(w, r)
	})
}

// widened replaces a link-local address of IPv6 in the Host of a request by another of the same
// interface, if it has one: what we answer has URLs with it, which have no room for the interface of
// who reads them, so that players can't connect to such an address.
func widened(guard *lan.Guard, r *http.Request) *http.Request {
	asked, err := netip.ParseAddrPort(r.Host)
	if err != nil || !asked.Addr().Is6() || !asked.Addr().IsLinkLocalUnicast() {
		return r
	}
	own, known := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !known {
		return r
	}
	at, err := netip.ParseAddrPort(own.String())
	if err != nil {
		return r
	}
	if a := guard.Reachable(at.Addr().Zone()); a.IsValid() {
		r = r.WithContext(r.Context()) // a copy
		r.Host = netip.AddrPortFrom(a, asked.Port()).String()
	}
	return r
}

// requestTime is what a request and its answer may take, from its headers on.
const requestTime = 30 * time.Second

// homeHost tells whether a Host header names this machine in a way that no page in the
// Internet can have a browser use (DNS rebinding): by address, as LOCATION does, by
// localhost, or by a name that only the home's own resolver knows. HTTP/1.0 has none.
func homeHost(host string) bool {
	name := host
	if h, port, err := net.SplitHostPort(host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if name == "" {
		return true
	}
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return plainName(a.Zone())
	}
	for _, suffix := range []string{".local", ".lan", ".home", ".internal", ".home.arpa", ".localhost"} {
		if before, ok := strings.CutSuffix(name, suffix); ok {
			return plainName(before)
		}
	}
	return !strings.Contains(name, ".") && plainName(name)
}

func plainName(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}

// document answers with a description.
func document(b []byte, product string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"] = []string{`text/xml; charset="utf-8"`}
		h["Content-Length"] = []string{strconv.Itoa(len(b))}
		h["SERVER"] = []string{product}
		_, _ = w.Write(b)
	})
}
