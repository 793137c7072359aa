package tracker

import (
	"container/list"
	"context"
	"math/rand/v2"
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
	Random           *rand.Rand    // chooses the peers of a list; seeded by the runtime
}

// DefaultTrackTimeout is the track timer of a tracker that is not told otherwise.
const DefaultTrackTimeout = 2 * time.Minute

// Memory is a Registry in memory.
type Memory struct {
	config MemoryConfig

	mu     sync.Mutex
	peers  map[string]*member
	swarms map[string]*swarm
	seen   list.List // of *member, the longest silent in front
}

// member is a registered peer: the "per-Peer-ID" state machine in TRACKING state.
type member struct {
	id        string
	addresses []Address
	stated    bool // addresses come from the peer, not from the request's source
	seen      time.Time
	place     *list.Element
	seats     map[*swarm]*seat
}

// swarm holds its members by mode. Swarms are dropped with their last member.
type swarm struct {
	id               string
	seeders, leeches []*seat
}

// seat is a peer in a swarm.
type seat struct {
	member *member
	swarm  *swarm
	mode   Mode
	at     int // where it is in the swarm's slice of its mode
	stats  *StreamStats
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
	} {
		if *bound.value <= 0 {
			*bound.value = bound.standard
		}
	}
	if c.Random == nil {
		c.Random = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return &Memory{config: c, peers: make(map[string]*member), swarms: make(map[string]*swarm)}
}

// Join implements Registry.
func (r *Memory) Join(_ context.Context, now time.Time, swarmID string, m Member) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	p, s := r.peers[m.ID], r.swarms[swarmID]
	switch {
	case p != nil && s != nil && p.seats[s] != nil: // renews its membership
	case p == nil && len(r.peers) >= r.config.MaxPeers,
		s == nil && len(r.swarms) >= r.config.MaxSwarms,
		p != nil && len(p.seats) >= r.config.MaxSwarmsOfAPeer,
		s != nil && len(s.seeders)+len(s.leeches) >= r.config.MaxSwarmPeers:
		return ErrFull
	}
	if p == nil {
		p = &member{id: m.ID, seats: make(map[*swarm]*seat)}
		p.place = r.seen.PushBack(p)
		r.peers[m.ID] = p
	}
	if s == nil {
		s = &swarm{id: swarmID}
		r.swarms[swarmID] = s
	}
	r.touch(p, now)
	p.state(m)
	s.sit(p, m.Mode)
	return nil
}

// state takes the addresses of m, or where it calls from if it never stated any.
func (p *member) state(m Member) {
	switch usable := best(m.Addresses); {
	case len(usable) > 0:
		p.addresses, p.stated = usable, true
	case !p.stated && m.Source.Usable():
		p.addresses = []Address{m.Source}
	}
}

// Leave implements Registry.
func (r *Memory) Leave(_ context.Context, now time.Time, swarmID, peer string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	seat := r.seat(now, swarmID, peer)
	if seat == nil {
		return ErrNotMember
	}
	r.stand(seat)
	if len(seat.member.seats) == 0 {
		r.remove(seat.member)
	}
	return nil
}

// Touch implements Registry.
func (r *Memory) Touch(_ context.Context, now time.Time, peer string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	p := r.peers[peer]
	if p == nil {
		return ErrNotMember
	}
	r.touch(p, now)
	return nil
}

// Report implements Registry.
func (r *Memory) Report(_ context.Context, now time.Time, peer string, s StreamStats) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	seat := r.seat(now, s.SwarmID, peer)
	if seat == nil {
		return ErrNotMember
	}
	seat.stats = &s
	return nil
}

// Find implements Registry.
func (r *Memory) Find(_ context.Context, now time.Time, swarmID, asker string, n int) ([]Peer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seat := r.seat(now, swarmID, asker)
	if seat == nil {
		return nil, ErrNotMember
	}
	return seat.swarm.choose(r.config.Random, seat, n), nil
}

// Expire implements Registry.
func (r *Memory) Expire(_ context.Context, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	return nil
}

// seat returns the peer's seat in the swarm, nil if it has none, and resets its timer.
func (r *Memory) seat(now time.Time, swarmID, peer string) *seat {
	r.expire(now)
	p := r.peers[peer]
	if p == nil {
		return nil
	}
	r.touch(p, now)
	return p.seats[r.swarms[swarmID]]
}

func (r *Memory) touch(p *member, now time.Time) {
	p.seen = now
	r.seen.MoveToBack(p.place)
}

func (r *Memory) expire(now time.Time) {
	for e := r.seen.Front(); e != nil; e = r.seen.Front() {
		p := e.Value.(*member)
		if now.Sub(p.seen) < r.config.TrackTimeout {
			return
		}
		r.remove(p)
	}
}

// remove forgets the peer and all its memberships.
func (r *Memory) remove(p *member) {
	for _, s := range p.seats {
		r.stand(s)
	}
	r.seen.Remove(p.place)
	delete(r.peers, p.id)
}

// stand ends one membership.
func (r *Memory) stand(s *seat) {
	s.swarm.take(s)
	delete(s.member.seats, s.swarm)
	if len(s.swarm.seeders)+len(s.swarm.leeches) == 0 {
		delete(r.swarms, s.swarm.id)
	}
}
