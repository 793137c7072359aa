package auth

import (
	"net/netip"
	"sync"
	"time"
)

// Bounds of wrong tries. Who mistypes a password notices long before.
const (
	wrongTries  = 20               // at once, from one IPv4 address or IPv6 /64
	wrongOfUser = 10               // at once, at one user's password from there
	wrongRefill = 30 * time.Second // until one more is allowed
	maxGuarded  = 1 << 16          // buckets and credentials that are remembered, each
	goodFor     = time.Hour        // how long credentials are remembered as good
)

// guard counts wrong tries, by address and by user and address. The zero value is ready.
//
// This machine is nobody's address: a proxy calls from it for everybody, and who guesses by it
// would shut out all. There the tries at each user's password count alone.
type guard struct {
	mu    sync.Mutex
	tries map[target]time.Time // buckets that leak: when each will be empty again
	known map[mark]time.Time
}

// mark names credentials that come from a place.
type mark [16]byte

// target is what is tried from a place: the password of a user, or the zero mark for anything.
type target struct {
	from netip.Prefix
	user mark
}

// attempt is one try.
type attempt struct {
	from netip.Addr
	user mark // whose password is tried, zero for credentials that name nobody
	mark mark // the credentials
}

// everything is the target that all tries from the attempt's address count at; false for none.
func (a attempt) everything() (target, bool) {
	return target{from: prefixOf(a.from)}, !a.from.IsLoopback()
}

// one is the target that tries at this user's password count at; false for none.
func (a attempt) one() (target, bool) {
	return target{prefixOf(a.from), a.user}, a.user != mark{}
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
func (g *guard) may(a attempt, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at, known := g.known[a.mark]; known && now.Sub(at) < goodFor {
		return true
	}
	if t, counts := a.everything(); counts && g.full(t, wrongTries, now) {
		return false
	}
	t, counts := a.one()
	return !counts || !g.full(t, wrongOfUser, now)
}

func (g *guard) full(t target, tries time.Duration, now time.Time) bool {
	return g.tries[t].Sub(now) > (tries-1)*wrongRefill
}

// wrong counts a wrong try. Credentials with which somebody was in lose that: whoever has them
// does not have all of them, and gets no second guess for it.
func (g *guard) wrong(a attempt, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.known, a.mark)
	if t, counts := a.everything(); counts {
		g.fill(t, now)
	}
	if t, counts := a.one(); counts {
		g.fill(t, now)
	}
}

func (g *guard) fill(t target, now time.Time) {
	if g.tries == nil {
		g.tries = map[target]time.Time{}
	}
	empty, guarded := g.tries[t]
	if !guarded && len(g.tries) >= maxGuarded {
		for other, o := range g.tries { // any, but rather one that is empty again
			if delete(g.tries, other); o.After(now) {
				break
			}
		}
	}
	if empty.Before(now) {
		empty = now
	}
	g.tries[t] = empty.Add(wrongRefill)
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
