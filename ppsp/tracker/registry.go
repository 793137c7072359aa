package tracker

import (
	"context"
	"errors"
	"time"
)

// Registry remembers who is in which swarm. Every method is safe for concurrent use, and
// takes the time of the request: a peer of which nothing was heard for the track timer is
// gone from all its swarms (RFC 7846, 2.3.2 D). Errors other than ErrNotMember and ErrFull
// mean that the registry itself is in trouble; ErrUnavailable, that it is so for a while.
type Registry interface {
	// Join puts the peer into the swarm, or renews its membership with the mode and
	// addresses it has now.
	Join(ctx context.Context, now time.Time, swarm string, m Member) error
	// Leave takes the peer out of the swarm, and forgets it after its last one.
	Leave(ctx context.Context, now time.Time, swarm, peer string) error
	// Touch resets the track timer.
	Touch(ctx context.Context, now time.Time, peer string) error
	// Report resets the track timer and notes the statistics of the swarm they name.
	Report(ctx context.Context, now time.Time, peer string, s StreamStats) error
	// Find resets the track timer and returns up to n other members that are of use to the
	// asker, in random order. about is what the asker says of itself, nil for nothing.
	Find(ctx context.Context, now time.Time, swarm, asker string, n int, about *PeerNum) ([]Peer, error)
	// Known tells whether the peer is registered; its track timer runs on.
	Known(ctx context.Context, now time.Time, peer string) (bool, error)
	// Remove takes the peer out of all swarms and forgets it. Nobody to forget is no error.
	Remove(ctx context.Context, now time.Time, peer string) error
	// Expire drops the peers whose track timer has run out.
	Expire(ctx context.Context, now time.Time) error
	// Status returns all swarms and peers, up to MaxStatusPeers.
	Status(ctx context.Context, now time.Time) (Status, error)
}

// Member is what a peer says of itself when it joins.
type Member struct {
	ID        string
	Mode      Mode
	Addresses []Address // as stated; none keeps those stated before
	Source    Address   // whence the request came; listed for a peer that never stated any
	About     *PeerNum  // what it says of itself, nil for nothing
}

// ErrNotMember means that the peer, or the peer in that swarm, is unknown.
var ErrNotMember = errors.New("not a member of the swarm")

// ErrFull means that a bound of the registry is reached.
var ErrFull = errors.New("the tracker is full")

// ErrUnavailable means that the registry does not answer, and may do so again soon.
var ErrUnavailable = errors.New("the registry does not answer")

// MaxStatusPeers bounds the memberships in a Status.
const MaxStatusPeers = 10000

// Status is what a tracker knows, for people and tests.
type Status struct {
	Peers     int           `json:"peers"` // each once
	Swarms    []SwarmStatus `json:"swarms"`
	Truncated bool          `json:"truncated,omitempty"` // there were more than MaxStatusPeers
}

// SwarmStatus is one swarm in a Status.
type SwarmStatus struct {
	SwarmID string         `json:"swarm_id"`
	Seeders int            `json:"seeders"`
	Leeches int            `json:"leeches"`
	Members []MemberStatus `json:"members"`
}

// MemberStatus is one peer in a SwarmStatus.
type MemberStatus struct {
	PeerID    string       `json:"peer_id"`
	Mode      Mode         `json:"peer_mode"`
	SilentFor float64      `json:"silent_s"` // seconds since its last request
	Addresses []Address    `json:"peer_addr"`
	Stats     *StreamStats `json:"stats,omitempty"`
	Role      Role         `json:"peer_role,omitempty"`
}
