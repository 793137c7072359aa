package swarm

import "math"

// All channels of a film send through one uplink, which mostly is where datagrams queue. Were each to
// find out by itself what it may send, who has just come to need something would begin with a datagram
// or two, and grow slowly as the others keep a queue: while lines wait, the uplink would not be full. So
// they are coupled, as in RFC 8699 (5.3.1): what all may send follows the queue that all see, and as
// long as they send less, those that have something to send may go beyond their own windows, up to their
// shares of it. A channel that sees another queue, or losses, has its own window only.
const (
	coupledQueue = 40e6  // ns of queue that is aimed at; who sees twice as much goes by itself
	coupledMore  = 0.04  // how much more may be sent after each look at which there is no queue, …
	coupledLess  = 0.1   // … and less at twice that
	coupledUsed  = 0.8   // of what may be sent was sent, where it may become more
	coupledAlone = 1e9   // ns after many losses that a channel goes by itself
	coupledOver  = 1.1   // times what was sent that may be sent at most
	coupledSpan  = 200e6 // ns over which it is smoothed what is sent
	coupledBurst = 5e6   // ns of sending that may be caught up
	coupledShare = 2     // times what each would have if all took as much
	coupledIdle  = 10e6  // ns for which less is sent than may be, after which those are served who wait for their turns
)

// coupled is what the channels share.
type coupled struct {
	allowed float64 // bytes per second, of all
	each    float64 // of each that has something to send
	sendAt  int64   // when they have sent less than that
	sent    int     // bytes since at
	at      int64
	rate    float64 // bytes per second sent, smoothed
}

// couple looks how much may be sent, by the queue of our uplink, by so many.
func (s *Swarm) couple(now, queue int64, active int) {
	k := &s.uploads.coupled
	span := float64(now - k.at)
	k.at = now
	rate := float64(k.sent) * 1e9 / max(span, 1)
	k.sent = 0
	k.rate += (rate - k.rate) * min(span/coupledSpan, 1)
	switch off := 1 - float64(queue)/coupledQueue; {
	case off < 0:
		k.allowed = max(k.allowed*(1+coupledLess*max(off, -1)), min(k.allowed, k.rate*coupledUsed))
	case k.rate > coupledUsed*k.allowed:
		k.allowed = max(min(k.allowed*(1+coupledMore*off), k.rate*coupledOver), k.rate)
	}
	if s.budget.rate > 0 {
		k.allowed = min(k.allowed, float64(s.budget.rate))
	}
	k.each = 0
	if active > 1 {
		k.each = k.allowed / float64(active) * coupledShare
	}
	for _, c := range s.order {
		c.apart = c.control.QueueDelay() > 2*coupledQueue || c.setback != 0 && now-c.setback < coupledAlone
		if c.queue.chunks > 0 || c.again.len() > 0 {
			c.dueAt = min(c.dueAt, c.nextTimeout())
		}
	}
}

// paced notes that so many bytes were sent.
func (k *coupled) paced(now int64, size int) {
	k.sent += size
	if k.allowed > 0 {
		k.sendAt = max(k.sendAt, now-coupledBurst) + int64(float64(size)*1e9/k.allowed)
	}
}

// idleAt is when those may send whose turn it is not.
func (k *coupled) idleAt() int64 {
	if k.allowed == 0 {
		return math.MaxInt64
	}
	return k.sendAt + coupledIdle
}

// share is how many bytes the channel may have under way by what all may send.
func (c *channel) share() int {
	if c.apart {
		return 0
	}
	return int(c.s.uploads.coupled.each * float64(c.control.RTT()) / 1e9)
}

// lent tells whether one more chunk may go by that.
func (c *channel) lent() bool { return c.control.Flight()+c.s.usualChunk() <= c.share() }
