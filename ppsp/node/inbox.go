package node

import (
	"net/netip"
	"sync"
)

// Bounds of what may wait for a swarm's loop; more is dropped, as a full socket buffer would.
const (
	inboxBytes  = 4 << 20
	inboxTrains = 4096
	inboxIdle   = 64 << 10 // bytes of memory that are kept when little comes: when of the …
	inboxLook   = 256      // last times of taking none needed a quarter of what there is
)

// inbox is where the reader of the socket leaves datagrams for a swarm's loop, which takes
// all that has come at once.
type inbox struct {
	mu      sync.Mutex
	waiting batch
	wake    chan struct{} // has a value when something came

	// Of the loop, which takes.
	taken int // times, since the last look
	most  int // bytes taken at once since then
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
	x.most = max(x.most, len(spare.bytes))
	if x.taken++; x.taken >= inboxLook {
		if x.most < cap(spare.bytes)/4 && cap(spare.bytes) > inboxIdle {
			*spare = batch{}
		}
		x.taken, x.most = 0, 0
	}
	spare.reset()
	x.mu.Lock()
	defer x.mu.Unlock()
	*spare, x.waiting = x.waiting, *spare
}
