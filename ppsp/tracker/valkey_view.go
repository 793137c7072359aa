package tracker

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/redis/rueidis"
)

// Bounds of what an operator's question costs the server.
const (
	scanAtOnce     = 1000
	maxSummarized  = 1000 // members of one mode whose reports are summed up
	maxViewMembers = maxSwarmValkey
)

// glance bounds what an operator's question may wait for the server.
func (v *Valkey) glance(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, v.glances)
}

// Totals counts what there is. It looks at every key: ask seldom.
func (v *Valkey) Totals(ctx context.Context, _ time.Time) (t Totals, err error) {
	ctx, cancel := v.glance(ctx)
	defer cancel()
	swarms, err := v.client.Do(ctx, v.client.B().Scard().Key(swarmsKey).Build()).AsInt64()
	if err != nil {
		return t, err
	}
	t.Swarms = int(swarms)
	return t, v.eachPeer(ctx, func(keys []string) error {
		t.Peers += len(keys)
		return nil
	})
}

// eachPeer calls f with the keys of all peers, some at a time; a key may come twice while peers
// come and go.
func (v *Valkey) eachPeer(ctx context.Context, f func(keys []string) error) error {
	for _, node := range v.client.Nodes() {
		for cursor := uint64(0); ; {
			entry, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(valkeyPrefix+"peer:*").Count(scanAtOnce).Build()).AsScanEntry()
			if err != nil {
				return err
			}
			if err := f(entry.Elements); err != nil {
				return err
			}
			if cursor = entry.Cursor; cursor == 0 {
				break
			}
		}
	}
	return nil
}

// Swarms is as of Memory. Peers that fell silent lately may be counted still, and the sums are
// over a sample of large swarms.
func (v *Valkey) Swarms(ctx context.Context, now time.Time, after string, n int) ([]SwarmSummary, error) {
	ctx, cancel := v.glance(ctx)
	defer cancel()
	ids, err := v.client.Do(ctx, v.client.B().Smembers().Key(swarmsKey).Build()).AsStrSlice()
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	first, found := slices.BinarySearch(ids, after)
	if found {
		first++
	}
	out := []SwarmSummary{}
	for _, id := range ids[first:] {
		if len(out) == n {
			break
		}
		s, err := v.Swarm(ctx, now, id)
		if errors.Is(err, ErrNotMember) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Swarm is as of Memory.
func (v *Valkey) Swarm(ctx context.Context, _ time.Time, id string) (SwarmSummary, error) {
	ctx, cancel := v.glance(ctx)
	defer cancel()
	out := SwarmSummary{SwarmID: id}
	for i, count := range []*int{&out.Seeders, &out.Leeches} {
		key := swarmKey(id, i == 0)
		answers := v.client.DoMulti(ctx, v.client.B().Scard().Key(key).Build(), v.client.B().Srandmember().Key(key).Count(maxSummarized).Build())
		n, err := answers[0].AsInt64()
		if err != nil {
			return out, err
		}
		*count = int(n)
		peers, err := answers[1].AsStrSlice()
		if err != nil {
			return out, err
		}
		if err := v.sum(ctx, &out, peers); err != nil {
			return out, err
		}
	}
	if out.Seeders+out.Leeches == 0 {
		return out, ErrNotMember
	}
	return out, nil
}

// sum adds what these peers reported.
func (v *Valkey) sum(ctx context.Context, out *SwarmSummary, peers []string) error {
	commands := make(rueidis.Commands, 0, len(peers))
	for _, id := range peers {
		commands = append(commands, v.client.B().Hget().Key(peerKey(id)).Field("r:"+out.SwarmID).Build())
	}
	if len(commands) == 0 {
		return nil
	}
	for _, answer := range v.client.DoMulti(ctx, commands...) {
		text, err := answer.ToString()
		if rueidis.IsRedisNil(err) {
			continue
		}
		if err != nil {
			return err
		}
		var stats StreamStats
		if json.Unmarshal([]byte(text), &stats) == nil {
			held, _ := countHeld(stats.ChunksHeld)
			out.add(&stats, held)
		}
	}
	return nil
}

// Members is as of Memory.
func (v *Valkey) Members(ctx context.Context, _ time.Time, swarm, after string, n int) ([]MemberView, error) {
	ctx, cancel := v.glance(ctx)
	defer cancel()
	modes := map[string]Mode{}
	var ids []string
	for i, mode := range []Mode{Seeder, Leech} {
		some, err := v.client.Do(ctx, v.client.B().Srandmember().Key(swarmKey(swarm, i == 0)).Count(maxViewMembers).Build()).AsStrSlice()
		if err != nil {
			return nil, err
		}
		for _, id := range some {
			if _, twice := modes[id]; id > after && !twice {
				ids = append(ids, id)
				modes[id] = mode
			}
		}
	}
	slices.Sort(ids)
	out := []MemberView{}
	for _, id := range ids {
		if len(out) == n {
			break
		}
		m, err := v.view(ctx, swarm, id, modes[id])
		if errors.Is(err, ErrNotMember) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func (v *Valkey) view(ctx context.Context, swarm, id string, mode Mode) (MemberView, error) {
	status, err := v.status(ctx, swarm, id, mode)
	if err != nil {
		return MemberView{}, err
	}
	out := MemberView{SwarmID: swarm, MemberStatus: status}
	if status.Stats != nil {
		out.ChunksHeld, _ = countHeld(status.Stats.ChunksHeld)
	}
	b, err := v.client.Do(ctx, v.client.B().Hget().Key(peerKey(id)).Field("b").Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return out, ErrNotMember
	}
	if m, ok := memberOf(blob(b)); ok && m.Source.Addr().IsValid() {
		out.From = m.Source.Addr().String()
	}
	return out, err
}

// Memberships is as of Memory.
func (v *Valkey) Memberships(ctx context.Context, _ time.Time, peer string) ([]MemberView, error) {
	ctx, cancel := v.glance(ctx)
	defer cancel()
	fields, err := v.client.Do(ctx, v.client.B().Hgetall().Key(peerKey(peer)).Build()).AsStrMap()
	if err != nil {
		return nil, err
	}
	var swarms []string
	for field := range fields {
		if len(field) > 2 && field[:2] == "m:" {
			swarms = append(swarms, field[2:])
		}
	}
	slices.Sort(swarms)
	out := []MemberView{}
	for _, swarm := range swarms {
		mode := Leech
		if fields["m:"+swarm] == "S" {
			mode = Seeder
		}
		m, err := v.view(ctx, swarm, peer, mode)
		if errors.Is(err, ErrNotMember) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// Evict is as of Memory. It looks at every peer.
func (v *Valkey) Evict(ctx context.Context, _ time.Time, from netip.Prefix) (evicted int, err error) {
	ctx, cancel := v.glance(ctx)
	defer cancel()
	err = v.eachPeer(ctx, func(keys []string) error {
		commands := make(rueidis.Commands, 0, len(keys))
		for _, key := range keys {
			commands = append(commands, v.client.B().Hget().Key(key).Field("b").Build())
		}
		if len(commands) == 0 {
			return nil
		}
		for i, answer := range v.client.DoMulti(ctx, commands...) {
			b, err := answer.ToString()
			m, ok := memberOf(blob(b))
			if err != nil || !ok || !from.Contains(m.Source.Addr()) {
				continue
			}
			if err := v.client.Do(ctx, v.client.B().Del().Key(keys[i]).Build()).Error(); err != nil {
				return err
			}
			evicted++
		}
		return nil
	})
	return evicted, err
}
