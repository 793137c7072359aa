package tracker

import (
	"cmp"
	"net/netip"
	"slices"
)

// size returns how many members there are.
func (s *swarm) size() int { return len(s.seeders) + len(s.leeches) }

func (s *swarm) row(seeder bool) *[]uint32 {
	if seeder {
		return &s.seeders
	}
	return &s.leeches
}

// seatOf returns the peer's seat in the swarm, 0 if it has none.
func (r *Memory) seatOf(p, s uint32) uint32 {
	if p == 0 || s == 0 {
		return 0
	}
	n := r.peers.at(p).seats
	for n != 0 && r.seats.at(n).swarm != s {
		n = r.seats.at(n).next
	}
	return n
}

// sit gives the peer a seat of the mode, or moves it there, and returns the seat.
func (r *Memory) sit(p, s uint32, mode Mode) (n uint32) {
	if n = r.seatOf(p, s); n == 0 {
		n = r.seats.new()
		t, m := r.seats.at(n), r.peers.at(p)
		t.member, t.swarm, t.next = p, s, m.seats
		m.seats = n
		m.swarms++
	} else {
		r.take(n)
	}
	t := r.seats.at(n)
	t.seeder = mode == Seeder
	row := r.swarms.at(s).row(t.seeder)
	t.at = uint32(len(*row))
	*row = append(*row, n)
	return n
}

// take removes the seat from its row; the last of the row moves to its place.
func (r *Memory) take(n uint32) {
	t := r.seats.at(n)
	row := r.swarms.at(t.swarm).row(t.seeder)
	last := len(*row) - 1
	(*row)[t.at] = (*row)[last]
	r.seats.at((*row)[t.at]).at = t.at
	*row = (*row)[:last]
	if cap(*row) > 4*last+16 { // a channel that was popular is not for ever
		*row = slices.Clip(slices.Clone(*row))
	}
}

// stand ends one membership.
func (r *Memory) stand(n uint32) {
	r.take(n)
	t := *r.seats.at(n)
	m := r.peers.at(t.member)
	link := &m.seats
	for *link != n {
		link = &r.seats.at(*link).next
	}
	*link = t.next
	m.swarms--
	if s := r.swarms.at(t.swarm); s.size() == 0 {
		delete(r.byName, s.name)
		r.swarms.free(t.swarm)
	}
	r.seats.free(n)
}

// choose returns up to n members other than the asker, in random order. A seeder gets leeches
// alone, since it has no use for its like. A leech gets both, in proportion to their numbers,
// but at least one seeder if there is any. Who is chosen is random, but half of the places go
// to the fittest of a larger random sample, see fitness, if any is fitter than another; the
// other half keeps a swarm from falling apart into neighbourhoods.
func (r *Memory) choose(seat uint32, n int, now tick) []Peer {
	asker := r.asker(seat, now)
	s := r.swarms.at(r.seats.at(seat).swarm)
	leeches, seeders := len(s.leeches), 0
	if !r.seats.at(seat).seeder {
		leeches--
		seeders = share(len(s.seeders), leeches, n)
	}
	var buffer [MaxPeers + 1]uint32
	chosen := r.draw(s.seeders, &asker, seeders, buffer[:0])
	chosen = r.draw(s.leeches, &asker, n-len(chosen), chosen)
	r.config.Random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	if len(chosen) == 0 {
		return nil
	}
	return r.describe(chosen, asker.source)
}

// share returns how many of n places go to seeders.
func share(seeders, leeches, n int) int {
	if seeders+leeches <= n {
		return seeders
	}
	return min(seeders, n, max(1, n*seeders/(seeders+leeches), n-leeches))
}

// sampleOf is how many random members are looked at for each place.
const sampleOf = 3

// lookAt is how many members are looked at for each of the sample.
const lookAt = 8

// draw appends n seats of the row, without the asker's. It goes through the row from a random
// place by random equal steps, and gives up where hardly any are of use to the asker, so that
// its cost is that of n, not of the row.
func (r *Memory) draw(row []uint32, asker *asker, n int, out []uint32) []uint32 {
	var buffer [sampleOf * (MaxPeers + 1)]candidate
	sample := buffer[:0]
	most := min(sampleOf*n, len(buffer))
	fitter := false
	at, step := r.walk(len(row))
	for i := 0; i < min(len(row), lookAt*most) && len(sample) < most; i++ {
		seat := row[at]
		if at += step; at >= len(row) {
			at -= len(row)
		}
		s := r.seats.at(seat)
		t := r.peers.at(s.member)
		if !r.mayList(s.member, t, asker) {
			continue
		}
		fit := fitness(s, t, asker)
		if r.config.Cost != nil {
			fit += r.config.Cost(blob(r.blobs.get(t.blob)).source(), asker.source)
		}
		fitter = fitter || fit != 0
		sample = append(sample, candidate{seat, fit})
		if len(sample) == n && !asker.chooses && !r.marked && r.config.Cost == nil {
			break
		}
	}
	if len(sample) > n {
		if fitter { // stable: among equals it stays random
			slices.SortStableFunc(sample[n/2:], func(a, b candidate) int { return cmp.Compare(b.fitness, a.fitness) })
		}
		sample = sample[:n]
	}
	for _, c := range sample {
		out = append(out, c.seat)
	}
	return out
}

// walk returns a random place in a row and a random step that comes by every place.
func (r *Memory) walk(length int) (at, step int) {
	if length < 2 {
		return 0, 0
	}
	for step = 1 + r.config.Random.IntN(length-1); ; step = 1 + r.config.Random.IntN(length-1) {
		a, b := length, step
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return r.config.Random.IntN(length), step
		}
	}
}

type candidate struct {
	seat    uint32
	fitness int
}

// mayList tells whether the peer is of use to the asker.
func (r *Memory) mayList(p uint32, t *member, asker *asker) bool {
	switch {
	case p == asker.member || t.traits&listed == 0 || r.silent(t, asker.now):
		return false
	case t.traits&hidden == 0:
		return true
	}
	return together(asker.source, blob(r.blobs.get(t.blob)).source())
}

// describe returns the peers with those of their addresses that are of use to somebody who
// calls from source. All share three pieces of memory, since lists are what costs a tracker most.
func (r *Memory) describe(chosen []uint32, source netip.Addr) []Peer {
	var buffer [2048]byte
	ids := buffer[:0]
	out := make([]Peer, len(chosen))
	all := make([]Address, 0, len(chosen)+len(chosen)/2)
	for i, n := range chosen {
		b := blob(r.blobs.get(r.peers.at(r.seats.at(n).member).blob))
		ids = b.appendText(ids)
		at := len(all)
		all = b.addresses(all)
		mine := all[at:]
		if from := b.source(); !together(source, from) {
			mine = slices.DeleteFunc(mine, func(a Address) bool { return a.domestic(from) })
			all = all[:at+len(mine)]
		}
		out[i].Addresses = slices.Clip(mine)
		out[i].Role = r.peers.at(r.seats.at(n).member).traits.role()
	}
	text := string(ids)
	for i, n := range chosen {
		length := blob(r.blobs.get(r.peers.at(r.seats.at(n).member).blob)).idLength()
		out[i].ID, text = text[:length], text[length:]
	}
	return out
}
