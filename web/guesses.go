package web

import (
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// freeGuesses may be wrong before the next has to wait.
	freeGuesses = 5
	// firstWait doubles with each further wrong guess, up to longestWait.
	firstWait   = 2 * time.Second
	longestWait = 15 * time.Minute
	// maxGuessers bounds the clients that are remembered; who guessed longest ago makes room.
	maxGuessers = 256
	// maxAcquainted bounds those who knew the password; who came first makes room.
	maxAcquainted = 256
	// guessesInAll may be wrong within guessWindow, by all clients together; who knew the password and has guessed
	// nothing wrong since is not kept out by what others do.
	guessesInAll = 100
	guessWindow  = time.Minute
)

// guesses slows down who tries passwords. The zero value is ready.
type guesses struct {
	mu      sync.Mutex
	clients map[netip.Prefix]guessing
	knew    []netip.Prefix // who gave the password; the latest last
	window  time.Time      // when the current one began
	all     int            // wrong ones in it
}

type guessing struct {
	wrong int
	last  time.Time
}

// guesser is who guesses: an address, or the network of an IPv6 host, which has 2^64 of them.
func guesser(r *http.Request) netip.Prefix {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	addr := from.Addr().Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // so many bits it has
	return prefix
}

// wait is how long a client has to wait before its next guess is looked at.
func (g *guesses) wait(who netip.Prefix, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.clients[who]
	if g.all >= guessesInAll && now.Sub(g.window) < guessWindow && (c.wrong > 0 || !slices.Contains(g.knew, who)) {
		return guessWindow - now.Sub(g.window)
	}
	if c.wrong < freeGuesses {
		return 0
	}
	wait := longestWait
	if n := c.wrong - freeGuesses; n < 10 {
		wait = min(firstWait<<n, longestWait)
	}
	return max(c.last.Add(wait).Sub(now), 0)
}

// failed notes a wrong guess.
func (g *guesses) failed(who netip.Prefix, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.window) >= guessWindow {
		g.window, g.all = now, 0
	}
	g.all++
	if g.clients == nil {
		g.clients = map[netip.Prefix]guessing{}
	}
	c, known := g.clients[who]
	if !known && len(g.clients) >= maxGuessers {
		g.dropOldest()
	}
	if now.Sub(c.last) > 2*longestWait {
		c.wrong = 0
	}
	g.clients[who] = guessing{c.wrong + 1, now}
}

func (g *guesses) dropOldest() {
	var oldest netip.Prefix
	var last time.Time
	for who, c := range g.clients {
		if last.IsZero() || c.last.Before(last) {
			oldest, last = who, c.last
		}
	}
	delete(g.clients, oldest)
}

// right clears the name of who knew it at last.
func (g *guesses) right(who netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.clients, who)
	g.knew = slices.DeleteFunc(g.knew, func(p netip.Prefix) bool { return p == who })
	if len(g.knew) >= maxAcquainted {
		g.knew = slices.Delete(g.knew, 0, 1)
	}
	g.knew = append(g.knew, who)
}
