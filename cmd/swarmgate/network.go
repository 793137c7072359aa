package main

import (
	"strings"

	"github.com/swarmgate/swarmgate/nat"
	"github.com/swarmgate/swarmgate/web"
)

// network says for the page how peers reach this node.
func (p *peering) network() web.Network {
	n := web.Network{Text: p.nat.Status()}
	open := false
	for _, f := range p.nat.Findings() {
		n.Addresses = append(n.Addresses, web.Address{Address: f.Addr.String(), Type: f.Type, By: f.By})
		open = open || f.Type != nat.Host || f.Addr.Addr().IsGlobalUnicast() && !f.Addr.Addr().IsPrivate()
	}
	if !open && n.Text != "" && !strings.Contains(n.Text, nat.NotAsked) { // what was wanted is no trouble
		n.Problem = "Peers elsewhere may not get through to this gateway: no address was found that the Internet sees. " +
			"Switch UPnP or NAT-PMP on in the router, forward a UDP port in it and name that as peer.listen, or name a STUN server as peer.stun."
	}
	return n
}
