package tracker

import (
	"math/rand/v2"
	"slices"
)

// ladder is the order in which the trackers of a swarm are asked (as BEP 12 of BitTorrent has it):
// tier by tier, within a tier in an order that is random, so that peers spread over equals, with the one
// that worked last in front.
type ladder struct {
	tiers [][]*Client
	rung  rung // that is in use
}

// rung is a place on a ladder.
type rung struct{ tier, place int }

// newLadder returns one that stands at its first tracker. Empty tiers are left out.
func newLadder(tiers [][]*Client) ladder {
	var l ladder
	for _, t := range tiers {
		if len(t) == 0 {
			continue
		}
		t = slices.Clone(t)
		rand.Shuffle(len(t), func(i, j int) { t[i], t[j] = t[j], t[i] })
		l.tiers = append(l.tiers, t)
	}
	return l
}

// at returns the tracker at a place.
func (l *ladder) at(r rung) *Client { return l.tiers[r.tier][r.place] }

// current returns the tracker in use, nil if there is none at all.
func (l *ladder) current() *Client {
	if len(l.tiers) == 0 {
		return nil
	}
	return l.at(l.rung)
}

// next goes on to the next tracker; behind the last comes the first, and next returns false.
func (l *ladder) next() bool {
	l.rung.place++
	if l.rung.place < len(l.tiers[l.rung.tier]) {
		return true
	}
	l.rung = rung{tier: l.rung.tier + 1}
	if l.rung.tier < len(l.tiers) {
		return true
	}
	l.rung = rung{}
	return false
}

// works puts the tracker in use in front of its tier.
func (l *ladder) works() {
	tier := l.tiers[l.rung.tier]
	for ; l.rung.place > 0; l.rung.place-- {
		tier[l.rung.place], tier[l.rung.place-1] = tier[l.rung.place-1], tier[l.rung.place]
	}
}

// lowered tells whether there is a better tier than the one in use.
func (l *ladder) lowered() bool { return l.rung.tier > 0 }

// better returns the place of a tracker of a better tier: each in its turn, the best first. lowered
// has to be true.
func (l *ladder) better(turn int) rung {
	var places []rung
	for t := range l.rung.tier {
		for p := range l.tiers[t] {
			places = append(places, rung{t, p})
		}
	}
	return places[(turn-1)%len(places)]
}

// take makes the tracker at the place the one in use.
func (l *ladder) take(r rung) {
	l.rung = r
	l.works()
}

// length returns how many trackers there are.
func (l *ladder) length() int {
	n := 0
	for _, t := range l.tiers {
		n += len(t)
	}
	return n
}

// loud returns how many requests in a row must fail until a household reads of it.
func (l *ladder) loud() int { return max(3, l.length()) }
