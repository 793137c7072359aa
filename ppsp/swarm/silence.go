package swarm

import "math"

// The address of a home can change under its open channels. Then neither end hears the other any
// more: NATs keep out what comes from elsewhere, and so do we (RFC 7574, 12.1). When a peer that was
// spoken to does not answer, and nobody else has been heard meanwhile either, the node is told, which
// can look where it is itself now and ask trackers where the peers are.
const (
	silenceAfter = suspectAfter // since the last of all peers was heard, and at first between two tellings
	silenceLast  = 30e9         // most between two tellings, which come ever more rarely
)

// silence is what was told of one. The zero value is none.
type silence struct {
	wait int64 // between the last telling and the next, 0 before the first
	next int64 // telling
}

// silenceDue returns when the node is to be told that nobody answers. Peers to whom we have nothing to
// say show neither that we are heard nor that we are not.
func (s *Swarm) silenceDue() int64 {
	heard, mute := int64(math.MinInt64), false
	for _, c := range s.order {
		if c.state == stateOpen {
			heard = max(heard, c.heardAt)
			mute = mute || c.mute()
		}
	}
	switch {
	case !mute:
		return math.MaxInt64
	case s.silence.wait > 0:
		return max(heard+silenceAfter, s.silence.next)
	}
	return heard + silenceAfter
}

// mute tells whether the peer has left so much unanswered that it may be out of reach.
func (c *channel) mute() bool { return c.unanswered >= deadTries }

// tellSilence tells the node, when that is due.
func (s *Swarm) tellSilence(now int64) {
	if now < s.silenceDue() {
		return
	}
	wait := int64(silenceAfter)
	if s.silence.wait > 0 {
		wait = min(2*s.silence.wait, silenceLast)
	}
	s.silence = silence{wait, now + wait}
	s.emit(Event{Kind: EventSilence})
}

// endSilence notes that a peer answers again, or another one does: the next silence is a new one.
func (s *Swarm) endSilence() { s.silence = silence{} }
