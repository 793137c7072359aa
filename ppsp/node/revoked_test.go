package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// However many memberships are taken back, all count, and no ban has to make room.
func TestManyRevoked(t *testing.T) {
	n := open(t, loopback)
	id := func(k int) member.ID { return fmt.Sprintf("%064x", k) }
	here := n.Addr()
	if err := n.Revoke(id(-1), time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	for k := range MaxRevoked {
		if err := n.Revoke(id(k), time.Now().Add(time.Hour)); err != nil {
			t.Fatalf("membership %d: %v", k, err)
		}
	}
	for k := range MaxRevoked {
		if !n.banned(here, id(k)) {
			t.Fatalf("member %d is in", k)
		}
	}
	if n.banned(here, id(-1)) || n.banned(here, id(MaxRevoked)) || n.banned(here, "") || len(n.Bans()) != 0 {
		t.Error("somebody else is out")
	}
	if err := n.Revoke(id(MaxRevoked), time.Now().Add(time.Hour)); !errors.Is(err, ErrRevokedFull) {
		t.Errorf("one too many: %v", err)
	}
	if err := n.Revoke(id(7), time.Now().Add(2*time.Hour)); err != nil {
		t.Errorf("one that is known: %v", err)
	}
}

// Whose membership is taken back is cut off at once, and does not come back.
func TestRevokedMember(t *testing.T) {
	f := newFilm(t, 50_000, 1024)
	c := newClub(t, f.meta.SwarmID)
	n := open(t, loopback)
	seed := joinClosed(t, n, f.seed(), c.member(t))
	config, _ := f.leech()
	mine := c.member(t)
	leech := joinClosed(t, open(t, loopback), config, mine)
	leech.meet(t, n.Addr())
	seed.await(t, swarm.EventPeerUp)
	own := mine.Credential.Certificates[0]
	check := vetted{Members(c.Key(), c.swarm), n}
	if m, err := check.Check(own.DER, time.Now().UnixNano()); err != nil || m.Member != own.ID || m.Until != own.NotAfter.UnixNano() {
		t.Errorf("a member's certificate: %+v, %v", m, err)
	}
	before := sessionsOf(n)
	if err := n.Revoke(own.ID, own.NotAfter); err != nil {
		t.Fatal(err)
	}
	awaitOver(t, before)
	if _, err := check.Check(own.DER, time.Now().UnixNano()); err == nil {
		t.Error("a certificate that was taken back is passed on")
	}
	config, store := f.leech() // in this time who was removed would have come back
	good := joinClosed(t, open(t, loopback), config, c.member(t))
	good.meet(t, n.Addr())
	good.fetch(t, f, store)
	for _, s := range sessionsOf(n) {
		s.mu.Lock()
		if s.member == own.ID {
			t.Error("who was removed is back")
		}
		s.mu.Unlock()
	}
}
