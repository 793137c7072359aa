// Package swarm is the engine of the peer protocol: one Swarm is this node's part in one
// swarm (RFC 7574). It is a state machine without I/O, clock, goroutine or lock.
//
// In go datagrams, the time and commands:
//
//	HandleDatagram(now, from, b)   a datagram arrived
//	HandleTimeout(now)             the time that NextTimeout named has come
//	AddPeers, Want, Append, …      what the node wants of the swarm
//
// Out come datagrams, verified chunks (through Config.Store) and events:
//
//	AppendTrain(now, b)            the next datagrams to send, until dry
//	NextEvent()                    what happened, until dry
//	NextTimeout()                  when HandleTimeout wants to be called
//
// The node (real sockets), the simulator (virtual time) and the fuzzer are three callers
// of the same methods. The same inputs give the same outputs: randomness is injected, and
// no map is ranged over. Time is int64 nanoseconds of a monotonic clock that the caller
// reads once per batch. Slices passed in are not kept. Methods must not be called at the
// same time from two goroutines.
//
// Memory is bounded: by MaxChannels channels of at most about 1 MiB of bookkeeping each in
// the worst case (usually a few KiB), and by the Store.
package swarm

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// Store keeps the bytes of verified chunks. The engine writes each chunk once, after its
// verification, and reads what it serves.
type Store interface {
	// WriteChunk keeps a copy of b as chunk i. An error ends the download (EventStoreFailed).
	WriteChunk(i uint64, b []byte) error
	// AppendChunk appends chunk i to dst. An error means the chunk is gone: it is no longer offered.
	AppendChunk(dst []byte, i uint64) ([]byte, error)
}

// ChannelIDs hands out the IDs by which a datagram finds its swarm (RFC 7574, 8.3). The
// node shares one space of IDs among its swarms; IDs are random, unused and never 0.
type ChannelIDs interface {
	Open() uint32
	Close(id uint32)
}

// SignatureChecker tells whether a signature covers a munro (RFC 7574, 6.1.2.2), as the
// livesig.PublicKey of the swarm does. Who runs many engines may remember its answers.
type SignatureChecker interface {
	Verify(spec []byte, ntp uint64, hash, signature []byte) bool
}

// Config is what a Swarm is made of.
type Config struct {
	Meta     ppsp.Metadata
	Store    Store
	Channels ChannelIDs
	Rand     *rand.Rand // picks among equals; seeded by the caller

	Epoch int64 // wall clock at now == 0, nanoseconds since 1970 in UTC

	Tree *merkle.Tree // film: what is known of the tree; nil when only the root is. Without protection it tells the number of chunks
	Have chunk.Set    // film: chunks in the Store, verified

	Window uint64 // live: chunks the Store keeps before the newest (RFC 7574, 7.9)
	Behind uint64 // live: how many chunks before the newest a tune-in starts

	// Patience is for how long a live chunk that is next to be played is waited for while a
	// peer offers it, in ns, and half as long while none does; 0 for 2 s. Who records rather
	// than watches takes more.
	Patience int64

	Signatures SignatureChecker // live: checks munros; nil for the key that the swarm ID is

	Key                *livesig.PrivateKey // live source: signs munros; nil for receivers
	ChunksPerSignature uint64              // live source, Unified Merkle Tree: NCHUNKS_PER_SIG, a power of two (RFC 7574, 6.1.2.1); else 0
	FirstChunk         uint64              // live source: number of the first chunk, a multiple of ChunksPerSignature

	Members     Members // checks membership certificates; nil for none, so that PEX_REScert is of no use
	Certificate []byte  // our own, DER: peers pass it on (RFC 7574, 12.2.2); nil for none

	Upload      int64   // bytes per second this swarm may send, 0 for no limit
	PathMTU     PathMTU // bounds the datagrams that are tried; nil for MaxDatagram at most
	TargetPeers int     // connections to hold, 0 for DefaultTargetPeers

	Profile Profile // form of the protocol that is spoken
}

// Bounds and defaults of a Swarm.
const (
	DefaultTargetPeers = 30
	MaxChannels        = 200  // connections of one swarm, both directions
	liveTargetPeers    = 12   // … of a live stream, in which each of them tells of each chunk
	liveMostPeers      = 24   // connections of a home in a live swarm, beyond which it takes no more in
	maxIncoming        = 150  // of these, those that peers opened
	MaxCandidates      = 500  // addresses remembered for later connections
	MaxLiveWindow      = 1e6  // chunks of a live ring
	MaxMunro           = 4096 // NCHUNKS_PER_SIG that a receiver accepts
	MaxDatagram        = 1400 // bytes of a datagram that carries no DATA larger than that
	maxEvents          = 1024 // events kept for a caller that does not drain them
)

