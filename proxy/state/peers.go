package state

import (
	"net/netip"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/ppsp"
)

// bucketPeers holds the peers that worked, by swarm ID, raw; stores of earlier versions have none.
var bucketPeers = []byte("peers")

// Bounds of the peers that are kept.
const (
	MaxKnownPeers  = 32                  // of a swarm
	MaxKnownSwarms = 256                 // of which peers are kept
	KnownFor       = 14 * 24 * time.Hour // after which a peer is forgotten that was not met again
)

// knownPeers is the record of a swarm's peers, the latest first.
type knownPeers struct {
	Peers []knownPeer `json:"peers"`
}

type knownPeer struct {
	Addr netip.AddrPort `json:"addr"`
	Met  time.Time      `json:"met"`
}

// KeepPeers notes that peers of the swarm worked just now, the best first. It bounds what is kept:
// those that were met longest ago are forgotten, and so are the swarms.
func (s *State) KeepPeers(id ppsp.SwarmID, addrs []netip.AddrPort) error {
	now := s.now().UTC().Truncate(time.Second)
	return s.explain(s.update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucketPeers)
		if err != nil {
			return err
		}
		key := []byte(id)
		var old knownPeers
		if sealed := b.Get(key); sealed != nil {
			if unseal(key, sealed, &old) != nil {
				old = knownPeers{} // what can't be read is written anew
			}
		} else if err := makeRoom(tx, b); err != nil {
			return err
		}
		return put(b, key, old.with(addrs, now))
	}))
}

// with returns the record with what was met now in front, within the bounds.
func (k knownPeers) with(addrs []netip.AddrPort, now time.Time) knownPeers {
	var out knownPeers
	seen := map[netip.AddrPort]bool{}
	add := func(p knownPeer) {
		if p.Addr.IsValid() && !seen[p.Addr] && len(out.Peers) < MaxKnownPeers && now.Sub(p.Met) < KnownFor {
			seen[p.Addr] = true
			out.Peers = append(out.Peers, p)
		}
	}
	for _, a := range addrs {
		add(knownPeer{netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), now})
	}
	for _, p := range k.Peers {
		add(p)
	}
	return out
}

// makeRoom forgets the swarm whose peers were met longest ago, if there are as many as may be.
func makeRoom(tx *bbolt.Tx, b *bbolt.Bucket) error {
	var stalest []byte
	var since time.Time
	n := 0
	err := each(tx, bucketPeers, func(key []byte, k *knownPeers) {
		n++
		var met time.Time
		if len(k.Peers) > 0 {
			met = k.Peers[0].Met
		}
		if stalest == nil || met.Before(since) {
			stalest, since = slices.Clone(key), met
		}
	})
	if err != nil || n < MaxKnownSwarms {
		return err
	}
	return b.Delete(stalest)
}

// Peers returns the peers of the swarm that worked, the latest first, without those that were not met
// for KnownFor.
func (s *State) Peers(id ppsp.SwarmID) ([]netip.AddrPort, error) {
	var addrs []netip.AddrPort
	err := s.view(func(tx *bbolt.Tx) error {
		addrs = nil
		b := tx.Bucket(bucketPeers)
		if b == nil {
			return nil
		}
		sealed := b.Get([]byte(id))
		if sealed == nil {
			return nil
		}
		var k knownPeers
		if err := unseal([]byte(id), sealed, &k); err != nil {
			return err
		}
		for _, p := range k.Peers {
			if s.now().Sub(p.Met) < KnownFor {
				addrs = append(addrs, p.Addr)
			}
		}
		return nil
	})
	return addrs, s.explain(err)
}
