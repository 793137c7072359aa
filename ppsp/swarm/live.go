package swarm

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// Patience with a chunk that is next to be played, nanoseconds.
const (
	skipOffered   = 2000e6          // some peer has it, unless Config.Patience says otherwise
	skipUnoffered = skipOffered / 2 // no peer has it, but there are later ones: longer than offerAll
	skipCheck     = 100e6           // between two looks at what is offered
	skipAtStart   = 300e6           // no peer has it, and nothing was played yet
)

// probeAfter is for how long no newer edge came to light, in ns, when we begin to look
// whether silent peers were started again: the source is the first to think of.
const (
	probeAfter = 1500e6
	probeEvery = 1000e6
)

// staleEdge is how old a munro may have been when we tuned in by it, nanoseconds.
const staleEdge = 1e9

// liveState is what a live swarm has beyond a film's.
type liveState struct {
	key    *livesig.PublicKey
	check  SignatureChecker
	tree   *merkle.Live
	window uint64

	unoffered int64 // patience with a chunk that no peer has, ns

	munros []munro // ascending, within the window
	edge   uint64  // end of what is known of the stream: see integrity.go
	moved  int64   // when that moved last

	edgeNTP    uint64      // when the source signed that, 0 if it did not
	signatures []signature // Sign All: by chunk modulo window

	tuned    bool
	tunedAt  int64
	tunedNTP uint64 // timestamp of the munro by which we tuned in
	next     uint64 // first chunk not yet played
	since    int64  // since when next has been missing
	checkAt  int64  // when to look whether it is to be skipped
	probeAt  int64  // when to look for peers that were started again
	started  bool   // something was played
	ended    bool   // source: the broadcast is over
	rarity   rarity // of what peers offer from next on

	source     *livesig.PrivateKey // nil at receivers
	perMunro   uint64
	appendNext uint64
	copies     []uint8 // by chunk modulo window: how often the source has sent it, retries aside
	offers     offers
}

