package swarm

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// How long news of a chunk may wait for more news, or for a datagram to ride on,
// nanoseconds. "The policy will depend on how urgent it is to distribute this information
// to the other peers" (RFC 7574, 3.2): it is when we may be the first who has the chunk.
const (
	announceRare   = 20e6  // no other peer is known to have the chunk
	announceCommon = 200e6 // some have it
	tellGap        = 5e6   // between two times that the news are told, for each peer …
	tellGapMost    = 100e6 // … at most, and
	tellGapFilm    = 250e6 // in a film that many watch
	announceKnown  = 1e9   // the one who is told has it itself
)

// maxPeerHaveRuns bounds the runs of a peer's availability that are remembered, see lessHoles.
const maxPeerHaveRuns = 8192

// availability is what both ends of a channel know of each other's chunks.
type availability struct {
	peerHave chunk.Set   // what the peer said to have
	counted  chunk.Set   // live: what it ever told of, as far as that matters still
	discard  uint64      // the peer's live discard window in chunks, 0 for none
	seen     uint64      // live: end of the newest chunk the peer has shown to have
	haves    chunk.Set   // to be announced
	havesAt  int64       // when to announce them at the latest
	gave     chunk.Set   // of the news, what came from the peer
	quiet    int64       // live source: nothing is announced before
	offered  chunk.Set   // live source: what the peer was offered
	fedAt    int64       // live source: when the peer last told of a chunk that it was not offered; 0 for never
	echo     chunk.Range // announced last
	echoAt   int64       // when to announce it again, as nothing followed
	echoes   int         // how often that was done
	retold   chunk.Range // told in answer to news that the peer repeated
	retells  int         // how often that was done
}

// "a peer MAY resend … HAVE … messages without problems when loss is suspected" (RFC 7574,
// 8.2). News that others follow need no echo: those cover them.
const (
	echoAfter = 1200e6 // ns; doubles
	maxEchoes = 3
)

// announced notes that everything there was to announce is on its way.
func (c *channel) announced(now int64, r chunk.Range) {
	if r != c.echo {
		c.echo, c.echoes = r, 0
	}
	c.echoAt = now + int64(echoAfter)<<c.echoes
}

// echoTime returns when to announce the last news again.
func (c *channel) echoTime() int64 {
	if c.echo.Empty() || c.echoes >= maxEchoes {
		return math.MaxInt64
	}
	return c.echoAt
}

// toldBy notes that an ACK tells the peer of r, of which no HAVE has to then.
func (c *channel) toldBy(now int64, r chunk.Range) {
	if c.haves.Runs() == 0 || c.draft10 {
		return
	}
	if c.haves.Remove(r); c.haves.Runs() == 0 {
		c.havesAt = math.MaxInt64
		c.announced(now, r)
	}
}

// repeatNews announces the last news again, unless the peer has shown to know of them.
func (c *channel) repeatNews(now int64) {
	run, ok := c.peerHave.Covering(c.echo.End - 1)
	if ok && run.End >= c.echo.End && (c.s.live != nil || run.Start <= c.echo.Start) { // a film may have holes
		c.echo = chunk.Range{}
		return
	}
	c.echoes++
	c.echoAt = now + int64(echoAfter)<<c.echoes
	c.haves.Add(c.echo)
	c.havesAt = now
}

// retell answers news that the peer repeats although we have the chunks: what we said of
// that did not arrive. Two peers that hear each other twice soon stop.
func (c *channel) retell(now int64, r chunk.Range) {
	if r != c.retold {
		c.retold, c.retells = r, 0
	}
	if c.retells < maxEchoes {
		c.retells++
		c.tell(r, now)
	}
}

// handleHave notes what the peer has (RFC 7574, 8.5).
func (c *channel) handleHave(now int64, r chunk.Range) bool {
	if !c.plausible(r) {
		if c.s.live == nil {
			c.differsInLength("its film has at least", r.End)
		}
		return false
	}
	if run, ok := c.s.have.Covering(r.End - 1); ok && c.peerHave.ContainsAll(r) {
		c.retell(now, r.Intersect(run))
	}
	c.noteHeld(now, r)
	c.peerHas(r)
	if last, ok := c.peerHave.Last(); ok && c.s.tree != nil && !c.s.tree.Sized() {
		c.proof.Announced(last + 1)
	}
	c.removeQueued(r) // HAVE is an implicit CANCEL (RFC 7574, 3.2)
	c.s.picking.stirred = true
	return true
}

