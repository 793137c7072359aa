package swarm

import (
	"cmp"
	"math"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// The upload of a film goes to few peers at a time. Were it split among all that wait, each
// would get a trickle, and who needs the next second of its film would wait as long as who
// fetches the rest for later. So, as long as our uplink shows a queue, those who wait take turns:
//
//	first    who was given least lately: a need that has just come up is met before one that lasts
//	among    them who gives us more than it is given (reciprocity; a complete peer has no such debts)
//	always   one who has waited longest, so that newcomers can show what they give
//	beside   peers that take their turn slowly do not hold up the others
//
// Who would wait too long is told so by CHOKE, and asks others at once (RFC 7574, 3.9).
const (
	slotsLeast = 4     // peers that are served at a time, of those that wait, at the least
	slotsEvery = 50e6  // ns between two looks whether there should be more or fewer
	slotsStale = 150e6 // ns after which what a peer saw of the queue is no longer true
	emptyQueue = 25e6  // ns of queue on our uplink, below which more are served at a time …
	fullQueue  = 45e6  // … and above which fewer are
	idleQueue  = 8e6   // ns of queue, below which it has nothing to do once that was so for …
	idleAfter  = 300e6 // … ns
	turnEvery  = 100e6 // ns between two looks at whose turn it is, if nothing else calls for one …
	turnLeast  = 5e6   // … and at the least, as each goes through all peers
	// turnBytes is how much more a peer may be given than the next before its turn is over.
	turnBytes     = 48 << 10
	staleWait     = 1500e6 // ns that who asks a seed for what others may have waits for these
	askedAnew     = 5e9    // ns within which who takes back what it asks for, and asks anew, waits on
	needSpan      = 1e9    // ns after which half of what was given is forgotten, as to whose need is new …
	debtSpan      = 20e9   // … and as to who gives more than it is given
	debtShare     = 16     // of which so much of a byte counts
	sluggishAfter = 300e6  // ns after which who takes nothing in its turn does not hold up others
	chokeLine     = 2e9    // ns that the requests of all may wait; the last are then choked …
	unchokeLine   = 1e9    // … until there is as little as this
	chokeLeast    = 1e9    // ns that a peer stays choked
	chokeMost     = 3e9    // and after which it may ask again although the line is long: others have had more by then
	rechokeGap    = 200e6
	// unchokeAgain is when UNCHOKE is repeated to a peer that does not ask; doubles so often. It never
	// ends: a peer that missed all of them would wait for good, as nothing acknowledges them.
	unchokeAgain     = 500e6
	unchokeDoublings = 6
)

// uploads tells whose turn it is.
type uploads struct {
	at      int64 // when to look again
	changed bool  // someone began to wait, or has been served: then sooner
	aged    int64 // up to when the accounts are: when it was looked last
	slots   int
	busy    bool       // our uplink shows a queue, or the upload limit is used up
	busyAt  int64      // when it showed one last
	scarce  bool       // we have all of a film, as few of many do
	lookAt  int64      // when to adjust that
	queues  []int64    // scratch
	held    int        // channels that wait for their turn
	choked  int        // channels that are choked
	rate    float64    // bytes per second that go out, smoothed
	sent    int64      // bytes since rateAt
	rateAt  int64      //
	waiting []*channel // scratch
	coupled coupled
}

// permit is whether a peer may ask us (RFC 7574, 3.9).
type permit uint8

const (
	mayAsk  permit = iota
	barred         // it was told CHOKE
	allowed        // it was told UNCHOKE, and has not shown to know
)

// account is what passed between us and a peer lately, in bytes that age, and what follows.
type account struct {
	need       float64 // given, as far as it tells whose need is new
	debt       float64 // given less taken
	held       bool    // it is not its turn
	fresh      bool    // a seed: it waits for what nobody was given
	since      int64   // when it was given something last, or began to wait
	waitedAt   int64   // when it waited last
	turnAt     int64   // when its turn began
	permit     permit
	setAt      int64 // when permit changed
	tellPermit bool  // it is to be told
	told       int   // times that it was
	saidAt     int64 // when
}

// rank orders those who wait: the least goes first.
func (a *account) rank() float64 {
	r := a.need + a.debt/debtShare
	if !a.held {
		r -= turnBytes
	}
	return r
}

// dueUploads returns when to look whose turn it is.
func (s *Swarm) dueUploads() int64 {
	u := &s.uploads
	at := int64(math.MaxInt64)
	if s.live != nil {
		return at
	}
	if u.held > 0 || u.choked > 0 {
		at = u.at
	}
	if u.changed {
		at = min(at, u.aged+turnLeast)
	}
	return at
}

// shareUpload lets those send whose turn it is.
func (s *Swarm) shareUpload(now int64) {
	u := &s.uploads
	if now < s.dueUploads() {
		return
	}
	u.changed = false
	s.ageAccounts(now)
	u.waiting = u.waiting[:0]
	line, fresh := uint64(0), false
	u.scarce = s.Complete() && s.fewSeeds(now)
	for _, c := range s.order {
		s.repeatUnchoke(now, c)
		if c.queue.chunks == 0 {
			s.hold(now, c, false)
		} else if c.state == stateOpen {
			c.waitedAt = now
			s.freshen(now, c)
			fresh = fresh || c.fresh
			u.waiting = append(u.waiting, c)
			line += c.queue.chunks
		}
	}
	s.adjustSlots(now)
	slices.SortStableFunc(u.waiting, func(a, b *channel) int { return cmp.Compare(a.rank(), b.rank()) })
	s.takeTurns(now, fresh)
	s.chokeSome(now, line)
	u.at = s.nextTurn(now)
}

// nextTurn returns when to look again: soon while someone waits or is choked, else when UNCHOKE is to
// be repeated.
func (s *Swarm) nextTurn(now int64) int64 {
	at := int64(math.MaxInt64)
	for _, c := range s.order {
		switch {
		case s.uploads.held > 0 || c.tellPermit || c.permit == barred:
			return now + turnEvery
		case c.permit == allowed:
			at = min(at, c.unchokeAt())
		}
	}
	return max(at, now+turnEvery)
}

// freshen tells whether c waits for what nobody was given lately. Who goes on to ask for the rest seems not to
// get it of others, and is not left without.
func (s *Swarm) freshen(now int64, c *channel) {
	_, c.fresh = c.notGiven()
	c.fresh = c.fresh || s.uploads.scarce && now-c.since > staleWait
}

// takeTurns gives the slots to the first of those that wait, the last one to who waits longest.
// fresh says that a seed has something to give that nobody has: what others may have by now waits.
func (s *Swarm) takeTurns(now int64, fresh bool) {
	u := &s.uploads
	taken := 0
	var longest *channel
	for _, c := range u.waiting {
		s.hold(now, c, taken >= u.slots-1 || fresh && u.busy && !c.fresh)
		switch {
		case !c.held && (c.clear() || now-max(c.since, c.turnAt) < sluggishAfter):
			taken++
		case c.held && (longest == nil || c.since < longest.since):
			longest = c
		}
	}
	if longest != nil && (!fresh || longest.fresh) {
		s.hold(now, longest, false)
	}
}

// hold lets c wait for its turn, or begin it.
func (s *Swarm) hold(now int64, c *channel, held bool) {
	if c.held == held {
		return
	}
	c.held = held
	if held {
		s.uploads.held++
		return
	}
	c.turnAt = now
	s.uploads.held--
	s.markReady(c)
}

// began notes that c has something to wait for. Who lost patience and asks again has waited all along.
func (s *Swarm) began(now int64, c *channel) {
	if c.waitedAt <= c.since || now-c.waitedAt > askedAnew {
		c.since = now
	}
	c.waitedAt = now
	s.uploads.changed = true
}

// spent notes that so many bytes were given to c.
func (s *Swarm) spent(now int64, c *channel, n int) {
	c.since = now
	c.need += float64(n)
	c.debt += float64(n)
	s.uploads.sent += int64(n)
	s.uploads.coupled.paced(now, n)
	if c.queue.chunks == 0 && s.uploads.held > 0 {
		s.uploads.changed = true
	}
}

// ageAccounts forgets a part of what passed.
func (s *Swarm) ageAccounts(now int64) {
	u := &s.uploads
	span := float64(now - u.aged)
	u.aged = now
	need, debt := math.Exp2(-span/needSpan), math.Exp2(-span/debtSpan)
	for _, c := range s.order {
		c.need *= need
		c.debt *= debt
	}
	if span := now - u.rateAt; span >= turnEvery {
		rate := float64(u.sent) * 1e9 / float64(span)
		u.rate += (rate - u.rate) * min(float64(span)/needSpan, 1)
		u.sent, u.rateAt = 0, now
	}
}

// adjustSlots serves more at a time while our uplink has room, and fewer while it shows a queue or
// the upload limit is used up. Of what those see who were served just now, a low value counts: it
// is the queue of our uplink, as the queues of theirs are not all full.
func (s *Swarm) adjustSlots(now int64) {
	u := &s.uploads
	if now < u.lookAt {
		return
	}
	u.lookAt = now + slotsEvery
	u.queues = u.queues[:0]
	for _, c := range s.order {
		if c.state == stateOpen && now-c.flight.ackAt < slotsStale {
			u.queues = append(u.queues, c.control.QueueDelay())
		}
	}
	queue := int64(0)
	if n := len(u.queues); n > 0 {
		slices.Sort(u.queues)
		queue = u.queues[n/4]
	}
	if queue > idleQueue || s.budget.short() {
		u.busyAt = now
	}
	u.busy = u.busyAt != 0 && now-u.busyAt < idleAfter
	active := 0
	for _, c := range u.waiting {
		if !c.held {
			active++
		}
	}
	s.couple(now, queue, active)
	switch {
	case queue > fullQueue || s.budget.short():
		u.slots = max(u.slots-1-u.slots/8, slotsLeast)
	case queue < emptyQueue:
		u.slots = min(max(u.slots, slotsLeast)+1+u.slots/8, MaxChannels)
	}
}

// chokeSome chokes the last of those who wait while they would wait too long, and lets others
// ask again when the line is short. Where nothing went out before, the rate tells nothing: then
// our uplink is not busy.
func (s *Swarm) chokeSome(now int64, line uint64) {
	u := &s.uploads
	perSecond := max(u.rate/float64(s.usualChunk()), 1)
	long := func(limit float64) bool { return float64(line)/perSecond > limit/1e9 }
	for k := len(u.waiting) - 1; k >= u.slots && u.busy && s.Peers() > slotsLeast && long(chokeLine); k-- {
		if c := u.waiting[k]; c.held && c.understands(wire.TypeChoke) && c.understands(wire.TypeUnchoke) {
			line -= c.queue.chunks
			s.choke(now, c, true)
		}
	}
	if u.choked == 0 {
		return
	}
	after := int64(chokeLeast)
	if long(unchokeLine) {
		after = chokeMost
	}
	var next *channel
	for _, c := range s.order {
		if c.permit == barred && now-c.setAt > after && (next == nil || c.rank() < next.rank()) {
			next = c
		}
	}
	if next != nil {
		s.choke(now, next, false)
	}
}

// choke tells c that it is not answered any longer, or is again. "Peer A SHOULD discard old requests"
// (RFC 7574, 3.9).
func (s *Swarm) choke(now int64, c *channel, choke bool) {
	if c.permit == mayAsk {
		s.uploads.choked++
	}
	c.permit, c.setAt, c.tellPermit, c.told = allowed, now, true, 0
	s.uploads.at = min(s.uploads.at, now+turnEvery)
	if choke {
		c.permit = barred
		c.queue.clear()
		c.again.clear()
		s.hold(now, c, false)
	}
	s.markReady(c)
}

// unchokeAt returns when UNCHOKE is to be repeated.
func (a *account) unchokeAt() int64 { return a.saidAt + unchokeAgain<<min(a.told, unchokeDoublings) }

// repeatUnchoke says again that c may ask, as long as it does not and may want to.
func (s *Swarm) repeatUnchoke(now int64, c *channel) {
	if c.permit != allowed || c.tellPermit || now < c.unchokeAt() {
		return
	}
	if c.complete() {
		s.heeded(c)
		return
	}
	c.tellPermit = true
	s.markReady(c)
}

// heeded notes that c knows that it may ask.
func (s *Swarm) heeded(c *channel) {
	if c.permit == allowed {
		c.permit = mayAsk
		s.uploads.choked--
	}
}

// mayRequest tells whether a request of c counts. Who asks although it was choked is told again: "Peer
// A will just discard the unwanted REQUESTs and resend the CHOKE, assuming it got lost" (RFC 7574,
// 12.6.8).
func (c *channel) mayRequest(now int64) bool {
	if c.permit != barred {
		c.s.heeded(c)
		return true
	}
	if now-c.saidAt > rechokeGap {
		c.tellPermit = true
		c.s.markReady(c)
	}
	return false
}

// appendChoke adds CHOKE or UNCHOKE if the peer is to be told.
func (c *channel) appendChoke(now int64, b []byte) []byte {
	if !c.tellPermit {
		return b
	}
	c.tellPermit, c.saidAt = false, now
	c.told++
	if c.permit == barred {
		return wire.AppendChoke(b)
	}
	return wire.AppendUnchoke(b)
}

// forgetUpload takes a channel that ends out of the accounts.
func (s *Swarm) forgetUpload(c *channel) {
	if c.held {
		s.uploads.held--
	}
	if c.permit != mayAsk {
		s.uploads.choked--
	}
	c.account = account{}
	s.uploads.changed = true
}
