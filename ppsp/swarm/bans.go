package swarm

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
)

// Ban shuts out whom it names (RFC 7574, 12.7): an address, a network, or the holder of a
// certificate, whatever address that one has. At least one of Net and Member is set.
type Ban struct {
	Net    netip.Prefix // one address is a prefix of all its bits
	Port   uint16       // 0 for all
	Member string       // of a membership certificate (member.ID)
	Until  int64        // the now at which it ends, math.MaxInt64 for never
	Reason string
	Manual bool // by a person's hand: those that the engine makes never take its place
}

// same tells whether b and o shut out the same.
func (b *Ban) same(o *Ban) bool { return b.Net == o.Net && b.Port == o.Port && b.Member == o.Member }

// Bans is a bounded list of bans, oldest first. The zero Bans is empty. The engine has one;
// a node shares one among its swarms (Swarm.SetBans).
//
// A polluter's address and port are shut out for an hour. It must not come back at once from
// another port of that address, which costs it nothing; but a NAT may have a whole village
// behind one address. So for a minute all new channels from the address are refused, and for
// twice as long with each further polluter there; who is connected already stays, for it
// has not lied. Of an IPv6 address the network of 64 bits counts, which one household has to
// itself. On the loopback interface each port is a program of its own, and only it is meant.
type Bans struct {
	list  []Ban
	index map[banKey]int64 // until; of single addresses and IPv6 networks of 64 bits
	nets  []Ban            // the other networks
}

type banKey struct {
	net  netip.Prefix
	port uint16
}

// Bounds of Bans.
const (
	banFor     = 3600e9 // ns
	banHostFor = 60e9   // ns
	maxBans    = 2000   // made by engines
	maxManual  = 1000   // made by people
	maxReason  = 200    // bytes
)

// ErrBansFull says that there are as many bans by hand as there may be.
var ErrBansFull = fmt.Errorf("there are %d bans made by hand already; remove some", maxManual)

// Shut bans a polluter at peer, and the member that it is known to be, "" for unknown.
func (b *Bans) Shut(now int64, peer netip.AddrPort, member, reason string) {
	addr := peer.Addr().Unmap().WithZone("")
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	if member != "" {
		b.put(now, Ban{Member: member, Until: now + banFor, Reason: reason})
	}
	b.put(now, Ban{Net: single(addr), Port: peer.Port(), Until: now + banFor, Reason: reason})
	if !addr.IsLoopback() {
		host := hostOf(addr)
		wait := int64(banHostFor) << min(max(b.polluters(now, host)-1, 0), 10) // none where a person's ban of the port stands
		b.put(now, Ban{Net: host, Until: now + min(wait, banFor), Reason: "a polluter has this address: " + reason})
	}
	b.rebuild(now)
}

// polluters counts the ports of a host that are shut out.
func (b *Bans) polluters(now int64, host netip.Prefix) int {
	n := 0
	for i := range b.list {
		if e := &b.list[i]; !e.Manual && e.Port != 0 && e.Until > now && host.Contains(e.Net.Addr()) {
			n++
		}
	}
	return n
}

// Add takes a ban that a person made; one of the same is replaced, and lends its reason to one
// without.
func (b *Bans) Add(now int64, e Ban) error {
	e.Manual = true
	switch {
	case !e.Net.IsValid() && e.Member == "":
		return errors.New("a ban names an address or a member")
	case e.Until <= now:
		return errors.New("the ban would have ended already")
	case b.count(now, true) >= maxManual && !slices.ContainsFunc(b.list, func(o Ban) bool { return o.Manual && o.same(&e) }):
		return ErrBansFull
	}
	if e.Net.IsValid() {
		e.Net = netip.PrefixFrom(e.Net.Addr().Unmap().WithZone(""), e.Net.Bits()-unmapped(e.Net.Addr())).Masked()
	}
	if len(e.Reason) > maxReason {
		e.Reason = e.Reason[:maxReason]
	}
	b.put(now, e)
	b.rebuild(now)
	return nil
}

// Restore takes a ban that an earlier process had.
func (b *Bans) Restore(now int64, e Ban) {
	if e.Manual {
		_ = b.Add(now, e) // one too many, or one that has ended
		return
	}
	if e.Until > now && (e.Net.IsValid() || e.Member != "") {
		e.Until = min(e.Until, now+banFor)
		b.put(now, e)
		b.rebuild(now)
	}
}

// unmapped is by how many bits the prefix of an IPv4-mapped address is longer.
func unmapped(a netip.Addr) int {
	if a.Is4In6() {
		return 96
	}
	return 0
}

// Remove takes back a ban of the same net, port and member; false if there was none.
func (b *Bans) Remove(now int64, e Ban) bool {
	n := len(b.list)
	b.list = slices.DeleteFunc(b.list, func(o Ban) bool { return o.same(&e) })
	b.rebuild(now)
	return len(b.list) < n
}

