package swarm

import (
	"math"
	"net/netip"
	"slices"
)

// candidate is an address at which a peer is said to listen.
type candidate struct {
	addr   netip.AddrPort
	nextAt int64 // not before
	tries  int   // since it last answered
}

// candidates are the addresses known beyond the open channels, bounded by MaxCandidates.
type candidates struct {
	list []candidate
	turn int
}

// Waits between connection attempts to one address: doubled from the first to the last.
const (
	retryFirst = 1e9
	retryLast  = 60e9
)

// AddPeers tells the swarm of addresses at which peers listen, from a tracker or a link.
func (s *Swarm) AddPeers(now int64, addrs []netip.AddrPort) {
	for _, a := range addrs {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if a.Port() == 0 || !a.Addr().IsValid() || a.Addr().IsUnspecified() || a.Addr().IsMulticast() {
			continue
		}
		i := slices.IndexFunc(s.candidates.list, func(k candidate) bool { return k.addr == a })
		switch {
		case i >= 0: // named again: likely alive, so the wait starts small again
			k := &s.candidates.list[i]
			k.nextAt = min(k.nextAt, now+retryFirst)
		case len(s.candidates.list) < MaxCandidates:
			s.candidates.list = append(s.candidates.list, candidate{addr: a, nextAt: now})
		default: // the one that failed most often makes room
			worst := 0
			for j, k := range s.candidates.list {
				if k.tries > s.candidates.list[worst].tries {
					worst = j
				}
			}
			s.candidates.list[worst] = candidate{addr: a, nextAt: now}
		}
	}
	s.connect(now)
}

// connect starts handshakes with candidates while peers are wanted.
func (s *Swarm) connect(now int64) {
	if s.closed {
		return
	}
	n := len(s.candidates.list)
	for range n {
		if len(s.order) >= s.cfg.TargetPeers {
			return
		}
		s.candidates.turn = (s.candidates.turn + 1) % n
		k := &s.candidates.list[s.candidates.turn]
		if k.nextAt > now || s.bans.has(k.addr, now) || s.channelTo(k.addr) != nil {
			continue
		}
		k.nextAt = now + min(int64(retryFirst)<<min(k.tries, 6), int64(retryLast))
		k.tries++
		s.initiate(now, k.addr)
	}
}

// nextAt returns when connect has something to do.
func (k *candidates) nextAt(s *Swarm) int64 {
	at := int64(math.MaxInt64)
	if s.closed || len(s.order) >= s.cfg.TargetPeers {
		return at
	}
	for i := range k.list {
		if s.channelTo(k.list[i].addr) == nil && !s.bans.listed(k.list[i].addr) {
			at = min(at, k.list[i].nextAt)
		}
	}
	return at
}

// answered notes that the peer at addr is alive.
func (k *candidates) answered(addr netip.AddrPort) {
	for i := range k.list {
		if k.list[i].addr == addr {
			k.list[i].tries = 0
		}
	}
}

// forget takes an address off the list: it is our own.
func (k *candidates) forget(addr netip.AddrPort) {
	k.list = slices.DeleteFunc(k.list, func(c candidate) bool { return c.addr == addr })
}

// Unconnected returns how many addresses are known beyond the channels.
func (s *Swarm) Unconnected() int {
	n := 0
	for _, k := range s.candidates.list {
		if s.channelTo(k.addr) == nil {
			n++
		}
	}
	return n
}

// bans are the addresses that sent what is not so, oldest first (RFC 7574, 12.7).
type bans struct{ list []ban }

type ban struct {
	addr  netip.AddrPort
	until int64
}

const (
	banFor  = 3600e9 // ns
	maxBans = 1000
)

func (b *bans) add(addr netip.AddrPort, now int64) {
	b.list = slices.DeleteFunc(b.list, func(e ban) bool { return e.addr == addr || e.until <= now })
	if len(b.list) >= maxBans {
		b.list = slices.Delete(b.list, 0, 1)
	}
	b.list = append(b.list, ban{addr, now + banFor})
}

func (b *bans) has(addr netip.AddrPort, now int64) bool {
	return slices.ContainsFunc(b.list, func(e ban) bool { return e.addr == addr && e.until > now })
}

func (b *bans) listed(addr netip.AddrPort) bool { return b.has(addr, math.MinInt64) }
