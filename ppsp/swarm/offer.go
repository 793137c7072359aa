package swarm

import (
	"math"
	"math/bits"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// The source of a live stream lets each signed subtree out in stages, so that its uplink
// carries each chunk about offerCopies times, however many peers there are; these pass it
// on to each other. HAVE is what lets a peer ask: "the HAVE message can be used as a method
// of choking" (RFC 7574, 3.2). The stages:
//
//	at once            the subtree in stripes, each to offerCopies peers; all peers take turns
//	after offerAgain   stripes that nobody was sent and no peer has shown to hold, to as many others
//	after offerAll     what a peer lacks, to that peer: who still lacks a chunk gets it here
//
// The third stage (rest.go) goes block by block, first what was offered least, and only while few
// chunks wait to be sent: were everybody offered everything at a time, all would ask for the same,
// the new chunks would stand in line behind copies of old ones, and a crowd that joins
// would wait for what the source alone has while it repeats itself.
//
// While there are no more than offerCopies peers, they are offered everything at once. A
// peer that joins more is offered nothing for a while, so that it fetches what it needs to
// begin from the others.
const (
	offerCopies     = 2
	offerLeast      = 4      // chunks of a stripe: they share their uncle hashes
	offerAgain      = 250e6  // ns
	offerAll        = 600e6  // ns
	offerJoiner     = 50e6   // ns for each peer that is here and could give a joiner what it needs …
	offerJoinerMost = 700e6  // … at most
	offerTested     = 1e9    // ns that a peer must be here to be given stripes
	offerFed        = 1e9    // ns since a peer showed to get chunks from others, after which it has no others
	offerSilent     = 1500e6 // ns without a word from it, after which it is given none
	// While the uplink is congested nothing gets to the third stage, stripes go to one peer
	// each, and what was sent offerCopies times waits: everybody asking the source for what
	// others have would keep it from sending what only it has.
	offerQueue = 75e6 // ns that datagrams wait in the queue of a loaded uplink …
	offerSlow  = 10   // … by the account of more than one in so many peers
	offerStale = 1e9  // ns after which such an account is no longer true
	offerLook  = 20e6 // ns between two looks at that
	offerCheck = 50e6 // ns that what has to wait waits at least
)

// offers is the state of these stages.
type offers struct {
	fresh  fifo[offer] // in the first stage, oldest first
	again  fifo[offer] // in the second
	public uint64      // end of what is in the third
	turn   int

	restAt   int64 // when the next block of the third stage may be offered; never while nobody lacks any
	restTurn int
	lonelyAt int64   // when one may be offered to a peer that has no others
	promised []uint8 // by chunk modulo window: how often it was offered in the third stage, and
	holders  []uint8 // how many peers have told that they hold it, who get chunks from others too

	congested bool
	lookAt    int64 // when to see whether it still is
}

type offer struct {
	chunks chunk.Range
	at     int64 // when it was signed
}

// nextTimeout returns when a subtree gets to its next stage.
func (o *offers) nextTimeout() int64 {
	at := int64(math.MaxInt64)
	if o.fresh.len() > 0 {
		at = o.fresh.at(0).at + offerAgain
	}
	if o.again.len() > 0 {
		at = min(at, o.again.at(0).at+offerAll)
	}
	return min(at, o.restAt)
}

// offer lets out a subtree that was just signed.
func (s *Swarm) offer(now int64, r chunk.Range) {
	o := &s.live.offers
	if s.Peers() <= offerCopies {
		o.fresh.clear()
		o.again.clear()
		s.publish(now, r.End)
		return
	}
	o.fresh.push(offer{r, now})
	s.offerStripes(now, r, func(chunk.Range) bool { return true })
}

// publish offers everyone what lies before end, since there are few.
func (s *Swarm) publish(now int64, end uint64) {
	o := &s.live.offers
	r := chunk.Range{Start: o.public, End: end}
	o.public = end
	for _, c := range s.order {
		if c.state == stateOpen && !r.Empty() {
			s.let(now, c, r)
		}
	}
}

// let offers chunks to c.
func (s *Swarm) let(now int64, c *channel, r chunk.Range) {
	c.offered.Add(r)
	if l := s.live; l.edge > l.window {
		c.offered.Remove(chunk.Range{End: l.edge - l.window})
	}
	c.tell(r, now)
	s.markReady(c)
}

// offerStripes offers those stripes of r that are wanted, each to offerCopies peers, or to one
// if that is much already.
func (s *Swarm) offerStripes(now int64, r chunk.Range, wanted func(chunk.Range) bool) {
	if len(s.order) == 0 { // all have left since it was signed
		return
	}
	copies := offerCopies
	if s.congested(now) {
		copies = 1
	}
	share := r.Len() * offerCopies / uint64(max(s.Peers(), 1))
	size := max(uint64(1)<<bits.Len64(max(share, 1)-1), offerLeast)
	for start := r.Start; start < r.End; start += size {
		stripe := chunk.Range{Start: start, End: min(start+size, r.End)}
		if !wanted(stripe) {
			continue
		}
		s.live.offers.turn++
		first := s.fosterOf(now, s.live.offers.turn, nil)
		s.foster(now, first, stripe)
		for range copies - 1 {
			// At random: were it the next in turn, the same peers would share all their
			// stripes, and the others ask the nearer one of them for all.
			s.foster(now, s.fosterOf(now, s.rand.IntN(len(s.order)), first), stripe)
		}
	}
}

// fosterOf returns a peer that is to be given a stripe, other than one that has it: the
// first from the k-th on that has been here for a while, is heard of and has other peers; else any.
func (s *Swarm) fosterOf(now int64, k int, other *channel) *channel {
	var spare *channel
	choosy, _ := s.looksAtFed(now)
	for n := range s.order {
		c := s.order[(k+n)%len(s.order)]
		if c.state != stateOpen || c == other {
			continue
		}
		if c.tested(now) && (!choosy || c.fed(now)) {
			return c
		}
		spare = c
	}
	return spare
}

// foster offers a stripe to c, which then has not to wait any longer.
func (s *Swarm) foster(now int64, c *channel, stripe chunk.Range) {
	if c != nil {
		c.quiet = min(c.quiet, now)
		s.let(now, c, stripe)
	}
}

// offerTo begins with a peer whose channel has just opened.
func (s *Swarm) offerTo(now int64, c *channel) {
	l := s.live
	if s.Peers() > offerCopies {
		c.quiet = now + min(int64(s.Peers())*offerJoiner, offerJoinerMost)
		l.offers.restAt = min(l.offers.restAt, c.quiet)
		return
	}
	s.publish(now, l.edge)
	for r := range s.have.Ranges() {
		s.let(now, c, r)
	}
}

// advanceOffers moves subtrees to their next stage.
func (s *Swarm) advanceOffers(now int64) {
	o := &s.live.offers
	for o.fresh.len() > 0 && now >= o.fresh.at(0).at+offerAgain {
		f := o.fresh.pop()
		s.offerStripes(now, f.chunks, func(stripe chunk.Range) bool { return !s.sent(stripe) && !s.held(stripe) })
		o.again.push(f)
	}
	for o.again.len() > 0 && now >= o.again.at(0).at+offerAll {
		o.public = o.again.pop().chunks.End
		o.restAt = min(o.restAt, now)
	}
	if now >= o.restAt {
		s.offerRest(now)
	}
}

// sent tells whether every chunk of r was sent to some peer.
func (s *Swarm) sent(r chunk.Range) bool {
	for i := r.Start; i < r.End; i++ {
		if s.live.copies[i%s.live.window] == 0 {
			return false
		}
	}
	return true
}

// congested tells whether the source's uplink is: several of its peers see a queue, or its
// upload limit is used up. Not all see it, since to those that joined meanwhile the queue
// looks like a part of the way. For others than the source it is false.
func (s *Swarm) congested(now int64) bool {
	l := s.live
	if l == nil || l.source == nil {
		return false
	}
	o := &l.offers
	if now < o.lookAt {
		return o.congested
	}
	o.lookAt = now + offerLook
	slow, open := 0, 0
	for _, c := range s.order {
		if c.state == stateOpen {
			open++
			if now-c.flight.ackAt < offerStale && c.control.QueueDelay() > offerQueue {
				slow++
			}
		}
	}
	o.congested = open > offerCopies && (slow > 1+open/offerSlow || s.budget.short())
	return o.congested
}

// appendProof adds the munro of a stripe that is offered, if it is the newest: whoever is
// behind learns of it where the edge is, and that its share is new.
func (c *channel) appendProof(b []byte, start int, stripe chunk.Range) []byte {
	l := c.s.live
	m := l.munroOf(stripe.End - 1)
	if m == nil || m.chunks.End != l.edge || !c.proves(m) || c.peerKnows(m.bin, m.chunks, m.at) {
		return b
	}
	if fits(b, start, signedExtra+len(m.hash)+len(m.signature)+maxSpec) {
		b = c.appendMunro(b, m)
		c.remember(m.bin, m.at)
	}
	return b
}

// held tells whether some peer has shown to hold a chunk of r.
func (s *Swarm) held(r chunk.Range) bool {
	for _, c := range s.order {
		if run, ok := c.peerHave.NextIn(r.Start); ok && run.Start < r.End {
			return true
		}
	}
	return false
}

// widest returns the interval in which r is announced: as much of whole, which holds its
// beginning, as the peer was offered.
func (c *channel) widest(r, whole chunk.Range) chunk.Range {
	if run, ok := c.offered.Covering(r.Start); ok {
		return whole.Intersect(run)
	}
	return whole.Intersect(r)
}
