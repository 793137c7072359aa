// Package sim runs engines of the peer protocol (ppsp/swarm) in virtual time on a virtual
// network: the very same engine that real sockets drive, in thousands, and repeatable from
// a seed.
//
// Time goes on in steps that are shorter than any datagram is under way. Within a step no
// host can hear of what another does, so each goes through what happens to it on its own:
// hosts in turn keep the processor's caches warm, and shares of them run on all cores.
// Results do not depend on how many those are.
package sim

import (
	"math"
	"net/netip"
	"runtime"
	"sync"
)

// never is later than anything that happens.
const never = math.MaxInt64

// network carries datagrams between hosts: each leaves through its sender's uplink, waits
// there for its turn, may be lost, and arrives through the receiver's downlink.
type network struct {
	now    int64 // the beginning of the step, for acts and once run has returned
	step   int64 // its length: no datagram is under way for less
	end    int64 // of the step
	turn   int   // of shard.out, which alternate
	hosts  []*host
	shards []*shard
	acts   heap[func()]
	acted  uint64

	watch   func(now int64) error // once a second; an error ends it all
	watched int64                 // the second in which watch was told
	halted  error                 // by watch
}

// newNetwork makes a network in which no datagram is faster than least, nanoseconds.
func newNetwork(least int64) *network {
	n := &network{step: max(least, 1e6)}
	for range runtime.GOMAXPROCS(0) {
		n.shards = append(n.shards, &shard{n: n})
	}
	for _, s := range n.shards {
		for turn := range s.out {
			s.out[turn] = make([][]message, len(n.shards))
		}
	}
	return n
}

// at lets the scenario act at a time, or at the next step's beginning. Acts may do anything
// to any host; nothing else runs meanwhile.
func (n *network) at(when int64, act func()) {
	n.acts.push(timed[func()]{when, n.acted, act})
	n.acted++
}

// run carries on until the time given.
func (n *network) run(until int64) {
	for n.now < until && n.halted == nil {
		if second := n.now / 1e9; n.watch != nil && second > n.watched {
			n.watched, n.halted = second, n.watch(n.now)
		}
		for n.acts.next() <= n.now {
			n.acts.pop().v()
		}
		n.end = min(n.now+n.step, until)
		var group sync.WaitGroup
		for k, s := range n.shards {
			if k > 0 {
				group.Go(func() { s.run(k) })
			}
		}
		n.shards[0].run(0)
		group.Wait()
		n.now, n.turn = n.end, 1-n.turn
	}
}

// add gives a host its place.
func (n *network) add(h *host) {
	h.index = len(n.hosts)
	h.shard = n.shards[h.index%len(n.shards)]
	h.wakeAt, h.tickAt = never, never
	n.hosts = append(n.hosts, h)
	h.shard.hosts = append(h.shard.hosts, h)
}

// hostAt returns who has the address, nil for nobody.
func (n *network) hostAt(a netip.AddrPort) *host {
	ip := a.Addr().As4()
	k := int(ip[1])<<16 | int(ip[2])<<8 | int(ip[3])
	if ip[0] != firstByte || k >= len(n.hosts) || n.hosts[k].gone {
		return nil
	}
	return n.hosts[k]
}

const (
	firstByte = 11 // of all addresses; they look like public ones to the engine
	port      = 7000
	maxHosts  = 1 << 24
)

// addrOf is the address of the k-th host at a port.
func addrOf(k int, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{firstByte, byte(k >> 16), byte(k >> 8), byte(k)}), port)
}

// message is a datagram that leaves a shard.
type message struct {
	to *host
	timed[datagram]
}

// datagram is one under way.
type datagram struct {
	from           int32 // host
	fromPort, port uint16
	bytes          []byte
}

// shard is the share of the hosts that one core runs. Only it touches them during a step.
type shard struct {
	n       *network
	hosts   []*host
	out     [2][][]message // by turn, by the receiver's shard
	small   [][]byte       // free memory for datagrams
	large   [][]byte
	scratch []byte
	sent    uint64 // datagrams
	lost    uint64
	delays  histogram
}

// run takes in what was sent in the last step, then goes through this one.
func (s *shard) run(self int) {
	last := 1 - s.n.turn
	for _, o := range s.n.shards {
		for _, m := range o.out[last][self] {
			m.to.inbox.push(m.timed)
		}
		clear(o.out[last][self])
		o.out[last][self] = o.out[last][self][:0]
	}
	for _, h := range s.hosts {
		for !h.gone && h.advance(s.n.end) {
			continue
		}
	}
}

const (
	smallDatagram = 240  // bytes: most are acknowledgements, requests and news
	largeDatagram = 1500 // bytes
)

// keep returns a copy of b, to be given back by recycle.
func (s *shard) keep(b []byte) []byte {
	free := &s.large
	size := max(largeDatagram, len(b))
	if len(b) <= smallDatagram {
		free, size = &s.small, smallDatagram
	}
	if k := len(*free); k > 0 && len(b) <= largeDatagram {
		kept := append((*free)[k-1][:0], b...)
		*free = (*free)[:k-1]
		return kept
	}
	return append(make([]byte, 0, size), b...)
}

func (s *shard) recycle(b []byte) {
	switch cap(b) {
	case smallDatagram:
		s.small = append(s.small, b)
	case largeDatagram:
		s.large = append(s.large, b)
	}
}
