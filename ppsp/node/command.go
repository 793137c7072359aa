package node

import (
	"errors"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// ErrEnded says that the swarm was left, ErrJoined that it can't be joined a second time.
var (
	ErrEnded  = errors.New("the swarm was left")
	ErrJoined = errors.New("joined already")
)

// start hands the engine over to Run; false if that has happened before.
func (s *Swarm) start() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := !s.started
	s.started = true
	return fresh
}

// do carries out f on the loop and waits for it.
func (s *Swarm) do(f func(now int64)) error {
	if s.early(f) {
		return nil
	}
	ran := make(chan struct{})
	select {
	case s.asks <- func() { defer close(ran); s.followBans(); f(s.node.now()) }:
	case <-s.done:
		return ErrEnded
	}
	select {
	case <-ran:
		return nil
	case <-s.done:
		return ErrEnded
	}
}

// early carries out f when Run has not begun; whether it ever does matters not.
func (s *Swarm) early(f func(now int64)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		f(s.node.now())
	}
	return !s.started
}

// Do carries out f on the loop's goroutine, between two batches: where what belongs to the
// engine may be touched, as the tree of a film. f must not call methods of s.
func (s *Swarm) Do(f func()) error { return s.do(func(int64) { f() }) }

// AddPeers names addresses at which peers listen.
func (s *Swarm) AddPeers(addrs []netip.AddrPort) error {
	return s.do(func(now int64) { s.engine.AddPeers(now, addrs) })
}

// AddContacts names peers with all their addresses; see swarm.Swarm.AddContacts.
func (s *Swarm) AddContacts(list []swarm.Contact) error {
	return s.do(func(now int64) { s.engine.AddContacts(now, list) })
}

// SetCertificate shows peers another membership certificate, DER, as ours; see
// swarm.Swarm.SetCertificate.
func (s *Swarm) SetCertificate(der []byte) error {
	return s.do(func(now int64) { s.engine.SetCertificate(now, der) })
}

// Want says which chunks of a film are waited for; see swarm.Swarm.Want.
func (s *Swarm) Want(windows []chunk.Range, all bool) error {
	return s.do(func(now int64) { s.engine.Want(now, windows, all) })
}

// Lost takes back chunks that the store no longer has; see swarm.Swarm.Lost.
func (s *Swarm) Lost(chunks chunk.Set) error {
	return s.do(func(int64) { s.engine.Lost(&chunks) })
}

// Append adds the next chunk at the source of a live stream; see swarm.Swarm.Append.
func (s *Swarm) Append(b []byte) error {
	var err error
	if gone := s.do(func(now int64) { err = s.engine.Append(now, b) }); gone != nil {
		return gone
	}
	return err
}

// Finish ends the broadcast at its source; see swarm.Swarm.Finish.
func (s *Swarm) Finish(rest []byte) error {
	var err error
	if gone := s.do(func(now int64) { err = s.engine.Finish(now, rest) }); gone != nil {
		return gone
	}
	return err
}

// Served tells whether all peers have the end of the stream; see swarm.Swarm.Served.
func (s *Swarm) Served() (bool, error) {
	var served bool
	err := s.do(func(int64) { served = s.engine.Served() })
	return served, err
}

// Stats is a picture of the swarm at one moment.
type Stats struct {
	Counters    swarm.Counters
	Peers       []swarm.PeerStats
	Connecting  int
	Unconnected int    // addresses known beyond the channels
	Have        uint64 // chunks
	Chunks      uint64 // of a film, 0 while unknown
	Edge, Next  uint64 // of a live stream
}

// Stats asks the loop for its numbers.
func (s *Swarm) Stats() (Stats, error) {
	var st Stats
	err := s.do(func(int64) {
		e := s.engine
		st = Stats{
			Counters: e.Counters(), Peers: e.AppendPeers(nil), Connecting: e.Connecting(),
			Unconnected: e.Unconnected(), Have: e.Have().Count(), Chunks: e.Chunks(),
		}
		st.Edge, st.Next = e.Edge()
	})
	return st, err
}

// Have returns a copy of the set of chunks that are verified and stored.
func (s *Swarm) Have() (chunk.Set, error) {
	var have chunk.Set
	err := s.do(func(int64) { have = s.engine.Have().Clone() })
	return have, err
}

// Metadata returns what the swarm was joined with.
func (s *Swarm) Metadata() ppsp.Metadata { return s.engine.Metadata() }
