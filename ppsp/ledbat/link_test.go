package ledbat

import (
	"math"
	"slices"
)

const (
	ms     = int64(1_000_000)
	second = 1000 * ms
	packet = 1200 // bytes of a simulated datagram
)

// link is a bottleneck with a tail-drop queue, shared by flows, in virtual time.
type link struct {
	rate   float64 // bytes per ns
	delay  int64   // one way, ns, without queue
	buffer int64   // of the queue, ns of sending
	free   int64   // when it has sent all that waits
	now    int64
	flows  []*flow
	random uint64 // state of the jitter

	waits []int64 // what each datagram waited, ns, from `watch` on
	watch int64
}

func newLink(mbit float64, delay, buffer int64) *link {
	return &link{rate: mbit * 1e6 / 8 / 1e9, delay: delay, buffer: buffer, random: 1}
}

// flow is a sender that always has something to send, at most limit bytes per ns.
type flow struct {
	*Controller
	offset  int64 // of the receiver's clock, µs
	skew    float64
	start   int64
	stop    int64
	every   int64 // ns between datagrams of a limited sender, 0 for unlimited
	next    int64 // when the pacer lets the next one go
	sent    []inFlight
	seq     int
	acked   int // bytes from link.watch on
	total   int
	losses  int
	timeout int
	heard   int64
}

type inFlight struct {
	seq    int
	at     int64
	ackAt  int64 // math.MaxInt64 if it was dropped
	oneWay int64
}

func (l *link) add(c Config, start int64) *flow {
	c.MSS = packet
	f := &flow{Controller: New(c), start: start, stop: math.MaxInt64}
	l.flows = append(l.flows, f)
	return f
}

// jitter is below a tenth of a millisecond: "slight random fluctuations exist" (RFC 6817, 2.4.2).
func (l *link) jitter() int64 {
	l.random = l.random*6364136223846793005 + 1442695040888963407
	return int64(l.random>>40) % (ms / 10)
}

// send puts one datagram of f on the link.
func (l *link) send(f *flow) {
	wait := max(l.free-l.now, 0)
	p := inFlight{seq: f.seq, at: l.now, ackAt: math.MaxInt64}
	f.seq++
	f.Sent(l.now, packet)
	f.next = max(f.next, l.now-ms) + max(f.PacingInterval(packet), f.every)
	if wait < l.buffer {
		l.free = max(l.free, l.now) + int64(packet/l.rate)
		p.oneWay = l.free - l.now + l.delay + l.jitter()
		p.ackAt = l.now + p.oneWay + l.delay
		if l.now >= l.watch {
			l.waits = append(l.waits, wait)
		}
	}
	f.sent = append(f.sent, p)
}

// ack delivers the acknowledgement of the k-th datagram in flight, and declares lost what
// went three or more before it.
func (l *link) ack(f *flow, k int) {
	p := f.sent[k]
	f.sent = slices.Delete(f.sent, k, k+1)
	clock := p.oneWay/1000 + f.offset + int64(f.skew*float64(l.now)/1000)
	f.Acked(l.now, packet, clock, l.now-p.at)
	f.heard = l.now
	f.total += packet
	if l.now >= l.watch {
		f.acked += packet
	}
	lost := 0
	for lost < len(f.sent) && f.sent[lost].seq+3 <= p.seq {
		f.Lost(l.now, packet)
		f.losses++
		lost++
	}
	f.sent = slices.Delete(f.sent, 0, lost)
}

// nextEvent returns when f acts next, and which acknowledgement that is, -1 for others.
func (l *link) nextEvent(f *flow) (at int64, ack int) {
	at, ack = math.MaxInt64, -1
	if l.now < f.stop && f.CanSend(packet) {
		at = max(f.next, f.start, l.now)
	}
	if len(f.sent) > 0 {
		at = min(at, max(f.heard, f.sent[0].at)+f.RTO())
	}
	for k, p := range f.sent {
		if p.ackAt == math.MaxInt64 {
			continue
		}
		if p.ackAt < at {
			at, ack = p.ackAt, k
		}
		break // the rest comes later, but for the jitter
	}
	return at, ack
}

// run plays the link until the given time.
func (l *link) run(until int64) {
	for {
		at, first, ack := until, (*flow)(nil), -1
		for _, f := range l.flows {
			if t, a := l.nextEvent(f); t < at {
				at, first, ack = t, f, a
			}
		}
		l.now = at
		switch {
		case first == nil:
			return
		case ack >= 0:
			l.ack(first, ack)
		case len(first.sent) > 0 && l.now >= max(first.heard, first.sent[0].at)+first.RTO():
			first.TimedOut(l.now)
			first.timeout++
			first.sent = first.sent[:0]
		default:
			l.send(first)
		}
	}
}

// measure forgets what was counted so far and counts until the given time.
func (l *link) measure(until int64) {
	l.watch, l.waits = l.now, nil
	for _, f := range l.flows {
		f.acked = 0
	}
	l.run(until)
}

// share returns which part of the link f used while measured.
func (l *link) share(f *flow) float64 {
	return float64(f.acked) / (l.rate * float64(l.now-l.watch))
}

// wait returns the q-quantile of what datagrams waited, ns.
func (l *link) wait(q float64) int64 {
	if len(l.waits) == 0 {
		return 0
	}
	slices.Sort(l.waits)
	return l.waits[int(q*float64(len(l.waits)-1))]
}
