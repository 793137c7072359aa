package sim

import (
	"math/rand/v2"
	"net/netip"
)

// What a home hears of its tracker, as the announcer of package tracker and its server
// have it.
const (
	listed       = 30    // peers in a list
	findEvery    = 10e9  // ns between two questions for peers …
	fewPeers     = 8     // … while there are fewer than these
	reportEvery  = 4     // questions until a report, which brings a list in any case
	trackTimeout = 120e9 // ns after which who is silent is no longer listed
)

// tracker is who is in the swarm: the seeder, and the others.
type tracker struct {
	seeder *host
	others []*host
	place  map[*host]int // in others
}

func (t *tracker) enter(h *host) {
	if t.place == nil {
		t.place = map[*host]int{}
	}
	t.place[h] = len(t.others)
	t.others = append(t.others, h)
}

func (t *tracker) leave(h *host) {
	k, ok := t.place[h]
	if !ok {
		return
	}
	last := t.others[len(t.others)-1]
	t.others[k], t.place[last] = last, k
	t.others = t.others[:len(t.others)-1]
	delete(t.place, h)
}

// sample returns random members other than the asker, at least one seeder.
func (t *tracker) sample(random *rand.Rand, asker *host) []netip.AddrPort {
	var addrs []netip.AddrPort
	if asker != t.seeder {
		addrs = append(addrs, t.seeder.addr())
	}
	n := min(listed-len(addrs), len(t.others))
	for k := range n {
		o := k + random.IntN(len(t.others)-k)
		t.others[k], t.others[o] = t.others[o], t.others[k]
		t.place[t.others[k]], t.place[t.others[o]] = k, o
		if t.others[k] != asker {
			addrs = append(addrs, t.others[k].addr())
		}
	}
	return addrs
}

// find is the tracker's answer to a home that joins, and again from time to time.
func (w *world) find(h *home) { w.ask(h.host, 0) }

func (w *world) ask(h *host, times int) {
	if h.gone {
		return
	}
	if times%reportEvery == 0 || h.engine.Peers() < fewPeers {
		h.engine.AddPeers(w.now, w.tracker.sample(w.random, h))
		h.settle(w.now)
	}
	w.at(w.now+findEvery*9/10+w.random.Int64N(findEvery/5), func() { w.ask(h, times+1) })
}
