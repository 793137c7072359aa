package state

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

var _ membership.Known = (*State)(nil)

func peerAt(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), uint16(7000+n))
}

func mustPeers(t *testing.T, s *State, id ppsp.SwarmID, want ...netip.AddrPort) {
	t.Helper()
	if got, err := s.Peers(id); err != nil || !slices.Equal(got, want) {
		t.Errorf("peers of %x: %v, %v; want %v", id[:1], got, err, want)
	}
}

func TestPeersAreKept(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	c := config(dir)
	c.Now = func() time.Time { return at }
	s := mustOpen(t, c)
	a, b := film(1).SwarmID, film(2).SwarmID
	mustPeers(t, s, a)
	keep := func(id ppsp.SwarmID, addrs ...netip.AddrPort) {
		t.Helper()
		if err := s.KeepPeers(id, addrs); err != nil {
			t.Fatal(err)
		}
	}
	keep(a, peerAt(1), peerAt(2))
	keep(b, peerAt(3), netip.AddrPort{}, netip.AddrPortFrom(netip.AddrFrom16(peerAt(4).Addr().As16()), 1))
	at = at.Add(time.Hour)
	keep(a, peerAt(5), peerAt(2))
	mustClose(t, s)
	s = mustOpen(t, c)
	mustPeers(t, s, a, peerAt(5), peerAt(2), peerAt(1))
	mustPeers(t, s, b, peerAt(3), netip.AddrPortFrom(peerAt(4).Addr(), 1))
	// What was not met for long is forgotten, one by one.
	at = at.Add(KnownFor - time.Minute)
	mustPeers(t, s, a, peerAt(5), peerAt(2))
	at = at.Add(2 * time.Minute)
	mustPeers(t, s, a)
	keep(a, peerAt(6))
	mustPeers(t, s, a, peerAt(6))
}

func TestPeersAreBounded(t *testing.T) {
	at := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	c := config(t.TempDir())
	c.Now = func() time.Time { at = at.Add(time.Second); return at }
	s := mustOpen(t, c)
	var many []netip.AddrPort
	for i := range 3 * MaxKnownPeers {
		many = append(many, peerAt(i))
	}
	if err := s.KeepPeers(film(1).SwarmID, many[MaxKnownPeers:]); err != nil {
		t.Fatal(err)
	}
	if err := s.KeepPeers(film(1).SwarmID, many[:4]); err != nil {
		t.Fatal(err)
	}
	mustPeers(t, s, film(1).SwarmID, append(many[:4:4], many[MaxKnownPeers:2*MaxKnownPeers-4]...)...)
	s.db.NoSync = true // for speed
	for i := range MaxKnownSwarms {
		if err := s.KeepPeers(ppsp.SwarmID(fmt.Sprintf("swarm %d", i)), many[:1]); err != nil {
			t.Fatal(err)
		}
	}
	mustPeers(t, s, film(1).SwarmID) // it was the stalest
	mustPeers(t, s, "swarm 0", many[0])
	if err := s.view(func(tx *bbolt.Tx) error {
		if n := tx.Bucket(bucketPeers).Stats().KeyN; n != MaxKnownSwarms {
			t.Errorf("%d swarms are kept, want %d", n, MaxKnownSwarms)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A flipped bit is found when the store is opened, as everywhere in it.
func TestDamagedPeers(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	if err := s.KeepPeers(film(1).SwarmID, []netip.AddrPort{peerAt(1)}); err != nil {
		t.Fatal(err)
	}
	if err := s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketPeers)
		key := []byte(film(1).SwarmID)
		v := slices.Clone(b.Get(key))
		v[12] ^= 1
		return b.Put(key, v)
	}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	s = mustOpen(t, config(dir))
	if s.Notice() == nil {
		t.Error("a damaged record was not noticed")
	}
	mustPeers(t, s, film(1).SwarmID)
}
