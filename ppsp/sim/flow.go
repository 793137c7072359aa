package sim

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// flowPort is where TCP-like flows live on a host.
const flowPort = 9000

// Parts of TCP as most computers speak it: Reno's window (RFC 5681) with selective
// acknowledgements (RFC 6675) and a retransmission timeout (RFC 6298).
const (
	flowSegment = 1460 // bytes of a datagram
	flowStart   = 10   // segments of the first window (RFC 6928)
	flowDupes   = 3    // segments that arrived behind one that is then lost
	flowRTO     = 1e9  // ns, at the least as on Linux a fifth: lossy only where queues overflow
	flowAck     = 52   // bytes
	flowWindow  = 1 << 12
)

// flow is one end of a TCP-like transfer: it sends as fast as its window allows, or only
// acknowledges.
type flow struct {
	host *host
	peer netip.AddrPort
	on   bool

	next     uint64 // segment
	inFlight []segment
	window   float64 // segments
	limit    float64 // of slow start
	cutAt    uint64  // segments before this one belong to a loss that was answered
	srtt     int64
	ackedAt  int64

	arrived uint64 // segments, at the receiver
}

type segment struct {
	number uint64
	at     int64
	passed int // later ones that arrived
}

// begin makes the flow send, or pause.
func (f *flow) begin(now int64, on bool) {
	f.on, f.window, f.limit, f.ackedAt = on, flowStart, flowWindow, now
	f.inFlight = f.inFlight[:0]
}

// receive takes in a segment or an acknowledgement.
func (f *flow) receive(now int64, from netip.AddrPort, b []byte) {
	number := binary.BigEndian.Uint64(b)
	if len(b) > flowAck {
		f.arrived++
		ack := make([]byte, flowAck)
		binary.BigEndian.PutUint64(ack, number)
		f.host.send(now, flowPort, from, ack)
		return
	}
	k := slices.IndexFunc(f.inFlight, func(s segment) bool { return s.number == number })
	if k < 0 {
		return
	}
	f.acked(now, now-f.inFlight[k].at)
	f.inFlight = slices.Delete(f.inFlight, k, k+1)
	for j := range k {
		f.inFlight[j].passed++
	}
	for len(f.inFlight) > 0 && f.inFlight[0].passed >= flowDupes {
		if f.inFlight[0].number >= f.cutAt { // once in a window
			f.window = max(f.window/2, 2)
			f.limit, f.cutAt = f.window, f.next
		}
		f.inFlight = slices.Delete(f.inFlight, 0, 1) // its bytes go again as a new segment
	}
}

// acked lets the window grow.
func (f *flow) acked(now, rtt int64) {
	f.ackedAt = now
	if f.srtt == 0 {
		f.srtt = rtt
	}
	f.srtt += (rtt - f.srtt) / 8
	if f.window < f.limit {
		f.window++
	} else {
		f.window += 1 / f.window
	}
	f.window = min(f.window, flowWindow)
}

// settle sends what the window allows, and returns when to look again.
func (f *flow) settle(now int64) int64 {
	if !f.on {
		return never
	}
	rto := f.ackedAt + max(2*f.srtt, flowRTO)
	if now >= rto && len(f.inFlight) > 0 {
		f.limit, f.window, f.ackedAt = max(f.window/2, 2), 2, now
		f.inFlight, f.cutAt = f.inFlight[:0], f.next
		rto = now + flowRTO
	}
	b := make([]byte, flowSegment)
	for float64(len(f.inFlight)) < f.window {
		binary.BigEndian.PutUint64(b, f.next)
		f.inFlight = append(f.inFlight, segment{number: f.next, at: now})
		f.host.send(now, flowPort, f.peer, b)
		f.next++
	}
	return rto
}