// plausible bounds what a peer may claim: chunks that the film has, or a live range of
// no more than the largest ring.
func (c *channel) plausible(r chunk.Range) bool {
	if c.s.live != nil {
		return r.Len() <= MaxLiveWindow
	}
	if c.s.tree.Sized() {
		return r.End <= c.s.tree.Chunks()
	}
	return r.End <= merkle.MaxChunks
}

// peerHas adds r to what the peer has, less what its discard window let go (RFC 7574, 7.9).
func (c *channel) peerHas(r chunk.Range) {
	c.s.work -= 2 + c.peerHave.Runs()/64
	if c.peerHave.Runs() >= maxPeerHaveRuns && !c.lessHoles(r) {
		return
	}
	if c.s.live == nil {
		c.gainsChunks(r)
		return
	}
	c.countOffered(r)
	c.peerHave.Add(r)
	c.seen = max(c.seen, r.End)
	window := uint64(MaxLiveWindow)
	if c.discard != 0 && c.discard < window {
		window = c.discard
	}
	if last, ok := c.peerHave.Last(); ok && last >= window {
		c.peerHave.Remove(chunk.Range{End: last + 1 - window})
	}
}

// countOffered counts the chunks of a stream that the peer tells of for the first time: one that lets
// go of what it has, and tells of it again, is one peer all the same.
func (c *channel) countOffered(r chunk.Range) {
	if c.counted.Runs() >= maxPeerHaveRuns {
		if oldest, ok := c.counted.NextIn(0); ok {
			c.counted.Remove(oldest)
		}
	}
	for gap := range c.counted.Missing(r) {
		c.s.work -= int(gap.Len()) / 16
		c.s.live.offered(gap)
	}
	c.counted.Add(r)
	if last, ok := c.counted.Last(); ok && last >= MaxLiveWindow {
		c.counted.Remove(chunk.Range{End: last + 1 - MaxLiveWindow})
	}
}

// lessHoles makes room for r where the peer's availability has as many runs as are remembered. Of
// a stream the oldest is forgotten. Of a film r itself, if it lies apart from the others: the peer
// is not asked for it until it has what lies beside.
func (c *channel) lessHoles(r chunk.Range) bool {
	if c.s.live == nil {
		run, ok := c.peerHave.NextIn(max(r.Start, 1) - 1)
		return ok && run.Start <= r.End
	}
	if oldest, ok := c.peerHave.NextIn(0); ok {
		c.peerHave.Remove(oldest)
	}
	return true
}

// news is what was gained since the peers were last told. They are told together, since to
// look through all that each of them has costs more than all else that a chunk brings.
type news struct {
	chunks chunk.Set
	at     int64 // when to tell them, if there are any
	told   int64 // when they were told last
}

// due returns when the peers are to be told.
func (w *news) due() int64 {
	if w.chunks.Count() == 0 {
		return math.MaxInt64
	}
	return w.at
}

// announce lets the peers know of chunk i, which came from one of them.
func (s *Swarm) announce(now int64, i uint64, from *channel) {
	at, gap := now+int64(announceRare), int64(tellGapMost)
	switch {
	case s.live == nil && len(s.order) > manyPeers:
		gap = tellGapFilm
	case s.spread(i, from):
		at = now + int64(announceCommon)
	}
	at = max(at, s.news.told+min(int64(len(s.order))*tellGap, gap))
	if s.news.chunks.Count() == 0 {
		s.news.at = at
	}
	s.news.at = min(s.news.at, at)
	s.news.chunks.Add(chunk.One(i))
	from.gave.Add(chunk.One(i))
}