// Swarm is this node's part in one swarm. Make it by New.
type Swarm struct {
	cfg       Config
	meta      ppsp.Metadata
	format    wire.Format
	swarmID   []byte // of meta
	specSize  int    // bytes
	draftable bool   // draft 10 may be spoken, see Profile
	rand      *rand.Rand

	have   chunk.Set // chunks that were verified and are in the store
	tree   *merkle.Tree
	live   *liveState // nil for films
	static staticState

	channels   map[uint32]*channel // by our channel ID
	order      []*channel          // the same, oldest first
	incoming   int                 // of these, opened by the peer
	ready      fifo[*channel]      // those that may have a datagram to send, each once
	candidates candidates
	refusals   fifo[refusal]        // to be sent
	mute       map[netip.Prefix]int // scratch of leastUseful
	bans       Bans
	pex        pexState

	given       chunk.Set // film: sent to some peer since givenAt …
	givenBefore chunk.Set // … and in as long before
	givenAt     int64
	requested   chunk.Set // chunks asked of some channel, each of one
	turn        int
	suspects    []netip.AddrPort // to be asked whether they were started again
	picking     picking
	holders     holders
	news        news
	silence     silence
	budget      bucket
	uploads     uploads

	decoder wire.Decoder
	message wire.Message
	bins    []chunk.Bin // scratch
	scratch []byte
	train   train
	reader  ChunksReader // the store, if it is one
	runSize uint64       // chunks that go together in bulk
	events  fifo[Event]
	// When a mismatch of metadata may be told again: a stranger's, and one of a peer that we turned to.
	strangerAt, dialledAt int64
	dialAt                int64           // see mayDial
	left                  [16]leftChannel // the latest
	leftTurn              int
	work                  int       // left of maxWork for this datagram
	asked                 chunk.Set // in this datagram
	repeats               int       // of it, requests for what it had asked for before
	counts                Counters
	closed                bool
	failed                bool // the store refused a chunk: nothing more is requested
}

// New makes the engine of a swarm. The error names what in the Config can't work.
func New(cfg Config) (*Swarm, error) {
	if err := cfg.Meta.Validate(); err != nil {
		return nil, fmt.Errorf("swarm %s: %w", cfg.Meta.SwarmID.Short(), err)
	}
	if cfg.Store == nil || cfg.Channels == nil || cfg.Rand == nil {
		return nil, errors.New("swarm: Config needs a Store, ChannelIDs and a random source")
	}
	if cfg.TargetPeers <= 0 {
		cfg.TargetPeers = DefaultTargetPeers
		if cfg.Meta.Kind() == ppsp.Live {
			cfg.TargetPeers = liveTargetPeers
		}
	}
	if cfg.Patience <= 0 {
		cfg.Patience = skipOffered
	}
	s := &Swarm{
		cfg: cfg, meta: cfg.Meta, rand: cfg.Rand,
		have:       cfg.Have.Clone(),
		candidates: candidates{changed: true},
		channels:   map[uint32]*channel{},
		budget:     bucket{rate: min(max(cfg.Upload, 0), maxRate)},
	}
	s.static.turn = uint64(s.rand.Uint32())
	s.picking.every, s.picking.lookAt = pickEvery, math.MaxInt64
	if cfg.Meta.Kind() == ppsp.Live {
		s.picking.every = pickLiveIn
	}
	err := s.protect()
	if err == nil {
		err = s.settleProfile()
	}
	if err != nil {
		return nil, fmt.Errorf("swarm %s: %w", cfg.Meta.SwarmID.Short(), err)
	}
	s.reader, _ = cfg.Store.(ChunksReader)
	s.runSize = s.runLength()
	return s, nil
}

// Metadata returns what the swarm was made with.
func (s *Swarm) Metadata() ppsp.Metadata { return s.meta }

// Have returns the chunks that are verified and in the store. The caller must not change it.
func (s *Swarm) Have() *chunk.Set { return &s.have }

// Chunks returns how many chunks a film has, 0 while that is unknown and for live swarms.
// Before EventSize it is what a peer says.
func (s *Swarm) Chunks() uint64 {
	if s.tree == nil {
		return 0
	}
	return s.tree.Chunks()
}

// Complete tells whether every chunk of a film is there.
func (s *Swarm) Complete() bool {
	return s.tree != nil && s.tree.Sized() && s.have.Count() == s.tree.Chunks()
}

