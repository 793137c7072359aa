package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// MaxRevoked is how many memberships may be taken back whose certificates still hold.
const MaxRevoked = 1 << 14

// ErrRevokedFull says that more memberships were taken back than can be noted.
var ErrRevokedFull = fmt.Errorf("%d memberships were taken back whose certificates still hold; publish by another authority, or wait until some have ended", MaxRevoked)

// Revoke shuts a member out of all swarms of the node, at once, until its certificates have
// ended. It is no ban: it is not listed among Bans, is not bounded with them, and can't be
// undone. Any goroutine may call it.
func (n *Node) Revoke(id member.ID, until time.Time) error {
	n.bans.mu.Lock()
	defer n.bans.mu.Unlock()
	now := n.now()
	if n.bans.revoked == nil {
		n.bans.revoked = map[member.ID]int64{}
	}
	if _, known := n.bans.revoked[id]; !known && len(n.bans.revoked) >= MaxRevoked {
		for id, until := range n.bans.revoked {
			if until <= now {
				delete(n.bans.revoked, id)
			}
		}
		if len(n.bans.revoked) >= MaxRevoked {
			return ErrRevokedFull
		}
	}
	n.bans.revoked[id] = int64(until.Sub(n.started))
	n.bans.changes.Add(1)
	return nil
}

// isRevoked tells whether a membership was taken back. The caller holds mu.
func (b *sharedBans) isRevoked(now int64, id member.ID) bool { return id != "" && b.revoked[id] > now }

// vetted are members but for those that the node shuts out.
type vetted struct {
	swarm.Members
	node *Node
}

// Check verifies a certificate that a peer passed on (RFC 7574, 12.2.1).
func (v vetted) Check(der []byte, at int64) (swarm.Membership, error) {
	m, err := v.Members.Check(der, at)
	if err != nil {
		return m, err
	}
	v.node.bans.mu.RLock()
	defer v.node.bans.mu.RUnlock()
	if v.node.bans.isRevoked(v.node.now(), m.Member) {
		return swarm.Membership{}, errors.New("the membership was taken back")
	}
	return m, nil
}
