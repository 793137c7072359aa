package swarm

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// supported are the messages that we act on (RFC 7574, 7.10): all.
var supported = wire.NewSupported(
	wire.TypeHandshake, wire.TypeData, wire.TypeAck, wire.TypeHave, wire.TypeIntegrity,
	wire.TypeSignedIntegrity, wire.TypeRequest, wire.TypeCancel, wire.TypeChoke, wire.TypeUnchoke,
	wire.TypePexReq, wire.TypePexResV4, wire.TypePexResV6, wire.TypePexResCert,
)

// replyFactor bounds the answer to a first datagram, whose sender may be forged, to so many
// times its length: we are no use to who wants to flood a third party (RFC 7574, 12.1.1).
const replyFactor = 1

// greet answers an initiating HANDSHAKE (RFC 7574, 3.1.1). A failed check is met with
// silence (RFC 7574, 12.6.1).
func (s *Swarm) greet(now int64, from netip.AddrPort, b []byte) {
	s.decoder.Reset(b, s.format)
	m := &s.message
	ok, err := s.decoder.Next(m)
	if err != nil || !ok || m.Type != wire.TypeHandshake {
		s.counts.BadMessages++
		return
	}
	h := &m.Handshake
	if h.Closing() {
		s.refused(from)
		return
	}
	draft10, spoken := s.dialect(h)
	if h.Has&wire.HasSwarmID == 0 || !bytes.Equal(h.SwarmID, s.swarmID) || !spoken || !s.agrees(now, from, s.candidates.tried(from), h) {
		return
	}
	if own := s.channels[h.SourceChannel]; own != nil && own.state == stateInitiating {
		s.cameBack(own, from)
		return
	}
	if slices.Contains(s.left[:], leftChannel{from, h.SourceChannel}) {
		return
	}
	for _, c := range s.order {
		if c.remoteID != h.SourceChannel || c.remote != from && (c.state != stateOpen || !c.incoming || !s.candidates.ofOne(c.remote, from)) {
			continue // what came by another way, too, is answered until one of them is taken
		}
		if c.state == stateResponding { // our answer was lost
			c.replyDue, c.replyMost = true, replyFactor*len(b)
			s.markReady(c)
		}
		return // else: an old copy of the datagram that opened this channel
	}
	c := s.newChannel(now, from, true)
	if c == nil {
		s.refuse(from, h.SourceChannel)
		return
	}
	c.state = stateResponding
	c.remoteID, c.draft10 = h.SourceChannel, draft10
	c.learn(h)
	c.replyDue, c.replyMost = true, replyFactor*len(b)
	s.markReady(c)
	c.handleRest(now)
}

// leftChannel is one that a peer had opened and that is over. Copies of its HANDSHAKE may still be under way.
type leftChannel struct {
	remote netip.AddrPort
	id     uint32 // the peer's
}

// cameBack notes that our own HANDSHAKE came back to us: an address is our own.
func (s *Swarm) cameBack(c *channel, from netip.AddrPort) {
	if len(c.ways) < 2 || !slices.Contains(c.ways, from) {
		s.candidates.forget(c.goal)
		s.drop(c)
		return
	}
	s.candidates.forget(from)
	c.ways, c.way = slices.DeleteFunc(c.ways, func(a netip.AddrPort) bool { return a == from }), 0
	c.remote, c.goal = c.ways[0], c.ways[0]
}

// refusal is an answer to a peer for which there is no room.
type refusal struct {
	to      netip.AddrPort
	channel uint32 // the peer's
}

// maxRefusals bounds those that wait; who finds no room here is met with silence.
const maxRefusals = 32

// refuse lets a peer know at once that there is no room, so that it goes on to others. It
// is no failed check, on which we would be silent (RFC 7574, 12.6.1), and tells nobody more
// than a full node's silence does; it is shorter than what it answers.
func (s *Swarm) refuse(to netip.AddrPort, channel uint32) {
	if s.refusals.len() < maxRefusals {
		s.refusals.push(refusal{to, channel})
	}
}

// appendDatagram is such a message: "A peer SHOULD explicitly close a channel by sending a HANDSHAKE message" without one (RFC 7574, 8.4).
func (r *refusal) appendDatagram(b []byte) []byte {
	return wire.AppendHandshake(wire.AppendChannel(b, r.channel), &wire.Handshake{Version: wire.Version})
}

// Least times, in ns, between two events of peers whose metadata differ: who floods us with
// handshakes must not crowd out other events.
const (
	strangerEvery = 1e9
	dialledEvery  = 50e6
)

// agrees checks the swarm's metadata as the peer states it against ours (RFC 7574, 7), and
// tells the caller of a difference.
func (s *Swarm) agrees(now int64, from netip.AddrPort, dialled bool, h *wire.Handshake) bool {
	differs := s.differs(h)
	if differs == "" {
		return true
	}
	at, every := &s.strangerAt, int64(strangerEvery)
	if dialled {
		at, every = &s.dialledAt, dialledEvery
	}
	if now >= *at {
		*at = now + every
		s.emit(Event{Kind: EventMismatch, Peer: from, Dialled: dialled, Reason: differs})
	}
	return false
}

