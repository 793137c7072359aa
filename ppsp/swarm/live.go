package swarm

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// Patience with a chunk that is next to be played, nanoseconds.
const (
	skipOffered   = 2000e6 // some peer has it
	skipUnoffered = 400e6  // no peer has it, but there are later ones
	deferTurn     = 120e6  // between two turns of asking for a chunk that one peer alone has
	deferMost     = 600e6  // the last turn
	deferCopies   = 2      // peers that share a turn, on average
)

// munro is a subtree root that the source has signed (RFC 7574, 6.1.2.1).
type munro struct {
	bin       chunk.Bin
	chunks    chunk.Range
	ntp       uint64
	hash      []byte
	signature []byte
	at        int64 // when we learned of it
}

// liveState is what a live swarm has beyond a film's.
type liveState struct {
	key    *livesig.PublicKey
	tree   *merkle.Live
	window uint64
	munros []munro // ascending, within the window
	edge   uint64  // end of the newest
	salt   uint64  // spreads over the peers who asks the source first

	tuned   bool
	tunedAt int64
	next    uint64 // first chunk not yet played
	since   int64  // since when next has been missing
	started bool   // something was played

	source     *livesig.PrivateKey // nil at receivers
	perMunro   uint64
	appendNext uint64
	copies     []uint8 // by chunk modulo window: how often the source has sent it
}

func newLiveState(cfg *Config) (*liveState, error) {
	key, err := livesig.ParsePublicKey(cfg.Meta.SwarmID)
	if err != nil {
		return nil, fmt.Errorf("the swarm ID is no public key: %w", err)
	}
	if cfg.Window == 0 || cfg.Window > MaxLiveWindow {
		return nil, fmt.Errorf("live window of %d chunks, want 1 to %d", cfg.Window, int(MaxLiveWindow))
	}
	l := &liveState{key: key, tree: merkle.NewLive(cfg.Meta.Hash), window: cfg.Window, salt: cfg.Rand.Uint64()}
	if cfg.Key == nil {
		return l, nil
	}
	n := cfg.ChunksPerSignature
	switch {
	case n < 2 || n > MaxMunro || n&(n-1) != 0:
		return nil, fmt.Errorf("%d chunks per signature, want a power of two from 2 to %d", n, MaxMunro)
	case cfg.FirstChunk%n != 0:
		return nil, fmt.Errorf("first chunk %d is no multiple of the %d chunks per signature", cfg.FirstChunk, n)
	case cfg.Key.SwarmID() != cfg.Meta.SwarmID:
		return nil, errors.New("the private key does not belong to the swarm ID")
	case cfg.Window < 2*n:
		return nil, fmt.Errorf("live window of %d chunks is smaller than two signatures of %d", cfg.Window, n)
	}
	l.source, l.perMunro, l.appendNext = cfg.Key, n, cfg.FirstChunk
	l.copies = make([]uint8, cfg.Window)
	return l, nil
}

// Append adds the next chunk of the stream at its source, of exactly the swarm's chunk
// size. Every ChunksPerSignature chunks are signed and only then announced (RFC 7574,
// 6.1.2.3).
func (s *Swarm) Append(now int64, b []byte) error {
	l := s.live
	if l == nil || l.source == nil {
		return errors.New("append: this swarm is not live, or its private key is not here")
	}
	if len(b) != int(s.meta.ChunkSize) {
		return fmt.Errorf("append: chunk of %d bytes, want %d", len(b), s.meta.ChunkSize)
	}
	i := l.appendNext
	if i >= s.format.MaxChunk() {
		return fmt.Errorf("append: chunk addressing %s has no number beyond %d; publish under a new key", s.meta.Addressing, i)
	}
	if err := s.cfg.Store.WriteChunk(i, b); err != nil {
		return fmt.Errorf("append chunk %d: %w", i, err)
	}
	l.tree.Append(i, b)
	l.copies[i%l.window] = 0
	l.appendNext++
	if l.appendNext%l.perMunro != 0 {
		return nil
	}
	r := chunk.Range{Start: l.appendNext - l.perMunro, End: l.appendNext}
	hash, ok := l.tree.Munro(r)
	bin, aligned := chunk.BinOf(r)
	if !ok || !aligned {
		return fmt.Errorf("append: chunks %d to %d make no subtree", r.Start, r.End-1)
	}
	ntp := livesig.NTP(time.Unix(0, s.cfg.Epoch+now))
	signature, err := l.source.Sign(s.format.AppendSpec(nil, r), ntp, hash)
	if err != nil {
		return fmt.Errorf("sign chunks %d to %d: %w", r.Start, r.End-1, err)
	}
	s.addMunro(munro{bin, r, ntp, slices.Clone(hash), signature, now})
	s.have.Add(r)
	s.emit(Event{Kind: EventChunks, Chunks: r})
	for _, c := range s.order {
		if c.state == stateOpen {
			c.announce(now, r)
			c.havesAt = now
			s.markReady(c)
		}
	}
	return nil
}