func newLiveState(cfg *Config) (*liveState, error) {
	key, err := livesig.ParsePublicKey(cfg.Meta.SwarmID)
	if err != nil {
		return nil, fmt.Errorf("the swarm ID is no public key: %w", err)
	}
	if cfg.Window == 0 || cfg.Window > MaxLiveWindow {
		return nil, fmt.Errorf("live window of %d chunks, want 1 to %d", cfg.Window, int(MaxLiveWindow))
	}
	l := &liveState{key: key, check: cfg.Signatures, tree: merkle.NewLive(cfg.Meta.Hash), window: cfg.Window, unoffered: skipUnoffered}
	if cfg.Patience > 0 {
		l.unoffered = cfg.Patience / 2
	}
	if l.check == nil {
		l.check = key
	}
	if cfg.Key == nil {
		return l, nil
	}
	n := cfg.ChunksPerSignature
	unified := cfg.Meta.Integrity == ppsp.IntegrityUnified
	if !unified {
		n = max(n, 1)
	}
	switch {
	case !unified && n != 1:
		return nil, fmt.Errorf("%d chunks per signature, but integrity method %s knows no such number", n, cfg.Meta.Integrity)
	case unified && n < 2 || n > MaxMunro || n&(n-1) != 0:
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
	l.offers.promised, l.offers.holders = make([]uint8, cfg.Window), make([]uint8, cfg.Window)
	l.offers.restAt = math.MaxInt64
	return l, nil
}

// Edge returns the end of the newest chunks that the source has signed, and the first
// chunk that was not yet told by EventPlay.
func (s *Swarm) Edge() (edge, next uint64) {
	if s.live == nil {
		return 0, 0
	}
	return s.live.edge, s.live.next
}

// tuneIn picks the first chunk to play (RFC 7574, 6.1.2.4): Behind chunks before the edge,
// which was signed at ntp. It does so again when playing fell so far behind that the ring has
// gone on, or when ntp or the distance shows, before anything was played, that the first edge
// heard of was an old one: "a peer may use the information from multiple peers to pick the tune-in point".
func (s *Swarm) tuneIn(now int64, ntp uint64) {
	l := s.live
	behind := min(s.cfg.Behind, l.window/2)
	start := l.edge - min(l.edge, behind)
	switch {
	case !l.tuned:
	case !l.started && l.edge-l.next > l.window: // nobody need have that any more
	case l.started && l.edge-l.next > l.window/2:
		s.emit(Event{Kind: EventSkip, Chunks: chunk.Range{Start: l.next, End: start}})
	case !l.started && ntpSpan(l.tunedNTP, ntp)-(now-l.tunedAt) > staleEdge:
	case !l.started && ntp == 0 && now-l.tunedAt < staleEdge: // nothing tells how old the first was
	default:
		return
	}
	l.tuned, l.tunedAt, l.tunedNTP, l.next = true, now, ntp, start
	l.waitFrom(now)
	s.askAll()
}

// ntpSpan is the time from one NTP timestamp to a later one, nanoseconds.
func ntpSpan(from, to uint64) int64 {
	span := min(to-min(from, to), math.MaxUint32<<31) // 68 years
	return int64(span>>32)*1e9 + int64(span&math.MaxUint32*1e9>>32)
}

// waitFrom notes that the next chunk has been missing since now.
func (l *liveState) waitFrom(now int64) {
	l.since, l.checkAt = now, now+l.unoffered
	if !l.started {
		l.checkAt = now + skipAtStart
	}
}

// forget drops what fell out of the window (RFC 7574, 6.2).
func (s *Swarm) forget() {
	l := s.live
	if l.edge <= l.window {
		return
	}
	old := l.edge - l.window
	s.have.Remove(chunk.Range{End: old})
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
			l.next, l.started = run.End, true
			l.waitFrom(now)
			continue
		}
		if l.next >= l.edge || now < l.checkAt {
			return
		}
		offered := s.offeredNext()
		if offered && now < l.since+s.cfg.Patience {
			l.checkAt = min(now+int64(skipCheck), l.since+s.cfg.Patience)
			return
		}
		to, ok := s.skipTo(offered)
		if !ok {
			l.waitFrom(now) // nobody has anything: wait for peers
			return
		}
		if l.started {
			s.emit(Event{Kind: EventSkip, Chunks: chunk.Range{Start: l.next, End: to}})
		}
		l.next = to
		l.waitFrom(now)
		s.picking.wanted = true
	}
}

// offeredNext tells whether some peer has the chunk that is to be played next.
func (s *Swarm) offeredNext() bool {
	for _, c := range s.order {
		if c.state == stateOpen && c.peerHave.Has(s.live.next) {
			return true
		}
	}
	return false
}

// skipTo returns the first later chunk that is here or that a peer offers. If the next one
// is offered and did not come, what is offered behind it was asked for as long: then only
// what is here counts, if anything is.
func (s *Swarm) skipTo(offered bool) (uint64, bool) {
	l := s.live
	to, found := uint64(math.MaxUint64), false
	if r, ok := s.have.NextIn(l.next + 1); ok {
		to, found = r.Start, true
	}
	if offered && found {
		return to, true
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

// probe looks for peers that were started again, while no newer edge comes to light.
func (s *Swarm) probe(now int64) {
	l := s.live
	if !l.tuned || now < l.probeAt {
		return
	}
	l.probeAt = now + probeEvery
	s.picking.wanted = true // see findEdge
	for _, c := range s.order {
		if c.state == stateOpen {
			c.reprobe(now)
		}
	}
}

// nextTimeout returns when advance, or an offer of the source, has something to do.
func (l *liveState) nextTimeout() int64 {
	switch {
	case l.source != nil:
		return l.offers.nextTimeout()
	case !l.tuned:
		return math.MaxInt64
	case l.next >= l.edge:
		return l.probeAt
	}
	return min(l.checkAt, l.probeAt)
}
