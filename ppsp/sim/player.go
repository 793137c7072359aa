package sim

import "github.com/swarmgate/swarmgate/ppsp/swarm"

// player plays a live stream as a screen would: it starts when it has some of the stream,
// and from then on needs each next chunk when its turn has come. While one is late it
// stands still, which counts as so many chunks missed.
type player struct {
	interval int64 // nanoseconds a chunk lasts
	signedAt func(chunk uint64) int64
	delays   *histogram // from signature to playing, of counted chunks
	joined   int64
	from     int64 // chunks that fall due before are not counted: warm-up

	started bool
	startup int64 // from joining to the first picture, nanoseconds
	startAt int64 // when chunk first was played, later by all that it stood still since
	first   uint64
	next    uint64
	ready   uint64 // end of what has arrived in order

	played, missed uint64
	failed         string // the engine's store refused a chunk
}

// due is when chunk i is to be played.
func (p *player) due(i uint64) int64 { return p.startAt + int64(i-p.first)*p.interval }

// startBuffer is how much of the stream a player collects before it starts, nanoseconds.
const startBuffer = 300e6

func (p *player) event(now int64, e swarm.Event) {
	switch e.Kind {
	case swarm.EventPlay:
		if p.ready == 0 {
			p.first, p.next = e.Chunks.Start, e.Chunks.Start
		}
		p.ready = e.Chunks.End
		if !p.started && int64(p.ready-p.first)*p.interval >= startBuffer {
			p.started, p.startAt, p.startup = true, now, now-p.joined
		}
		if p.started {
			p.take(now)
		}
	case swarm.EventSkip:
		if !p.started {
			p.ready = 0
			return
		}
		for ; p.next < e.Chunks.End; p.next++ {
			p.miss(p.due(p.next), 1)
		}
	case swarm.EventStoreFailed:
		p.failed = e.Reason
	}
}

// take plays what has arrived; what comes late has made the picture stand still.
func (p *player) take(now int64) {
	for ; p.next < p.ready; p.next++ {
		if late := now - p.due(p.next); late > 0 {
			p.miss(now, uint64(late/p.interval)+1)
			p.startAt += late
		}
		due := p.due(p.next)
		if due >= p.from {
			p.played++
			p.delays.add(due - p.signedAt(p.next))
		}
	}
}

func (p *player) miss(at int64, n uint64) {
	if at >= p.from {
		p.missed += n
	}
}

// finish counts what should have been played until the end and never came. Who left before
// anybody would have seen a picture has missed nothing.
func (p *player) finish(end int64) {
	if !p.started {
		if end-p.joined > patience {
			p.missed += uint64(max(end-max(p.joined, p.from), 0) / p.interval)
		}
		return
	}
	for ; p.due(p.next) < end; p.next++ {
		p.miss(p.due(p.next), 1)
	}
}

// patience is for how long a viewer waits for the first picture.
const patience = 2e9

func (p *player) continuity() float64 {
	if p.played+p.missed == 0 {
		return 0
	}
	return float64(p.played) / float64(p.played+p.missed)
}
