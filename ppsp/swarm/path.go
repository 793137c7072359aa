package swarm

import "net/netip"

// Datagrams of MaxDatagram bytes get through nearly everywhere. Where chunks are so small that
// a larger datagram would hold more of them, one with so many is tried in bulk: "as a probe
// packet … containing actual messages, in particular, multiple DATA messages" (RFC 7574, 8.1).
// Its acknowledgement shows that the way carries it; its loss says nothing of congestion
// (RFC 8899, 3). How large it may be at most the local link tells, see Config.PathMTU.

// datagramSizes are tried, the largest first that the link carries: jumbo frames, Ethernet with
// IPv4, Ethernet with IPv6. On loopback more would gain little.
var datagramSizes = [...]int{16_000, 8952, 1472, 1452}

const (
	probeTries  = 2    // times that a size is tried
	probeFollow = 16   // datagrams that may follow at once
	probeAgain  = 60e9 // ns after which sizes that did not get through are tried again
)

// path is what is known of the way to a peer. The zero value carries MaxDatagram.
type path struct {
	size    int   // bytes of datagrams that were seen to get through, 0 for none above MaxDatagram
	probing int   // bytes of the one under way, 0 for none
	failed  int   // bytes of the smallest that did not get through, 0 for none
	tries   int   // failures of one size
	probeAt int64 // not before
	limit   int   // bytes that the link carries, as PathMTU told
	askAt   int64 // when PathMTU is asked again
}

// datagram returns how many bytes a datagram may have.
func (p *path) datagram() int { return max(p.size, MaxDatagram) }

// probeSize returns the size of a datagram that is to be tried now and filled with no more than
// so many chunks, 0 for none.
func (c *channel) probeSize(now int64, chunks int) int {
	p, s := &c.path, c.s
	if s.cfg.PathMTU == nil || p.probing != 0 || now < p.probeAt || c.flight.passed == 0 {
		return 0
	}
	each := s.perDatagram(p.datagram())
	if each >= chunks || s.perDatagram(datagramSizes[0]) == each {
		return 0
	}
	if c.queue.chunks < uint64(chunks+probeFollow) {
		return 0 // its loss shows only by what follows it
	}
	if p.failed > 0 && p.probeAt > 0 {
		p.failed, p.probeAt = 0, 0
	}
	if now >= p.askAt { // which costs system calls
		p.limit, p.askAt = s.cfg.PathMTU(c.remote), now+probeAgain
	}
	for _, size := range datagramSizes {
		n := s.perDatagram(size)
		if size <= p.limit && n > each && (p.failed == 0 || size < p.failed) {
			if n > chunks {
				return 0 // later
			}
			return size
		}
	}
	p.probeAt = now + probeAgain
	return 0
}

// carried notes that a datagram got through that was tried.
func (p *path) carried(size int) {
	if p.probing == size {
		p.probing, p.tries = 0, 0
	}
	p.size = max(p.size, size)
}

// dropped notes that a datagram did not get through that was tried.
func (p *path) dropped(size int) {
	if p.probing != size {
		return
	}
	p.probing = 0
	if p.tries++; p.tries >= probeTries {
		p.failed, p.tries = size, 0
	}
}

// doubt falls back to what gets through everywhere when nothing has for long: the way may have
// become another.
func (p *path) doubt(now int64) {
	p.dropped(p.probing)
	if p.size > 0 {
		*p = path{failed: p.size, probeAt: now + probeAgain}
	}
}

// PathMTU tells how many bytes a datagram to an address may have at most so that the link, and
// what the system knows of the way, carries it in one piece; 0 if that is not known.
type PathMTU func(netip.AddrPort) int
