package gena

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anacrolix/dms/upnp"
)

// Bounds of a subscription's duration. A subscriber gets what it asks for within them.
const (
	minTimeout = time.Minute
	maxTimeout = 30 * time.Minute
)

// Bounds of the CALLBACK header.
const (
	maxCallbacks      = 4
	maxCallbackHeader = 2048 // bytes
)

// Answers of UDA 1.1, 4.1.2 to 4.1.4.
const (
	statusIncompatible = http.StatusBadRequest         // SID beside NT or CALLBACK
	statusUnknownSID   = http.StatusPreconditionFailed // also a missing or bad CALLBACK or NT
)

var errFull = errors.New("too many subscriptions")

// ServeHTTP answers SUBSCRIBE, which also renews, and UNSUBSCRIBE.
func (p *Publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["SERVER"] = []string{p.product}
	switch r.Method {
	case "SUBSCRIBE":
		p.serveSubscribe(w, r)
	case "UNSUBSCRIBE":
		w.WriteHeader(p.unsubscribe(r))
	default:
		w.Header().Set("Allow", "SUBSCRIBE, UNSUBSCRIBE")
		http.Error(w, "events are subscribed to by SUBSCRIBE", http.StatusMethodNotAllowed)
	}
}

func (p *Publisher) serveSubscribe(w http.ResponseWriter, r *http.Request) {
	timeout := parseTimeout(r.Header.Get("TIMEOUT"))
	if sid := r.Header.Get("SID"); sid != "" {
		if r.Header.Get("NT") != "" || r.Header.Get("CALLBACK") != "" {
			w.WriteHeader(statusIncompatible)
			return
		}
		if !p.renew(sid, timeout) {
			w.WriteHeader(statusUnknownSID)
			return
		}
		p.log.Debug().Str("service", p.service).Str("from", r.RemoteAddr).Msg("subscription renewed")
		accept(w, sid, timeout)
		return
	}
	s, err := p.subscribe(r, timeout)
	if err != nil {
		p.log.Debug().Err(err).Str("service", p.service).Str("from", r.RemoteAddr).Msg("subscription refused")
		code := statusUnknownSID
		if errors.Is(err, errFull) {
			code = http.StatusServiceUnavailable
		}
		w.WriteHeader(code)
		return
	}
	accept(w, s.sid, timeout)
	// The initial event must not overtake the answer: the subscriber needs its SID.
	_ = http.NewResponseController(w).Flush()
	p.mu.Lock()
	s.ready, s.notBefore = true, time.Now().Add(initialDelay)
	p.mu.Unlock()
	p.wake()
}

func accept(w http.ResponseWriter, sid string, timeout time.Duration) {
	h := w.Header()
	h["SID"] = []string{sid}
	h["TIMEOUT"] = []string{fmt.Sprintf("Second-%d", timeout/time.Second)}
	h["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
}

func (p *Publisher) subscribe(r *http.Request, timeout time.Duration) (*subscriber, error) {
	if nt := r.Header.Get("NT"); nt != "upnp:event" {
		return nil, fmt.Errorf("NT is %q, not upnp:event", nt)
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil, fmt.Errorf("subscriber's address: %w", err)
	}
	host := remote.Addr().Unmap().WithZone("")
	callbacks, err := p.callbacks(r.Header.Get("CALLBACK"), remote.Addr().Unmap())
	if err != nil {
		return nil, err
	}
	s := &subscriber{sid: newSID(), host: host, callbacks: callbacks, expires: time.Now().Add(timeout)}
	return s, p.add(s)
}

func newSID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0F|0x40, id[8]&0x3F|0x80
	return upnp.FormatUUID(id[:])
}

func (p *Publisher) add(s *subscriber) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(time.Now())
	var oldest *subscriber
	of := 0
	for _, have := range p.subscribers {
		if have.host == s.host {
			if of++; oldest == nil {
				oldest = have
			}
		}
	}
	switch {
	case of >= maxPerHost:
		p.remove(oldest)
	case len(p.subscribers) >= maxSubscribers:
		return errFull
	}
	p.subscribers = append(p.subscribers, s)
	return nil
}

func (p *Publisher) renew(sid string, timeout time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.expire(now)
	s := p.find(sid)
	if s == nil {
		return false
	}
	s.expires = now.Add(timeout)
	p.wake()
	return true
}

func (p *Publisher) unsubscribe(r *http.Request) int {
	sid := r.Header.Get("SID")
	if r.Header.Get("NT") != "" || r.Header.Get("CALLBACK") != "" {
		return statusIncompatible
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(time.Now())
	s := p.find(sid)
	if s == nil {
		return statusUnknownSID
	}
	p.remove(s)
	return http.StatusOK
}

func (p *Publisher) find(sid string) *subscriber {
	i := slices.IndexFunc(p.subscribers, func(s *subscriber) bool { return s.sid == sid })
	if i < 0 {
		return nil
	}
	return p.subscribers[i]
}

// parseTimeout reads the TIMEOUT header ("Second-1800", "Second-infinite").
func parseTimeout(header string) time.Duration {
	seconds, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(header)), "second-")
	n, err := strconv.ParseUint(seconds, 10, 31)
	if !ok || err != nil {
		return maxTimeout
	}
	return min(max(time.Duration(n)*time.Second, minTimeout), maxTimeout)
}

// callbacks reads the CALLBACK header (UDA 1.1, 4.1.2: URLs in angle brackets) and keeps
// those that the host may name. Link-local ones of IPv6 lie on the interface on which it asks.
func (p *Publisher) callbacks(header string, host netip.Addr) ([]string, error) {
	if len(header) > maxCallbackHeader {
		return nil, errors.New("CALLBACK is too long")
	}
	var allowed []string
	for rest := header; len(allowed) < maxCallbacks; {
		_, after, ok := strings.Cut(rest, "<")
		if !ok {
			break
		}
		var raw string
		if raw, rest, ok = strings.Cut(after, ">"); !ok {
			break
		}
		if u, err := url.Parse(strings.TrimSpace(raw)); err == nil && p.mayCall(u, host.WithZone("")) {
			onLink(u, host.Zone())
			allowed = append(allowed, u.String())
		}
	}
	if len(allowed) == 0 {
		return nil, fmt.Errorf("CALLBACK %q has no http URL with an address in the network of %v", header, host)
	}
	return allowed, nil
}

// onLink names the interface of a link-local address.
func onLink(u *url.URL, zone string) {
	to, err := netip.ParseAddr(u.Hostname())
	if err != nil || zone == "" || !to.Is6() || !to.IsLinkLocalUnicast() {
		return
	}
	port := u.Port()
	if u.Host = "[" + to.WithZone(zone).String() + "]"; port != "" {
		u.Host += ":" + port
	}
}

// mayCall tells whether a subscriber may have events sent to u: to itself, or to another
// host of its subnet that is not this machine.
func (p *Publisher) mayCall(u *url.URL, host netip.Addr) bool {
	to, err := netip.ParseAddr(u.Hostname())
	if err != nil || u.Scheme != "http" || u.User != nil || to.Zone() != "" {
		return false
	}
	if to = to.Unmap(); to == host {
		return true
	}
	if p.guard.Own(to) {
		return p.guard.Own(host)
	}
	network, ok := p.guard.Network(host)
	return ok && network.Contains(to) && p.guard.Local(to)
}
