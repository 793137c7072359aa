// Package sim runs engines of the peer protocol (ppsp/swarm) in virtual time on a virtual
// network: the very same engine that real sockets drive, much faster than the clock, and
// repeatable from a seed.
package sim

import (
	"math/rand/v2"
	"net/netip"
)

// Link is how a host is connected to the network.
type Link struct {
	Up, Down int64 // bits per second
	Delay    int64 // nanoseconds one way from the host to the middle of the network
	Loss     float64
	Queue    int64 // nanoseconds a datagram may wait to be sent; more are dropped
}

// network carries datagrams between hosts: each leaves through its sender's uplink, waits
// there for its turn, may be lost, and arrives through the receiver's downlink.
type network struct {
	schedule
	now    int64
	random *rand.Rand
	hosts  []*host
	byAddr map[netip.AddrPort]*host
	free   [][]byte
	sent   uint64
	lost   uint64
}

// at lets the scenario act at a time.
func (n *network) at(when int64, act func()) { n.push(event{at: when, act: act}) }

// run carries on until the time given.
func (n *network) run(until int64) {
	for {
		if at, ok := n.next(); !ok || at > until {
			break
		}
		e := n.pop()
		n.now = e.at
		switch e.kind {
		case eventAct:
			e.act()
		case eventDownlink:
			n.arrive(e)
		case eventArrive:
			e.host.receive(n, e)
		case eventWake:
			if e.at == e.host.wakeAt {
				e.host.wake(n)
			}
		}
	}
	n.now = until
}

// headers of IPv4 and UDP, bytes.
const headers = 28

// send carries a datagram of h away.
func (n *network) send(h *host, to netip.AddrPort, b []byte) {
	n.sent++
	bits := int64(len(b)+headers) * 8
	start := max(n.now, h.upFree)
	if start-n.now > h.link.Queue {
		n.lost++
		return
	}
	h.upFree = start + bits*1e9/h.link.Up
	h.sentBytes += uint64(len(b) + headers)
	dst := n.byAddr[to]
	if dst == nil || n.random.Float64() < h.link.Loss+dst.link.Loss {
		n.lost++
		return
	}
	n.push(event{
		at: h.upFree + h.link.Delay + dst.link.Delay, kind: eventDownlink,
		host: dst, from: h, datagram: append(n.buffer(), b...),
	})
}

// arrive lets a datagram wait for its turn on the receiver's downlink.
func (n *network) arrive(e event) {
	h := e.host
	begin := max(n.now, h.downFree)
	if begin-n.now > h.link.Queue {
		n.lost++
		n.recycle(e.datagram)
		return
	}
	h.downFree = begin + int64(len(e.datagram)+headers)*8*1e9/h.link.Down
	e.at, e.kind = h.downFree, eventArrive
	n.push(e)
}

// buffer returns an empty slice to be given back by recycle.
func (n *network) buffer() []byte {
	if k := len(n.free); k > 0 {
		b := n.free[k-1]
		n.free = n.free[:k-1]
		return b[:0]
	}
	return make([]byte, 0, 1500)
}

func (n *network) recycle(b []byte) { n.free = append(n.free, b) }
