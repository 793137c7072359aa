package tracker

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Status implements Registry. Swarms and members come sorted by their IDs.
func (r *Memory) Status(_ context.Context, now time.Time) (Status, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	out := Status{Peers: len(r.peers), Swarms: []SwarmStatus{}}
	left := MaxStatusPeers
	for _, s := range r.swarms {
		if left == 0 {
			out.Truncated = true
			break
		}
		entry := SwarmStatus{SwarmID: s.id, Seeders: len(s.seeders), Leeches: len(s.leeches), Members: []MemberStatus{}}
		for _, t := range slices.Concat(s.seeders, s.leeches) {
			if left == 0 {
				out.Truncated = true
				break
			}
			left--
			entry.Members = append(entry.Members, t.status(now))
		}
		slices.SortFunc(entry.Members, func(a, b MemberStatus) int { return cmp.Compare(a.PeerID, b.PeerID) })
		out.Swarms = append(out.Swarms, entry)
	}
	slices.SortFunc(out.Swarms, func(a, b SwarmStatus) int { return cmp.Compare(a.SwarmID, b.SwarmID) })
	return out, nil
}

func (t *seat) status(now time.Time) MemberStatus {
	return MemberStatus{
		PeerID: t.member.id, Mode: t.mode, SilentFor: now.Sub(t.member.seen).Seconds(),
		Addresses: slices.Clone(t.member.addresses), Stats: t.stats,
	}
}
