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
	// credential returns the credentials of this kind that come with a request, nil for none.
	// It must cost next to nothing.
	credential(r *http.Request) []byte
	// check tells whose they are, if they are good. again asks for another try with a newer
	// challenge, which does not count as wrong.
	check(r *http.Request, now time.Time) (name string, ok, again bool)
	// challenges returns WWW-Authenticate headers.
	challenges(now time.Time, again bool) []string
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

// Authorize is for tracker.ServerConfig. A wrong try counts against the address that made it;
// beyond the limit nothing is looked at any more but credentials that were good from there
// before, so that a peer is not shut out by a neighbour who guesses.
func (c *Checker) Authorize(r *http.Request, peerID string) (challenges []string, ok bool) {
	now := c.now()
	var again bool
	for _, w := range c.ways {
		credential := w.credential(r)
		if credential == nil {
			continue
		}
		from := source(r)
		mark := markOf(from, credential)
		if !c.guard.may(from, mark, now) {
			continue
		}
		name, good, retry := w.check(r, now)
		switch {
		case good && speaksFor(name, peerID):
			c.guard.good(mark, now)
			return nil, true
		case retry:
			again = true
		default:
			c.guard.wrong(from, now)
		}
	}
	for _, w := range c.ways {
		challenges = append(challenges, w.challenges(now, again)...)
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
