package ledbat

import "math"

const (
	minute        = 60_000_000_000 // ns
	baseHistory   = 10             // BASE_HISTORY, minutes
	currentFilter = 4              // CURRENT_FILTER, samples: "at least 4 delay samples in each RTT"
	// maxDelay bounds a sample in µs, so that no difference of two overflows. Clocks may
	// be decades apart.
	maxDelay = 1 << 52
	// maxQueue bounds the estimate in ns.
	maxQueue = 60_000_000_000
	unknown  = math.MaxInt64
)

// minima keeps the smallest sample of each of the last baseHistory minutes, so that a base
// that rises is noticed after as many (RFC 6817, 2.4.2).
type minima struct {
	slots   [baseHistory]int64
	minute  int64 // of the newest sample
	started bool
}

func (m *minima) add(now, sample int64) {
	at := now / minute
	if !m.started {
		m.reset()
		m.minute, m.started = at, true
	}
	for n := 0; m.minute < at; n++ {
		if n == baseHistory {
			m.minute = at
			break
		}
		m.minute++
		m.slots[m.slot(m.minute)] = unknown // "a value of +INFINITY has to be stored"
	}
	k := m.slot(m.minute)
	m.slots[k] = min(m.slots[k], sample)
}

func (m *minima) slot(minute int64) int {
	return int((minute%baseHistory + baseHistory) % baseHistory)
}

func (m *minima) reset() {
	for k := range m.slots {
		m.slots[k] = unknown
	}
	m.started = false
}

// value returns the minimum of all, unknown for none.
func (m *minima) value() int64 {
	if !m.started {
		return unknown
	}
	v := int64(unknown)
	for _, s := range m.slots {
		v = min(v, s)
	}
	return v
}

// delaySample is what one acknowledgement told.
type delaySample struct {
	at    int64
	delay int64 // µs
	rtt   int64 // ns, 0 unknown
}

// delays estimates the queueing delay from one-way delays.
type delays struct {
	base    minima // one-way delay, µs
	baseRTT minima // ns
	recent  [currentFilter]delaySample
	count   int // of recent, up to currentFilter
	next    int
}

// sample takes a one-way delay. Samples older than a round trip are forgotten:
// "CURRENT_FILTER MUST be limited such that samples in the list are not older than an RTT".
func (d *delays) sample(now, delay, rtt, smoothed int64) {
	delay = min(max(delay, -maxDelay), maxDelay)
	rtt = max(rtt, 0)
	d.base.add(now, delay)
	if rtt > 0 {
		d.baseRTT.add(now, rtt)
	}
	d.recent[d.next] = delaySample{now, delay, rtt}
	d.next = (d.next + 1) % currentFilter
	d.count = min(d.count+1, currentFilter)
	for d.count > 1 && now-d.oldest().at > smoothed {
		d.count--
	}
}

func (d *delays) oldest() delaySample {
	return d.recent[(d.next-d.count+currentFilter)%currentFilter]
}

// queue returns the estimate in ns: the smallest recent delay over the base delay, but no
// more than the round trip is longer than it was at its shortest. The round trip contains
// the queue and is measured by one clock.
func (d *delays) queue() int64 {
	if d.count == 0 {
		return 0
	}
	delay, rtt, timed := int64(unknown), int64(unknown), true
	for k := range d.count {
		s := d.recent[(d.next-1-k+currentFilter)%currentFilter]
		delay = min(delay, s.delay)
		rtt = min(rtt, s.rtt)
		timed = timed && s.rtt > 0
	}
	queue := min((delay-d.base.value())*1000, maxQueue)
	if timed {
		queue = min(queue, rtt-d.baseRTT.value())
	}
	return max(queue, 0)
}
