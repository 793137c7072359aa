package behaviour

import (
	"context"
	"net/netip"
	"slices"
	"sync"
)

// home is how a home is connected.
type home struct {
	mapping, filtering Dependence
	none               bool // no NAT: a public address
	deaf               bool // nothing passes
	routers            []netip.Addr
	forwards           uint16 // a port of the router that goes to the first line
}

// world is an Internet with one home in it, of which all is known.
type world struct {
	home
	servers map[string]*host          // by name
	names   map[string]netip.AddrPort // of the servers; others are never resolved

	mu    sync.Mutex
	lines []*simLine
	sent  []netip.AddrPort // to where anybody at home has sent
}

// host is a STUN server: at all its addresses, with all its ports.
type host struct {
	addresses []netip.Addr
	ports     []uint16
	plain     bool           // it does not know RFC 5780
	refuses   bool           // it says that it does, and refuses
	ignores   bool           // it answers as if it had not been asked for anything
	own       bool           // it is this project's, with one address
	claims    netip.AddrPort // OTHER-ADDRESS that it has not, if valid
	noPort    bool           // it does not know RESPONSE-PORT
	drops     bool           // it does not answer what it does not know
	lame      bool           // nothing comes to its second address, or from there
}

var (
	first  = netip.MustParseAddr("203.0.113.1")
	second = netip.MustParseAddr("203.0.113.2")
	third  = netip.MustParseAddr("192.0.2.3")
	inside = netip.MustParseAddr("192.168.1.5")
	public = netip.MustParseAddr("198.51.100.7")
)

// newWorld returns one with servers called a, b and so on.
func newWorld(h home, servers ...*host) *world {
	w := &world{home: h, servers: map[string]*host{}, names: map[string]netip.AddrPort{}}
	for i, s := range servers {
		name := string(rune('a' + i))
		if len(s.ports) == 0 {
			s.ports = []uint16{3478, 3479}
		}
		w.servers[name], w.names[name] = s, netip.AddrPortFrom(s.addresses[0], s.ports[0])
	}
	return w
}

func (w *world) all() (names []string) {
	for name := range w.servers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (w *world) resolve(ctx context.Context, name string) (netip.AddrPort, error) {
	if at, ok := w.names[name]; ok {
		return at, nil
	}
	<-ctx.Done()
	return netip.AddrPort{}, ctx.Err()
}

func (w *world) open(context.Context) (line, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &simLine{world: w, from: netip.AddrPortFrom(inside, 40000+uint16(len(w.lines))), spoken: map[uint16][]netip.AddrPort{}}
	if w.none {
		l.from = netip.AddrPortFrom(public, l.from.Port())
	}
	w.lines = append(w.lines, l)
	return l, nil
}

func (w *world) hops(context.Context, netip.AddrPort) []netip.Addr { return w.routers }

// simLine is a socket in the world.
type simLine struct {
	*world
	from   netip.AddrPort
	spoken map[uint16][]netip.AddrPort // by port outside: to whom it has sent
}

func (l *simLine) Close() error                        { return nil }
func (l *simLine) local(netip.AddrPort) netip.AddrPort { return l.from }

// outside is the port that the NAT shows to an address.
func (l *simLine) outside(to netip.AddrPort) uint16 {
	if l.none {
		return l.from.Port()
	}
	p := l.from.Port() + 1000
	if l.mapping == OnAddress || l.mapping == OnAddressAndPort {
		p += 100 * uint16(to.Addr().As4()[3])
	}
	if l.mapping == OnAddressAndPort {
		p += 1000 * (to.Port() % 10)
	}
	return p
}

// deliver is who gets a datagram to a port outside; nil for nobody.
func (w *world) deliver(from netip.AddrPort, to uint16) *simLine {
	if to == w.forwards && to != 0 {
		return w.lines[0]
	}
	for _, l := range w.lines {
		spoken, mapped := l.spoken[to]
		if !mapped && !(w.none && l.from.Port() == to) {
			continue
		}
		if w.filtering == Independent || slices.ContainsFunc(spoken, func(a netip.AddrPort) bool {
			return a == from || w.filtering == OnAddress && a.Addr() == from.Addr()
		}) {
			return l
		}
	}
	return nil
}

func (l *simLine) ask(ctx context.Context, q question) (reply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.outside(q.to)
	l.sent = append(l.sent, q.to)
	l.spoken[out] = append(l.spoken[out], q.to)
	var s *host
	for _, h := range l.servers {
		if slices.Contains(h.addresses, q.to.Addr()) && slices.Contains(h.ports, q.to.Port()) {
			s = h
		}
	}
	if l.deaf || s == nil || s.lame && q.to.Addr() == s.addresses[1] {
		return reply{}, errSilent
	}
	a, from, to, err := s.answer(q, netip.AddrPortFrom(public, out))
	if err != nil {
		return reply{}, err
	}
	if s.lame && from.Addr() == s.addresses[1] {
		return reply{}, errSilent
	}
	var target line = l
	if q.at != nil {
		target = q.at
	}
	switch got := l.deliver(from, to); {
	case got == nil || line(got) != target && got != l:
		return reply{}, errSilent
	case line(got) != target || from != q.source():
		return reply{}, errElsewhere
	}
	return a, nil
}

// answer is what a server says, from where, and to which port.
func (h *host) answer(q question, seen netip.AddrPort) (a reply, from netip.AddrPort, to uint16, err error) {
	a, from, to = reply{seen: seen}, q.to, seen.Port()
	other := netip.AddrPortFrom(q.to.Addr(), h.ports[0]+h.ports[len(h.ports)-1]-q.to.Port())
	able := len(h.addresses) > 1 && !h.plain
	switch {
	case h.claims.IsValid():
		a.other = h.claims
	case able:
		a.other = netip.AddrPortFrom(h.addresses[0], other.Port())
		if q.to.Addr() == h.addresses[0] {
			a.other = netip.AddrPortFrom(h.addresses[1], other.Port())
		}
	case h.own:
		a.other, a.own = other, true
	}
	wants := q.change != nothing && !q.own || q.responsePort != 0
	switch {
	case h.ignores || !wants && !q.own:
		return a, from, to, nil
	case h.drops:
		return a, from, to, errSilent
	case h.refuses || wants && (h.plain || h.noPort && q.responsePort != 0):
		return a, from, to, errRefused
	}
	switch {
	case q.own && h.own:
		from = other
	case q.change == both && a.other.IsValid():
		from = a.other
	case q.change == port && a.other.IsValid():
		from = other
	case q.change != nothing:
		return a, from, to, errRefused
	}
	if q.responsePort != 0 {
		to = q.responsePort
	}
	return a, from, to, nil
}
