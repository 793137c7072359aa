package sim

import (
	"math/rand/v2"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// What a viewer's gateway asks its engine for, as package proxy does.
const (
	urgentBytes = 256 << 10 // right ahead of the place where it plays
	aheadBytes  = 8 << 20   // then these, then all
	moveBytes   = 64 << 10  // that playing moves before the engine is told
	viewerTick  = 10e6      // ns
)

// waiting is why a viewer sees no picture.
type waiting uint8

const (
	notWaiting waiting = iota
	forStart           // it has just joined
	forSeek            // it went to another place
	forMore            // what comes next is late
)

// viewer watches a film: it plays from the beginning as soon as it has some of it, stands
// still while the next chunk is missing, and now and then goes to another place.
type viewer struct {
	host     *host
	size     int
	interval int64
	chunks   uint64
	seeks    int64
	random   *rand.Rand

	joined  int64
	at      uint64 // chunk that is played next
	dueAt   int64  // when
	told    uint64 // place that the engine was told last
	state   waiting
	since   int64
	seekAt  int64
	toldAny bool

	startup int64 // ns, 0 until it started
	from    int64 // what it sees from then on is counted apart from …
	early   watching
	counted watching
	failed  string
}

// watching is what a viewer saw of the film.
type watching struct {
	watched int64   // ns of playing
	stalled int64   // ns of standing still
	sought  []int64 // ns from each seek to playing
}

// during returns where what happens at t is counted.
func (v *viewer) during(t int64) *watching {
	if t < v.from {
		return &v.early
	}
	return &v.counted
}

func (v *viewer) join(now int64) {
	v.joined, v.since, v.state = now, now, forStart
	v.plan(now)
}

// plan draws when to seek next.
func (v *viewer) plan(now int64) {
	v.seekAt = never
	if v.seeks > 0 {
		v.seekAt = now + int64(v.random.ExpFloat64()*float64(v.seeks)) + viewerTick
	}
}

func (v *viewer) event(now int64, e swarm.Event) {
	switch e.Kind {
	case swarm.EventChunks, swarm.EventComplete:
		if v.state != notWaiting {
			v.resume(now)
		}
	case swarm.EventStoreFailed:
		v.failed = e.Reason
	}
}

// tick plays up to now and returns when to look again.
func (v *viewer) tick(now int64) int64 {
	if v.state == notWaiting && now >= v.seekAt || v.at >= v.chunks {
		v.seek(now)
	}
	have := v.host.engine.Have()
	for v.state == notWaiting && v.at < v.chunks && v.dueAt <= now {
		if !have.Has(v.at) {
			v.state, v.since = forMore, v.dueAt
			break
		}
		v.during(v.dueAt).watched += v.interval
		v.at++
		v.dueAt += v.interval
	}
	if v.state != notWaiting {
		v.resume(now)
	}
	if !v.toldAny || (v.at-v.told)*uint64(v.size) >= moveBytes {
		v.tell(now)
	}
	return now + viewerTick
}

// seek goes to another place.
func (v *viewer) seek(now int64) {
	v.at = v.random.Uint64N(max(v.chunks*9/10, 1))
	v.state, v.since = forSeek, now
	v.plan(now)
	v.tell(now)
}

// tell tells the engine what is waited for.
func (v *viewer) tell(now int64) {
	v.told, v.toldAny = v.at, true
	window := func(bytes int) chunk.Range {
		return chunk.Range{Start: v.at, End: min(v.at+uint64(bytes/v.size), v.chunks)}
	}
	v.host.engine.Want(now, []chunk.Range{window(urgentBytes), window(aheadBytes)}, true)
}

// resume plays on when enough is there.
func (v *viewer) resume(now int64) {
	run, ok := v.host.engine.Have().Covering(v.at)
	enough := min(v.at+uint64(startBuffer/v.interval)+1, v.chunks)
	if !ok || run.End < enough {
		return
	}
	v.finish(now)
	v.dueAt = now
}

// finish counts the wait that ends, or lasts at the end.
func (v *viewer) finish(now int64) {
	switch waited := now - v.since; v.state {
	case forStart:
		v.startup = waited
	case forSeek:
		w := v.during(v.since)
		w.sought = append(w.sought, waited)
	case forMore:
		early := max(min(now, v.from)-v.since, 0)
		v.early.stalled += early
		v.counted.stalled += waited - early
	case notWaiting:
	}
	v.state = notWaiting
}
