package swarm

import "github.com/swarmgate/swarmgate/ppsp/chunk"

// tested tells whether c has been here for a while and is heard of.
func (c *channel) tested(now int64) bool {
	return now-c.openedAt >= offerTested && now-c.heardAt < offerSilent
}

// fed tells whether c has shown lately to get chunks from others than us. Who does not has nobody
// to pass them on to either: it knows none, or all have shut it out, as they do to those
// who altered chunks. A source, which asks nobody for chunks, learns of that in no other way.
func (c *channel) fed(now int64) bool { return c.fedAt != 0 && now-c.fedAt < offerFed }

// looksAtFed tells whether it matters who is fed: whether half of the peers that have been here for a
// while are, else a few would have to give to all; and whether some are not.
func (s *Swarm) looksAtFed(now int64) (choosy, some bool) {
	fed, all := 0, 0
	for _, c := range s.order {
		if c.state == stateOpen && c.tested(now) {
			all++
			if c.fed(now) {
				fed++
			}
		}
	}
	return all > 0 && 2*fed >= all, fed < all
}

// noteHeld looks, at a source, whether the peer, which tells that it has r, got some of it from others,
// and counts it as a holder if so: what others hold is stuck there.
func (c *channel) noteHeld(now int64, r chunk.Range) {
	l := c.s.live
	if l == nil || l.source == nil {
		return
	}
	for gap := range c.counted.Missing(r.Intersect(chunk.Range{Start: l.edge - min(l.edge, l.window), End: l.edge})) {
		if !c.offered.ContainsAll(gap) {
			c.fedAt = now
		}
		if c.fed(now) {
			c.s.work -= int(gap.Len()) / 4
			count(l.offers.holders, gap)
		}
	}
}
