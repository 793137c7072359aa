package node

import "sync"

// Bounds of what may wait for a swarm's loop; more is dropped, as a full socket buffer would.
const (
	inboxBytes  = 4 << 20
	inboxTrains = 4096
)

// inbox is where the reader of the socket leaves datagrams for a swarm's loop, which takes
// all that has come at once.
type inbox struct {
	mu      sync.Mutex
	waiting load
	wake    chan struct{} // has a value when something came
	spare   slots
}

// load is what waits in an inbox.
type load struct {
	trains []train
	packed []*slot // memory of those without a slot of their own
	used   int     // bytes of the last of packed
	size   int     // bytes of trains
}

// packedTrain is up to how many bytes trains are copied; larger ones keep their slot.
const packedTrain = trainBytes / 2

// put takes datagrams that came from one peer, and tells whether it keeps their slot.
func (x *inbox) put(t train) (kept bool) {
	x.mu.Lock()
	w := &x.waiting
	first := len(w.trains) == 0
	if w.size+len(t.bytes) > inboxBytes || len(w.trains) >= inboxTrains {
		x.mu.Unlock()
		return false
	}
	if kept = t.slot != nil && len(t.bytes) > packedTrain; !kept {
		t.bytes, t.slot = x.pack(t.bytes), nil
	}
	w.size += len(t.bytes)
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

// pack returns a copy of b, which is no longer than a slot.
func (x *inbox) pack(b []byte) []byte {
	w := &x.waiting
	if len(w.packed) == 0 || w.used+len(b) > trainBytes {
		w.packed, w.used = append(w.packed, x.spare.take()), 0
	}
	to := w.packed[len(w.packed)-1][w.used : w.used+len(b) : w.used+len(b)]
	w.used += len(b)
	copy(to, b)
	return to
}

// take exchanges what waits for a load that was worked off.
func (x *inbox) take(done *load) {
	for _, t := range done.trains {
		if t.slot != nil {
			x.spare.give(t.slot)
		}
	}
	for _, m := range done.packed {
		x.spare.give(m)
	}
	clear(done.trains)
	clear(done.packed)
	*done = load{trains: done.trains[:0], packed: done.packed[:0]}
	x.mu.Lock()
	defer x.mu.Unlock()
	*done, x.waiting = x.waiting, *done
}
