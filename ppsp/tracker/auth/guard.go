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
	known map[mark]trusted
}

// trusted is what is remembered of credentials that were right.
type trusted struct {
	at   time.Time
	open int // tries with them that are being looked at
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

// charge is what a try that is being looked at was let in by: it counts as wrong from the
// beginning, so that many at the same time are no more than one after the other.
type charge bool

const (
	onCount charge = false // as a wrong one
	onTrust charge = true  // as one of the few at a time with known credentials
)

// may tells whether credentials are to be looked at. Then good, wrong or refund has to follow.
func (g *guard) may(a attempt, now time.Time) (c charge, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if k, known := g.known[a.mark]; known && now.Sub(k.at) < goodFor && k.open < wrongOfUser {
		k.open++
		g.known[a.mark] = k
		return onTrust, true
	}
	all, countsAll := a.everything()
	one, countsOne := a.one()
	if countsAll && g.full(all, wrongTries, now) || countsOne && g.full(one, wrongOfUser, now) {
		return onCount, false
	}
	g.fillBoth(a, now)
	return onCount, true
}

func (g *guard) full(t target, tries time.Duration, now time.Time) bool {
	return g.tries[t].Sub(now) > (tries-1)*wrongRefill
}

// wrong ends a wrong try. Credentials with which somebody was in lose that: whoever has them
// does not have all of them, and gets no second guess for it.
func (g *guard) wrong(a attempt, c charge, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.known, a.mark)
	if c == onTrust {
		g.fillBoth(a, now)
	}
}

// refund ends a try that was not wrong.
func (g *guard) refund(a attempt, c charge, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c == onTrust {
		if k, known := g.known[a.mark]; known && k.open > 0 {
			k.open--
			g.known[a.mark] = k
		}
		return
	}
	if t, counts := a.everything(); counts {
		g.drain(t, now)
	}
	if t, counts := a.one(); counts {
		g.drain(t, now)
	}
}

func (g *guard) drain(t target, now time.Time) {
	if empty, guarded := g.tries[t]; guarded {
		if empty = empty.Add(-wrongRefill); empty.After(now) {
			g.tries[t] = empty
		} else {
			delete(g.tries, t)
		}
	}
}

func (g *guard) fillBoth(a attempt, now time.Time) {
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
	k, known := g.known[m]
	if known && now.Sub(k.at) < goodFor/2 {
		return
	}
	if g.known == nil {
		g.known = map[mark]trusted{}
	}
	if !known && len(g.known) >= maxGuarded {
		for other := range g.known {
			delete(g.known, other)
			break
		}
	}
	g.known[m] = trusted{now, k.open}
}
