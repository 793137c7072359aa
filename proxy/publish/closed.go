package publish

import (
	"crypto/rand"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
)

// enclose makes the swarm of a link closed, and its publisher the first member; nothing for
// no authority. The publisher's key lives as long as the process, so its certificate may.
func enclose(l *ppsp.Link, a *member.Authority) (*member.Credential, error) {
	if a == nil {
		return nil, nil
	}
	c, err := member.NewCredential(rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	own, err := a.Issue(rand.Reader, member.Grant{
		Swarm: l.SwarmID, From: now.Add(-member.Leeway), Until: now.Add(member.MaxValidity - member.Leeway), PublicKey: &c.Key.PublicKey,
	})
	if err != nil {
		return nil, err
	}
	c.Certificates = append(c.Certificates, own)
	l.Authority, l.Closed = a.Key().String(), true
	return c, nil
}