// differsInLength tells the caller, once a channel, that by what the peer says the film has
// another number of chunks than we were told from elsewhere, of which nothing is proven yet.
// Then nothing of what it sends can be verified (RFC 7574, 5.6.2).
func (c *channel) differsInLength(words string, chunks uint64) {
	ours := c.s.tree.Chunks()
	if ours == 0 || c.mismatched || c.s.have.Has(ours-1) { // before the length is known, nothing differs from it
		return
	}
	if slices.ContainsFunc(c.s.order, func(o *channel) bool { return o != c && o.state == stateOpen && !o.mismatched && o.complete() }) {
		return // what one says against another who has it all by our length is no reason to give up
	}
	c.mismatched = true
	c.s.emit(Event{
		Kind: EventMismatch, Peer: c.remote, Dialled: !c.incoming || c.s.candidates.find(c.remote) >= 0, Chunks: chunk.Range{End: chunks},
		Reason: fmt.Sprintf("%s %d chunks, ours %d", words, chunks, ours),
	})
}

// differs returns in what the peer's metadata are not ours, empty for nothing. Options that
// the integrity method has no use for are not looked at.
func (s *Swarm) differs(h *wire.Handshake) string {
	m := &s.meta
	switch {
	case h.Has&wire.HasVersion == 0:
		return "it names no version of the protocol"
	case h.Version < wire.Version || h.MinVersion > wire.Version: // RFC 6709, 4.1, strategy 5
		return fmt.Sprintf("it speaks versions %d to %d of the protocol, not %d", h.MinVersion, h.Version, wire.Version)
	case h.Has&wire.HasSwarmID != 0 && !bytes.Equal(h.SwarmID, s.swarmID):
		return "its swarm is another"
	case h.Has&wire.HasIntegrity == 0:
		return "it names no integrity method"
	case h.Integrity != m.Integrity:
		return fmt.Sprintf("its integrity method is %s, ours %s", h.Integrity, m.Integrity)
	case m.Hashed() && h.Has&wire.HasHash != 0 && h.Hash != m.Hash:
		return fmt.Sprintf("its hash function is %s, ours %s", h.Hash, m.Hash)
	case h.Has&wire.HasSignature != 0 && h.Signature != m.Signature:
		return fmt.Sprintf("its signature algorithm is %s, ours %s", h.Signature, m.Signature)
	case h.Has&wire.HasAddressing == 0:
		return "it names no chunk addressing"
	case h.Addressing != m.Addressing:
		return fmt.Sprintf("its chunk addressing is %s, ours %s", h.Addressing, m.Addressing)
	case h.Has&wire.HasChunkSize != 0 && h.ChunkSize != m.ChunkSize:
		return fmt.Sprintf("its chunk size is %d, ours %d", h.ChunkSize, m.ChunkSize)
	case h.Has&wire.HasChunkSize == 0 && !s.draftable && m.Kind() == ppsp.Live && Draft10Fits(*m) == nil:
		return "it speaks draft 10, which live streams are spoken with only by those who choose that profile"
	}
	return ""
}

// learn takes from the peer's HANDSHAKE what differs from peer to peer.
func (c *channel) learn(h *wire.Handshake) {
	if h.Has&wire.HasDiscardWindow != 0 {
		c.discard = h.DiscardWindow
		if c.s.format.Addressing == ppsp.ByteRanges64 && h.DiscardWindow != wire.KeepsAll {
			c.discard /= uint64(c.s.meta.ChunkSize) // told in bytes (RFC 7574, 7.9)
		}
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

// handleReply takes the first message of the datagram that answers our HANDSHAKE, and
// opens the channel; false when this is no answer, or a refusal.
func (c *channel) handleReply(now int64) bool {
	s := c.s
	m := &s.message
	ok, err := s.decoder.Next(m)
	if err != nil || !ok || m.Type != wire.TypeHandshake {
		return false // only the answer opens the channel (RFC 7574, 12.1)
	}
	if m.Handshake.SourceChannel == 0 {
		c.state = stateGone
		return false
	}
	draft10, spoken := s.dialect(&m.Handshake)
	if !spoken || !s.agrees(now, c.remote, true, &m.Handshake) {
		return false
	}
	c.remoteID, c.draft10 = m.Handshake.SourceChannel, draft10
	c.learn(&m.Handshake)
	if c.handshakes == 1 { // else it may answer an earlier one
		c.control.Sample(now - c.spokeAt)
	}
	c.confirm(now)
	c.open(now)
	return true
}

// localHandshake returns our HANDSHAKE for this channel (RFC 7574, 8.4).
func (c *channel) localHandshake() wire.Handshake {
	s := c.s
	h := wire.Handshake{
		SourceChannel: c.id,
		Has:           wire.HasIntegrity | wire.HasAddressing,
		Version:       wire.Version,
		Integrity:     s.meta.Integrity,
		Addressing:    s.meta.Addressing,
		ChunkSize:     s.meta.ChunkSize,
		Supported:     supported,
	}
	if s.meta.Hashed() {
		h.Has |= wire.HasHash
		h.Hash = s.meta.Hash
	}
	if s.meta.Signed() {
		h.Signature = s.meta.Signature
	}
	if c.remoteID == 0 { // initiating
		h.MinVersion = wire.Version
		h.SwarmID = s.swarmID
	}
	if s.live != nil {
		h.Has |= wire.HasDiscardWindow
		h.DiscardWindow = s.cfg.Window
		if s.meta.Addressing == ppsp.ByteRanges64 {
			h.DiscardWindow *= uint64(s.meta.ChunkSize)
		}
	}
	if c.draft10 {
		c.draft10Handshake(&h)
	}
	return h
}
