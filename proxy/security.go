package proxy

import (
	"errors"
	"fmt"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/proxy/members"
)

// BanStore keeps bans across restarts (proxy/state implements it). What it acknowledges is
// on the disk.
type BanStore interface {
	Bans() ([]node.Ban, error)
	PutBans(list []node.Ban) error
}

func (g *Gateway) restoreBans() error {
	if g.cfg.Bans == nil || g.cfg.Node == nil {
		return nil
	}
	list, err := g.cfg.Bans.Bans()
	if err != nil {
		return fmt.Errorf("read the bans: %w", err)
	}
	g.cfg.Node.RestoreBans(list)
	g.banned = g.cfg.Node.BanChanges()
	return nil
}

// noteBans keeps the bans that engines found, and tries again what could not be kept. It is
// for Run's goroutine and complains once until it works again.
func (g *Gateway) noteBans() {
	err := g.keepBans()
	again := g.unkept
	if g.unkept = err != nil; g.unkept && !again {
		g.log.Error().Err(err).Msg("who is shut out could not be noted")
	}
}

// ErrNotKept comes with a ban that is made or taken back as asked, but only until the
// gateway starts again: it could not be written down.
var ErrNotKept = errors.New("it holds only until the gateway starts again, since it could not be written down")

// keepBans writes the bans down if they have changed. The error is ErrNotKept.
func (g *Gateway) keepBans() error {
	if g.cfg.Bans == nil || g.cfg.Node == nil {
		return nil
	}
	g.keeping.Lock()
	defer g.keeping.Unlock()
	changes := g.cfg.Node.BanChanges()
	if changes == g.banned {
		return nil
	}
	if err := g.cfg.Bans.PutBans(g.cfg.Node.Bans()); err != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	g.banned = changes
	return nil
}

// Bans returns who is shut out, oldest first.
func (g *Gateway) Bans() []node.Ban { return g.cfg.Node.Bans() }

// Ban shuts out an address, a network or a member for so long, 0 for good; see node.ParseBan.
// When it returns the ban is on the disk, or the error is ErrNotKept.
func (g *Gateway) Ban(who string, d time.Duration, reason string) (node.Ban, error) {
	b, err := node.ParseBan(who)
	if err != nil {
		return node.Ban{}, err
	}
	if b.Reason, b.Manual = reason, true; d > 0 {
		b.Until = time.Now().Add(d).UTC().Truncate(time.Second)
	}
	if err := g.cfg.Node.Ban(b); err != nil {
		return node.Ban{}, err
	}
	return b, g.keepBans()
}

// Unban takes a ban back, named by its ID or by whom it shuts out: ErrNotFound when there is
// none, ErrNotKept when it comes back with the next start.
func (g *Gateway) Unban(id string) error {
	if b, err := node.ParseBan(id); err == nil {
		id = b.ID()
	}
	if !g.cfg.Node.Unban(id) {
		return ErrNotFound
	}
	return g.keepBans()
}

// errNoMembers says that the gateway has no authority.
var errNoMembers = errors.New("this gateway has no membership authority; start it with --member-ca FILE")

// Members returns who was issued certificates, oldest first.
func (g *Gateway) Members() ([]members.Member, error) {
	if g.cfg.Members == nil {
		return nil, nil
	}
	return g.cfg.Members.List()
}

// AddMember issues certificates for the swarms, each named by its link, its ID in
// hexadecimal, or the ID of an item of the catalog.
func (g *Gateway) AddMember(name, address string, swarms []string, valid time.Duration) (members.Issued, error) {
	if g.cfg.Members == nil {
		return members.Issued{}, errNoMembers
	}
	q := members.Request{Name: name, Address: address, Valid: valid}
	for _, s := range swarms {
		id, err := g.swarmOf(s)
		if err != nil {
			return members.Issued{}, err
		}
		q.Swarms = append(q.Swarms, id)
	}
	return g.cfg.Members.Add(q, time.Now())
}

// swarmOf finds a swarm by what people have of it.
func (g *Gateway) swarmOf(s string) (ppsp.SwarmID, error) {
	g.mu.Lock()
	l, known := g.links[s]
	g.mu.Unlock()
	if known {
		return l.SwarmID, nil
	}
	return members.ParseSwarm(s)
}

// RemoveMember takes the certificates of a member back, named by ID or name, and shuts him
// out: ErrNotFound when there is none.
func (g *Gateway) RemoveMember(who string) error {
	if g.cfg.Members == nil {
		return errNoMembers
	}
	_, err := g.cfg.Members.Remove(who, time.Now())
	if errors.Is(err, members.ErrUnknown) {
		return ErrNotFound
	}
	g.look()
	return err
}
