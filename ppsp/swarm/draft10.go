package swarm

import (
	"math/bits"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// proves tells whether we have a signature of munro m in the form that the peer knows. The
// source makes that of draft 10 when it is needed first.
func (c *channel) proves(m *munro) bool {
	if !c.draft10 {
		return m.signature != nil
	}
	if m.bare == nil && c.s.live.source != nil {
		m.bare, _ = c.s.live.source.SignBare(m.hash) // fails for lack of memory at most
	}
	return m.bare != nil
}

// current tells whether the newest munro can be proven to the peer. What we have of a live
// stream is no use to it otherwise: others have signed it in another form.
func (c *channel) current() bool {
	l := c.s.live
	return l == nil || len(l.munros) == 0 || c.proves(&l.munros[len(l.munros)-1])
}

// munroFor returns the munro of chunk i if it can be proven to the peer.
func (c *channel) munroFor(i uint64) *munro {
	if m := c.s.live.munroOf(i); m != nil && c.proves(m) {
		return m
	}
	return nil
}

// checkSignature tells whether the signature that came with a munro is the publisher's, and
// returns the munro. Draft 10 covers neither chunks nor time: whoever has an old munro can
// pass it off as another, which is why it is taken where that profile was chosen only.
func (c *channel) checkSignature(m *wire.Message, hash []byte) (found munro, ok bool) {
	found = munro{chunks: m.Chunks, ntp: c.munroTime(m.Time), hash: hash}
	if c.draft10 {
		found.bare = m.Payload
		return found, c.s.live.key.VerifyBare(hash, m.Payload)
	}
	found.signature = m.Payload
	return found, c.s.live.check.Verify(m.Spec, m.Time, hash, m.Payload)
}

// munroTime returns the NTP timestamp that SIGNED_INTEGRITY carries in either form.
func (c *channel) munroTime(t uint64) uint64 {
	if !c.draft10 {
		return t
	}
	return livesig.NTPOfMicros(t)
}

// appendMunro adds a munro's hash and, right behind it, its signature.
func (c *channel) appendMunro(b []byte, m *munro) []byte {
	b = c.s.format.AppendIntegrity(b, m.chunks, m.hash)
	if c.draft10 {
		return c.s.format.AppendSignedIntegrity(b, m.chunks, livesig.MicrosOfNTP(m.ntp), m.bare)
	}
	return c.s.format.AppendSignedIntegrity(b, m.chunks, m.ntp, m.signature)
}

// farewell returns the closing HANDSHAKE, which has no options in draft 10.
func (c *channel) farewell() *wire.Handshake {
	if c.draft10 {
		return &wire.Handshake{}
	}
	return &wire.Handshake{Version: wire.Version}
}

// repeats tells whether the datagram that began at start has room for chunk i and all that
// proves it but what the peer has shown to have, whatever was sent lately. A peer of draft 10
// drops chunks whose hashes were lost.
func (c *channel) repeats(b []byte, start int, i uint64) bool {
	s := c.s
	if !c.draft10 || c.alone {
		return false
	}
	s.bins = s.appendUncles(s.bins[:0], i, func(n chunk.Bin) bool { return c.holdsPart(n.Parent().Range()) })
	hashes, size := len(s.bins), 1+maxSpec+8+s.meta.LargestChunk()
	switch {
	case s.live != nil:
		if m := c.munroFor(i); m != nil && !c.holdsPart(m.chunks) {
			size += signedExtra + len(m.hash) + len(m.bare)
		}
	case c.peerHave.Count() == 0:
		hashes += bits.OnesCount64(s.tree.Chunks())
	}
	return fits(b, start, size+hashes*(1+s.specSize+s.format.HashSize))
}

// holdsPart tells whether the peer has shown to have some chunk of r.
func (c *channel) holdsPart(r chunk.Range) bool {
	have, ok := c.peerHave.NextIn(r.Start)
	return ok && have.Start < r.End
}
