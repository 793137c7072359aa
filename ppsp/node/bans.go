package node

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// Ban shuts a peer out of all swarms of the node (RFC 7574, 12.7); see swarm.Ban.
type Ban struct {
	Net    netip.Prefix // one address is a prefix of all its bits; the zero Prefix for a ban by member
	Port   uint16       // 0 for all
	Member string       // member.ID, empty for a ban by address
	Until  time.Time    // zero for never
	Reason string
	Manual bool // by a person's hand
}

// ID names the ban in APIs: 16 hexadecimal digits that depend on whom it shuts out.
func (b Ban) ID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", b.Net, b.Port, b.Member))
	return hex.EncodeToString(sum[:8])
}

// Who returns whom the ban shuts out: an address, with its port if one is meant, a network,
// or a member's ID.
func (b Ban) Who() string {
	switch {
	case b.Member != "":
		return b.Member
	case b.Port != 0:
		return netip.AddrPortFrom(b.Net.Addr(), b.Port).String()
	case b.Net.IsSingleIP():
		return b.Net.Addr().String()
	}
	return b.Net.String()
}

// sharedBans are those of all swarms of a node: whoever lies in one is out of all. Each
// swarm's loop takes them over when it sees that they have changed.
type sharedBans struct {
	mu      sync.RWMutex
	list    swarm.Bans
	revoked map[string]int64 // until when their certificates hold; see Revoke
	changes atomic.Uint64
}

// Bans returns who is shut out, oldest first.
func (n *Node) Bans() []Ban {
	n.bans.mu.RLock()
	defer n.bans.mu.RUnlock()
	now := n.now()
	var list []Ban
	for _, e := range n.bans.list.All(now) {
		b := Ban{Net: e.Net, Port: e.Port, Member: e.Member, Reason: e.Reason, Manual: e.Manual}
		if e.Until != math.MaxInt64 {
			b.Until = n.started.Add(time.Duration(e.Until)).Truncate(time.Second)
		}
		list = append(list, b)
	}
	return list
}

// BanChanges returns a number that grows with each change of Bans but those by time.
func (n *Node) BanChanges() uint64 { return n.bans.changes.Load() }

// Ban shuts out by hand, at once and in every swarm. One of the same is replaced.
func (n *Node) Ban(b Ban) error {
	n.bans.mu.Lock()
	defer n.bans.mu.Unlock()
	defer n.bans.changes.Add(1)
	return n.bans.list.Add(n.now(), n.engineBan(b))
}

// RestoreBans takes back bans that an earlier process had, also those that were not made by
// hand.
func (n *Node) RestoreBans(list []Ban) {
	n.bans.mu.Lock()
	defer n.bans.mu.Unlock()
	defer n.bans.changes.Add(1)
	for _, b := range list {
		n.bans.list.Restore(n.now(), n.engineBan(b))
	}
}

func (n *Node) engineBan(b Ban) swarm.Ban {
	e := swarm.Ban{Net: b.Net, Port: b.Port, Member: b.Member, Until: math.MaxInt64, Reason: b.Reason, Manual: b.Manual}
	if !b.Until.IsZero() {
		e.Until = int64(b.Until.Sub(n.started))
	}
	return e
}

// Unban takes a ban back; false if there is none with this ID.
func (n *Node) Unban(id string) bool {
	n.bans.mu.Lock()
	defer n.bans.mu.Unlock()
	now := n.now()
	for _, e := range n.bans.list.All(now) {
		if (Ban{Net: e.Net, Port: e.Port, Member: e.Member}).ID() == id {
			n.bans.changes.Add(1)
			return n.bans.list.Remove(now, e)
		}
	}
	return false
}

// shut bans a polluter that an engine found.
func (n *Node) shut(peer netip.AddrPort, member, reason string) {
	n.bans.mu.Lock()
	defer n.bans.mu.Unlock()
	n.bans.list.Shut(n.now(), peer, member, reason)
	n.bans.changes.Add(1)
}

// banned tells whether a peer, or a member, is shut out.
func (n *Node) banned(peer netip.AddrPort, member string) bool {
	n.bans.mu.RLock()
	defer n.bans.mu.RUnlock()
	now := n.now()
	return n.bans.list.Has(now, peer) || n.bans.list.HasMember(now, member) || n.bans.isRevoked(now, member)
}

// followBans lets the engine shut out whom the node does, after a change.
func (s *Swarm) followBans() {
	changes := s.node.bans.changes.Load()
	if changes == s.bansSeen {
		return
	}
	s.bansSeen = changes
	s.node.bans.mu.RLock()
	list := s.node.bans.list.All(s.node.now())
	s.node.bans.mu.RUnlock()
	s.engine.SetBans(s.node.now(), list)
	if s.rim != nil {
		s.rim.expel()
	}
}

// ParseBan reads what Who writes: an address with or without port, a network such as
// 192.0.2.0/24, or a member's ID.
func ParseBan(who string) (Ban, error) {
	if id, err := hex.DecodeString(who); err == nil && len(id) == sha256.Size {
		return Ban{Member: strings.ToLower(who)}, nil
	}
	if a, err := netip.ParseAddrPort(who); err == nil && a.Port() != 0 {
		return Ban{Net: netip.PrefixFrom(a.Addr().Unmap().WithZone(""), a.Addr().Unmap().BitLen()), Port: a.Port()}, nil
	}
	if a, err := netip.ParseAddr(who); err == nil {
		return Ban{Net: netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen())}, nil
	}
	if p, err := netip.ParsePrefix(who); err == nil {
		return Ban{Net: p.Masked()}, nil
	}
	return Ban{}, fmt.Errorf("%q is nobody to ban: write an IP address, with :PORT for one port of it, a network such as 192.0.2.0/24, or a member's name or ID as swarmgate members list shows it", who)
}
