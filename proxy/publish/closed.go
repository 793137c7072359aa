package publish

import (
	"crypto/rand"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
)

// enroll puts an authority into a link, and makes its publisher the first member; where trackers
// are the authority, the publisher is given a certificate as all are. Nothing for no authority. The publisher's key lives as long as the process, so its certificate may.
func enroll(l *ppsp.Link, a *member.Authority, trackers member.AuthorityKey, closed bool) (*member.Credential, error) {
	switch {
	case a == nil && trackers == member.AuthorityKey{}:
		return nil, nil
	case a == nil:
		l.Authority = trackers.String()
		return nil, nil
	}
	c, err := member.NewCredential(rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	grant := member.Grant{
		Swarm: l.SwarmID, From: now.Add(-member.Leeway), Until: now.Add(member.MaxValidity - member.Leeway), PublicKey: &c.Key.PublicKey,
	}
	if len(l.Peers) > 0 { // the contact in the link lasts
		grant.Address = l.Peers[0]
	}
	own, err := a.Issue(rand.Reader, grant)
	if err != nil {
		return nil, err
	}
	c.Certificates = append(c.Certificates, own)
	l.Authority, l.Closed = a.Key().String(), closed
	return c, nil
}
