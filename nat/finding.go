package nat

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// The types of findings, as they are printed and as RFC 7846 (4.1.2, "type" of a peer address) and RFC 8445 tell
// addresses apart.
const (
	Pinhole   = "pinhole"   // an IPv6 address of this machine that a firewall lets through
	Host      = "host"      // an address of this machine
	Mapped    = "mapped"    // a port of the gateway that it forwards to this machine
	Reflexive = "reflexive" // an address that somebody outside sees
)

// Finding is one address at which the socket may be reached.
type Finding struct {
	Addr netip.AddrPort
	Type string // Pinhole, Host, Mapped or Reflexive
	By   string // who says so: an interface, a gateway, a STUN server; plain text of at most 100 characters
}

// source is one of the four that find addresses. Their order is the order of Findings: a pinhole is before a host address
// that it says more of; a peer in the same home should try those before what is outside, and a mapping lets strangers in
// where a reflexive address needs punching.
type source int

const (
	sourcePinhole source = iota
	sourceHosts
	sourceMapping
	sourceSTUN
	sources
)

// board holds what each source has found last.
type board struct {
	mu       sync.Mutex
	findings [sources][]Finding
	text     [sources]string
	changed  chan struct{}
}

func (b *board) init() { b.changed = make(chan struct{}, 1) }

// put replaces what a source has found and its words. It reports whether the findings of all differ from before, and
// whether the words do.
func (b *board) put(s source, found []Finding, text string) (moved, news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.merged()
	news = b.text[s] != text
	b.findings[s], b.text[s] = found, text
	if slices.EqualFunc(before, b.merged(), func(x, y Finding) bool { return x.Addr == y.Addr && x.Type == y.Type }) {
		return false, news
	}
	select {
	case b.changed <- struct{}{}:
	default: // the receiver has not looked since the last change
	}
	return true, news
}

// of returns what a source has found last.
func (b *board) of(s source) []Finding {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.findings[s]
}

func (b *board) all() []Finding {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.merged()
}

// merged joins the sources; an address that two of them know counts for the first. What is misplaced is left aside.
func (b *board) merged() []Finding {
	var all []Finding
	for _, found := range b.findings {
		for _, f := range found {
			if !b.misplaced(f) && !slices.ContainsFunc(all, func(o Finding) bool { return o.Addr == f.Addr }) {
				all = append(all, f)
			}
		}
	}
	return all
}

// misplaced tells whether a gateway forwards a port of an address that is not ours, as far as those see who answer from
// outside: what it says of itself is wrong, or leads elsewhere.
func (b *board) misplaced(f Finding) bool {
	if f.Type != Mapped {
		return false
	}
	seen := false
	for _, o := range b.findings[sourceSTUN] {
		if !public(o.Addr.Addr()) {
			continue // by a server in the home
		}
		if o.Addr.Addr() == f.Addr.Addr() {
			return false
		}
		seen = seen || o.Addr.Addr().Is4() == f.Addr.Addr().Is4()
	}
	return seen
}

// misplacedWords says so to people.
const misplacedWords = "The router names an address outside that nobody there sees, so its port is not counted on: " +
	"it may have two connections to the Internet, or lie behind another router."

func (b *board) words() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for _, t := range b.text {
		if t != "" {
			lines = append(lines, t)
		}
	}
	if slices.ContainsFunc(b.findings[sourceMapping], b.misplaced) {
		lines = append(lines, misplacedWords)
	}
	return strings.Join(lines, "\n")
}

// Bounds, in characters, of texts that a gateway or a server chose and that people read.
const (
	maxPlain  = 80  // names
	maxReason = 240 // errors
)

// plain makes a name from outside fit for a log and a page: printable, one line, at most maxPlain characters.
func plain(s string) string { return shorten(s, maxPlain) }

// reason does the same with the text of an error.
func reason(err error) string { return shorten(err.Error(), maxReason) }

func shorten(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "?") {
		if n++; n > limit {
			b.WriteString("…")
			break
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
