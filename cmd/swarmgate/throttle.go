package main

import (
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// throttle keeps a download below a rate (--limit-down) by what it wants: a window of chunks,
// from the first that is missing on, that grows as fast as the rate allows. Peers are asked
// for nothing beyond it, so nobody sends in vain what would have to be thrown away.
type throttle struct {
	rate  int64 // of content, bytes per second
	chunk int64 // bytes

	at     time.Time
	credit int64       // bytes that may be wanted beyond end
	end    uint64      // of the window
	ends   []uint64    // it, at each look up to throttlePatience ago
	looks  []time.Time // when
}

// Bounds of a throttle.
const (
	throttleStep = 100 * time.Millisecond // between two looks
	throttleOpen = time.Second            // of the rate may be asked for and not be there yet …
	// … but for what nobody gave within this time: what nobody has holds up nothing else.
	throttlePatience = 5 * time.Second
)

// window returns the chunks to want now. have is what is held already.
func (t *throttle) window(now time.Time, have *chunk.Set) chunk.Range {
	if t.at.IsZero() {
		t.at = now
	}
	t.credit += int64(now.Sub(t.at).Seconds() * float64(t.rate))
	t.credit = min(t.credit, max(t.rate/2, t.chunk)) // who was not served for a while has not saved it up
	t.at = now
	first := have.NextMissing(0)
	t.end = max(t.end, first)
	open := int64(0)
	for r := range have.Missing(chunk.Range{Start: max(first, t.given(now)), End: t.end}) {
		open += int64(r.Len()) * t.chunk
	}
	most := max(int64(throttleOpen.Seconds()*float64(t.rate)), t.chunk)
	for t.credit >= t.chunk && open+t.chunk <= most {
		t.end = have.NextMissing(t.end) + 1
		t.credit -= t.chunk
		open += t.chunk
	}
	return chunk.Range{Start: first, End: t.end}
}

// given returns up to where the window went throttlePatience ago, and notes up to where it goes.
func (t *throttle) given(now time.Time) uint64 {
	t.ends, t.looks = append(t.ends, t.end), append(t.looks, now)
	old := 0
	for old+1 < len(t.looks) && now.Sub(t.looks[old+1]) >= throttlePatience {
		old++
	}
	t.ends, t.looks = append(t.ends[:0], t.ends[old:]...), append(t.looks[:0], t.looks[old:]...)
	if now.Sub(t.looks[0]) < throttlePatience {
		return 0
	}
	return t.ends[0]
}
