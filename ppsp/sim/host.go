package sim

import (
	"math/rand/v2"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// host is a place in the network with an engine, a TCP-like flow, or both.
type host struct {
	index  int
	shard  *shard
	link   Link
	nat    nat
	random *rand.Rand // for its datagrams' fate
	inbox  heap[datagram]
	coming []timed[datagram] // have passed the downlink, in order, from …
	came   int               // … here on
	wakeAt int64
	tickAt int64
	tick   func(now int64) int64 // what it does by itself, and when again; nil for nothing
	gone   bool

	engine *swarm.Swarm
	player audience // who watches, nil for nobody
	victim *victim  // what it suffers from liars, nil where there are none
	liar   *liar    // what it does to its datagrams, nil for an honest host
	flow   *flow    // at flowPort

	upFree, downFree int64
	sends            uint32
	sentBytes        uint64
	queued           histogram // what datagrams waited on the uplink, where it is measured
}

// audience hears what the engine has to tell.
type audience interface {
	event(now int64, e swarm.Event)
}

func (h *host) addr() netip.AddrPort { return addrOf(h.index, port) }

// advance does what comes next before end; false when there is nothing.
func (h *host) advance(end int64) bool {
	arrival, ready := h.inbox.next(), int64(never)
	if h.came < len(h.coming) {
		ready = h.coming[h.came].at
	}
	at := min(arrival, ready, h.wakeAt, h.tickAt)
	if at >= end {
		return false
	}
	switch at {
	case ready:
		h.receive(h.take())
	case arrival:
		h.arrive(h.inbox.pop())
	case h.tickAt:
		h.tickAt = h.tick(at)
		h.settle(at)
	default:
		h.wakeAt = never
		h.wake(at)
	}
	return true
}

// take returns what came through the downlink first.
func (h *host) take() timed[datagram] {
	e := h.coming[h.came]
	h.coming[h.came] = timed[datagram]{}
	if h.came++; h.came == len(h.coming) {
		h.coming, h.came = h.coming[:0], 0
	}
	return e
}

// receive hands the engine a datagram.
func (h *host) receive(e timed[datagram]) {
	from := addrOf(int(e.v.from), e.v.fromPort)
	switch {
	case h.flow != nil && e.v.port == flowPort:
		h.flow.receive(e.at, from, e.v.bytes)
	case h.engine != nil:
		if h.liar != nil {
			h.liar.hear(e.at, e.v.bytes)
		}
		if h.victim != nil {
			h.victim.receive(h, e)
		} else {
			h.engine.HandleDatagram(e.at, from, e.v.bytes)
		}
	}
	h.shard.recycle(e.v.bytes)
	h.settle(e.at)
}

// wake tells the engine that its time has come.
func (h *host) wake(now int64) {
	if h.engine != nil && now >= h.engine.NextTimeout() {
		h.engine.HandleTimeout(now)
	}
	h.settle(now)
}

// settle sends what there is to send, hears what the engine has to tell, and sets the alarm.
func (h *host) settle(now int64) {
	at := int64(never)
	if h.flow != nil {
		at = h.flow.settle(now)
	}
	if h.engine != nil {
		at = min(at, h.settleEngine(now))
	}
	if at != never {
		h.wakeAt = max(at, now+alarmStep)
	}
}

// alarmStep is how soon an alarm comes at the earliest, as clocks of computers have it.
const alarmStep = 1e6

func (h *host) settleEngine(now int64) int64 {
	for {
		b, to, ok := h.engine.AppendDatagram(now, h.shard.scratch[:0])
		h.shard.scratch = b
		if !ok {
			break
		}
		if h.liar != nil {
			if b = h.liar.lie(now, b); len(b) == 0 {
				continue
			}
		}
		h.send(now, port, to, b)
	}
	for e, ok := h.engine.NextEvent(); ok; e, ok = h.engine.NextEvent() {
		if h.victim != nil {
			h.victim.event(h.shard.n, e)
		}
		if h.player != nil {
			h.player.event(now, e)
		}
	}
	return h.engine.NextTimeout()
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
