package auth

import (
	"net/netip"
	"sync"
	"time"
)

// Bounds of wrong tries. Who mistypes a password notices long before.
const (
	wrongTries  = 20               // at once, from one IPv4 address or IPv6 /64
	wrongRefill = 30 * time.Second // until one more is allowed
	maxGuarded  = 1 << 16          // addresses and credentials that are remembered, each
	goodFor     = time.Hour        // how long credentials are remembered as good
)

// guard counts wrong tries. The zero value is ready.
type guard struct {
	mu    sync.Mutex
	tries map[netip.Prefix]tries
	known map[mark]time.Time
}

type mark [16]byte

// tries is a bucket that leaks: each wrong try fills it by wrongRefill.
type tries struct {
	full time.Time // when it will be empty again
}

// prefixOf is what counts as one address.
func prefixOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // the zero Prefix without an address
	return p
}

// may tells whether credentials are to be looked at.
func (g *guard) may(from netip.Addr, m mark, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, guarded := g.tries[prefixOf(from)]
	if !guarded || t.full.Sub(now) <= (wrongTries-1)*wrongRefill {
		return true
	}
	at, known := g.known[m]
	return known && now.Sub(at) < goodFor
}

// wrong counts a wrong try.
func (g *guard) wrong(from netip.Addr, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tries == nil {
		g.tries = map[netip.Prefix]tries{}
	}
	p := prefixOf(from)
	t, guarded := g.tries[p]
	if !guarded && len(g.tries) >= maxGuarded {
		for other, o := range g.tries { // any, but rather one that is free again
			p2 := other
			if delete(g.tries, p2); o.full.After(now) {
				break
			}
		}
	}
	if t.full.Before(now) {
		t.full = now
	}
	t.full = t.full.Add(wrongRefill)
	g.tries[p] = t
}

// good remembers credentials that were right.
func (g *guard) good(m mark, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at, known := g.known[m]; known && now.Sub(at) < goodFor/2 {
		return
	}
	if g.known == nil {
		g.known = map[mark]time.Time{}
	}
	if len(g.known) >= maxGuarded {
		for other := range g.known {
			delete(g.known, other)
			break
		}
	}
	g.known[m] = now
}
