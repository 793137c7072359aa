package tracker

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// MemoryConfig bounds a Memory. Zero fields take the defaults named beside them.
type MemoryConfig struct {
	TrackTimeout     time.Duration // DefaultTrackTimeout
	MaxSwarms        int           // 100,000
	MaxPeers         int           // 1,000,000, each counted once
	MaxSwarmPeers    int           // 100,000 in one swarm
	MaxSwarmsOfAPeer int           // 1,000
	MaxSeats         int           // 2,000,000 memberships of all peers
	// MaxPeersOfAnAddress bounds the peers that call from one IPv4 address or IPv6 /64: 4,096,
	// since carriers put many homes behind one address. Loopback has no bound but MaxPeers.
	MaxPeersOfAnAddress int
	Random              *rand.Rand // chooses the peers of a list; seeded by the runtime
	// Places knows which network an address is in, for peers that are near; nil knows nothing.
	Places *Places
	// Marks knows who has a role; nil for nobody, but who says so and may.
	Marks *Marks
	// Cost tells how well a peer at from serves one at to, 0 to MaxScore, for networks whose
	// operators say so (ALTO, RFC 7285). Nil knows nothing.
	Cost func(from, to netip.Addr) int
}

// DefaultTrackTimeout is the track timer of a tracker that is not told otherwise.
const DefaultTrackTimeout = 2 * time.Minute

// Memory is a Registry in memory. It takes about 140 bytes for a peer in one swarm, in tables
// without pointers, which the garbage collector does not look into. When it is full, nobody
// is put out for a newcomer: who is in stays and may renew, and others get ErrFull until
// somebody leaves or falls silent.
type Memory struct {
	config MemoryConfig

	mu      sync.Mutex
	epoch   time.Time // tick 0
	seed    maphash.Seed
	blobs   arena // what peers said, see blob.go
	peers   slab[member]
	seats   slab[seat]
	swarms  slab[swarm]
	byID    index
	byName  map[string]uint32 // swarms
	sources map[uint64]int32  // peers that call from an address, see neighbourhood
	oldest  uint32            // peer that is silent for the longest, 0 for none
	newest  uint32
	marked  bool     // some peer has, or had, a role
	journal *Journal // nil: nothing is kept on disk
	record  []byte   // for the journal, reused
}

// member is a registered peer: the "per-Peer-ID" state machine in TRACKING state.
type member struct {
	blob         place  // ID and addresses
	seats        uint32 // its first
	older, newer uint32 // peers, by their latest sign of life
	seen         tick
	joined       tick
	upload       uint32 // kbit/s, as stated
	asn          uint32 // autonomous system, 0 for unknown
	region       uint32 // see regionOf
	swarms       uint16 // how many seats
	ability      ability
	traits       traits
}

// swarm holds its members by mode. Swarms are dropped with their last member.
type swarm struct {
	name             string
	seeders, leeches []uint32 // seats
}

// seat is a peer in a swarm.
type seat struct {
	member, swarm uint32
	next          uint32 // of the same peer
	at            uint32 // where it is in the swarm's row of its mode
	part
}

// tick counts sixteenths of a second from a registry's first request on, for eight years.
type tick uint32

const ticksASecond = 16

// tickOf returns the tick of a moment.
func (r *Memory) tickOf(now time.Time) tick {
	if r.epoch.IsZero() {
		r.epoch = now
	}
	return tick(max(now.Sub(r.epoch), 0) / (time.Second / ticksASecond))
}

// NewMemory returns an empty registry.
func NewMemory(c MemoryConfig) *Memory {
	if c.TrackTimeout <= 0 {
		c.TrackTimeout = DefaultTrackTimeout
	}
	for _, bound := range []struct {
		value    *int
		standard int
	}{
		{&c.MaxSwarms, 100_000},
		{&c.MaxPeers, 1_000_000},
		{&c.MaxSwarmPeers, 100_000},
		{&c.MaxSwarmsOfAPeer, 1_000},
		{&c.MaxSeats, 2_000_000},
		{&c.MaxPeersOfAnAddress, 4_096},
	} {
		if *bound.value <= 0 {
			*bound.value = bound.standard
		}
	}
	if c.Random == nil {
		c.Random = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return &Memory{config: c, seed: maphash.MakeSeed(), byName: make(map[string]uint32), sources: make(map[uint64]int32)}
}

// Join implements Registry.
func (r *Memory) Join(_ context.Context, now time.Time, swarmID string, m Member) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	r.known(now, m.ID)
	return r.join(now, swarmID, m)
}

