package swarm

// bucket limits a rate: it fills with bytes by time and is drawn by what is sent. The
// zero value does not limit.
type bucket struct {
	rate   int64 // bytes per second, up to maxRate; 0 for no limit
	level  int64 // bytes; falls below zero by what is sent without asking
	filled int64 // when
}

// maxRate keeps the products below within 64 bits; nothing sends as fast.
const maxRate = 1 << 33 // bytes per second

// SetUpload changes how many bytes per second this swarm may send, 0 for no limit.
func (s *Swarm) SetUpload(rate int64) {
	if rate = min(max(rate, 0), maxRate); rate == s.budget.rate {
		return
	}
	s.budget.rate = rate
	for _, c := range s.order {
		c.dueAt = min(c.dueAt, c.nextTimeout())
	}
}

// limit is the level at which the bucket is full: a tenth of a second, and at least two
// datagrams.
func (k *bucket) limit() int64 { return max(k.rate/10, 2*MaxDatagram) }

// fill adds what has come since the last call.
func (k *bucket) fill(now int64) {
	if now >= k.filled+k.span(k.limit()-k.level) {
		k.level, k.filled = k.limit(), now
		return
	}
	if n := (now - k.filled) * k.rate / 1e9; n > 0 {
		k.level += n
		k.filled += n * 1e9 / k.rate // what is less than a byte is not lost
	}
}

// span is the time in which n bytes come, rounded up.
func (k *bucket) span(n int64) int64 { return (n*1e9 + k.rate - 1) / k.rate }

// empty tells whether nothing may be sent now.
func (k *bucket) empty(now int64) bool {
	if k.rate == 0 {
		return false
	}
	k.fill(now)
	return k.level <= 0
}

// short tells whether all that may be sent is being sent.
func (k *bucket) short() bool { return k.rate != 0 && k.level <= 0 }

// take draws n bytes. The debt is bounded, so that a lower limit does not pay for ever for
// what a higher one allowed.
func (k *bucket) take(n int) {
	if k.rate != 0 {
		k.level = max(k.level-int64(n), -k.limit()-maxDebt)
	}
}

// maxDebt is, beyond limit, how far the level may fall, bytes.
const maxDebt = 1 << 17

// ready returns since when, or from when on, the bucket has bytes.
func (k *bucket) ready() int64 {
	if k.rate == 0 || k.level > 0 {
		return k.filled
	}
	return k.filled + k.span(1-k.level)
}
