package membership

import (
	"fmt"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// MismatchLimit is how long others are waited for once a peer has shown that the link is wrong.
const MismatchLimit = 8 * time.Second

// Mismatch is in what peers have a swarm otherwise than its link says. The zero value is nothing.
// Its methods may be called by several goroutines at once.
type Mismatch struct {
	mu    sync.Mutex
	words string
	since time.Time
}

// Note takes an event of the swarm. What those say who turned to us, and whom nobody named, counts
// for nothing: it may be meant to make us give up. A tracker or a peer may have named such a one, too.
func (m *Mismatch) Note(e swarm.Event) {
	if e.Kind != swarm.EventMismatch || !e.Dialled {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.words == "" {
		m.since = time.Now()
	}
	m.words = fmt.Sprintf("peer %s has it by other metadata: %s; the link is damaged or old: copy it again from who publishes it", e.Peer, e.Reason)
}

// Why returns that in words, with the remedy; empty for nothing.
func (m *Mismatch) Why() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.words
}

// Hopeless tells whether a peer showed it longer ago than MismatchLimit: who has received nothing
// by now can give up.
func (m *Mismatch) Hopeless(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.words != "" && now.Sub(m.since) > MismatchLimit
}
