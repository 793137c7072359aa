package swarm

import (
	"slices"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Bounds of what one peer may wait for.
const (
	maxQueued      = 1 << 20 // chunks: libswift asks for what a second brings, at once
	maxQueueRanges = 512     // pieces in which it may ask for them
)

// queue holds ranges in the order in which they were asked for: "Peer Q SHOULD process the
// REQUESTs in the order received" (RFC 7574, 3.7).
type queue struct {
	ranges []chunk.Range
	chunks uint64
}

// full tells whether r would be too much.
func (q *queue) full(r chunk.Range) bool {
	return q.chunks+r.Len() > maxQueued || len(q.ranges) >= maxQueueRanges
}

// add appends r, less what is queued already.
func (q *queue) add(r chunk.Range) {
	q.remove(r)
	if n := len(q.ranges); n > 0 && q.ranges[n-1].End == r.Start {
		q.ranges[n-1].End = r.End
	} else {
		q.ranges = append(q.ranges, r)
	}
	q.chunks += r.Len()
}

// remove takes the chunks of r out, and tells whether there were any.
func (q *queue) remove(r chunk.Range) bool {
	before := q.chunks
	for k := 0; k < len(q.ranges); k++ {
		old := q.ranges[k]
		cut := old.Intersect(r)
		if cut.Empty() {
			continue
		}
		q.chunks -= cut.Len()
		left, right := chunk.Range{Start: old.Start, End: cut.Start}, chunk.Range{Start: cut.End, End: old.End}
		switch {
		case left.Empty() && right.Empty():
			q.ranges = slices.Delete(q.ranges, k, k+1)
			k--
		case left.Empty():
			q.ranges[k] = right
		case right.Empty():
			q.ranges[k] = left
		default:
			q.ranges[k] = left
			q.ranges = slices.Insert(q.ranges, k+1, right)
		}
	}
	return q.chunks != before
}

// trim forgets what was asked for last, as far as there are too many pieces: to take a chunk out of a
// range makes two of it.
func (q *queue) trim() {
	for n := len(q.ranges) - 1; n >= maxQueueRanges; n-- {
		q.chunks -= q.ranges[n].Len()
		q.ranges = q.ranges[:n]
	}
}

// first returns the chunk at the head.
func (q *queue) first() (uint64, bool) {
	if len(q.ranges) == 0 {
		return 0, false
	}
	return q.ranges[0].Start, true
}

// clear takes all out.
func (q *queue) clear() { q.ranges, q.chunks = q.ranges[:0], 0 }
