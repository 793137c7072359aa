package membership

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// MismatchLimit is how long others are waited for once a peer has shown that the link is wrong.
const MismatchLimit = 8 * time.Second

// maxOthers bounds the addresses that are remembered of peers that differ.
const maxOthers = 256

// Mismatch is in what peers have a swarm otherwise than its link says. The zero value is nothing.
// Its methods may be called by several goroutines at once.
type Mismatch struct {
	mu     sync.Mutex
	words  string
	since  time.Time                   // when that came up, or the last of agrees was gone
	agrees map[netip.AddrPort]struct{} // connected, and has it as the link says, as far as it has shown
	others map[netip.AddrPort]struct{} // showed that they have not, see maxOthers
	gotten bool                        // a chunk that fits the link
	length bool                        // the link may have a wrong length, which who has nothing yet can't know
}

// Note takes an event of the swarm. What those say who turned to us, and whom nobody named, counts
// for nothing: it may be meant to make us give up. A tracker or a peer may have named such a one, too, so
// it counts for little as long as others agree with the link.
func (m *Mismatch) Note(e swarm.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch e.Kind {
	case swarm.EventChunks:
		m.gotten = true
	case swarm.EventPeerUp:
		if m.agrees == nil {
			m.agrees = map[netip.AddrPort]struct{}{}
		}
		if _, differs := m.others[e.Peer]; !differs {
			m.agrees[e.Peer] = struct{}{}
		}
	case swarm.EventPeerDown:
		m.leaves(e.Peer)
	case swarm.EventMismatch:
		m.leaves(e.Peer)
		if m.others == nil {
			m.others = map[netip.AddrPort]struct{}{}
		}
		if len(m.others) < maxOthers {
			m.others[e.Peer] = struct{}{}
		}
		if !e.Dialled {
			return
		}
		if m.words == "" {
			m.since = time.Now()
		}
		m.length = !e.Chunks.Empty()
		m.words = fmt.Sprintf("peer %s has it by other metadata: %s; the link is damaged or old: copy it again from who publishes it", e.Peer, e.Reason)
	}
}

// leaves takes peer from those that agree. The caller holds mu.
func (m *Mismatch) leaves(peer netip.AddrPort) {
	if _, ok := m.agrees[peer]; !ok {
		return
	}
	delete(m.agrees, peer)
	if len(m.agrees) == 0 {
		m.since = time.Now()
	}
}

// Why returns that in words, with the remedy; empty for nothing.
func (m *Mismatch) Why() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.words
}

// Unopposed tells whether a peer showed it, and neither is one connected that agrees with the link nor has
// one ever given a chunk that fits it. As to the length of a film only chunks count: of who is connected
// the engine knows better.
func (m *Mismatch) Unopposed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.unopposed()
}

func (m *Mismatch) unopposed() bool {
	return m.words != "" && !m.gotten && (m.length || len(m.agrees) == 0)
}

// Hopeless tells whether that has been so for longer than MismatchLimit: who has received nothing by
// now can give up.
func (m *Mismatch) Hopeless(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.unopposed() && now.Sub(m.since) > MismatchLimit
}
