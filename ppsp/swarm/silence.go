package swarm

import "math"

// The address of a home can change under its open channels. Then neither end hears the other any
// more: NATs keep out what comes from elsewhere, and so do we (RFC 7574, 12.1). When all peers that
// were spoken to are silent at once, the node is told, which can look where it is itself now and ask
// trackers where the peers are.
const (
	silenceAfter = suspectAfter // since the last of them was heard, and at first between two tellings
	silenceLast  = 30e9         // most between two tellings, which come ever more rarely
)

// silence is what was told of one.
type silence struct {
	heard int64 // when the last of the peers was heard
	wait  int64 // between the last telling and the next, 0 before the first
	next  int64 // telling
}

// told tells whether the silence since then was told of.
func (t *silence) told(since int64) bool { return t.wait > 0 && t.heard == since }

// silenceDue returns when the node is to be told that all peers are silent.
func (s *Swarm) silenceDue() int64 {
	heard := int64(math.MinInt64)
	for _, c := range s.order {
		if c.state != stateOpen {
			continue
		}
		if c.unanswered < deadTries {
			return math.MaxInt64
		}
		heard = max(heard, c.heardAt)
	}
	switch {
	case heard == math.MinInt64:
		return math.MaxInt64
	case s.silence.told(heard):
		return s.silence.next
	}
	return heard + silenceAfter
}

// tellSilence tells the node, when that is due.
func (s *Swarm) tellSilence(now int64) {
	if now < s.silenceDue() {
		return
	}
	heard := int64(math.MinInt64)
	for _, c := range s.order {
		if c.state == stateOpen {
			heard = max(heard, c.heardAt)
		}
	}
	wait := int64(silenceAfter)
	if s.silence.told(heard) {
		wait = min(2*s.silence.wait, silenceLast)
	}
	s.silence = silence{heard, wait, now + wait}
	s.emit(Event{Kind: EventSilence})
}