// NextChunk returns the number that the next Append gives, 0 for receivers.
func (s *Swarm) NextChunk() uint64 {
	if s.live == nil {
		return 0
	}
	return s.live.appendNext
}

// Edge returns the end of the newest chunks that the source has signed, and the first
// chunk that was not yet told by EventPlay.
func (s *Swarm) Edge() (edge, next uint64) {
	if s.live == nil {
		return 0, 0
	}
	return s.live.edge, s.live.next
}

// handleSigned takes in a signed munro; its hash came in an INTEGRITY message before it
// (RFC 7574, 6.1.2.3).
func (c *channel) handleSigned(now int64, m *wire.Message) bool {
	s, l := c.s, c.s.live
	if l == nil {
		return false
	}
	bin, ok := chunk.BinOf(m.Chunks)
	if !ok || m.Chunks.Len() < 2 || m.Chunks.Len() > MaxMunro {
		return false
	}
	if m.Chunks.End+l.window <= l.edge {
		return true // fell out of the window already
	}
	if _, known := l.find(bin); known {
		return true
	}
	hash := c.proof.Get(bin)
	if hash == nil {
		return true // "if some additional data is still missing … the message SHOULD be dropped"
	}
	if !l.inOrder(m.Chunks, m.Time) {
		return true // a replay, or two swarms under one key
	}
	if !l.key.Verify(m.Spec, m.Time, hash, m.Payload) {
		c.ban(now, "a signature that is not the publisher's")
		return false
	}
	if l.tree.AddMunro(bin, hash) != nil {
		return true
	}
	s.addMunro(munro{bin, m.Chunks, m.Time, slices.Clone(hash), slices.Clone(m.Payload), now})
	s.picking.wanted = true
	return true
}

// find returns the place of a munro in the list, or where it belongs.
func (l *liveState) find(b chunk.Bin) (int, bool) {
	start := b.Range().Start
	k, found := slices.BinarySearchFunc(l.munros, start, func(m munro, at uint64) int {
		switch {
		case m.chunks.Start < at:
			return -1
		case m.chunks.Start > at:
			return 1
		}
		return 0
	})
	return k, found && l.munros[k].bin == b
}

// inOrder tells whether a munro's timestamp lies between its neighbours': the source signs
// in the order of the chunks, so what does not fit was replayed (RFC 7574, 6.1.2.4).
func (l *liveState) inOrder(r chunk.Range, ntp uint64) bool {
	k, _ := slices.BinarySearchFunc(l.munros, r.Start, func(m munro, at uint64) int {
		if m.chunks.Start < at {
			return -1
		}
		return 1
	})
	if k > 0 && (l.munros[k-1].ntp > ntp || l.munros[k-1].chunks.End > r.Start) {
		return false
	}
	return k == len(l.munros) || (l.munros[k].ntp >= ntp && l.munros[k].chunks.Start >= r.End)
}

// munroOf returns the signed munro that chunk i belongs to.
func (l *liveState) munroOf(i uint64) *munro {
	k, _ := slices.BinarySearchFunc(l.munros, i, func(m munro, at uint64) int {
		if m.chunks.End <= at {
			return -1
		}
		return 1
	})
	if k < len(l.munros) && l.munros[k].chunks.Contains(i) {
		return &l.munros[k]
	}
	return nil
}

