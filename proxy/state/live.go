package state

import (
	"errors"
	"fmt"
	"math"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/ppsp"
)

// live is the record of a live stream that this node publishes.
type live struct {
	KeyFile string `json:"key_file,omitempty"`
	Next    uint64 `json:"next"` // no chunk number from here on was ever handed out
	Closed  bool   `json:"closed,omitempty"`
}

// LiveSwarm is a live stream that this node publishes or has published.
type LiveSwarm struct {
	SwarmID ppsp.SwarmID
	KeyFile string // of the private key, empty if unknown
	Next    uint64 // chunk number that ReserveChunks hands out next
	Closed  bool   // it was published for members only
}

// PutLive notes a live stream and where its private key lies. Chunk numbers that are
// reserved stay so.
func (s *State) PutLive(id ppsp.SwarmID, keyFile string) error {
	return s.updateLive(id, func(l *live) error {
		l.KeyFile = keyFile
		return nil
	})
}

// ReserveChunks hands out the chunk numbers [first, first+n) of a live stream (n at least
// 1), each number once only: a publisher that is killed goes on behind what it reserved,
// so that it never signs two chunks of one number. It waits for the disk; reserve a few
// minutes ahead. If n is always a multiple of the chunks per signature, first is, too.
//
// A store that was damaged and begun anew knows of no reservations; the publisher then
// should use a new key or begin where the swarm is.
func (s *State) ReserveChunks(id ppsp.SwarmID, n uint64) (first uint64, err error) {
	err = s.updateLive(id, func(l *live) error {
		if n == 0 || n > math.MaxUint64-l.Next {
			return fmt.Errorf("reserve %d chunks from %d on: want 1 or more, below 2^64", n, l.Next)
		}
		first = l.Next
		l.Next += n
		return nil
	})
	return first, err
}

// SetClosed notes that a live stream is for members only, for good.
func (s *State) SetClosed(id ppsp.SwarmID) error {
	return s.updateLive(id, func(l *live) error {
		l.Closed = true
		return nil
	})
}

// SkipChunks lets ReserveChunks hand out no number below next any more.
func (s *State) SkipChunks(id ppsp.SwarmID, next uint64) error {
	return s.updateLive(id, func(l *live) error {
		l.Next = max(l.Next, next)
		return nil
	})
}

func (s *State) updateLive(id ppsp.SwarmID, change func(*live) error) error {
	if id == "" || len(id) > ppsp.MaxSwarmID {
		return errors.New("note a live stream: it has no swarm ID")
	}
	key := []byte(id)
	return s.explain(s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketLive)
		var l live
		if sealed := b.Get(key); sealed != nil {
			if err := unseal(key, sealed, &l); err != nil {
				return err
			}
		}
		if err := change(&l); err != nil {
			return err
		}
		return put(b, key, l)
	}))
}

// LiveSwarms returns the live streams that this node has published, by swarm ID.
func (s *State) LiveSwarms() ([]LiveSwarm, error) {
	var list []LiveSwarm
	err := s.view(func(tx *bbolt.Tx) error {
		list = nil
		return each(tx, bucketLive, func(id []byte, l *live) {
			list = append(list, LiveSwarm{SwarmID: ppsp.SwarmID(id), KeyFile: l.KeyFile, Next: l.Next, Closed: l.Closed})
		})
	})
	return list, s.explain(err)
}
