package mpegts

// The bit rate is measured over rateSamples intervals of at least rateInterval.
const (
	rateSamples  = 32
	rateInterval = PCRRate / 2
	maxPCRStep   = 5 * PCRRate // a clock that jumps further has been set anew
)

// meter measures the rate of a stream against its own clock.
type meter struct {
	samples  [rateSamples]sample
	first, n int
	total    int64
	newest   uint64
	waiting  int64 // ticks since waitFrom was called
}

type sample struct {
	pcr   uint64
	bytes int64
}

// count adds one packet and, where it has one, its clock.
func (m *meter) count(p Packet, pcrPID uint16) {
	m.total += PacketSize
	if p.PID() != pcrPID {
		return
	}
	pcr, ok := p.PCR()
	if !ok {
		return
	}
	if m.n == 0 {
		m.restart(pcr)
		return
	}
	step := PCRElapsed(m.newest, pcr)
	if step < 0 || step > maxPCRStep {
		m.restart(pcr)
		return
	}
	m.newest = pcr
	m.waiting += step
	last := m.samples[(m.first+m.n-1)%rateSamples]
	if PCRElapsed(last.pcr, pcr) < rateInterval {
		return
	}
	if m.n == rateSamples {
		m.first = (m.first + 1) % rateSamples
		m.n--
	}
	m.samples[(m.first+m.n)%rateSamples] = sample{pcr, m.total}
	m.n++
}

func (m *meter) restart(pcr uint64) {
	m.first, m.n, m.newest = 0, 1, pcr
	m.samples[0] = sample{pcr, m.total}
}

// forget drops what was measured: the next packets do not continue the last.
func (m *meter) forget() { m.n = 0 }

// rate is bits per second, 0 while unknown.
func (m *meter) rate() int64 {
	if m.n < 2 {
		return 0
	}
	from, to := m.samples[m.first], m.samples[(m.first+m.n-1)%rateSamples]
	return int64(float64(to.bytes-from.bytes) * 8 * PCRRate / float64(PCRElapsed(from.pcr, to.pcr)))
}
