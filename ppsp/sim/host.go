package sim

import (
	"math"
	"math/rand/v2"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// host is one engine with its place in the network and its player.
type host struct {
	addr      netip.AddrPort
	link      Link
	engine    *swarm.Swarm
	upFree    int64
	downFree  int64
	wakeAt    int64
	sentBytes uint64
	scratch   []byte
	player    *player // nil at the source
}

// receive hands the engine a datagram.
func (h *host) receive(n *network, e event) {
	h.engine.HandleDatagram(n.now, e.from.addr, e.datagram)
	n.recycle(e.datagram)
	h.settle(n)
}

// wake tells the engine that its time has come.
func (h *host) wake(n *network) {
	h.engine.HandleTimeout(n.now)
	h.settle(n)
}

// settle sends what the engine has to send, hears what it has to tell, and sets the alarm.
func (h *host) settle(n *network) {
	for {
		b, to, ok := h.engine.AppendDatagram(n.now, h.scratch[:0])
		h.scratch = b
		if !ok {
			break
		}
		n.send(h, to, b)
	}
	for e, ok := h.engine.NextEvent(); ok; e, ok = h.engine.NextEvent() {
		if h.player != nil {
			h.player.event(n.now, e)
		}
	}
	at := h.engine.NextTimeout()
	if at == math.MaxInt64 || (at >= h.wakeAt && h.wakeAt > n.now) {
		return // the alarm that is set comes first; it will set the next
	}
	h.wakeAt = max(at, n.now+1e6)
	n.push(event{at: h.wakeAt, kind: eventWake, host: h})
}

// channelIDs gives one engine its IDs; each host has a socket of its own.
type channelIDs struct {
	random *rand.Rand
	open   map[uint32]bool
}

// Open draws an unused ID.
func (c *channelIDs) Open() uint32 {
	for {
		if id := c.random.Uint32(); id != 0 && !c.open[id] {
			c.open[id] = true
			return id
		}
	}
}

// Close frees an ID.
func (c *channelIDs) Close(id uint32) { delete(c.open, id) }
