package tracker

import (
	"hash/maphash"
	"sync"
	"time"
)

// Bounds of what a server remembers of CONNECTs.
const (
	repeatSlots = 1 << 16          // so many are remembered, 24 bytes each: 1,000 a second
	repeatWays  = 4                // slots for messages of one hash; the oldest gives way
	repeatAge   = 60 * time.Second // longer than a client goes on repeating
)

// repeats remembers which of the latest CONNECTs were carried out, so that one that comes
// again, because its answer was lost, is answered alike although it finds another state: a
// LEAVE was done already, or by Table 6 the peer is no longer in START. FIND and STAT_REPORT
// change nothing that would matter to their repetition, and what was refused may be tried
// again. RFC 7846, 4.3: "The tracker MUST be prepared to receive a request with a repeated
// transaction_id."
type repeats struct {
	seed maphash.Seed

	mu    sync.Mutex
	slots []repeat
}

// repeat is a CONNECT that was carried out.
type repeat struct {
	key  uint64 // of the whole message
	at   int64  // Unix ns
	done uint32 // bit i: action i was successful; MaxActions is 32
}

func newRepeats() *repeats { return &repeats{seed: maphash.MakeSeed()} }

// get returns what was done for the message. It is known by all of its content: RFC 7846,
// 4.3: "The transaction_id on a request can be reused if and only if all of the content is
// identical".
func (r *repeats) get(body []byte, now time.Time) (done uint32, repeated bool) {
	key := maphash.Bytes(r.seed, body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slots == nil {
		return 0, false
	}
	for _, slot := range r.ways(key) {
		age := now.UnixNano() - slot.at
		if slot.key == key && slot.at != 0 && age >= 0 && age < int64(repeatAge) {
			return slot.done, true
		}
	}
	return 0, false
}

// ways returns the slots where a message may be.
func (r *repeats) ways(key uint64) []repeat {
	at := key % (repeatSlots / repeatWays) * repeatWays
	return r.slots[at : at+repeatWays]
}

// put remembers what was done for the message, in the place of another one.
func (r *repeats) put(body []byte, now time.Time, done uint32) {
	key := maphash.Bytes(r.seed, body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slots == nil {
		r.slots = make([]repeat, repeatSlots)
	}
	ways := r.ways(key)
	oldest := 0
	for i := range ways {
		if ways[i].key == key {
			oldest = i
			break
		}
		if ways[i].at < ways[oldest].at {
			oldest = i
		}
	}
	ways[oldest] = repeat{key: key, at: now.UnixNano(), done: done}
}
