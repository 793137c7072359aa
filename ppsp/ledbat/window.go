package ledbat

// arrived tells whether so many bytes were sent before the last cut. What they tell led to
// it, so they move the window no further: a cut takes a round trip to show.
func (c *Controller) arrived(bytes int) bool {
	old := c.stale > 0
	c.stale = max(c.stale-bytes, 0)
	return old
}

// grow moves the window by what n acknowledged bytes tell.
func (c *Controller) grow(n int) {
	c.filling = max(c.filling-n, 0)
	queue, acked := c.QueueDelay(), float64(n)
	if c.starting {
		c.start(queue, acked)
		return
	}
	offTarget := float64(c.target-queue) / float64(c.target)
	switch {
	case c.eager:
		c.window += acked * c.mss / c.window
	case offTarget >= 0:
		c.window += gain * offTarget * acked * c.mss / c.window
	default:
		// At twice the target the window halves within a round trip. "Implementations
		// MAY use a higher GAIN for cwnd decrease than for the increase."
		c.window -= min(-offTarget, 1) * acked / 2
	}
}

// start is slow start: the window doubles in a round trip, up to the threshold or until a
// queue shows. What told of the queue was sent when the window was half as large, so back
// to that; an eager flow keeps its window, as TCP does (RFC 9406, 4.2).
func (c *Controller) start(queue int64, acked float64) {
	switch {
	case c.eager && queue >= c.target:
		c.starting = false
	case !c.eager && queue >= c.target/2:
		c.cut(c.window / 2)
	default:
		c.window = min(c.window+acked, c.threshold)
		if c.window >= c.threshold {
			c.starting, c.filling = false, int(c.window)
		}
	}
}

// cut sets the window to less, and ends slow start.
func (c *Controller) cut(window float64) {
	c.window = max(window, minWindow*c.mss)
	c.starting, c.stale = false, c.flight
}

// clamp keeps the window near what is in use and within its bounds. "When the sender is
// application-limited, the sender's cwnd is clamped down using max_allowed_cwnd to a little
// more than flightsize" (RFC 6817, 2.4.2), where the flight is the largest of the last round
// trips, since datagrams go out and are acknowledged in trains. An eager flow keeps what it
// had before, so that a burst after a calm second finds its window, but does not grow
// unused (RFC 7661, 4.3).
func (c *Controller) clamp(now int64, before float64) {
	used := float64(c.peak.value(now, c.rtt.latest()))
	allowed := used + allowedIncrease*c.mss
	switch {
	case c.eager:
		allowed = max(before, 2*used)
	case c.starting || c.filling > 0:
		allowed = 2 * used
	}
	c.window = max(min(c.window, allowed, c.maxWindow), minWindow*c.mss)
}
