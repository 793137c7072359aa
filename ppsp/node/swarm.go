package node

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// Swarm is a joined swarm. Its methods may be called from any goroutine at any time, but
// not by the events function of Join. While Run is at work they are carried out between two
// batches of datagrams; before, at once; afterwards they return ErrEnded.
type Swarm struct {
	node   *Node
	events func(swarm.Event)
	inbox  inbox
	asks   chan func()
	done   chan struct{} // closed when Run has returned
	upload atomic.Int64  // bytes per second, 0 for no limit
	sent   atomic.Uint64 // bytes, ever
	busy   atomic.Bool   // has peers; changed under the node's lock
	rim    *rim          // of a closed swarm, nil for an open one

	used       int64  // bytes per second of upload lately, under the node's lock as what follows
	part       int64  // of the upload that it has, 0 for none of its own
	sentBefore uint64 // sent as of the last look at used

	bansSeen uint64 // the node's BanChanges that the engine follows

	mu      sync.Mutex
	started bool
	engine  *swarm.Swarm // under mu before Run, then touched by Run's goroutine only
}

// Run is the swarm's loop. It returns after ctx has ended and the farewells are sent, and
// calls the events function of Join on its goroutine. A swarm runs once: to go on, join
// again.
func (s *Swarm) Run(ctx context.Context) error {
	if !s.start() {
		return fmt.Errorf("swarm %s was run before; join it again", s.Metadata().SwarmID.Short())
	}
	defer close(s.done)
	defer s.node.part(s)
	timer := time.NewTimer(0)
	defer timer.Stop()
	out := newOutbox(s)
	if s.rim != nil {
		out.sender = s.rim
		s.node.sessions.open(s.rim)
		defer s.rim.end()
	}
	var in load
	for {
		select {
		case <-ctx.Done():
			s.engine.Close(s.node.now())
			for range maxFarewell {
				if s.flush(out) {
					break
				}
			}
			return nil
		case <-s.inbox.wake:
			s.receive(&in)
		case ask := <-s.asks:
			ask()
		case <-timer.C: // only wakes: what is due is done below, however much comes in
		}
		s.followBans()
		if now := s.node.now(); now >= s.engine.NextTimeout() {
			s.engine.HandleTimeout(now)
		}
		s.engine.SetUpload(s.upload.Load())
		dry := s.flush(out)
		s.tell()
		s.node.spent(s, s.engine.Counters().BytesSent)
		if dry {
			timer.Reset(s.wait())
		} else {
			timer.Reset(0)
		}
	}
}

// tell passes on what has happened.
func (s *Swarm) tell() {
	for event, ok := s.engine.NextEvent(); ok; event, ok = s.engine.NextEvent() {
		if event.Kind == swarm.EventPeerUp || event.Kind == swarm.EventPeerDown {
			s.node.stirred(s, s.engine.Peers() > 0)
		}
		if event.Kind == swarm.EventBan {
			if event.Member == "" && s.rim != nil {
				event.Member = s.rim.memberAt(event.Peer)
			}
			s.node.shut(event.Peer, event.Member, event.Reason)
		}
		if s.events != nil {
			s.events(event)
		}
	}
}

// Bounds of wait: the least that the system's timers can do, and the most, so that a
// change of the system's clock or a sleep of the machine can't stop the swarm.
const (
	leastWait = time.Millisecond
	mostWait  = time.Second
)

// wait is the time until the engine wants to be woken.
func (s *Swarm) wait() time.Duration {
	at, now := s.engine.NextTimeout(), s.node.now()
	if at <= now {
		return leastWait
	}
	return min(max(time.Duration(at-now), leastWait), mostWait)
}

// receive handles what has come, at one reading of the clock.
func (s *Swarm) receive(in *load) {
	s.inbox.take(in)
	now := s.node.now()
	for _, t := range in.trains {
		for d := range t.datagrams() {
			s.engine.HandleDatagram(now, t.peer, d)
		}
		if s.engine.Eventful() { // a whole inbox can bring more than the engine keeps
			s.tell()
		}
	}
}

// maxFarewell bounds the batches of a closing swarm, which has one datagram for each peer.
const maxFarewell = 4

// maxFlush is how many batches go out before what has come in is looked at again.
const maxFlush = 8

// flush sends what the engine has to send; false when there may be more.
func (s *Swarm) flush(out *outbox) (dry bool) {
	for range maxFlush {
		more := out.fill(s.node.now())
		out.flush()
		if !more {
			return true
		}
	}
	return false
}
