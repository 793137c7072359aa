package tracker

import "encoding/json"

// Peer is a member of a swarm as a tracker lists it.
type Peer struct {
	ID        string
	Addresses []Address // best first
	Role      Role
}

// PeerGroup is a list of peers (RFC 7846, 3.2.4). The schema gives each entry a single
// address, so that a peer of several addresses stands there several times.
type PeerGroup struct {
	Peers []Peer
}

type peerInfo struct {
	PeerID  string        `json:"peer_id"`
	Address List[Address] `json:"peer_addr"`
	Role    Role          `json:"peer_role,omitempty"`
}

// MarshalJSON writes a ppsp_tp_peer_group_t.
func (g PeerGroup) MarshalJSON() ([]byte, error) {
	type info struct {
		PeerID  string  `json:"peer_id"`
		Address Address `json:"peer_addr"`
		Role    Role    `json:"peer_role,omitempty"`
	}
	group := struct {
		Info []info `json:"peer_info"`
	}{Info: []info{}}
	for _, p := range g.Peers {
		for _, a := range p.Addresses {
			group.Info = append(group.Info, info{p.ID, a, p.Role})
		}
	}
	return json.Marshal(group)
}

// UnmarshalJSON reads a ppsp_tp_peer_group_t and gathers the addresses of each peer.
// Addresses that are not Usable are left out, and so are peers without any.
func (g *PeerGroup) UnmarshalJSON(b []byte) error {
	var group struct {
		Info List[peerInfo] `json:"peer_info"`
	}
	if err := json.Unmarshal(b, &group); err != nil {
		return err
	}
	g.Peers = nil
	addresses, roles := make(map[string][]Address), make(map[string]Role)
	var order []string
	for _, i := range group.Info {
		if _, known := addresses[i.PeerID]; !known {
			order = append(order, i.PeerID)
		}
		addresses[i.PeerID] = append(addresses[i.PeerID], i.Address...)
		if i.Role == Edge || i.Role == SuperNode {
			roles[i.PeerID] = i.Role
		}
	}
	for _, id := range order {
		if usable := best(addresses[id]); len(usable) > 0 {
			g.Peers = append(g.Peers, Peer{ID: id, Addresses: usable, Role: roles[id]})
		}
	}
	return nil
}
