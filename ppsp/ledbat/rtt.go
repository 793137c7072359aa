package ledbat

const (
	initialRTO = 1_000_000_000 // ns: "CTO = 1 second"
	// minRTO is below the 1 s of RFC 6298, 2.4, which allows for coarse clocks and
	// delayed acknowledgements; a PPSPP peer acknowledges each chunk at once.
	minRTO = 200_000_000
	// maxRTO: "if placed, it MUST be at least 60 seconds".
	maxRTO      = 60_000_000_000
	granularity = 1_000_000
	maxRTT      = maxRTO
)

// roundTrip estimates the round trip and the timeout (RFC 6298).
type roundTrip struct {
	srtt, variance int64
	last           int64
	rto            int64
}

// update takes a round trip in ns, 0 if unknown.
func (r *roundTrip) update(rtt int64) {
	if rtt <= 0 {
		return
	}
	rtt = min(rtt, maxRTT)
	r.last = rtt
	if r.srtt == 0 {
		r.srtt, r.variance = rtt, rtt/2
	} else {
		off := r.srtt - rtt
		r.variance += (max(off, -off) - r.variance) / 4
		r.srtt -= off / 8
	}
	r.rto = min(max(r.srtt+max(4*r.variance, granularity), minRTO), maxRTO)
}

func (r *roundTrip) smoothed() int64 { return r.srtt }

// latest returns the newest round trip, or the initial timeout before there is one.
func (r *roundTrip) latest() int64 {
	if r.last == 0 {
		return initialRTO
	}
	return max(r.last, r.srtt)
}

func (r *roundTrip) timeout() int64 {
	if r.rto == 0 {
		return initialRTO
	}
	return r.rto
}

// backOff doubles the timeout until the next sample.
func (r *roundTrip) backOff() { r.rto = min(2*r.timeout(), maxRTO) }

// recentMax is the largest value of the current and the previous round trip.
type recentMax struct {
	now, before int
	began       int64
	started     bool
}

func (m *recentMax) roll(now, span int64) {
	switch age := now - m.began; {
	case !m.started:
		m.began, m.started = now, true
	case age >= 2*span:
		m.now, m.before, m.began = 0, 0, now
	case age >= span:
		m.now, m.before, m.began = 0, m.now, now
	}
}

func (m *recentMax) add(now, span int64, v int) {
	m.roll(now, span)
	m.now = max(m.now, v)
}

func (m *recentMax) value(now, span int64) int {
	m.roll(now, span)
	return max(m.now, m.before)
}
