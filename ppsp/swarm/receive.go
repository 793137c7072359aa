package swarm

import (
	"errors"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// maxWork bounds what the messages of one datagram may cost, in steps of some
// nanoseconds each. Honest datagrams stay far below; of others the rest is discarded.
const maxWork = 1 << 15

// HandleDatagram takes in a datagram that carries one of our channel IDs, or channel ID 0
// and this swarm's ID. It keeps no part of b.
func (s *Swarm) HandleDatagram(now int64, from netip.AddrPort, b []byte) {
	id, ok := wire.Channel(b)
	if !ok || s.closed {
		return
	}
	s.counts.DatagramsReceived++
	s.counts.BytesReceived += uint64(len(b))
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	if id == 0 {
		if !s.bans.Has(now, from) {
			s.greet(now, from, b)
		}
		return
	}
	c := s.channels[id]
	if c == nil || c.state == stateGone || c.state == stateLeaving {
		return
	}
	told := c.remote
	if told != from {
		// A peer behind a NAT may answer from another address than the one that was told,
		// but only until its first datagram has fixed it (RFC 7574, 12.1).
		if c.state != stateInitiating || s.bans.Has(now, from) {
			return
		}
		c.remote = from
		s.candidates.changed = true
	}
	c.handle(now, b)
	if c.state == stateInitiating {
		c.remote = told // it was no answer
	}
	c.prove(now)
	c.dueAt = c.nextTimeout()
	if c.state == stateGone {
		s.drop(c)
	}
}

// handle takes in a datagram on an existing channel.
func (c *channel) handle(now int64, b []byte) {
	s := c.s
	s.decoder.Reset(b, s.format)
	switch c.state {
	case stateInitiating:
		if !c.handleReply(now) {
			return
		}
	case stateResponding:
		c.open(now)
	case stateOpen:
		c.confirms = 0
	}
	c.heardAt = now
	if c.mute() {
		s.endSilence()
	}
	c.unanswered = 0
	c.handleRest(now)
}

// handleRest goes through the messages left in the decoder. After one that can't be, the
// rest of the datagram is discarded.
func (c *channel) handleRest(now int64) {
	s := c.s
	s.work, s.repeats = maxWork, 0
	s.asked.Clear()
	for c.state == stateOpen || c.state == stateResponding {
		ok, err := s.decoder.Next(&s.message)
		if err == nil && !ok {
			return
		}
		if err != nil || !c.handleMessage(now, &s.message) || s.work < 0 {
			s.counts.BadMessages++
			return
		}
	}
}

// handleMessage acts on one message; false discards the rest of the datagram.
func (c *channel) handleMessage(now int64, m *wire.Message) bool {
	if c.state == stateResponding && m.Type != wire.TypeHave && m.Type != wire.TypeRequest {
		return true // only these have a meaning in the first datagram (RFC 7574, 3.1.1)
	}
	switch m.Type {
	case wire.TypeHandshake:
		if m.Handshake.Closing() {
			c.s.emitDown(c, "the peer said goodbye")
			c.state = stateGone
			return true
		}
		c.confirm(now) // a repeated answer: what confirms the first did not arrive
		return true
	case wire.TypeHave:
		return c.handleHave(now, m.Chunks)
	case wire.TypeAck:
		return c.handleAck(now, m.Chunks, m.Time)
	case wire.TypeIntegrity:
		b, ok := chunk.BinOf(m.Chunks)
		if ok {
			c.proof.Add(b, m.Payload)
			c.unproven.grown = len(c.unproven.list) > 0
		}
		return ok
	case wire.TypeSignedIntegrity:
		c.unproven.grown = len(c.unproven.list) > 0
		return c.handleSigned(now, m)
	case wire.TypeData:
		return c.handleData(now, m)
	case wire.TypeRequest:
		return c.handleRequest(now, m.Chunks)
	case wire.TypeCancel:
		c.handleCancel(m.Chunks)
	case wire.TypeChoke:
		c.choked = true
		c.releaseAll()
	case wire.TypeUnchoke:
		c.choked = false
		c.s.picking.wanted = true
	case wire.TypePexReq:
		c.handlePexReq(now)
	case wire.TypePexResV4, wire.TypePexResV6:
		c.handlePexRes(now, m.Peer)
	case wire.TypePexResCert:
		return c.handlePexCert(now, m.Payload)
	}
	return true
}

// emitDown tells that an open channel ended.
func (s *Swarm) emitDown(c *channel, reason string) {
	if c.state == stateOpen {
		s.emit(Event{Kind: EventPeerDown, Peer: c.remote, Reason: reason})
	}
}

// handleData verifies a chunk and keeps it (RFC 7574, 8.6).
func (c *channel) handleData(now int64, m *wire.Message) bool {
	s := c.s
	i := m.Chunks.Start
	if len(m.Payload) > s.meta.LargestChunk() {
		return false
	}
	s.work -= dataWork
	return c.take(now, i, uint64(s.micros(now))-m.Time, m.Payload)
}

// take verifies chunk i, keeps and acknowledges it; false when its sender was shut out.
func (c *channel) take(now int64, i, delay uint64, b []byte) bool {
	s := c.s
	if s.have.Has(i) {
		s.counts.Duplicates++
		c.took(now, i, false)
		c.acknowledge(now, i, delay)
		return true
	}
	if s.failed || (s.live != nil && !s.takes(i)) {
		return true
	}
	err := s.verify(c, i, b)
	switch {
	case errors.Is(err, merkle.ErrMissingHash):
		s.counts.Unproven++
		if s.missedHashes(now, i) {
			return false
		}
		if n := c.proof.Claim(); s.live == nil && n != 0 && s.tree.Sized() && n != s.tree.Chunks() {
			c.differsInLength("by its hashes the film has", n)
		}
		c.unproven.hold(i, delay, b, max(maxUnproven, int(s.runSize)))
		return true // should its hashes be lost, the sender will send both again
	case errors.Is(err, errReplayed):
		return true // the peer may not know
	}
	if err != nil {
		s.counts.BadChunks++
		c.ban(now, "a chunk that is not the publisher's: "+err.Error())
		return false
	}
	if err := s.cfg.Store.WriteChunk(i, b); err != nil {
		s.fail()
		s.emit(Event{Kind: EventStoreFailed, Chunks: chunk.One(i), Reason: err.Error()})
		return true
	}
	s.counts.ChunksReceived++
	s.counts.ChunkBytesReceived += uint64(len(b))
	c.debt -= float64(len(b))
	asked := c.took(now, i, true)
	c.acknowledge(now, i, delay)
	if c.outstanding.live == 0 && s.live != nil {
		c.proof.Reset() // what it holds served its purpose, or will come again
	}
	s.gained(now, i, c, asked) // first: it may be among those that waited for hashes, too
	s.proven(now, c, i)
	return true
}

// fail ends the requests: the store takes no more.
func (s *Swarm) fail() {
	s.failed = true
	for _, c := range s.order {
		for r := c.outstanding.oldest(); r != nil; r = c.outstanding.oldest() {
			c.cancel(r.chunks.Start)
		}
	}
}

// dataWork is what a chunk costs of maxWork: mostly its hash.
const dataWork = 128

// gained notes a chunk that is now verified and stored, and tells the other peers.
func (s *Swarm) gained(now int64, i uint64, from *channel, asked bool) {
	s.have.Add(chunk.One(i))
	s.emit(Event{Kind: EventChunks, Chunks: chunk.One(i)})
	s.announce(now, i, from)
	if !asked && s.requested.Has(i) { // it was asked of another, which comes too late
		for _, o := range s.order {
			if o.cancel(i) {
				break
			}
		}
	}
	s.picking.stirred = true
	if s.live != nil {
		s.advance(now)
		return
	}
	if s.tree.Sized() && !s.static.sized {
		s.static.sized = true
		s.emit(Event{Kind: EventSize, Chunks: chunk.Range{End: s.tree.Chunks()}})
	}
	if s.Complete() {
		s.emit(Event{Kind: EventComplete})
	}
}

// micros is the wall clock in microseconds, as DATA carries it (RFC 7574, 8.6).
func (s *Swarm) micros(now int64) int64 { return (s.cfg.Epoch + now) / 1000 }
