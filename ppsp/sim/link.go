package sim

import (
	"math"
	"net/netip"
)

// Link is how a host is connected to the network.
type Link struct {
	Up, Down  int64   // bits per second
	Delay     int64   // nanoseconds one way from the host to the middle of the network
	Jitter    int64   // at most so many more, at random: datagrams may overtake each other
	Loss      float64 // share of packets, each way
	Duplicate float64 // share of the datagrams sent that arrive twice
	Queue     int64   // nanoseconds a datagram may wait to be sent; more are dropped
}

const (
	ipHeader  = 20
	udpHeader = 8
	mtu       = 1500 // bytes of a packet
)

// packets returns in how many packets a datagram of so many bytes travels, and their bytes.
func packets(n int) (count, bytes int) {
	n += udpHeader
	count = (n + mtu - ipHeader - 1) / (mtu - ipHeader)
	return count, n + count*ipHeader
}

// time is how long so many bytes take at a rate.
func timeOf(bytes int, rate int64) int64 { return int64(bytes) * 8 * 1e9 / rate }

// send carries a datagram of h away.
func (h *host) send(now int64, fromPort uint16, to netip.AddrPort, b []byte) {
	s := h.shard
	s.sent++
	count, bytes := packets(len(b))
	start := max(now, h.upFree)
	if start-now > h.link.Queue {
		s.lost++
		return
	}
	h.upFree = start + timeOf(bytes, h.link.Up)
	h.sentBytes += uint64(bytes)
	h.queued.add(start - now)
	fromPort = h.nat.out(now, fromPort, to)
	dst := s.n.hostAt(to)
	if dst == nil || h.loses(count, h.link.Loss+dst.link.Loss) {
		s.lost++
		return
	}
	copies := 1
	if h.link.Duplicate > 0 && h.random.Float64() < h.link.Duplicate {
		copies = 2
	}
	for range copies {
		at := h.upFree + h.link.Delay + dst.link.Delay
		if jitter := h.link.Jitter + dst.link.Jitter; jitter > 0 {
			at += h.random.Int64N(jitter)
		}
		k := dst.index % len(s.n.shards)
		out := &s.out[s.n.turn][k]
		d := datagram{int32(h.index), fromPort, to.Port(), s.keep(b)}
		*out = append(*out, message{dst, timed[datagram]{at, uint64(h.index)<<32 | uint64(h.sends), d}})
		h.sends++
	}
}

// loses tells whether one of so many packets is lost.
func (h *host) loses(count int, loss float64) bool {
	if count > 1 {
		loss = 1 - math.Pow(1-loss, float64(count))
	}
	return loss > 0 && h.random.Float64() < loss
}

// arrive lets a datagram that came in at its time wait for its turn on h's downlink.
func (h *host) arrive(e timed[datagram]) {
	_, bytes := packets(len(e.v.bytes))
	begin := max(e.at, h.downFree)
	if begin-e.at > h.link.Queue || !h.nat.in(e.at, addrOf(int(e.v.from), e.v.fromPort), e.v.port) {
		h.shard.lost++
		h.shard.recycle(e.v.bytes)
		return
	}
	h.downFree = begin + timeOf(bytes, h.link.Down)
	e.at = h.downFree
	h.coming = append(h.coming, e)
}