// Close says goodbye to every peer: the closing handshakes (RFC 7574, 8.4) are the last
// datagrams that AppendDatagram gives. Nothing else happens afterwards.
func (s *Swarm) Close(now int64) {
	s.closed = true
	for _, c := range s.order {
		c.leave()
		s.markReady(c)
	}
}

// markReady puts c into the line of those that may have something to send.
func (s *Swarm) markReady(c *channel) {
	if !c.inLine {
		c.inLine = true
		s.ready.push(c)
	}
}

// AppendTrain appends the next datagrams to send to b and tells where they go. Several are a
// train: they go to the same address, each is segment bytes long, and only the last may be
// shorter. It is to be called until ok is false, with an empty b of at least 64 KiB capacity
// to spare allocations, after every batch of inputs.
func (s *Swarm) AppendTrain(now int64, b []byte) (out []byte, segment int, to netip.AddrPort, ok bool) {
	if t := &s.train; t.at < len(t.bytes) { // begun by AppendDatagram
		out = append(b, t.bytes[t.at:]...)
		t.at = len(t.bytes)
		return out, t.segment, t.to, true
	}
	if !s.closed {
		s.pick(now)
		s.shareUpload(now)
	}
	if s.refusals.len() > 0 && !s.closed {
		r := s.refusals.pop()
		out = r.appendDatagram(b)
		return out, len(out) - len(b), r.to, true
	}
	for s.ready.len() > 0 {
		c := s.ready.pop()
		c.inLine = false
		if out, segment, ok = c.appendDatagram(now, b); ok {
			s.markReady(c)
			size := len(out) - len(b)
			s.counts.DatagramsSent += uint64((size + segment - 1) / segment)
			s.counts.BytesSent += uint64(size)
			s.budget.take(size) // chunks wait for it, the rest does not
			to = c.goesTo()
		}
		if c.state == stateGone {
			s.drop(c)
		}
		if ok {
			return out, segment, to, true
		}
		c.dueAt = c.nextTimeout()
	}
	return b, 0, netip.AddrPort{}, false
}

// AppendDatagram is AppendTrain for callers that send one datagram at a time: the rest of a
// train waits for the next call.
func (s *Swarm) AppendDatagram(now int64, b []byte) (out []byte, to netip.AddrPort, ok bool) {
	t := &s.train
	if t.at == len(t.bytes) {
		out, segment, to, ok := s.AppendTrain(now, b)
		end := len(b) + segment
		if !ok || len(out) <= end {
			return out, to, ok
		}
		t.bytes, t.at, t.segment, t.to = append(t.bytes[:0], out[end:]...), 0, segment, to
		return out[:end], to, true
	}
	n := min(t.segment, len(t.bytes)-t.at)
	b = append(b, t.bytes[t.at:t.at+n]...)
	t.at += n
	return b, t.to, true
}

// train is what is left of a train for callers that send one datagram at a time.
type train struct {
	bytes       []byte
	at, segment int
	to          netip.AddrPort
}

// NextTimeout returns when HandleTimeout wants to be called, as a now; never is math.MaxInt64.
func (s *Swarm) NextTimeout() int64 {
	if s.closed {
		return math.MaxInt64
	}
	at := min(s.nextConnect(), s.picking.pickAt(), s.nextExchange(), s.news.due(), s.dueUploads(), s.silenceDue())
	for _, c := range s.order {
		at = min(at, c.dueAt)
	}
	if s.live != nil {
		at = min(at, s.live.nextTimeout())
	}
	return at
}

// HandleTimeout does what has fallen due.
func (s *Swarm) HandleTimeout(now int64) {
	if s.closed {
		return
	}
	if now >= s.news.due() {
		s.tellNews(now)
	}
	s.handleChannels(now)
	switch {
	case s.live == nil:
	case s.live.source != nil:
		s.advanceOffers(now)
	default:
		s.advance(now)
		s.probe(now)
	}
	s.reprobeAll(now)
	s.tellSilence(now)
	s.exchange(now)
	s.connect(now)
}

// handleChannels begins with another channel each time, so that all get their share where
// there is not enough for all.
func (s *Swarm) handleChannels(now int64) {
	gone := false
	s.turn++
	for k := range s.order {
		c := s.order[(s.turn+k)%len(s.order)]
		if now >= c.dueAt {
			c.handleTimeout(now)
			c.dueAt = c.nextTimeout()
			gone = gone || c.state == stateGone
		}
	}
	for k := 0; gone && k < len(s.order); {
		if c := s.order[k]; c.state == stateGone {
			s.drop(c)
			continue
		}
		k++
	}
}
