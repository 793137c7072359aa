package lan

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// guardMemory is how long the subnets of this machine are believed before they are read
// again, so that a host outside of them can't make the gateway read them at will.
const guardMemory = 5 * time.Second

// Guard tells hosts of the home from the rest of the world. The zero value is ready. It
// may be used by many goroutines.
type Guard struct {
	// Interfaces reads the interfaces of this machine; List if nil.
	Interfaces func() ([]Interface, error)
	// Selection keeps hosts of the networks out that it denies.
	Selection Selection

	mu   sync.Mutex
	nets []netip.Prefix
	all  []Interface
	read time.Time
}

// Local tells whether a is this machine, a private or link-local address, or lies in a
// subnet of this machine; and in no network that the selection shuts out.
func (g *Guard) Local(a netip.Addr) bool {
	a = plain(a)
	if !g.holds(a) {
		return false
	}
	if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() {
		return true
	}
	_, ok := g.Network(a)
	return ok
}

// holds goes by the selection. A list of allowed networks of the home does not shut out who
// speaks over a link-local address of IPv6.
func (g *Guard) holds(a netip.Addr) bool {
	s := g.Selection
	if a.Is6() && a.IsLinkLocalUnicast() {
		s.Networks = nil
	}
	return s.Holds(a)
}

// Network returns the subnet of this machine that holds a, with the own address in it;
// where several do, the smallest.
func (g *Guard) Network(a netip.Addr) (netip.Prefix, bool) {
	a = plain(a)
	var best netip.Prefix
	for _, p := range g.networks() {
		if p.Contains(a) && (!best.IsValid() || p.Bits() > best.Bits()) {
			best = p
		}
	}
	return best, best.IsValid()
}

// Near tells whether a is an address of this machine or of a subnet of it, whatever the selection
// says: what it shuts out lies in the home all the same.
func (g *Guard) Near(a netip.Addr) bool {
	_, in := g.Network(a)
	return in || g.Own(a)
}

// Reachable returns the address by which hosts beside this machine on an interface reach it in a
// URL, which has no room for a zone; invalid if the interface has none that the selection takes.
func (g *Guard) Reachable(name string) netip.Addr {
	for _, i := range g.interfaces() {
		if i.Name != name {
			continue
		}
		i = g.Selection.within(i)
		if a := i.Primary(); a.IsValid() {
			return a
		}
		return i.Wide()
	}
	return netip.Addr{}
}

// Own tells whether a is an address of this machine.
func (g *Guard) Own(a netip.Addr) bool {
	a = plain(a)
	return a.IsLoopback() || slices.ContainsFunc(g.networks(), func(p netip.Prefix) bool { return p.Addr() == a })
}

// networks returns the subnets as they were at most guardMemory ago.
func (g *Guard) networks() []netip.Prefix {
	g.look()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.nets
}

// interfaces returns those of this machine, likewise.
func (g *Guard) interfaces() []Interface {
	g.look()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all
}

// look reads the interfaces if that is long ago. If they can't be read, those known before stay.
func (g *Guard) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.read.IsZero() && time.Since(g.read) < guardMemory {
		return
	}
	g.read = time.Now()
	list := g.Interfaces
	if list == nil {
		list = List
	}
	all, err := list()
	if err != nil {
		return
	}
	nets := make([]netip.Prefix, 0, len(all))
	for _, i := range all {
		nets = append(nets, i.Prefixes...)
	}
	g.nets, g.all = nets, all
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
