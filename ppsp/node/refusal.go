package node

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// maxGreeted is how many of the newest greetings are remembered.
const maxGreeted = 64

// greetings remembers to whom initiating HANDSHAKEs went. A peer of draft 10 refuses one by a
// closing HANDSHAKE to channel 0, so that nothing but its address tells which swarm it means.
type greetings struct {
	mu   sync.Mutex
	ring [maxGreeted]greeting
	next int
}

type greeting struct {
	to    netip.AddrPort
	swarm *Swarm
}

// note remembers what s sends, if it is a greeting.
func (g *greetings) note(s *Swarm, b []byte, to netip.AddrPort) {
	if len(b) <= wire.ChannelSize || binary.BigEndian.Uint32(b) != 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.ring {
		if e == (greeting{to, s}) {
			return
		}
	}
	g.ring[g.next] = greeting{to, s}
	g.next = (g.next + 1) % maxGreeted
}

// take appends the swarms that greeted addr, and forgets that they did.
func (g *greetings) take(dst []*Swarm, addr netip.AddrPort) []*Swarm {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k, e := range g.ring {
		if e.swarm != nil && e.to == addr {
			dst = append(dst, e.swarm)
			g.ring[k] = greeting{}
		}
	}
	return dst
}

// forget drops what is remembered of a swarm that has ended.
func (g *greetings) forget(s *Swarm) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k, e := range g.ring {
		if e.swarm == s {
			g.ring[k] = greeting{}
		}
	}
}
