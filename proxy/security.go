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
// A member of ours may be named as members.Registry.Find does. When it returns the ban is on the disk, or the error is ErrNotKept.
func (g *Gateway) Ban(who string, d time.Duration, reason string) (node.Ban, error) {
	b, err := g.parseBan(who)
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

// parseBan finds whom a person means.
func (g *Gateway) parseBan(who string) (node.Ban, error) {
	b, err := node.ParseBan(who)
	if err == nil || g.cfg.Members == nil {
		return b, err
	}
	m, unknown := g.cfg.Members.Find(who)
	if unknown != nil {
		return b, err
	}
	return node.Ban{Member: m.ID}, nil
}

// ErrRemoved says that somebody is shut out because his membership was taken back, and by no ban.
var ErrRemoved = errors.New("was a member and was removed, which no ban does and nothing undoes; to let him in again, give him new certificates by swarmgate members add")

// Unban takes a ban back, named by its ID or by whom it shuts out: ErrNotFound when there is
// none, ErrRemoved when it was none, ErrNotKept when it comes back with the next start.
func (g *Gateway) Unban(who string) error {
	id := who
	if b, err := g.parseBan(who); err == nil {
		id = b.ID()
	}
	switch {
	case g.cfg.Node.Unban(id):
		return g.keepBans()
	case g.cfg.Members != nil && g.cfg.Members.Removed(who, time.Now()):
		return fmt.Errorf("%s %w", who, ErrRemoved)
	}
	return ErrNotFound
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
		if l, known := g.link(s); known {
			q.AddLink(l)
		} else if err := q.AddSwarm(s); err != nil {
			return members.Issued{}, err
		}
	}
	return g.cfg.Members.Add(q, time.Now())
}

// link returns the link of an item of the catalog.
func (g *Gateway) link(id string) (ppsp.Link, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, known := g.links[id]
	return l, known
}

// RemoveMember takes the certificates of a member back, as members.Registry.Find finds him,
// and shuts him out: ErrNotFound when there is none.
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
