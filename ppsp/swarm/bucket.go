package swarm

// bucket limits a rate: it fills with bytes by time and is drawn by what is sent. The
// zero value does not limit.
type bucket struct {
	rate   int64 // bytes per second, 0 for no limit
	level  int64 // bytes; may fall below zero by one datagram
	filled int64 // when
}

// SetUpload changes how many bytes per second this swarm may send, 0 for no limit.
func (s *Swarm) SetUpload(rate int64) {
	if rate == s.budget.rate {
		return
	}
	s.budget.rate = rate
	for _, c := range s.order {
		c.dueAt = min(c.dueAt, c.nextTimeout())
	}
}

// burst is how long the bucket fills without being drawn.
const burst = 100e6 // ns

// fill adds what has come since the last call.
func (k *bucket) fill(now int64) {
	span := min(max(now-k.filled, 0), int64(burst))
	k.filled = now
	limit := max(k.rate/10, 2*MaxDatagram)
	k.level = min(k.level+span*k.rate/1e9, limit)
}

// empty tells whether nothing may be sent now.
func (k *bucket) empty(now int64) bool {
	if k.rate == 0 {
		return false
	}
	k.fill(now)
	return k.level <= 0
}

// take draws n bytes.
func (k *bucket) take(n int) {
	if k.rate != 0 {
		k.level -= int64(n)
	}
}

// ready returns since when, or from when on, the bucket has bytes.
func (k *bucket) ready() int64 {
	if k.rate == 0 || k.level > 0 {
		return k.filled
	}
	return k.filled + (1-k.level)*1e9/k.rate + 1
}