// spread tells whether another than from is known to have chunk i.
func (s *Swarm) spread(i uint64, from *channel) bool {
	if l := s.live; l != nil && l.rarity.chunks.Contains(i) {
		return l.rarity.count(i) > 1
	}
	for _, o := range s.order {
		if o != from && o.state == stateOpen && o.peerHave.Has(i) {
			return true
		}
	}
	return false
}

// tellNews queues the news at all peers, for later at those that have the chunks themselves.
func (s *Swarm) tellNews(now int64) {
	for _, o := range s.order {
		if o.state != stateOpen || o.complete() {
			o.gave.Clear()
			continue
		}
		for run := range s.news.chunks.Ranges() {
			for r := range o.gave.Missing(run) {
				if o.peerHave.ContainsAll(r) {
					o.tell(r, now+int64(announceKnown))
				} else {
					o.tell(r, now)
					s.markReady(o)
				}
			}
		}
		o.gave.Clear()
	}
	s.news.chunks.Clear()
	s.news.told = now
}

// complete tells whether the peer has all of a film: "a peer SHOULD NOT send a HAVE message
// to peers that have the complete content already" (RFC 7574, 3.2).
func (c *channel) complete() bool {
	t := c.s.tree
	return t != nil && t.Sized() && c.peerHave.Count() == t.Chunks()
}

// tell queues r to be announced to the peer until the time given.
func (c *channel) tell(r chunk.Range, until int64) {
	if !c.current() {
		return
	}
	c.haves.Add(r)
	c.havesAt = min(c.havesAt, max(until, c.quiet))
	c.dueAt = min(c.dueAt, c.havesAt)
}

// announceAll queues everything we have, for a peer whose channel has just opened.
func (c *channel) announceAll(now int64) {
	if c.s.live != nil && c.s.live.source != nil {
		c.s.offerTo(now, c)
		return
	}
	c.havesAt = math.MaxInt64
	if !c.current() {
		return
	}
	c.haves = c.s.have.Clone()
	if c.haves.Count() > 0 {
		c.havesAt = now
	}
}

// appendAvailability adds HAVE messages to the answer to a HANDSHAKE, as many as may be
// sent to a peer that has not proven its address (RFC 7574, 3.1.1 and 12.1.1).
func (c *channel) appendAvailability(b []byte, start int) []byte {
	if c.s.live != nil && c.s.live.source != nil {
		return b // the source offers with care
	}
	if !c.current() {
		return b
	}
	none := len(b)
	for r := range c.s.have.Ranges() {
		if len(b)-start+c.s.specRoom(r, 0) > min(c.replyMost, MaxDatagram) {
			if c.s.live != nil {
				return b[:none] // who sees the oldest alone takes the stream to be there
			}
			break // the rest follows once the channel is open
		}
		b = c.s.format.AppendHave(b, r)
	}
	return b
}

// appendHaves adds what is to be announced, in "the biggest complete interval of all chunks
// the receiver has received and checked so far that fully includes the interval of chunks
// just received" (RFC 7574, 4.3.1).
func (c *channel) appendHaves(now int64, b []byte, start int) []byte {
	var last chunk.Range
	for {
		r, ok := c.haves.NextIn(0)
		if !ok {
			c.havesAt = math.MaxInt64
			if !last.Empty() {
				c.announced(now, last)
			}
			return b
		}
		whole, ok := c.s.have.Covering(r.Start)
		if !ok { // gone meanwhile
			c.haves.Remove(chunk.Range{Start: r.Start, End: c.s.nextHad(r)})
			continue
		}
		if l := c.s.live; l != nil && l.source != nil {
			whole = c.widest(r, whole)
			b = c.appendProof(b, start, whole)
		}
		if !fits(b, start, c.s.specRoom(whole, 0)) {
			c.havesAt = math.MinInt64 // in the next datagram
			return b
		}
		c.haves.Remove(whole)
		last = whole
		b = c.s.format.AppendHave(b, whole)
	}
}

// nextHad returns the first chunk of r that we have, its end if there is none.
func (s *Swarm) nextHad(r chunk.Range) uint64 {
	if run, ok := s.have.NextIn(r.Start); ok {
		return min(run.Start, r.End)
	}
	return r.End
}
