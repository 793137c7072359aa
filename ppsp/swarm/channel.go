package swarm

import (
	"math"
	"net/netip"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/ledbat"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// channelState is where a channel stands between handshake and farewell (RFC 7574, 3.11).
type channelState uint8

const (
	stateInitiating channelState = iota // our HANDSHAKE is unanswered
	stateResponding                     // we answered theirs; the third datagram has not come
	stateOpen                           // both ends have proven that they listen
	stateLeaving                        // the closing HANDSHAKE is to be sent
	stateGone                           // to be dropped
)

// Times of a channel's life, nanoseconds.
const (
	confirmRetry   = 250e6  // first wait until the third datagram goes out again; doubles
	respondTimeout = 10e9   // wait for the third datagram
	keepAliveAfter = 17e9   // silence that a keep-alive ends; below the 30 s of NATs
	deadAfter      = 180e9  // silence of the peer …
	deadTries      = 3      // … together with so many datagrams unanswered: it is dead
	suspectAfter   = 1500e6 // requests unanswered: maybe the peer was started again
	confirmTries   = 5      // times that the third datagram goes out until the peer is heard
)

// channel is the connection to one peer in one swarm.
type channel struct {
	s          *Swarm
	id         uint32 // ours: prefix of what the peer sends
	remoteID   uint32 // theirs, 0 while unknown
	remote     netip.AddrPort
	state      channelState
	incoming   bool  // the peer has opened it
	mismatched bool  // by what it says the film has another length, and the caller was told
	draft10    bool  // it is spoken to by draft 10, see Profile
	inLine     bool  // stands in Swarm.ready
	dueAt      int64 // nextTimeout as of the last look: never later than it is

	openedAt     int64
	handshakeAt  int64 // when to send the next HANDSHAKE, while initiating
	handshakes   int   // sent so far
	replyDue     bool  // a HANDSHAKE of theirs is to be answered,
	replyMost    int   // in no more than so many bytes
	heardAt      int64
	spokeAt      int64
	unanswered   int  // datagrams sent since the peer was last heard
	alone        bool // the next chunk had no room beside other messages: it goes first
	speakDue     bool // something must be sent, if only a keep-alive
	confirms     int  // third datagrams sent, 0 when the peer is known to have one
	confirmAt    int64
	reprobedAt   int64
	peerSupports [4]uint64 // bitmap of message types, by type

	dialing
	exchange
	availability
	acknowledgements
	unproven   unproven
	proof      merkle.Proof // hashes that the peer sent, unverified
	signatures signatures   // Sign All: those that the peer sent, unverified
	requesting
	serving
}

// initiate opens a channel to addr.
func (s *Swarm) initiate(now int64, addr netip.AddrPort) *channel {
	c := s.newChannel(now, addr, false)
	if c != nil {
		c.state = stateInitiating
		c.handshakeAt, c.goal = now, addr
		s.markReady(c)
	}
	return c
}

// newChannel makes a channel unless there are too many.
func (s *Swarm) newChannel(now int64, addr netip.AddrPort, incoming bool) *channel {
	if incoming && !s.roomFor(now) || !incoming && len(s.order) >= MaxChannels && !s.evict() {
		return nil
	}
	if incoming {
		s.incoming++
	}
	c := &channel{
		s: s, id: s.cfg.Channels.Open(), remote: addr, incoming: incoming, openedAt: now, heardAt: now, spokeAt: now, dueAt: now,
	}
	for i := range c.peerSupports {
		c.peerSupports[i] = math.MaxUint64
	}
	c.havesAt, c.ackAt = math.MaxInt64, math.MaxInt64
	c.pipeline = firstPipeline
	if s.live != nil {
		c.proof.TakeEmpties()
	}
	c.control = ledbat.New(ledbat.Config{
		Target: uploadQueue, Eager: s.live != nil, MSS: max(ledbat.DefaultMSS, channelBytes+s.dataSize()),
	})
	c.sentHashes = map[chunk.Bin]int64{}
	s.channels[c.id] = c
	s.order = append(s.order, c)
	return c
}

// channelTo returns the channel to addr, the open one first.
func (s *Swarm) channelTo(addr netip.AddrPort) *channel {
	var found *channel
	for _, c := range s.order {
		if c.remote == addr && (found == nil || c.state == stateOpen) {
			found = c
		}
	}
	return found
}

// drop forgets c and frees what was asked of it.
func (s *Swarm) drop(c *channel) {
	if s.channels[c.id] != c {
		return
	}
	if c.incoming && c.state != stateResponding {
		s.left[s.leftTurn%len(s.left)] = leftChannel{c.remote, c.remoteID}
		s.leftTurn++
	}
	c.state = stateGone
	s.forgetUpload(c)
	c.releaseAll()
	if c.incoming {
		s.incoming--
	}
	delete(s.channels, c.id)
	s.order = slices.DeleteFunc(s.order, func(o *channel) bool { return o == c })
	s.cfg.Channels.Close(c.id)
	s.candidates.changed = true
	s.withdrawn(c)
	s.uncount(c)
}

// close ends c: the peer is told, and the node too.
func (c *channel) close(reason string) {
	if c.state == stateGone || c.state == stateLeaving {
		return
	}
	c.s.emitDown(c, reason)
	c.leave()
	c.s.markReady(c)
}

// leave lets the closing HANDSHAKE be the next datagram.
func (c *channel) leave() {
	c.releaseAll()
	if c.remoteID == 0 {
		c.state = stateGone
		return
	}
	c.state = stateLeaving
}

// ban closes c and shuts its address out (RFC 7574, 12.7).
func (c *channel) ban(now int64, reason string) {
	c.s.bans.Shut(now, c.remote, c.member, reason)
	c.s.candidates.forget(c.remote)
	c.s.emit(Event{Kind: EventBan, Peer: c.remote, Member: c.member, Reason: reason})
	c.close(reason)
}

// open notes that the peer has proven to listen where it says.
func (c *channel) open(now int64) {
	s := c.s
	if c.incoming && !s.admit(now, c) {
		c.close("there is no room")
		return
	}
	c.state = stateOpen
	c.openedAt, c.heardAt = now, now
	s.endSilence()
	s.candidates.answered(c.remote, c.draft10)
	s.emit(Event{Kind: EventPeerUp, Peer: c.remote})
	s.dropEchoes(c)
	s.settleTwins(c, now)
	if c.state == stateOpen {
		c.introduce(now)
		c.announceAll(now)
		s.picking.wanted = true
		s.markReady(c)
	}
}

// settleTwins leaves one of two open channels to the same peer: both ends opened one at the same
// time, or the peer was started again.
func (s *Swarm) settleTwins(c *channel, now int64) {
	for _, o := range s.order {
		if o == c || o.state != stateOpen || !c.sameAs(o) {
			continue
		}
		if c.outlives(o, now) {
			o.close("the peer opened another channel")
		} else {
			c.close("there is another channel to the peer")
		}
		return
	}
}

// nextTimeout returns when handleTimeout has something to do.
func (c *channel) nextTimeout() int64 {
	switch c.state {
	case stateInitiating:
		return c.handshakeAt
	case stateResponding:
		return c.openedAt + respondTimeout
	case stateOpen:
		return min(c.spokeAt+keepAliveAfter, c.confirmTime(), c.deadAt(), c.ackAt, c.havesAt, c.echoTime(), c.requestTimeout(), c.lossTimeout(), c.serveAt())
	}
	return math.MaxInt64
}

// handleTimeout does what has fallen due.
func (c *channel) handleTimeout(now int64) {
	switch c.state {
	case stateInitiating:
		if now < c.handshakeAt {
			return
		}
		if c.handshakes >= c.handshakeLimit() {
			c.state = stateGone
			return
		}
		c.s.markReady(c)
	case stateResponding:
		if now >= c.openedAt+respondTimeout {
			c.state = stateGone
		}
	case stateOpen:
		c.handleOpenTimeout(now)
	}
}

// deadAt returns when the peer is given up: "a three minute delay since that last packet
// has been received from that peer and at least three datagrams having been sent to that
// peer during the same period" (RFC 7574, 3.12).
func (c *channel) deadAt() int64 {
	if c.unanswered < deadTries {
		return math.MaxInt64
	}
	return c.heardAt + deadAfter
}

func (c *channel) handleOpenTimeout(now int64) {
	if now >= c.deadAt() {
		c.close("the peer has been silent for 3 minutes")
		return
	}
	if now >= c.confirmTime() {
		c.confirm(now)
	}
	if now >= c.spokeAt+keepAliveAfter {
		c.speakDue = true
		c.s.markReady(c)
	}
	if now >= c.requestTimeout() {
		c.checkRequests(now)
	}
	if now >= c.lossTimeout() {
		c.checkLoss(now)
		c.s.markReady(c)
	}
	if now >= c.echoTime() {
		c.repeatNews(now)
	}
	if now >= min(c.ackAt, c.havesAt, c.serveAt()) {
		c.s.markReady(c)
	}
}

// confirm sends the third datagram, which proves our address to the peer, and again while
// nothing is heard: were it lost, the peer would wait for it and we for the peer.
func (c *channel) confirm(now int64) {
	c.confirmAt = now + confirmRetry<<c.confirms
	if c.confirms++; c.confirms > confirmTries {
		c.confirms = 0
		return
	}
	c.speakDue = true
	c.s.markReady(c)
}

// confirmTime returns when to confirm again.
func (c *channel) confirmTime() int64 {
	if c.confirms == 0 {
		return math.MaxInt64
	}
	return c.confirmAt
}

// reprobe has a second channel opened to a peer that leaves requests unanswered: if it was
// started again, it does not know this channel and stays silent (RFC 7574, 12.1).
func (c *channel) reprobe(now int64) {
	if now-c.heardAt < suspectAfter || now-c.reprobedAt < 2*suspectAfter {
		return
	}
	for _, o := range c.s.order {
		if o != c && c.sameAs(o) {
			return
		}
	}
	c.reprobedAt = now
	c.s.suspects = append(c.s.suspects, c.remote)
}

// reprobeAll opens the channels that reprobe asked for, once nobody goes through the others.
func (s *Swarm) reprobeAll(now int64) {
	for _, addr := range s.suspects {
		c := s.initiate(now, addr)
		if i := s.candidates.find(addr); c != nil && i >= 0 {
			c.ways = s.candidates.list[i].ways()
		}
	}
	s.suspects = s.suspects[:0]
}
