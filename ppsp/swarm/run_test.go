package swarm

import (
	"bytes"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// fast is a lab in which peers are near enough for chunks to go in bulk.
func fast(t testing.TB, seed uint64) *lab {
	l := newLab(t, seed)
	l.delay = 300e3
	return l
}

// bulk is a datagram that goes in bulk: hashes alone, or DATA alone.
func bulk(all []wire.Message) (hashes, data bool) {
	n := has(all, wire.TypeData)
	return len(all) > 1 && has(all, wire.TypeIntegrity) == len(all), n > 0 && n == len(all)
}

// "Sending the integrity hashes before the chunk" in datagrams of their own is allowed (RFC
// 7574, 5.3); whoever verifies by the book finds what he needs in them, and nothing twice.
func TestRunsAreProvenByTheBook(t *testing.T) {
	for name, change := range map[string]func(*ppsp.Metadata){
		"chunk ranges": nil,
		"bins":         func(m *ppsp.Metadata) { m.Addressing = ppsp.Bins32 },
		"byte ranges":  func(m *ppsp.Metadata) { m.Addressing = ppsp.ByteRanges64 },
		"SHA-512":      func(m *ppsp.Metadata) { m.Hash, m.ChunkSize = ppsp.SHA512, 512 },
		"small chunks": func(m *ppsp.Metadata) { m.ChunkSize = 100 },
		"large chunks": func(m *ppsp.Metadata) { m.ChunkSize = 8 << 10 },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFilm(t, 1_500_017, change)
			l := fast(t, 1)
			format := wire.NewFormat(f.meta, 0)
			book := merkle.NewTree(f.meta.Hash, []byte(f.meta.SwarmID))
			book.SetChunkSize(f.meta.ChunkSize)
			var proof merkle.Proof
			sent := map[chunk.Bin]int{}
			inBulk := 0
			l.tap = func(d flying) bool {
				if len(d.b) < 5 || d.b[4] == byte(wire.TypeHandshake) {
					return true
				}
				all := messages(t, format, d.b)
				if _, data := bulk(all); data {
					inBulk += len(all)
				}
				for _, m := range all {
					switch m.Type {
					case wire.TypeIntegrity:
						bin, _ := chunk.BinOf(m.Chunks)
						proof.Add(bin, m.Payload)
						sent[bin]++
					case wire.TypeData:
						if err := book.Verify(m.Chunks.Start, m.Payload, &proof); err != nil {
							t.Fatalf("chunk %d: %v", m.Chunks.Start, err)
						}
					}
				}
				return true
			}
			transfer(t, l, f, 20*time.Second)
			if inBulk < int(f.chunks())*3/4 {
				t.Errorf("%d of %d chunks went in bulk: the test tests little", inBulk, f.chunks())
			}
			twice, total := 0, 0
			for _, n := range sent {
				total += n
				twice += n - 1
			}
			if twice > total/8 {
				t.Errorf("%d of %d hashes were sent again", twice, total)
			}
		})
	}
}

// transferFast moves a film over a lab and returns how long it took.
func transferFast(t *testing.T, l *lab, f film, within time.Duration) (leech *host, took time.Duration) {
	t.Helper()
	began := l.now
	_, leech = transfer(t, l, f, within)
	return leech, time.Duration(l.now - began)
}

// Where hashes that went ahead are lost their run waits, and nothing else: its chunks are
// kept until the hashes come with the first of them that is sent again.
func TestHashesOfRunLost(t *testing.T) {
	f := newFilm(t, 2<<20, nil)
	format := wire.NewFormat(f.meta, 0)
	_, whole := transferFast(t, fast(t, 1), f, 10*time.Second)
	for _, lose := range []int{3, 8, 20} {
		l := fast(t, 1)
		seen := 0
		l.tap = func(d flying) bool {
			if len(d.b) < 5 || d.b[4] != byte(wire.TypeIntegrity) {
				return true
			}
			if hashes, _ := bulk(messages(t, format, d.b)); !hashes {
				return true
			}
			seen++
			return seen != lose
		}
		leech, took := transferFast(t, l, f, 10*time.Second)
		if seen < lose {
			t.Fatalf("%d datagrams of hashes, of which none was lost", seen)
		}
		c := leech.s.Counters()
		if c.Unproven == 0 || c.Unproven > 3*runChunks || c.Duplicates > 2*runChunks || took > whole+300*time.Millisecond {
			t.Errorf("datagram %d: %v instead of %v, %d unproven, %d twice", lose, took, whole, c.Unproven, c.Duplicates)
		}
	}
}

