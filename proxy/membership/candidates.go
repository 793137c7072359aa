package membership

import (
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// noNAT is what Trackers.NAT says where strangers get through (RFC 7846, 3.2.2).
const noNAT = "NO_NAT"

// filtered tells whether a NAT may keep out who speaks to us first; in doubt it does.
func (m *Member) filtered() bool {
	return m.cfg.Trackers.NAT != nil && m.cfg.Trackers.NAT() != noNAT
}

// found hands the tracker's list to the engine: each peer with all its addresses.
func (m *Member) found(list []tracker.Peer) {
	homes := m.homes()
	contacts := make([]swarm.Contact, 0, len(list))
	for _, p := range list {
		if addrs := reachable(p.Addresses, homes); len(addrs) > 0 {
			contacts = append(contacts, swarm.Contact{ID: p.ID, Addrs: addrs})
		}
	}
	_ = m.swarm.AddContacts(contacts) // fails only when the swarm was left
}

// homes are the addresses by which the Internet knows us.
func (m *Member) homes() (list []netip.Addr) {
	if m.cfg.Trackers.Addresses == nil {
		return nil
	}
	for _, a := range m.cfg.Trackers.Addresses() {
		if ppsp.Public(a.Addr()) {
			list = append(list, a.Addr())
		}
	}
	return list
}

// reachable returns where a peer may be reached from here, best first. The addresses that it has at
// home are of use to who is behind the same public one, and lead others into their own homes; what we are known
// by may not be known yet, and not every peer has a public address.
func reachable(all []tracker.Address, homes []netip.Addr) []netip.AddrPort {
	var addrs []netip.AddrPort
	public, near := false, false
	for _, a := range all {
		if !a.Usable() {
			continue
		}
		if addrs = append(addrs, a.AddrPort); ppsp.Public(a.Addr()) {
			public = true
			for _, h := range homes {
				near = near || h == a.Addr()
			}
		}
	}
	if !public || near || len(homes) == 0 {
		return addrs
	}
	kept := addrs[:0]
	for _, a := range addrs {
		if ppsp.Public(a.Addr()) {
			kept = append(kept, a)
		}
	}
	return kept
}
