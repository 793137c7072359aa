package tracker

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// Bounds of one Expire.
const (
	valkeySweep  = 10 * time.Second
	sweepSwarms  = 500 // about
	sweepMembers = 100 // of each mode of a swarm, by chance
)

// Expire implements Registry. The server forgets peers by itself; this tidies up what named them:
// it looks at some swarms, the next time at the next ones, takes a sample of members that are gone
// out of their sets, and forgets swarms without a set. Several trackers may do so at once. A swarm
// that somebody joins in that moment is back with the next request of one of its members.
func (v *Valkey) Expire(ctx context.Context, _ time.Time) error {
	ctx, cancel := v.glance(ctx)
	defer cancel()
	entry, err := v.client.Do(ctx, v.client.B().Sscan().Key(swarmsKey).Cursor(v.cursor.Load()).Count(sweepSwarms).Build()).AsScanEntry()
	if err != nil {
		return trouble(err)
	}
	v.cursor.Store(entry.Cursor)
	var commands rueidis.Commands
	for _, swarm := range entry.Elements {
		for _, seeder := range []bool{true, false} {
			commands = append(commands, v.client.B().Srandmember().Key(swarmKey(swarm, seeder)).Count(sweepMembers).Build())
		}
	}
	if len(commands) == 0 {
		return nil
	}
	samples := v.client.DoMulti(ctx, commands...)
	for i, swarm := range entry.Elements {
		seeders, err1 := samples[2*i].AsStrSlice()
		leeches, err2 := samples[2*i+1].AsStrSlice()
		if err1 != nil || err2 != nil {
			continue // the next time
		}
		if err := v.sweep(ctx, swarm, append(seeders, leeches...)); err != nil {
			return err
		}
	}
	return nil
}

// sweep takes those of a sample out who are gone, and the swarm if nobody is left in its sets.
func (v *Valkey) sweep(ctx context.Context, swarm string, sample []string) error {
	if len(sample) > 0 {
		var commands rueidis.Commands
		for _, id := range sample {
			commands = append(commands, v.client.B().Hexists().Key(peerKey(id)).Field("m:"+swarm).Build())
		}
		var gone []string
		for i, answer := range v.client.DoMulti(ctx, commands...) {
			if in, err := answer.AsBool(); err == nil && !in {
				gone = append(gone, sample[i])
			}
		}
		if len(gone) == 0 {
			return nil
		}
		if err := v.unseat(ctx, swarm, gone...); err != nil || len(gone) < len(sample) {
			return err
		}
	}
	for _, answer := range v.client.DoMulti(ctx,
		v.client.B().Exists().Key(swarmKey(swarm, true)).Build(), v.client.B().Exists().Key(swarmKey(swarm, false)).Build()) {
		if n, err := answer.AsInt64(); err != nil || n > 0 {
			return trouble(err)
		}
	}
	return trouble(v.client.Do(ctx, v.client.B().Srem().Key(swarmsKey).Member(swarm).Build()).Error())
}