// What is lost, doubled or late of trains comes again.
func TestRunsOverBadLines(t *testing.T) {
	for name, bad := range map[string]func(*lab){
		"loss":       func(l *lab) { l.loss = 0.03 },
		"reordering": func(l *lab) { l.jitter = 2e6 },
		"all":        func(l *lab) { l.loss, l.jitter, l.again = 0.05, 1e6, 0.05 },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				f := newFilm(t, 1<<20-77, func(m *ppsp.Metadata) { m.Addressing = addressings[seed] })
				l := fast(t, seed)
				bad(l)
				leech, _ := transferFast(t, l, f, 60*time.Second)
				if c := leech.s.Counters(); c.BadChunks+c.BadMessages != 0 || leech.count(EventBan) != 0 {
					t.Errorf("seed %d: %+v", seed, c)
				}
			}
		})
	}
}

// A train is datagrams of one size, in which only the last may be shorter; one by one they
// are the same datagrams. The congestion window and the upload limit bound it.
func TestTrains(t *testing.T) {
	seed, leech := bigFilm(t, 5000, 1024)
	w, one := wire2(t, seed, leech), wire2(t, seed, leech)
	w.b.Want(0, nil, true)
	one.b.Want(0, nil, true)
	longest := 0
	var singles [][]byte
	for !w.b.Complete() {
		singles = singles[:0]
		for {
			b, _, ok := one.a.AppendDatagram(one.now, nil)
			if !ok {
				break
			}
			singles = append(singles, b)
		}
		var train []byte
		for {
			out, segment, to, ok := w.a.AppendTrain(w.now, []byte("before"))
			if !ok {
				break
			}
			if to != addr(2) || !bytes.HasPrefix(out, []byte("before")) {
				t.Fatalf("a train to %v, %d bytes", to, len(out))
			}
			train = out[len("before"):]
			longest = max(longest, (len(train)+segment-1)/segment)
			if segment > MaxDatagram || len(train) > maxTrainSize+MaxDatagram || len(train) > maxTrain*segment {
				t.Fatalf("a train of %d bytes in datagrams of %d", len(train), segment)
			}
			for ; len(train) > 0; train = train[min(segment, len(train)):] {
				d := train[:min(segment, len(train))]
				if len(singles) == 0 || !bytes.Equal(singles[0], d) {
					t.Fatalf("a datagram of %d bytes that does not come alone", len(d))
				}
				singles = singles[1:]
				w.b.HandleDatagram(w.now, addr(1), d)
				one.b.HandleDatagram(one.now, addr(1), d)
			}
		}
		if len(singles) != 0 {
			t.Fatalf("%d more datagrams come alone", len(singles))
		}
		if c := w.a.order; len(c) > 0 && c[0].control.Flight() > c[0].control.Window()+MaxDatagram {
			t.Fatalf("%d bytes under way, with a window of %d", c[0].control.Flight(), c[0].control.Window())
		}
		for _, x := range []*wired{w, one} {
			x.carry(x.b, x.a, addr(2))
			x.now = max(x.now, min(x.a.NextTimeout(), x.b.NextTimeout(), x.now+200e3))
			x.a.HandleTimeout(x.now)
			x.b.HandleTimeout(x.now)
		}
		if w.now > 60e9 {
			t.Fatalf("%d chunks after a minute", w.b.have.Count())
		}
	}
	if longest < 8 {
		t.Errorf("the longest train had %d datagrams", longest)
	}
}

// An upload limit holds in bulk too.
func TestRunsWithinUpload(t *testing.T) {
	f := newFilm(t, 2<<20, nil)
	l := fast(t, 1)
	cfg := f.seed(f.all())
	cfg.Upload = 8 << 20
	a, b := l.host(cfg), l.host(f.leech())
	b.want(true)
	b.meet(a)
	began := l.now
	l.until(10*time.Second, "complete", b.s.Complete)
	rate := float64(a.s.Counters().BytesSent) / (float64(l.now-began) / 1e9)
	if rate > 1.6*float64(cfg.Upload) { // a tenth of a second may be caught up
		t.Errorf("%.0f bytes a second with a limit of %d", rate, cfg.Upload)
	}
	f.check(t, b)
}

// However large the chunks, a window that has shrunk to a few of them grows again, and the
// peer does not wait with its acknowledgements for more than can be under way.
func TestWindowOfLargeChunks(t *testing.T) {
	for _, size := range []uint32{4 << 10, 16 << 10, 60 << 10} {
		f := newFilm(t, 200*int(size), func(m *ppsp.Metadata) { m.ChunkSize = size })
		l := fast(t, 1)
		a, b := l.host(f.seed(f.all())), l.host(f.leech())
		b.want(true)
		b.meet(a)
		l.until(10*time.Second, "begun", func() bool { return b.s.have.Count() > 20 })
		c := a.s.order[0].control
		for range 20 {
			c.Lost(l.now, 1)
			l.run(5 * time.Millisecond)
		}
		low, began := c.Window(), l.now
		l.until(20*time.Second, "complete", b.s.Complete)
		f.check(t, b)
		if took := time.Duration(l.now - began); c.Window() < low || took > time.Second {
			t.Errorf("chunks of %d bytes: the window went from %d to %d, the rest took %v", size, low, c.Window(), took)
		}
	}
}
