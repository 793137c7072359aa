package tracker

import (
	"math/rand/v2"
	"slices"
)

// sit gives the peer a seat of the mode, or moves it there.
func (s *swarm) sit(p *member, mode Mode) {
	t := p.seats[s]
	if t == nil {
		t = &seat{member: p, swarm: s}
		p.seats[s] = t
	} else {
		s.take(t)
	}
	t.mode = mode
	row := s.row(mode)
	t.at = len(*row)
	*row = append(*row, t)
}

// take removes the seat from its row; the last of the row moves to its place.
func (s *swarm) take(t *seat) {
	row := s.row(t.mode)
	last := len(*row) - 1
	(*row)[t.at] = (*row)[last]
	(*row)[t.at].at = t.at
	(*row)[last] = nil
	*row = (*row)[:last]
}

func (s *swarm) row(m Mode) *[]*seat {
	if m == Seeder {
		return &s.seeders
	}
	return &s.leeches
}

// choose returns up to n random members other than the asker, in random order. A seeder
// gets leeches alone, since it has no use for its like. A leech gets both, in proportion
// to their numbers, but at least one seeder if there is any.
func (s *swarm) choose(random *rand.Rand, asker *seat, n int) []Peer {
	leeches := len(s.leeches)
	seeders := 0
	if asker.mode == Leech {
		leeches--
		seeders = share(len(s.seeders), leeches, n)
	}
	out := draw(random, s.seeders, asker, seeders, nil)
	out = draw(random, s.leeches, asker, n-seeders, out)
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// share returns how many of n places go to seeders.
func share(seeders, leeches, n int) int {
	if seeders+leeches <= n {
		return seeders
	}
	return min(seeders, n, max(1, n*seeders/(seeders+leeches), n-leeches))
}

// draw appends n random peers of the row, without the asker. It shuffles the front of the
// row as far as it draws, so that its cost is that of n, not of the row.
func draw(random *rand.Rand, row []*seat, asker *seat, n int, out []Peer) []Peer {
	for i := 0; i < len(row) && n > 0; i++ {
		j := i + random.IntN(len(row)-i)
		row[i], row[j] = row[j], row[i]
		row[i].at, row[j].at = i, j
		if p := row[i].member; p != asker.member && len(p.addresses) > 0 {
			out = append(out, Peer{ID: p.id, Addresses: slices.Clone(p.addresses)})
			n--
		}
	}
	return out
}
