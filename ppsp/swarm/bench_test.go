package swarm

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// flat is a store in one piece of memory, which allocates nothing.
type flat struct {
	size  uint64
	bytes []byte
}

func (m flat) WriteChunk(i uint64, b []byte) error {
	copy(m.bytes[i*m.size:], b)
	return nil
}

func (m flat) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	return append(dst, m.bytes[i*m.size:min((i+1)*m.size, uint64(len(m.bytes)))]...), nil
}

// wired are two engines joined without a network: what one sends in a batch the other hears
// as a batch, a little later.
type wired struct {
	now   int64
	a, b  *Swarm
	batch [][]byte
}

func wire2(tb testing.TB, a, b Config) *wired {
	tb.Helper()
	w := &wired{}
	l := &lab{t: tb, random: rand.New(rand.NewPCG(1, 2))}
	var err error
	if w.a, err = New(l.config(a)); err != nil {
		tb.Fatal(err)
	}
	if w.b, err = New(l.config(b)); err != nil {
		tb.Fatal(err)
	}
	for range 64 {
		w.batch = append(w.batch, make([]byte, 0, 2048))
	}
	w.b.AddPeers(0, []netip.AddrPort{addr(1)})
	return w
}

// carry lets one end send a batch to the other, and returns of how many datagrams.
func (w *wired) carry(from, to *Swarm, sender netip.AddrPort) int {
	n := 0
	for n < len(w.batch) {
		b, _, ok := from.AppendDatagram(w.now, w.batch[n][:0])
		if !ok {
			break
		}
		w.batch[n] = b
		n++
	}
	w.now += 20e3
	for _, b := range w.batch[:n] {
		to.HandleDatagram(w.now, sender, b)
	}
	for _, ok := to.NextEvent(); ok; _, ok = to.NextEvent() {
	}
	return n
}

// step goes once to and fro, or to when something is due.
func (w *wired) step() {
	if w.carry(w.a, w.b, addr(1))+w.carry(w.b, w.a, addr(2)) == 0 {
		w.now = max(w.now, min(w.a.NextTimeout(), w.b.NextTimeout()))
	}
	if w.now >= w.a.NextTimeout() {
		w.a.HandleTimeout(w.now)
	}
	if w.now >= w.b.NextTimeout() {
		w.b.HandleTimeout(w.now)
	}
}

// bigFilm is a film for benchmarks.
func bigFilm(tb testing.TB, chunks int, chunkSize uint32) (seed, leech Config) {
	f := newFilm(tb, chunks*int(chunkSize), func(m *ppsp.Metadata) { m.ChunkSize = chunkSize })
	seed = Config{Meta: f.meta, Tree: f.tree, Store: flat{uint64(chunkSize), f.content}}
	seed.Have.Add(f.all())
	leech = Config{Meta: f.meta, Store: flat{uint64(chunkSize), make([]byte, len(f.content))}}
	return seed, leech
}

// A film from one engine to another, with every chunk hashed: all that a transfer costs but
// for the system calls. MB/s is for both ends together, on one core.
func BenchmarkFilm(b *testing.B) {
	for _, size := range []uint32{1024, 8192} {
		b.Run(map[uint32]string{1024: "1KiB", 8192: "8KiB"}[size], func(b *testing.B) {
			chunks := 20 << 20 / int(size)
			seed, leech := bigFilm(b, chunks, size)
			b.SetBytes(int64(chunks) * int64(size))
			b.ReportAllocs()
			for b.Loop() {
				w := wire2(b, seed, leech)
				w.b.Want(0, nil, true)
				for !w.b.Complete() {
					if w.step(); w.now > 3600e9 {
						b.Fatalf("%d chunks after an hour", w.b.have.Count())
					}
				}
			}
		})
	}
}

// A stream from its source to a home.
func BenchmarkStream(b *testing.B) {
	l := newLab(b, 1)
	st := l.stream(32, func(m *ppsp.Metadata) { m.ChunkSize = 1024 })
	const chunks = 20_000
	b.SetBytes(chunks * 1024)
	b.ReportAllocs()
	data := make([]byte, 1024)
	for b.Loop() {
		source, home := st.config(), st.home(64)
		source.Store = flat{1024, make([]byte, chunks*1024)}
		home.Store = flat{1024, make([]byte, chunks*1024)}
		w := wire2(b, source, home)
		for w.b.live.next < chunks {
			for w.a.NextChunk() < min(chunks, w.b.live.next+512) {
				if err := w.a.Append(w.now, data); err != nil {
					b.Fatal(err)
				}
			}
			w.step()
			if w.now > 3600e9 {
				b.Fatalf("chunk %d after an hour", w.b.live.next)
			}
		}
	}
}

// The way of a chunk, from REQUEST to DATA to ACK, allocates nothing once tables have grown.
func TestAllocations(t *testing.T) {
	const chunks = 60_000
	seed, leech := bigFilm(t, chunks, 256)
	w := wire2(t, seed, leech)
	w.b.Want(0, []chunk.Range{{End: chunks}}, false)
	for w.b.have.Count() < 20_000 {
		w.step()
	}
	from := w.b.have.Count()
	runs := 0
	allocs := testing.AllocsPerRun(1, func() {
		for start := w.b.have.Count(); w.b.have.Count() < start+15_000; runs++ {
			w.step()
		}
	})
	n := float64(w.b.have.Count()-from) / 2 // AllocsPerRun runs it twice
	if each := allocs / n; each > 0.05 {
		t.Errorf("%.0f allocations for %.0f chunks: %.3f each, want none but for growing tables", allocs, n, each)
	}
	t.Logf("%.0f allocations for %.0f chunks in %d steps", allocs, n, runs/2)
}

// Nor do datagrams that bring nothing new.
func TestAllocationsOfIdleTraffic(t *testing.T) {
	seed, leech := bigFilm(t, 100, 256)
	w := wire2(t, seed, leech)
	w.b.Want(0, nil, true)
	for !w.b.Complete() {
		w.step()
	}
	for range 100 {
		w.step()
	}
	c := w.b.order[0]
	have := w.b.format.AppendHave(keepAlive(c.id), chunk.Range{End: 100})
	again, _ := w.a.cfg.Store.AppendChunk(w.b.format.AppendDataHeader(keepAlive(c.id), 5, 1), 5)
	for name, b := range map[string][]byte{"keep-alive": keepAlive(c.id), "HAVE": have, "a chunk again": again, "unknown channel": keepAlive(c.id + 1)} {
		if n := testing.AllocsPerRun(1000, func() {
			w.b.HandleDatagram(w.now, addr(1), b)
			w.step()
		}); n != 0 {
			t.Errorf("%s: %.1f allocations", name, n)
		}
	}
}

func keepAlive(id uint32) []byte {
	return []byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
}
