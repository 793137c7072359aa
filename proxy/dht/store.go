package dht

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/anacrolix/dht/v2/bep44"
	"github.com/anacrolix/dht/v2/krpc"
	peer_store "github.com/anacrolix/dht/v2/peer-store"
)

// Bounds of what we keep for others.
const (
	maxNames   = 1024 // swarms and torrents
	maxPerName = 32   // peers of each
	keepFor    = 30 * time.Minute
)

// store keeps for others who is where, as each node of the DHT does: bounded, and aged.
type store struct {
	now func() time.Time

	mu    sync.Mutex
	names map[peer_store.InfoHash][]kept // the latest last
}

type kept struct {
	addr krpc.NodeAddr
	at   time.Time
}

func newStore(now func() time.Time) *store {
	return &store{now: now, names: map[peer_store.InfoHash][]kept{}}
}

// AddPeer notes a peer. Who was noted longest ago makes room.
func (s *store) AddPeer(name peer_store.InfoHash, addr krpc.NodeAddr) {
	if addr.Port <= 0 || addr.Port >= 1<<16 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	list, known := s.names[name]
	if !known && len(s.names) >= maxNames {
		s.makeRoom(now)
	}
	addr.IP = slices.Clone(addr.IP)
	list = slices.DeleteFunc(list, func(k kept) bool { return k.addr.Equal(addr) || now.Sub(k.at) >= keepFor })
	if len(list) == maxPerName {
		list = slices.Delete(list, 0, 1)
	}
	s.names[name] = append(list, kept{addr, now})
}

// makeRoom forgets what is too old, or else the name that was noted longest ago.
func (s *store) makeRoom(now time.Time) {
	var stalest peer_store.InfoHash
	since := now.Add(time.Hour)
	for name, list := range s.names {
		at := list[len(list)-1].at
		if now.Sub(at) >= keepFor {
			delete(s.names, name)
		} else if at.Before(since) {
			stalest, since = name, at
		}
	}
	if len(s.names) >= maxNames {
		delete(s.names, stalest)
	}
}

// GetPeers returns who was noted and is not too old.
func (s *store) GetPeers(name peer_store.InfoHash) (addrs []krpc.NodeAddr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.names[name] {
		if s.now().Sub(k.at) < keepFor {
			addrs = append(addrs, k.addr)
		}
	}
	return addrs
}

// refusing keeps nothing of what BEP 44 lets others store.
type refusing struct{}

var errNoStore = errors.New("nothing is stored here")

// Put refuses.
func (refusing) Put(*bep44.Item) error { return errNoStore }

// Get finds nothing.
func (refusing) Get(bep44.Target) (*bep44.Item, error) { return nil, bep44.ErrItemNotFound }

// Del has nothing to delete.
func (refusing) Del(bep44.Target) error { return nil }
