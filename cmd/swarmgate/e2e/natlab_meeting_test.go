//go:build e2e

package e2e

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/nat/lab"
)

// meeting notes when two homes send each other something, as it passes their computers' interfaces.
type meeting struct {
	mu     sync.Mutex
	sides  [2]side
	change chan struct{} // closed and made anew when something happens
}

// side is what one of them has done, zero times for what it has not.
type side struct {
	sent, got time.Time
	asked     bool // it had sent before it got anything: somebody told it of the other
}

// observe begins to note, until the test ends.
func observe(t *testing.T, a, b *lab.Home) *meeting {
	t.Helper()
	m := &meeting{change: make(chan struct{})}
	for i, h := range []*lab.Home{a, b} {
		other := b
		if i == 1 {
			other = a
		}
		inside, outside := h.Inside, other.Outside
		stop, err := h.Host.Watch(func(p lab.Packet) { m.note(i, inside, outside, p) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	return m
}

func (m *meeting) note(i int, inside, outside netip.Addr, p lab.Packet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.sides[i]
	switch {
	case p.From.Addr() == inside && p.To.Addr() == outside && s.sent.IsZero():
		s.sent, s.asked = p.At, s.got.IsZero()
	case p.To.Addr() == inside && p.From.Addr() == outside && s.got.IsZero():
		s.got = p.At
	default:
		return
	}
	close(m.change)
	m.change = make(chan struct{})
}

// connected tells whether each has got something of the other, and how long after both knew each other: one who is
// told of the other knows when he sends first, one who is found knows when he gets something.
func (m *meeting) connected() (took time.Duration, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var knew, got time.Time
	for _, s := range m.sides {
		if s.got.IsZero() {
			return 0, false
		}
		if got = later(got, s.got); s.asked {
			knew = later(knew, s.sent)
		}
	}
	return got.Sub(knew), true
}

// String tells how far they got.
func (m *meeting) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	yes := func(t time.Time) string {
		if t.IsZero() {
			return "nothing"
		}
		return t.Format("15:04:05.000")
	}
	return fmt.Sprintf("the first sent %s and got %s, the second sent %s and got %s",
		yes(m.sides[0].sent), yes(m.sides[0].got), yes(m.sides[1].sent), yes(m.sides[1].got))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// await waits until both have got something, for so long.
func (m *meeting) await(limit time.Duration) (took time.Duration, ok bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		m.mu.Lock()
		change := m.change
		m.mu.Unlock()
		if took, ok := m.connected(); ok {
			return took, true
		}
		select {
		case <-change:
		case <-timer.C:
			return 0, false
		}
	}
}
