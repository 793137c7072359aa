package swarm

import (
	"bytes"
	"errors"
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// supported are the messages that we act on (RFC 7574, 7.10): all but the PEX family.
var supported = wire.NewSupported(
	wire.TypeHandshake, wire.TypeData, wire.TypeAck, wire.TypeHave, wire.TypeIntegrity,
	wire.TypeSignedIntegrity, wire.TypeRequest, wire.TypeCancel, wire.TypeChoke, wire.TypeUnchoke,
)

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
	if s.bans.has(from, now) {
		return
	}
	if id == 0 {
		s.greet(now, from, b)
		return
	}
	c := s.channels[id]
	if c == nil || c.state == stateGone || c.state == stateLeaving {
		return
	}
	if c.remote != from {
		// A peer behind a NAT may answer from another address than the one that was told,
		// but only until its first datagram has fixed it (RFC 7574, 12.1).
		if c.state != stateInitiating {
			return
		}
		c.remote = from
	}
	c.handle(now, b)
	if c.state == stateGone {
		s.drop(c)
	}
}

// greet answers an initiating HANDSHAKE (RFC 7574, 3.1.1). A failed check is met with
// silence (RFC 7574, 12.6.1).
func (s *Swarm) greet(now int64, from netip.AddrPort, b []byte) {
	s.decoder.Reset(b, s.format)
	m := &s.message
	ok, err := s.decoder.Next(m)
	if err != nil || !ok || m.Type != wire.TypeHandshake || m.Handshake.SourceChannel == 0 {
		s.counts.BadMessages++
		return
	}
	h := &m.Handshake
	if h.Has&wire.HasSwarmID == 0 || !bytes.Equal(h.SwarmID, []byte(s.meta.SwarmID)) || !s.agrees(h) {
		return
	}
	if s.channels[h.SourceChannel] != nil && s.channels[h.SourceChannel].state == stateInitiating {
		s.selfFound(s.channels[h.SourceChannel])
		return
	}
	for _, c := range s.order { // the same HANDSHAKE again: our answer was lost
		if c.remote == from && c.remoteID == h.SourceChannel && c.state == stateResponding {
			c.replyDue = true
			s.markReady(c)
			return
		}
	}
	c := s.newChannel(now, from)
	if c == nil {
		return
	}
	c.state = stateResponding
	c.remoteID = h.SourceChannel
	c.learn(h)
	c.replyDue = true
	s.markReady(c)
	c.handleRest(now)
}

// selfFound drops a channel whose HANDSHAKE came back to us: the address is our own.
func (s *Swarm) selfFound(c *channel) {
	s.candidates.forget(c.remote)
	s.drop(c)
}

// agrees checks the swarm's metadata as the peer states it against ours (RFC 7574, 7).
func (s *Swarm) agrees(h *wire.Handshake) bool {
	switch {
	case h.Has&wire.HasVersion == 0 || h.Version < 1 || h.MinVersion > 1:
		return false
	case h.Has&wire.HasIntegrity == 0 || h.Integrity != s.meta.Integrity:
		return false
	case h.Has&wire.HasHash != 0 && h.Hash != s.meta.Hash:
		return false
	case h.Has&wire.HasSignature != 0 && h.Signature != s.meta.Signature:
		return false
	case h.Has&wire.HasAddressing == 0 || h.Addressing != s.meta.Addressing:
		return false
	case h.Has&wire.HasChunkSize != 0 && h.ChunkSize != s.meta.ChunkSize:
		return false
	}
	return true
}

// learn takes from the peer's HANDSHAKE what differs from peer to peer.
func (c *channel) learn(h *wire.Handshake) {
	if h.Has&wire.HasDiscardWindow != 0 {
		c.peerDiscard = h.DiscardWindow
	}
	if h.Has&wire.HasSupported != 0 {
		for t := range 256 {
			if !h.Supported.Has(wire.Type(t)) {
				c.peerSupports[t/64] &^= 1 << (t % 64)
			}
		}
	}
}

// understands tells whether the peer acts on messages of type t.
func (c *channel) understands(t wire.Type) bool { return c.peerSupports[t/64]&(1<<(t%64)) != 0 }

// handle takes in a datagram on an existing channel.
func (c *channel) handle(now int64, b []byte) {
	s := c.s
	s.decoder.Reset(b, s.format)
	if c.state == stateInitiating {
		m := &s.message
		ok, err := s.decoder.Next(m)
		if err != nil || !ok || m.Type != wire.TypeHandshake || !s.agrees(&m.Handshake) {
			return // only the answer opens the channel (RFC 7574, 12.1)
		}
		if m.Handshake.Has&wire.HasSwarmID != 0 && !bytes.Equal(m.Handshake.SwarmID, []byte(s.meta.SwarmID)) {
			return
		}
		if m.Handshake.SourceChannel == 0 {
			c.state = stateGone
			return
		}
		c.remoteID = m.Handshake.SourceChannel
		c.learn(&m.Handshake)
		c.control.Sample(now - c.spokeAt)
		c.speakDue = true // the third datagram proves our address
		c.open(now)
	} else if c.state == stateResponding {
		c.open(now)
	}
	c.heardAt = now
	c.unanswered = 0
	c.handleRest(now)
}