// addMunro takes a verified munro into the window and moves the edge.
func (s *Swarm) addMunro(m munro) {
	l := s.live
	k, _ := l.find(m.bin)
	l.munros = slices.Insert(l.munros, k, m)
	if m.chunks.End <= l.edge {
		return
	}
	if l.next >= l.edge {
		l.since = m.at
	}
	l.edge = m.chunks.End
	if l.source == nil {
		s.tuneIn(m.at)
	}
	s.forget()
}

// tuneIn picks the first chunk to play (RFC 7574, 6.1.2.4): Behind chunks before the edge.
// It does so again while nothing was played yet and a newer edge comes to light, and when
// playing fell so far behind that the ring has gone on.
func (s *Swarm) tuneIn(now int64) {
	l := s.live
	behind := min(s.cfg.Behind, l.window/2)
	start := l.edge - min(l.edge, behind)
	if l.tuned && l.started && l.edge-l.next <= l.window/2 {
		return
	}
	if l.tuned && !l.started && start <= l.next {
		return
	}
	if l.started {
		s.emit(Event{Kind: EventSkip, Chunks: chunk.Range{Start: l.next, End: start}})
	}
	l.tuned, l.tunedAt, l.next, l.since = true, now, start, now
}

// forget drops what fell out of the window (RFC 7574, 6.2).
func (s *Swarm) forget() {
	l := s.live
	if l.edge <= l.window {
		return
	}
	old := l.edge - l.window
	s.have.Remove(chunk.Range{End: old})
	s.requested.Remove(chunk.Range{End: old})
	l.tree.Discard(old)
	k := 0
	for k < len(l.munros) && l.munros[k].chunks.End <= old {
		k++
	}
	l.munros = slices.Delete(l.munros, 0, k)
}

// wants tells whether chunk i lies in the window.
func (l *liveState) wants(i uint64) bool { return i < l.edge && i+l.window >= l.edge }

// advance plays what is there in order, and skips what will not come in time.
func (s *Swarm) advance(now int64) {
	l := s.live
	if !l.tuned || l.source != nil {
		return
	}
	for {
		if run, ok := s.have.Covering(l.next); ok {
			s.emit(Event{Kind: EventPlay, Chunks: chunk.Range{Start: l.next, End: run.End}})
			l.next, l.since, l.started = run.End, now, true
			s.picking.wanted = true
			continue
		}
		if l.next >= l.edge || now < l.since+s.skipPatience() {
			return
		}
		to, ok := s.skipTo()
		if !ok {
			l.since = now // nobody has anything: wait for peers
			return
		}
		if l.started {
			s.emit(Event{Kind: EventSkip, Chunks: chunk.Range{Start: l.next, End: to}})
		}
		l.next, l.since = to, now
		s.picking.wanted = true
	}
}

// skipPatience is how long the next chunk may be missing.
func (s *Swarm) skipPatience() int64 {
	for _, c := range s.order {
		if c.state == stateOpen && c.peerHave.Has(s.live.next) {
			return skipOffered
		}
	}
	return skipUnoffered
}

// skipTo returns the first later chunk that is here or that a peer offers.
func (s *Swarm) skipTo() (uint64, bool) {
	l := s.live
	to, found := uint64(math.MaxUint64), false
	if r, ok := s.have.NextIn(l.next + 1); ok {
		to, found = r.Start, true
	}
	for _, c := range s.order {
		if c.state != stateOpen {
			continue
		}
		if r, ok := c.peerHave.NextIn(l.next + 1); ok && r.Start < l.edge && r.Start < to {
			to, found = r.Start, true
		}
	}
	return to, found
}

// nextTimeout returns when advance has something to do.
func (l *liveState) nextTimeout() int64 {
	if !l.tuned || l.source != nil || l.next >= l.edge {
		return math.MaxInt64
	}
	return l.since + skipUnoffered/2
}

// holders counts the peers that have chunk i.
func (s *Swarm) holders(i uint64) int {
	n := 0
	for _, c := range s.order {
		if c.state == stateOpen && c.peerHave.Has(i) {
			n++
		}
	}
	return n
}

// mix is the finalizer of SplitMix64: it spreads consecutive numbers evenly.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
