package swarm

import (
	"net/netip"
	"slices"
)

// Contact is a peer as a tracker lists it. All its addresses are turned to at the same time, and
// the first that answers counts.
type Contact struct {
	ID    string           // of the peer (RFC 7846, 3.2.4), empty for unknown
	Addrs []netip.AddrPort // best first; what is beyond MaxContactAddrs is not looked at
}

// MaxContactAddrs bounds the addresses of one peer: a HANDSHAKE goes to each of them.
const MaxContactAddrs = 8

// AddContacts tells the swarm of peers, from a tracker.
//
// What a peer says of itself need not be so. An address that several peers claim is nobody's: it
// is kept by itself, so that nobody passes for another, whose channels would then be taken for
// his and closed.
func (s *Swarm) AddContacts(now int64, list []Contact) {
	for _, c := range list {
		var addrs []netip.AddrPort
		for _, a := range c.Addrs[:min(len(c.Addrs), MaxContactAddrs)] {
			if a, ok := s.usable(now, a); ok && !slices.Contains(addrs, a) {
				addrs = append(addrs, a)
			}
		}
		if c.ID == "" {
			s.AddPeers(now, addrs)
		} else if len(addrs) > 0 && s.candidates.meet(now, c.ID, addrs) {
			s.redirect(now, c.ID)
		}
	}
	s.connect(now)
}

// redirect has an attempt that is under way to a peer begin anew, with the addresses that it has now.
func (s *Swarm) redirect(now int64, id string) {
	e := s.candidates.ofID(id)
	for _, c := range s.order {
		if c.state == stateInitiating && e.has(c.goal) {
			c.ways, c.way, c.handshakes, c.handshakeAt = e.ways(), 0, 0, now
			s.markReady(c)
			return
		}
	}
}

// ofID returns the peer of that ID, nil for none.
func (k *candidates) ofID(id string) *candidate {
	if i := slices.IndexFunc(k.list, func(e candidate) bool { return e.id == id }); i >= 0 {
		return &k.list[i]
	}
	return nil
}

// meet puts a peer on the list, or takes its addresses anew; it tells whether one that was known has new ones.
func (k *candidates) meet(now int64, id string, addrs []netip.AddrPort) (moved bool) {
	own := addrs[:0]
	for _, a := range addrs {
		if !k.claim(now, id, a) {
			own = append(own, a)
		}
	}
	if len(own) == 0 {
		return false
	}
	e := k.ofID(id)
	if e == nil {
		e := candidate{addr: own[0], more: own[1:], id: id, nextAt: now}
		k.absorb(&e, own)
		k.put(e)
		return false
	}
	moved = slices.ContainsFunc(own, func(a netip.AddrPort) bool { return !e.has(a) })
	e.addr, e.more = own[0], own[1:]
	k.named(now, e)
	if moved {
		e.tries, e.nextAt = 0, now
		kept := *e
		k.absorb(&kept, own)
		*k.ofID(id) = kept
	}
	return moved
}

// claim tells whether an address is claimed by another peer than id as well. Then it becomes one of its own.
func (k *candidates) claim(now int64, id string, a netip.AddrPort) bool {
	i := k.find(a)
	if i < 0 {
		return false
	}
	e := &k.list[i]
	if e.shared {
		k.named(now, e)
		return true
	}
	if e.id == "" || e.id == id {
		return false
	}
	alone := *e
	if e.without(a) {
		alone = candidate{nextAt: now}
	} else {
		k.list = slices.Delete(k.list, i, i+1)
	}
	alone.addr, alone.more, alone.id, alone.shared, alone.pex = a, nil, "", true, false
	k.put(alone)
	return true
}

// absorb takes what is known of the addresses by themselves into e, which has them now.
func (k *candidates) absorb(e *candidate, addrs []netip.AddrPort) {
	k.list = slices.DeleteFunc(k.list, func(o candidate) bool {
		if o.id != "" || o.shared || !slices.Contains(addrs, o.addr) {
			return false
		}
		e.dialled, e.draft10 = e.dialled || o.dialled, e.draft10 || o.draft10
		return true
	})
	k.changed = true
}

// has tells whether the address is one of the peer's.
func (e *candidate) has(a netip.AddrPort) bool { return e.addr == a || slices.Contains(e.more, a) }

// without takes an address from the peer; false when it has no other.
func (e *candidate) without(a netip.AddrPort) bool {
	e.more = slices.DeleteFunc(slices.Clone(e.more), func(o netip.AddrPort) bool { return o == a })
	if e.addr != a {
		return true
	}
	if len(e.more) == 0 {
		return false
	}
	e.addr, e.more = e.more[0], e.more[1:]
	return true
}

// ways returns the peer's addresses, best first; nil when it has but one.
func (e *candidate) ways() []netip.AddrPort {
	if len(e.more) == 0 {
		return nil
	}
	return append([]netip.AddrPort{e.addr}, e.more...)
}

// linked tells whether there is a channel to the peer, or one to come.
func (s *Swarm) linked(e *candidate) bool {
	for _, c := range s.order {
		if c.remote == e.addr || c.goal == e.addr || e.more != nil && slices.Contains(e.more, c.remote) {
			return true
		}
	}
	return false
}

// sameAs tells whether both channels lead to the same peer: to the same address, or to addresses
// that one peer has.
func (c *channel) sameAs(o *channel) bool {
	if c.remote == o.remote || slices.Contains(c.ways, o.remote) || slices.Contains(o.ways, c.remote) {
		return true
	}
	return c.s.candidates.ofOne(c.remote, o.remote)
}

// ofOne tells whether one peer has both addresses.
func (k *candidates) ofOne(a, b netip.AddrPort) bool {
	i := k.find(a)
	return i >= 0 && k.list[i].has(b)
}
