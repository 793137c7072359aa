package swarm

import (
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// EventKind says what an Event is about.
type EventKind uint8

// The events, with the fields of Event that they fill.
const (
	EventSize        EventKind = iota + 1 // film: the number of chunks is known (Chunks)
	EventChunks                           // these chunks were verified and stored (Chunks)
	EventPlay                             // live: these chunks are next in order, in the store (Chunks)
	EventSkip                             // live: these chunks will not come in time; playing goes on behind them (Chunks)
	EventComplete                         // film: every chunk is there
	EventPeerUp                           // a peer answered our handshake, or confirmed its own (Peer)
	EventPeerDown                         // that channel is gone (Peer, Reason)
	EventBan                              // the peer sent what is not so, and is shut out (Peer, Member, Reason)
	EventStoreFailed                      // the store refused a chunk (Reason); requests have stopped
	EventMismatch                         // the peer is of this swarm, but by other metadata (Peer, Dialled, Reason; Chunks where it is the length)
	EventSilence                          // a peer leaves us without an answer, and no other was heard meanwhile: our address may have changed, or theirs
)

// Event is something that the node should know of.
type Event struct {
	Kind   EventKind
	Chunks chunk.Range
	Peer   netip.AddrPort
	Member string // of its membership certificate, empty while unknown
	Reason string
	// Dialled tells that we turned to the peer, or were told of it. Who else speaks up may be anyone.
	Dialled bool
}

// Eventful tells whether half of the room for events is taken. Who hands in many datagrams in a row
// asks after each few of them, and takes the events in between.
func (s *Swarm) Eventful() bool { return s.events.len() >= maxEvents/2 }

// NextEvent returns the oldest event not yet told. A caller that does not ask loses the
// newest beyond 1024.
func (s *Swarm) NextEvent() (Event, bool) {
	if s.events.len() == 0 {
		return Event{}, false
	}
	return s.events.pop(), true
}

// emit queues e. Runs of neighbouring chunks become one event, even where told and played
// chunks take turns.
func (s *Swarm) emit(e Event) {
	n := s.events.len()
	for k := n - 1; k >= max(n-2, 0) && (e.Kind == EventChunks || e.Kind == EventPlay); k-- {
		old := s.events.at(k)
		if old.Kind == e.Kind && old.Chunks.End == e.Chunks.Start {
			old.Chunks.End = e.Chunks.End
			return
		}
		if old.Kind != EventChunks && old.Kind != EventPlay {
			break
		}
	}
	if n < maxEvents {
		s.events.push(e)
	}
}

// Counters are plain sums since New.
type Counters struct {
	DatagramsSent, DatagramsReceived uint64
	BytesSent, BytesReceived         uint64 // whole datagrams
	ChunksSent, ChunksReceived       uint64 // DATA messages; received counts verified ones
	ChunkBytesReceived               uint64
	Duplicates                       uint64 // chunks that came again
	BadChunks                        uint64 // chunks that failed verification
	Unproven                         uint64 // chunks that came without the hashes to verify them
	BadMessages                      uint64 // datagrams cut short by an invalid message (RFC 7574, 12.6)
	Retransmits                      uint64
	Timeouts                         uint64 // requests that a peer left unanswered
}

// Counters returns the sums so far.
func (s *Swarm) Counters() Counters { return s.counts }

// PeerStats is one channel as the node's pages show it.
type PeerStats struct {
	Addr        netip.AddrPort
	Established bool
	Member      string // who it is, by its membership certificate; empty for unknown
	Chunks      uint64 // that the peer says it has
	RTT         int64  // nanoseconds, 0 while unknown
	Window      int    // bytes the congestion control allows us to have under way
	Outstanding int    // chunks requested of the peer
	Queued      int    // chunks the peer waits for
}

// AppendPeers appends the state of every channel, oldest first.
func (s *Swarm) AppendPeers(dst []PeerStats) []PeerStats {
	for _, c := range s.order {
		dst = append(dst, PeerStats{
			Addr: c.remote, Established: c.state == stateOpen, Member: c.member, Chunks: c.peerHave.Count(),
			RTT: c.control.RTT(), Window: c.control.Window(), Outstanding: c.outstanding.live, Queued: int(c.serving.count()),
		})
	}
	return dst
}

// Peers returns how many peers are connected.
func (s *Swarm) Peers() int {
	n := 0
	for _, c := range s.order {
		if c.state == stateOpen {
			n++
		}
	}
	return n
}

// Connecting returns how many handshakes are under way.
func (s *Swarm) Connecting() int { return len(s.order) - s.Peers() }
