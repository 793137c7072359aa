package ledbat

const (
	drainEvery = minute // ns from the end of one drain to the next
	drainTrips = 2      // round trips that a drain lasts
	// drainShare bounds what drains cost on a long path: at most one part in so many.
	drainShare = 20
)

// drain empties the queue that a busy flow keeps at the bottleneck, for a moment, so that
// the base delay is seen again: by this flow, which would else forget it after baseHistory
// minutes, and by others that came later and take our queue for part of the path (RFC 6817,
// 4.4).
type drain struct {
	started bool  // next is set
	next    int64 // when the next one begins
	active  bool
	until   int64
	resume  float64 // window to return to by slow start
}

// step runs the drain at an acknowledgement; true means that the window stays as it is.
func (d *drain) step(c *Controller, now int64) bool {
	if c.eager || c.starting {
		return false
	}
	switch {
	case !d.started:
		d.started, d.next = true, now+drainEvery
	case d.active && now < d.until:
		return true
	case d.active:
		d.active = false
		c.starting, c.threshold = true, max(d.resume, minWindow*c.mss)
	case now >= d.next && c.QueueDelay() > c.target/4:
		d.begin(c, now)
		return true
	}
	return false
}

// begin shrinks the window to its minimum. It is to come back by slow start to what fills
// the path and a quarter of the queue, which is too little to end slow start early.
func (d *drain) begin(c *Controller, now int64) {
	rtt := c.rtt.latest()
	queue := min(c.QueueDelay(), rtt)
	d.resume = c.window * (1 - 0.75*float64(queue)/float64(rtt))
	d.active = true
	d.until = now + (drainTrips+1)*rtt // the first of them empties the queue
	d.next = d.until + max(drainEvery, drainShare*(d.until-now))
	c.cut(0)
}
