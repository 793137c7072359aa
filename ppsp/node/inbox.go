package node

import "sync"

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
	size    int           // bytes of waiting
	wake    chan struct{} // has a value when something came
	spare   slots

	// Of the loop, which takes.
	taken int // times, since the last look
	most  int // bytes copied at once since then
}

// copiedTrain is up to how many bytes trains are copied; larger ones keep their slot.
const copiedTrain = 8 << 10

// put takes datagrams that came from one peer, and tells whether it keeps their slot.
func (x *inbox) put(t train) (kept bool) {
	x.mu.Lock()
	w := &x.waiting
	first := len(w.trains) == 0
	if x.size+len(t.bytes) > inboxBytes || len(w.trains) >= inboxTrains {
		x.mu.Unlock()
		return false
	}
	if kept = t.slot != nil && len(t.bytes) > copiedTrain; !kept {
		start := len(w.bytes)
		w.bytes = append(w.bytes, t.bytes...)
		t.bytes, t.slot = w.bytes[start:], nil
	}
	x.size += len(t.bytes)
	w.trains = append(w.trains, t)
	x.mu.Unlock()
	if first {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
	return kept
}

// take exchanges what waits for a batch that was worked off.
func (x *inbox) take(spare *batch) {
	for _, t := range spare.trains {
		if t.slot != nil {
			x.spare.give(t.slot)
		}
	}
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
	*spare, x.waiting, x.size = x.waiting, *spare, 0
}
