package node

import (
	"cmp"
	"slices"
	"time"
)

// The limit to the upload is the node's, over all its swarms together. It is divided among those that have
// peers; who does not use its part leaves it to those that use all of theirs.
const (
	shareEvery = 250 * time.Millisecond // between two looks at who uses what
	usedUp     = 0.75                   // of its part: who sends as much may have more to send
	partKept   = 8                      // one of so many equal parts stays with who sends nothing, so that it can begin
)

// portion is a swarm's part of the upload, bytes per second.
type portion struct {
	swarm *Swarm
	used  int64 // lately
	part  int64 // of which, 0 for a newcomer
	wants int64
}

// divide sets the parts of those that share limit. Nobody gets less than an equal part but who wants less.
func divide(limit int64, all []portion) {
	equal := limit / int64(max(len(all), 1))
	hungry := false
	for k := range all {
		p := &all[k]
		switch {
		case p.part == 0:
			p.wants = equal
		case float64(p.used) >= usedUp*float64(p.part):
			p.wants, hungry = limit, true
		default:
			p.wants = min(max(2*p.used, equal/partKept), limit)
		}
	}
	slices.SortFunc(all, func(a, b portion) int { return cmp.Compare(a.wants, b.wants) })
	left := limit
	for k := range all {
		fair := left / int64(len(all)-k)
		if all[k].part = fair; hungry {
			all[k].part = min(all[k].wants, fair)
		}
		all[k].part = max(all[k].part, 1)
		left -= all[k].part
	}
}

// share divides the upload among the swarms that have peers; the others, of which there may
// be thousands, send but handshakes. The caller holds mu.
func (n *Node) share() {
	if n.upload == 0 {
		return
	}
	now := n.now()
	span := now - n.sharedAt.Swap(now)
	n.portions = n.portions[:0]
	for _, s := range n.swarms {
		sent := s.sent.Load()
		if span >= int64(shareEvery) {
			s.used, s.sentBefore = int64(float64(sent-s.sentBefore)*1e9/float64(span)), sent
		}
		if s.busy.Load() {
			n.portions = append(n.portions, portion{swarm: s, used: s.used, part: s.part})
		} else {
			s.part = 0
		}
	}
	divide(n.upload, n.portions)
	for _, s := range n.swarms {
		s.upload.Store(max(n.upload/int64(max(len(n.portions), 1)), 1))
	}
	for _, p := range n.portions {
		p.swarm.part = p.part
		p.swarm.upload.Store(p.part)
	}
}

// spent notes what s has sent so far, and divides the upload anew if it is time to. The swarm's loop
// calls it.
func (n *Node) spent(s *Swarm, bytes uint64) {
	if n.upload == 0 {
		return
	}
	s.sent.Store(bytes)
	if n.now()-n.sharedAt.Load() < int64(shareEvery) || !n.mu.TryLock() {
		return
	}
	defer n.mu.Unlock()
	n.share()
}
