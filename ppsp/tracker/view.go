package tracker

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// Totals is how much a registry holds.
type Totals struct {
	Peers  int `json:"peers"` // each once
	Swarms int `json:"swarms"`
}

// SwarmSummary is a swarm as its operator sees it. Sums are over what the members reported last.
type SwarmSummary struct {
	SwarmID         string `json:"swarm_id"`
	Seeders         int    `json:"seeders"`
	Leeches         int    `json:"leeches"`
	Reporting       int    `json:"reporting"` // members whose reports are in the sums
	UploadedBytes   Number `json:"uploaded_bytes"`
	DownloadedBytes Number `json:"downloaded_bytes"`
	UploadBandwidth Number `json:"upload_bandwidth"` // bit/s that members can give
	Links           Number `json:"links"`            // between peers, seen from both ends
	ChunksHeld      Number `json:"chunks_held"`
	ChunksLate      Number `json:"chunks_late"` // that came after they were to be played, or never
	MostLate        Number `json:"most_late"`   // of one member
}

func (s *SwarmSummary) add(t *StreamStats, held Number) {
	s.Reporting++
	s.UploadedBytes += t.UploadedBytes
	s.DownloadedBytes += t.DownloadedBytes
	s.UploadBandwidth += t.AvailableBandwidth
	s.Links += t.ConcurrentLinks
	s.ChunksHeld += held
	s.ChunksLate += t.ChunksLate
	s.MostLate = max(s.MostLate, t.ChunksLate)
}

// MemberView is a member of a swarm as its operator sees it.
type MemberView struct {
	SwarmID string `json:"swarm_id"`
	MemberStatus
	From       string `json:"from"` // IP address whence it calls, empty for unknown
	ChunksHeld Number `json:"chunks_held"`
}

// Totals tells how much there is.
func (r *Memory) Totals(_ context.Context, now time.Time) (Totals, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	return Totals{r.peers.count(), r.swarms.count()}, nil
}

// Swarms returns n swarms by their IDs, from the one that follows after on. It looks at each by
// itself, so that peers need not wait for all.
func (r *Memory) Swarms(_ context.Context, now time.Time, after string, n int) ([]SwarmSummary, error) {
	r.mu.Lock()
	r.expire(now)
	var ids []string
	for id := range r.byName {
		if id > after {
			ids = append(ids, id)
		}
	}
	r.mu.Unlock()
	slices.Sort(ids)
	out := []SwarmSummary{}
	for _, id := range ids[:min(n, len(ids))] {
		if s, ok := r.summary(id); ok {
			out = append(out, s)
		}
	}
	return out, nil
}

// Swarm returns one swarm, ErrNotMember if there is no such.
func (r *Memory) Swarm(_ context.Context, _ time.Time, id string) (SwarmSummary, error) {
	if s, ok := r.summary(id); ok {
		return s, nil
	}
	return SwarmSummary{}, ErrNotMember
}

func (r *Memory) summary(id string) (out SwarmSummary, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.byName[id]
	if at == 0 {
		return out, false
	}
	s := r.swarms.at(at)
	out = SwarmSummary{SwarmID: id, Seeders: len(s.seeders), Leeches: len(s.leeches)}
	for _, row := range [][]uint32{s.seeders, s.leeches} {
		for _, seat := range row {
			t := r.seats.at(seat)
			if stats := t.get(""); stats != nil {
				out.add(stats, Number(t.held))
			}
		}
	}
	return out, true
}

// Members returns n members of a swarm by their IDs, from the one that follows after on.
func (r *Memory) Members(_ context.Context, now time.Time, swarm, after string, n int) ([]MemberView, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	at := r.byName[swarm]
	if at == 0 {
		return []MemberView{}, nil
	}
	type one struct {
		id   string
		seat uint32
	}
	var all []one
	s := r.swarms.at(at)
	for _, row := range [][]uint32{s.seeders, s.leeches} {
		for _, seat := range row {
			if id := blob(r.blobs.get(r.peers.at(r.seats.at(seat).member).blob)).id(); id > after {
				all = append(all, one{id, seat})
			}
		}
	}
	slices.SortFunc(all, func(a, b one) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	out := []MemberView{}
	for _, o := range all[:min(n, len(all))] {
		out = append(out, r.view(o.seat, now))
	}
	return out, nil
}

func (r *Memory) view(seat uint32, now time.Time) MemberView {
	t := r.seats.at(seat)
	v := MemberView{SwarmID: r.swarms.at(t.swarm).name, MemberStatus: r.status(seat, r.tickOf(now)), ChunksHeld: Number(t.held)}
	if from := blob(r.blobs.get(r.peers.at(t.member).blob)).source(); from.IsValid() {
		v.From = from.String()
	}
	return v
}

// Memberships returns in which swarms a peer is; none for a peer that is unknown.
func (r *Memory) Memberships(_ context.Context, now time.Time, peer string) ([]MemberView, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	out := []MemberView{}
	if p := r.peer(peer); p != 0 {
		for seat := r.peers.at(p).seats; seat != 0; seat = r.seats.at(seat).next {
			out = append(out, r.view(seat, now))
		}
	}
	return out, nil
}

// evictAtOnce is how many peers are looked at while others wait.
const evictAtOnce = 4096

// Evict forgets all peers that call from within the prefix, and tells how many they were.
func (r *Memory) Evict(_ context.Context, _ time.Time, from netip.Prefix) (evicted int, err error) {
	for first := uint32(1); first != 0; {
		var n int
		n, first = r.evict(first, from)
		evicted += n
	}
	return evicted, nil
}

func (r *Memory) evict(first uint32, from netip.Prefix) (evicted int, next uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	to := min(first+evictAtOnce, r.peers.used+1)
	for p := first; p < to; p++ {
		if r.peers.at(p).seats != 0 && from.Contains(blob(r.blobs.get(r.peers.at(p).blob)).source()) {
			r.remove(p)
			evicted++
		}
	}
	if to > r.peers.used {
		return evicted, 0
	}
	return evicted, to
}