// put adds e behind the others; the oldest that an engine made gives way to another. What has ended
// is in nobody's way.
func (b *Bans) put(now int64, e Ban) {
	b.count(now, false)
	i := slices.IndexFunc(b.list, func(o Ban) bool { return o.same(&e) })
	switch {
	case i >= 0 && b.list[i].Manual && !e.Manual:
		return // a person has decided
	case i >= 0:
		if !e.Manual {
			e.Until = max(e.Until, b.list[i].Until)
		} else if e.Reason == "" {
			e.Reason = b.list[i].Reason // it still holds
		}
		b.list = slices.Delete(b.list, i, i+1)
	}
	if !e.Manual && b.count(now, false) >= maxBans {
		if oldest := slices.IndexFunc(b.list, func(o Ban) bool { return !o.Manual }); oldest >= 0 {
			b.list = slices.Delete(b.list, oldest, oldest+1)
		}
	}
	b.list = append(b.list, e)
}

// count forgets what has ended and counts those made by hand, or the others.
func (b *Bans) count(now int64, manual bool) int {
	n := 0
	b.list = slices.DeleteFunc(b.list, func(o Ban) bool { return o.Until <= now })
	for i := range b.list {
		if b.list[i].Manual == manual {
			n++
		}
	}
	return n
}

// rebuild makes the index anew.
func (b *Bans) rebuild(now int64) {
	b.count(now, false)
	b.index, b.nets = map[banKey]int64{}, b.nets[:0]
	for _, e := range b.list {
		switch {
		case !e.Net.IsValid():
		case e.Net.IsSingleIP() || e.Net == hostOf(e.Net.Addr()):
			k := banKey{e.Net, e.Port}
			b.index[k] = max(b.index[k], e.Until)
		default:
			b.nets = append(b.nets, e)
		}
	}
}

// Has tells whether a peer at this address is shut out.
func (b *Bans) Has(now int64, peer netip.AddrPort) bool {
	if len(b.list) == 0 {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	one, host := single(addr), hostOf(addr)
	if b.index[banKey{one, peer.Port()}] > now || b.index[banKey{one, 0}] > now ||
		b.index[banKey{host, 0}] > now || b.index[banKey{host, peer.Port()}] > now {
		return true
	}
	return slices.ContainsFunc(b.nets, func(e Ban) bool { return e.Until > now && e.matches(addr, peer.Port()) })
}

// HasMember tells whether the holder of a certificate is shut out.
func (b *Bans) HasMember(now int64, member string) bool {
	return member != "" && slices.ContainsFunc(b.list, func(e Ban) bool { return e.Member == member && e.Until > now })
}

// All returns the bans that hold, oldest first. The caller may keep them.
func (b *Bans) All(now int64) []Ban {
	return slices.DeleteFunc(slices.Clone(b.list), func(o Ban) bool { return o.Until <= now })
}

// Next returns when the first ban ends, math.MaxInt64 if none does.
func (b *Bans) Next() int64 {
	at := int64(math.MaxInt64)
	for i := range b.list {
		at = min(at, b.list[i].Until)
	}
	return at
}

func (b *Ban) matches(addr netip.Addr, port uint16) bool {
	return b.Net.IsValid() && b.Net.Contains(addr) && (b.Port == 0 || b.Port == port)
}

// severs tells whether the ban ends a channel that is open: one that meets a neighbour of
// the polluter does not.
func (b *Ban) severs(peer netip.AddrPort, member string) bool {
	if b.Member != "" && b.Member == member {
		return true
	}
	return (b.Manual || b.Port != 0) && b.matches(peer.Addr().WithZone(""), peer.Port())
}

// single is the prefix of one address.
func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// hostOf is the prefix that one host, or one household, has.
func hostOf(a netip.Addr) netip.Prefix {
	if a.Is6() {
		return netip.PrefixFrom(a, 64).Masked()
	}
	return single(a)
}

// Bans returns whom this swarm shuts out.
func (s *Swarm) Bans(now int64) []Ban { return s.bans.All(now) }

// SetBans replaces whom this swarm shuts out, and closes the channels to them.
func (s *Swarm) SetBans(now int64, list []Ban) {
	s.bans.list = slices.Clone(list)
	s.bans.rebuild(now)
	for _, c := range s.order {
		for i := range s.bans.list {
			if s.bans.list[i].severs(c.remote, c.member) {
				c.close("the peer was shut out")
				break
			}
		}
	}
	s.candidates.list = slices.DeleteFunc(s.candidates.list, func(e candidate) bool { return s.bans.Has(now, e.addr) })
	for i := range s.candidates.list {
		e := &s.candidates.list[i]
		e.more = slices.DeleteFunc(e.more, func(a netip.AddrPort) bool { return s.bans.Has(now, a) })
	}
	s.candidates.changed = true
}
