package node

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// Who sends nothing leaves its part to who sends all of it, and gets it back as soon as it needs it.
func TestDivide(t *testing.T) {
	for _, c := range []struct {
		name       string
		used, part []int64
		want       []int64
	}{
		{"alone", []int64{0}, []int64{0}, []int64{8000}},
		{"newcomers", []int64{0, 0}, []int64{8000, 0}, []int64{4000, 4000}},
		{"nobody sends", []int64{0, 10, 0, 0}, []int64{2000, 2000, 2000, 2000}, []int64{2000, 2000, 2000, 2000}},
		{"one sends", []int64{3900, 0}, []int64{4000, 4000}, []int64{7500, 500}},
		{"one sends, one some", []int64{3900, 1000}, []int64{4000, 4000}, []int64{6000, 2000}},
		{"both send", []int64{7000, 490}, []int64{7500, 500}, []int64{4000, 4000}},
		{"two of four send", []int64{2000, 1900, 0, 100}, []int64{2000, 2000, 2000, 2000}, []int64{3750, 3750, 250, 250}},
		{"one sends, one comes", []int64{7900, 0}, []int64{8000, 0}, []int64{4000, 4000}},
	} {
		var all []portion
		for k := range c.used {
			all = append(all, portion{swarm: &Swarm{sentBefore: uint64(k)}, used: c.used[k], part: c.part[k]})
		}
		divide(8000, all)
		got := make([]int64, len(all))
		for _, p := range all {
			got[p.swarm.sentBefore] = p.part
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Together they never have more than the limit; who uses all that it has never gets less than an equal part.
func TestDivideKeepsTheLimit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		limit := 8000 + random.Int64N(1e9)
		all := make([]portion, 1+random.IntN(40))
		for range 5 {
			for k := range all {
				all[k].used = int64(random.Float64() * float64(all[k].part))
			}
			full := all[random.IntN(len(all))].part
			for k := range all {
				if all[k].part == full {
					all[k].used = full
				}
				all[k].swarm = &Swarm{}
				all[k].swarm.used, all[k].swarm.part = all[k].used, all[k].part
			}
			divide(limit, all)
			sum := int64(0)
			for _, p := range all {
				sum += p.part
				if s := p.swarm; s.part > 0 && s.used == s.part && p.part < limit/int64(len(all)) {
					t.Fatalf("%d of %d for one of %d that used all it had", p.part, limit, len(all))
				}
			}
			if sum > limit {
				t.Fatalf("%d of %d are given", sum, limit)
			}
		}
	}
}

// Beside swarms whose peers want nothing, a film goes out at the node's limit, and no faster.
func TestUploadGoesToWhoUsesIt(t *testing.T) {
	const limit, size = 400_000, 800_000
	n := openWith(t, Config{Listen: loopback, Upload: limit})
	for k := range 3 {
		f := newFilm(t, 1000+k, 1024)
		source := join(t, n, f.seed())
		config, _ := f.leech()
		join(t, open(t, loopback), config).meet(t, n.Addr())
		source.await(t, swarm.EventPeerUp)
	}
	f := newFilm(t, size, 1024)
	join(t, n, f.seed())
	config, content := f.leech()
	p := join(t, open(t, loopback), config)
	began := time.Now()
	p.meet(t, n.Addr())
	p.fetch(t, f, content)
	// A fourth of the limit would take 8 s.
	if span := time.Since(began); span < size*9/10*time.Second/limit || span > 5*time.Second {
		t.Errorf("%d bytes at %d bytes/s beside idle swarms took %s", size, limit, span)
	}
}
