// Package auth lets peers prove to a tracker who they are, and trackers ask for it (RFC 7846,
// 6.1): by HTTP Digest (RFC 7616), by a TLS client certificate, or by a bearer token.
//
//	tracker:  Checker{Digest, Certificates, Tokens} ── Authorize ──> tracker.ServerConfig
//	peer:     Credentials ── Transport ──> http.Client of tracker.Client
//
// A user name or certificate that is a peer ID in hexadecimal speaks for that peer alone; any
// other may speak for whatever peer it likes.
package auth

import (
	"crypto/sha256"
	"net/http"
	"net/netip"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Realm is what the tracker calls what it protects (RFC 7616, 3.3).
const Realm = "swarmgate"

// Checker authorizes requests by any of the ways that are set. Make it by New.
type Checker struct {
	ways  []way
	guard guard
	now   func() time.Time
}

// way is one kind of credentials.
type way interface {
	// credential returns the credentials of this kind that come with a request, as far as they
	// show without much work: whose password they would prove, nil for nobody's, and what is
	// the same each time the same client shows them and known to no other; false for none.
	credential(r *http.Request) (user, shown []byte, ok bool)
	// check tells whose they are, if they are good. again asks for another try with a newer
	// challenge, which does not count as wrong.
	check(r *http.Request, now time.Time) (name string, ok, again bool)
	// challenges returns WWW-Authenticate headers, and what credentials made for them will
	// show, nil where that is not known.
	challenges(r *http.Request, now time.Time, again bool) (headers []string, shown []byte)
}

// New returns a checker for any of the ways, which are a *Digest, *Tokens or *Certificates.
// now is the clock, time.Now if nil.
func New(now func() time.Time, ways ...any) *Checker {
	c := &Checker{now: now}
	if now == nil {
		c.now = time.Now
	}
	for _, w := range ways {
		if w, ok := w.(way); ok {
			c.ways = append(c.ways, w)
		}
	}
	return c
}

// Authorize is for tracker.ServerConfig. A wrong try counts against the address that made it,
// and against the user's name from there; beyond the limit nothing is looked at any more but
// credentials that were good from there before, so that a peer is not shut out by a neighbour
// who guesses.
func (c *Checker) Authorize(r *http.Request, peerID string) (challenges []string, ok bool) {
	now, from := c.now(), source(r)
	var retry way
	for _, w := range c.ways {
		user, shown, has := w.credential(r)
		if !has {
			continue
		}
		a := attempt{from: from, mark: markOf(from, shown)}
		if user != nil {
			a.user = markOf(from, user)
		}
		charge, may := c.guard.may(a, now)
		if !may {
			continue
		}
		name, good, again := w.check(r, now)
		switch {
		case good && speaksFor(name, peerID):
			c.guard.refund(a, charge, now)
			c.guard.good(a.mark, now)
			return nil, true
		case again:
			c.guard.refund(a, charge, now)
			retry = w
		default:
			c.guard.wrong(a, charge, now)
		}
	}
	for _, w := range c.ways {
		headers, shown := w.challenges(r, now, retry == w)
		challenges = append(challenges, headers...)
		if retry == w && shown != nil { // who knows the secret will answer by this
			c.guard.good(markOf(from, shown), now)
		}
	}
	return challenges, false
}

// speaksFor tells whether who has this name may act for the peer.
func speaksFor(name, peerID string) bool {
	_, err := ppsp.ParsePeerID(name)
	return err != nil || name == peerID
}

// source is the address that a request comes from.
func source(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap().WithZone("")
}

// markOf names credentials that come from a place.
func markOf(from netip.Addr, credential []byte) (m mark) {
	h := sha256.New()
	raw := prefixOf(from).Addr().As16()
	h.Write(raw[:])
	h.Write(credential)
	copy(m[:], h.Sum(nil))
	return m
}
