package membership

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/nat/stunserver"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// authority is a tracker's, with the STUN server by which peers prove where they are.
func (s *station) certifies(t *testing.T) member.AuthorityKey {
	t.Helper()
	a, err := member.NewAuthority(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stun, err := stunserver.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.issuer = tracker.NewIssuer(a, time.Hour, stun.Addr().Port())
	stun.Prove = func(from netip.AddrPort) []byte { return s.issuer.Proof(from, time.Now()) }
	background(t, stun.Run)
	return a.Key()
}

// members returns who p knows its peers to be, by their addresses.
func (p *peer) members(t *testing.T) map[netip.AddrPort]string {
	t.Helper()
	st, err := p.Swarm().Stats()
	if err != nil {
		t.Fatal(err)
	}
	out := map[netip.AddrPort]string{}
	for _, o := range st.Peers {
		if o.Established {
			out[o.Addr] = o.Member
		}
	}
	return out
}

// "Peer A then includes this certificate when it sends a PEX_REScert to Peer B. Receiver Peer B
// verifies it against the tracker public key. This tracker public key should be part of the swarm's
// metadata" (RFC 7574, 12.2.2).
func TestCertificatesFromATracker(t *testing.T) {
	at, f := reserve(t), newFilm(t)
	link := f.link()
	link.Authority, link.Trackers = at.certifies(t).String(), []string{at.url()}
	at.open(t, time.Minute)
	seed := start(t, setup{swarm: f.seed(), link: link, seed: true})
	leech := start(t, setup{swarm: f.leech(), link: link})
	until(t, "both know who the other is", func() bool {
		return seed.members(t)[leech.node.Addr()] != "" && leech.members(t)[seed.node.Addr()] != ""
	})
	if a, b := seed.members(t)[leech.node.Addr()], leech.members(t)[seed.node.Addr()]; a == b {
		t.Errorf("two peers are the same member %s", a)
	}
}

// A tracker of another authority gives none, and so does one that is none: peers meet all the same.
func TestNoCertificatesFromATracker(t *testing.T) {
	for name, own := range map[string]bool{"another authority": true, "no authority": false} {
		at, f := reserve(t), newFilm(t)
		link := f.link()
		link.Authority, link.Trackers = at.certifies(t).String(), []string{at.url()}
		if own {
			at.certifies(t)
		} else {
			at.issuer = nil
		}
		at.open(t, time.Minute)
		seed := start(t, setup{swarm: f.seed(), link: link, seed: true})
		leech := start(t, setup{swarm: f.leech(), link: link})
		leech.fetch(t)
		c := certifier{m: leech.Member}
		if key, err := member.ParseAuthorityKey(link.Authority); err == nil {
			c.authority = key
		}
		if wait := c.renew(t.Context(), leech.clients[at.url()]); c.held != nil || c.failures != 1 || wait > certifyRetry || wait < certifyRetry/2 {
			t.Errorf("%s: %v, %d failures, again in %s", name, c.held, c.failures, wait)
		}
		if who := seed.members(t)[leech.node.Addr()]; who != "" {
			t.Errorf("%s: the leech is taken for %s", name, who)
		}
	}
}

// Only who may needs one asks trackers.
func TestWhoAsksForCertificates(t *testing.T) {
	f := newFilm(t)
	prove := func(context.Context, netip.AddrPort) (netip.AddrPort, []byte, error) {
		return netip.AddrPort{}, nil, errors.New("no answer")
	}
	for name, c := range map[string]struct {
		change func(m *Member)
		want   bool
	}{
		"an open swarm with an authority": {func(*Member) {}, true},
		"without an authority":            {func(m *Member) { m.cfg.Link.Authority = "" }, false},
		"a closed swarm":                  {func(m *Member) { m.cfg.Link.Closed = true }, false},
		"who has a certificate":           {func(m *Member) { m.cfg.Swarm.Certificate = []byte{1} }, false},
		"who can't prove anything":        {func(m *Member) { m.cfg.Trackers.Prove = nil }, false},
	} {
		m := &Member{cfg: Config{Link: f.link(), Trackers: Trackers{Prove: prove}}}
		m.cfg.Link.Authority = member.AuthorityKey{}.String()
		c.change(m)
		if got := m.certifies(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A change of our addresses shortens the wait to the gap, however many there are.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := func(wait time.Duration, moves <-chan struct{}) time.Duration {
			begin := time.Now()
			if !pause(t.Context(), wait, moves) {
				t.Error("ended early")
			}
			return time.Since(begin)
		}
		if d := took(time.Hour, nil); d != time.Hour {
			t.Errorf("without moves %s", d)
		}
		moves := make(chan struct{}, 3)
		moves <- struct{}{}
		moves <- struct{}{}
		if d := took(time.Hour, moves); d != certifyGap {
			t.Errorf("after a move %s", d)
		}
		moves <- struct{}{}
		if d := took(time.Second, moves); d != time.Second {
			t.Errorf("a short wait became %s", d)
		}
		close(moves)
		if d := took(time.Minute, moves); d != time.Minute {
			t.Errorf("without further moves %s", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if pause(ctx, time.Hour, nil) {
			t.Error("it goes on after the end")
		}
	})
}
