package swarm

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// Profile is the form of the peer protocol that a swarm is spoken with. Programs older than
// RFC 7574 follow draft 10 of it (draft-ietf-ppsp-peer-protocol-10), which differs in this:
//
//   - The HANDSHAKE has neither the supported messages nor the chunk size, and peers may be
//     silent to one that has; the chunk size is agreed out of band.
//   - A live signature covers the hash of its munro alone; its timestamp is in microseconds
//     since 1970, and not covered.
//   - A datagram holds one chunk, at its end. A chunk whose hashes did not come before it is
//     dropped, so hashes are repeated until something that needed them was acknowledged.
//   - Each chunk is acknowledged by itself, and at once.
//   - A refusal comes as a closing HANDSHAKE to channel 0.
type Profile uint8

// The profiles.
const (
	// ProfileAuto speaks RFC 7574. A peer that is silent to that, or whose HANDSHAKE lacks
	// the chunk size that RFC 7574 (7.11) demands, is spoken to by draft 10, if it is a film
	// whose metadata can be. Live streams are spoken by RFC 7574 only: whoever has one munro
	// that was signed in the form of draft 10 can pass it off as any other.
	ProfileAuto    Profile = iota
	ProfileRFC7574         // RFC 7574 with everyone
	ProfileDraft10         // draft 10 with everyone
)

var profileWords = [...]string{"auto", "rfc7574", "draft10"}

// ParseProfile reads the name that String gives.
func ParseProfile(s string) (Profile, error) {
	for i, w := range profileWords {
		if s == w {
			return Profile(i), nil
		}
	}
	return 0, fmt.Errorf("profile %q is unknown; use auto, rfc7574 or draft10", s)
}

// String returns "auto", "rfc7574" or "draft10".
func (p Profile) String() string {
	if int(p) < len(profileWords) {
		return profileWords[p]
	}
	return fmt.Sprintf("profile %d", uint8(p))
}

// Draft10Fits tells whether a swarm with this metadata can be spoken by draft 10: nil, or
// what to change.
func Draft10Fits(m ppsp.Metadata) error {
	switch {
	case m.Hash != ppsp.SHA1:
		return fmt.Errorf("draft 10 knows the hash function sha1 only, not %s", m.Hash)
	case m.Addressing != ppsp.Bins32 && m.Addressing != ppsp.ChunkRanges32:
		return fmt.Errorf("draft 10 knows the chunk addressing methods bin32 and chunk32 only, not %s", m.Addressing)
	case m.ChunkSize == ppsp.VariableChunks:
		return errors.New("draft 10 does not know chunks of variable size")
	case m.Integrity == ppsp.IntegritySignAll, m.Integrity == ppsp.IntegrityNone && m.Kind() == ppsp.Live:
		return fmt.Errorf("draft 10 does not know the integrity method %s", m.Integrity)
	}
	switch m.Signature {
	case 0, ppsp.RSASHA1, ppsp.ECDSAP256SHA256, ppsp.ECDSAP384SHA384:
		return nil
	}
	return fmt.Errorf("draft 10 knows the signatures rsasha1, ecdsap256sha256 and ecdsap384sha384 only, not %s", m.Signature)
}

// settleProfile finds out whether draft 10 may be spoken in this swarm.
func (s *Swarm) settleProfile() error {
	misfit := Draft10Fits(s.meta)
	if s.cfg.Profile == ProfileDraft10 && misfit != nil {
		return misfit
	}
	switch s.cfg.Profile {
	case ProfileDraft10:
		s.draftable = true
	case ProfileAuto:
		s.draftable = misfit == nil && s.meta.Kind() != ppsp.Live
	}
	return nil
}

// dialect tells by a peer's HANDSHAKE whether it speaks draft 10, and whether we do.
func (s *Swarm) dialect(h *wire.Handshake) (draft10, ok bool) {
	sized := h.Has&wire.HasChunkSize != 0
	switch s.cfg.Profile {
	case ProfileRFC7574:
		return false, sized
	case ProfileDraft10:
		return true, !sized && h.Has&wire.HasSupported == 0
	}
	return !sized && s.draftable, true
}

// rfcTries is how many HANDSHAKEs by RFC 7574 go out before the first by draft 10: some
// may be lost, or stopped by a NAT that the peer has yet to open.
const rfcTries = handshakeBurst

// triesDraft10 tells whether the next initiating HANDSHAKE is by draft 10. To a peer that
// took that before it is the first, and both forms take turns; to others the fifth, and every
// fourth then: what a NAT let in at last should open a channel by the RFC.
func (c *channel) triesDraft10() bool {
	switch {
	case c.s.cfg.Profile == ProfileDraft10:
		return true
	case !c.s.draftable:
		return false
	case c.s.candidates.tookDraft10(c.remote):
		return c.handshakes%2 == 0
	}
	return c.handshakes >= rfcTries && (c.handshakes-rfcTries)%4 == 0
}

// draft10Handshake takes out what draft 10 does not have.
func (c *channel) draft10Handshake(h *wire.Handshake) {
	h.Supported, h.ChunkSize = nil, 0
	if c.s.live != nil {
		h.Has &^= wire.HasHash
	}
}

// tookDraft10 tells whether the peer at addr was spoken to by draft 10 the last time.
func (k *candidates) tookDraft10(addr netip.AddrPort) bool {
	i := k.find(addr)
	return i >= 0 && k.list[i].draft10
}

// refused ends our attempt to reach the peer at addr. By draft 10 a refusal comes to channel
// 0, so that the address is all there is to match it by; whoever forges one delays us until
// the next attempt.
func (s *Swarm) refused(addr netip.AddrPort) {
	for _, c := range s.order {
		if (c.remote == addr || slices.Contains(c.ways, addr)) && c.state == stateInitiating && c.draft10 {
			s.drop(c)
			return
		}
	}
}