func (r *Memory) join(now time.Time, swarmID string, m Member) error {
	p, s := r.peer(m.ID), r.byName[swarmID]
	if r.seatOf(p, s) == 0 && !r.fits(p, s, m.Source) {
		return ErrFull
	}
	if p == 0 {
		p = r.register(now, m)
	} else {
		r.restate(p, m)
	}
	if s == 0 {
		s = r.swarms.new()
		name := strings.Clone(swarmID) // not all of the request that it is part of
		r.swarms.at(s).name = name
		r.byName[name] = s
	}
	r.touch(p, now)
	r.note(p, m.About)
	r.noteJoin(r.sit(p, s, m.Mode))
	return nil
}

// fits tells whether there is room for one more seat.
func (r *Memory) fits(p, s uint32, source Address) bool {
	switch {
	case r.seats.count() >= r.config.MaxSeats,
		p == 0 && (r.peers.count() >= r.config.MaxPeers || r.crowded(source)),
		s == 0 && r.swarms.count() >= r.config.MaxSwarms,
		p != 0 && int(r.peers.at(p).swarms) >= r.config.MaxSwarmsOfAPeer,
		s != 0 && r.swarms.at(s).size() >= r.config.MaxSwarmPeers:
		return false
	}
	return true
}

// Leave implements Registry.
func (r *Memory) Leave(_ context.Context, now time.Time, swarmID, peer string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	seat := r.sign(now, swarmID, peer)
	if seat == 0 {
		return ErrNotMember
	}
	r.leave(swarmID, peer)
	return nil
}

// leave takes the peer out of the swarm if it is in it, and forgets it after its last one.
func (r *Memory) leave(swarmID, peer string) {
	p := r.peer(peer)
	seat := r.seatOf(p, r.byName[swarmID])
	if seat == 0 {
		return
	}
	r.noteLeave(swarmID, peer)
	r.stand(seat)
	if r.peers.at(p).seats == 0 {
		r.remove(p)
	}
}

// Touch implements Registry.
func (r *Memory) Touch(_ context.Context, now time.Time, peer string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	p := r.known(now, peer)
	if p == 0 {
		return ErrNotMember
	}
	r.touch(p, now)
	return nil
}

// Report implements Registry.
func (r *Memory) Report(_ context.Context, now time.Time, peer string, s StreamStats) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	seat := r.sign(now, s.SwarmID, peer)
	if seat == 0 {
		return ErrNotMember
	}
	t := r.seats.at(seat)
	t.set(&s)
	r.peers.at(t.member).traits.take(&s)
	return nil
}

// Find implements Registry.
func (r *Memory) Find(_ context.Context, now time.Time, swarmID, asker string, n int, about *PeerNum) ([]Peer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seat := r.sign(now, swarmID, asker)
	if seat == 0 {
		return nil, ErrNotMember
	}
	r.note(r.seats.at(seat).member, about)
	return r.choose(seat, n, r.tickOf(now)), nil
}

// note keeps what a peer says of itself.
func (r *Memory) note(p uint32, about *PeerNum) {
	t := r.peers.at(p)
	t.note(about)
	r.marked = r.marked || t.traits&(super|edge) != 0
}

// Known implements Registry.
func (r *Memory) Known(_ context.Context, now time.Time, peer string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	return r.known(now, peer) != 0, nil
}

// Remove implements Registry.
func (r *Memory) Remove(_ context.Context, now time.Time, peer string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	if p := r.peer(peer); p != 0 {
		r.remove(p)
	}
	return nil
}

// Expire implements Registry. It holds others up for a few peers at a time.
func (r *Memory) Expire(ctx context.Context, now time.Time) error {
	for ctx.Err() == nil {
		r.mu.Lock()
		more := r.expire(now)
		r.mu.Unlock()
		if !more {
			return nil
		}
	}
	return ctx.Err()
}
