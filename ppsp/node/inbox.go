package node

import (
	"net/netip"
	"sync"
)

// Bounds of what may wait for a swarm's loop; more is dropped, as a full socket buffer would.
const (
	inboxBytes  = 4 << 20
	inboxTrains = 4096
	inboxIdle   = 64 << 10 // bytes of memory that are kept when little comes
)

// inbox is where the reader of the socket leaves datagrams for a swarm's loop, which takes
// all that has come at once.
type inbox struct {
	mu      sync.Mutex
	waiting batch
	wake    chan struct{} // has a value when something came
}

// put copies datagrams that came from one peer.
func (x *inbox) put(b []byte, segment int, from netip.AddrPort) {
	x.mu.Lock()
	w := &x.waiting
	first := len(w.trains) == 0
	if len(w.bytes)+len(b) > inboxBytes || len(w.trains) >= inboxTrains {
		x.mu.Unlock()
		return
	}
	start := len(w.bytes)
	w.bytes = append(w.bytes, b...)
	w.trains = append(w.trains, train{from, start, len(w.bytes), max(segment, 1)})
	x.mu.Unlock()
	if first {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
}

// take exchanges an empty batch for what waits.
func (x *inbox) take(spare *batch) {
	if cap(spare.bytes) > inboxIdle && len(spare.bytes) < cap(spare.bytes)/16 {
		*spare = batch{}
	}
	spare.reset()
	x.mu.Lock()
	defer x.mu.Unlock()
	*spare, x.waiting = x.waiting, *spare
}
