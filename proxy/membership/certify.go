package membership

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	mrand "math/rand/v2"
	"net/netip"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// Prove asks a STUN server, from the socket of the swarms, for a proof that datagrams to the
// address it sees reach us.
type Prove func(ctx context.Context, server netip.AddrPort) (at netip.AddrPort, proof []byte, err error)

// Times of a certificate from a tracker (RFC 7574, 12.2.2).
const (
	certifyLook  = time.Second      // between looks whether a tracker lists us
	certifyGap   = 30 * time.Second // at least, between two requests
	certifyRetry = 30 * time.Second // after the first failure; it doubles
	certifyWait  = 15 * time.Minute // at most
)

// certifier keeps the membership certificate that a tracker gave us.
type certifier struct {
	m         *Member
	authority member.AuthorityKey
	key       *ecdsa.PrivateKey // of this membership alone, so that swarms don't show who is in several
	held      *member.Certificate
	failures  int // in a row
}

// certifies tells whether trackers may give us certificates: the swarm is open and has an
// authority, and nobody gave us one for an address.
func (m *Member) certifies() bool {
	return m.cfg.Trackers.Prove != nil && m.cfg.Link.Authority != "" && !m.cfg.Link.Closed && len(m.cfg.Swarm.Certificate) == 0
}

// certify keeps us certified, until ctx ends.
func (m *Member) certify(ctx context.Context) {
	authority, err := member.ParseAuthorityKey(m.cfg.Link.Authority) // as join did
	if err != nil {
		return
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return
	}
	c := &certifier{m: m, authority: authority, key: key}
	var moves <-chan struct{}
	if m.cfg.Trackers.Moves != nil {
		moves = m.cfg.Trackers.Moves(ctx)
	}
	for {
		wait := certifyLook
		if client := m.listedBy(); client != nil {
			wait = c.renew(ctx, client)
		}
		if c.held != nil && !time.Now().Before(c.held.NotAfter) { // who shows it is distrusted
			c.held = nil
			_ = m.swarm.SetCertificate(nil) // fails only when the swarm was left
		}
		if !pause(ctx, wait, moves) {
			return
		}
	}
}

// pause waits, after a change of our addresses no longer than the gap; false when ctx ends.
func pause(ctx context.Context, wait time.Duration, moves <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case _, open := <-moves:
			if !open {
				moves = nil
			} else if wait > certifyGap {
				wait = certifyGap
				timer.Reset(wait)
			}
		}
	}
}

// listedBy returns the client of a tracker that lists us, nil for none.
func (m *Member) listedBy() *tracker.Client {
	for _, a := range m.announcers {
		if s := a.Status(); s.Joined && s.Since.IsZero() {
			return m.clients[s.Tracker]
		}
	}
	return nil
}

// renew gets a certificate, shows it to peers, and returns when to get the next one.
func (c *certifier) renew(ctx context.Context, client *tracker.Client) time.Duration {
	log := c.m.cfg.Logger
	got, err := client.Certificate(ctx, tracker.CertificateQuery{
		Swarm: c.m.cfg.Link.SwarmID, Authority: c.authority, Key: c.key, Prove: c.m.cfg.Trackers.Prove,
	})
	if err != nil {
		wait := min(certifyRetry<<min(c.failures, 10), certifyWait)
		c.failures++
		if ctx.Err() == nil {
			log.Debug().Err(err).Dur("again", wait).Msg("peers can't name us to others on the Internet yet")
		}
		return wait/2 + mrand.N(wait/2)
	}
	c.failures, c.held = 0, got
	if err := c.m.swarm.SetCertificate(got.DER); err != nil {
		return certifyWait // the swarm was left
	}
	log.Debug().Str("address", got.Address()).Time("until", got.NotAfter).Msg("the tracker certified our address")
	left := time.Until(got.NotAfter)
	return max(left/2+mrand.N(max(left/4, 1)), certifyGap) // and in time to try again
}
