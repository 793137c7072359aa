package tracker

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// sign returns the peer's seat in the swarm, 0 if it has none, and resets its timer.
func (r *Memory) sign(now time.Time, swarmID, peer string) uint32 {
	r.expire(now)
	p := r.known(now, peer)
	if p == 0 {
		return 0
	}
	r.touch(p, now)
	return r.seatOf(p, r.byName[swarmID])
}

// Status implements Registry. Swarms and members come sorted by their IDs.
func (r *Memory) Status(ctx context.Context, now time.Time) (Status, error) {
	if err := r.Expire(ctx, now); err != nil {
		return Status{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Status{Peers: r.peers.count(), Swarms: []SwarmStatus{}}
	left := MaxStatusPeers
	for _, n := range r.byName {
		if left == 0 {
			out.Truncated = true
			break
		}
		s := r.swarms.at(n)
		entry := SwarmStatus{SwarmID: s.name, Seeders: len(s.seeders), Leeches: len(s.leeches), Members: []MemberStatus{}}
		for _, t := range slices.Concat(s.seeders, s.leeches) {
			if left == 0 {
				out.Truncated = true
				break
			}
			left--
			entry.Members = append(entry.Members, r.status(t, r.tickOf(now)))
		}
		slices.SortFunc(entry.Members, func(a, b MemberStatus) int { return cmp.Compare(a.PeerID, b.PeerID) })
		out.Swarms = append(out.Swarms, entry)
	}
	slices.SortFunc(out.Swarms, func(a, b SwarmStatus) int { return cmp.Compare(a.SwarmID, b.SwarmID) })
	return out, nil
}

func (r *Memory) status(n uint32, now tick) MemberStatus {
	t := r.seats.at(n)
	p := r.peers.at(t.member)
	b := blob(r.blobs.get(p.blob))
	mode := Leech
	if t.seeder {
		mode = Seeder
	}
	return MemberStatus{
		PeerID: b.id(), Mode: mode, SilentFor: float64(now-p.seen) / ticksASecond,
		Addresses: b.addresses(nil), Role: p.traits.role(), Stats: t.get(r.swarms.at(t.swarm).name),
	}
}