// handleRest goes through the messages left in the decoder. "An implementation MUST
// discard the rest" after an invalid one.
func (c *channel) handleRest(now int64) {
	s := c.s
	for c.state == stateOpen || c.state == stateResponding {
		ok, err := s.decoder.Next(&s.message)
		if err != nil {
			s.counts.BadMessages++
			break
		}
		if !ok {
			break
		}
		if !c.handleMessage(now, &s.message) {
			s.counts.BadMessages++
			break
		}
	}
	s.markReady(c)
}

// handleMessage acts on one message; false discards the rest of the datagram.
func (c *channel) handleMessage(now int64, m *wire.Message) bool {
	switch m.Type {
	case wire.TypeHandshake:
		if m.Handshake.SourceChannel == 0 {
			c.s.emitDown(c, "the peer said goodbye")
			c.state = stateGone
			return false
		}
		return true // a repeated answer
	case wire.TypeHave:
		return c.handleHave(m.Chunks)
	case wire.TypeAck:
		return c.handleAck(now, m.Chunks, m.Time)
	case wire.TypeIntegrity:
		b, ok := chunk.BinOf(m.Chunks)
		if !ok {
			return false
		}
		c.proof.Add(b, m.Payload)
		return true
	case wire.TypeSignedIntegrity:
		return c.handleSigned(now, m)
	case wire.TypeData:
		return c.handleData(now, m)
	case wire.TypeRequest:
		return c.handleRequest(m.Chunks)
	case wire.TypeCancel:
		c.queue.remove(m.Chunks)
		return true
	case wire.TypeChoke:
		c.choked = true
		c.releaseAll()
		return true
	case wire.TypeUnchoke:
		c.choked = false
		c.s.picking.wanted = true
		return true
	}
	return true // PEX: not asked for, not answered
}

// emitDown tells that an open channel ended.
func (s *Swarm) emitDown(c *channel, reason string) {
	if c.state == stateOpen {
		s.emit(Event{Kind: EventPeerDown, Peer: c.remote, Reason: reason})
	}
}

// handleHave notes what the peer has (RFC 7574, 8.5).
func (c *channel) handleHave(r chunk.Range) bool {
	if !c.plausible(r) {
		return false
	}
	c.peerHas(r)
	if c.peerHave.Runs() > maxPeerHaveRuns {
		c.close("the peer's availability has too many holes")
		return false
	}
	c.queue.remove(r) // HAVE is an implicit CANCEL (RFC 7574, 3.2)
	c.s.picking.wanted = true
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
	c.peerHave.Add(r)
	if c.s.live == nil {
		return
	}
	c.munroSeen = max(c.munroSeen, r.End)
	window := uint64(MaxLiveWindow)
	if c.peerDiscard != 0 && c.peerDiscard < window {
		window = c.peerDiscard
	}
	if last, ok := c.peerHave.Last(); ok && last >= window {
		c.peerHave.Remove(chunk.Range{End: last + 1 - window})
	}
}

// handleData verifies a chunk and keeps it (RFC 7574, 8.6).
func (c *channel) handleData(now int64, m *wire.Message) bool {
	s := c.s
	i := m.Chunks.Start
	if m.Chunks.Len() != 1 || len(m.Payload) == 0 || len(m.Payload) > int(s.meta.ChunkSize) {
		return false
	}
	delay := uint64(s.micros(now)) - m.Time
	if s.have.Has(i) {
		s.counts.Duplicates++
		c.took(now, i)
		c.acks = append(c.acks, ack{m.Chunks, delay})
		return true
	}
	if s.failed || (s.live != nil && !s.live.wants(i)) {
		return true
	}
	err := s.verify(i, m.Payload, &c.proof)
	if errors.Is(err, merkle.ErrMissingHash) {
		s.counts.Unproven++
		return true // its hashes were lost; the sender will send both again
	}
	if err != nil {
		s.counts.BadChunks++
		c.ban(now, "a chunk that is not the publisher's: "+err.Error())
		return false
	}
	if err := s.cfg.Store.WriteChunk(i, m.Payload); err != nil {
		s.failed = true
		s.emit(Event{Kind: EventStoreFailed, Chunks: m.Chunks, Reason: err.Error()})
		return true
	}
	s.counts.ChunksReceived++
	s.counts.ChunkBytesReceived += uint64(len(m.Payload))
	c.took(now, i)
	c.acks = append(c.acks, ack{m.Chunks, delay})
	s.gained(now, i, c)
	return true
}

// verify checks a chunk against the tree.
func (s *Swarm) verify(i uint64, b []byte, p *merkle.Proof) error {
	if s.live != nil {
		return s.live.tree.Verify(i, b, p)
	}
	return s.tree.Verify(i, b, p)
}

// gained notes a chunk that is now verified and stored, and tells the other peers.
func (s *Swarm) gained(now int64, i uint64, from *channel) {
	s.have.Add(chunk.One(i))
	s.requested.Remove(chunk.One(i))
	s.emit(Event{Kind: EventChunks, Chunks: chunk.One(i)})
	for _, o := range s.order {
		if o != from && o.state == stateOpen {
			o.announce(now, chunk.One(i))
		}
		if o != from {
			o.cancel(i)
		}
	}
	s.picking.wanted = true
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
