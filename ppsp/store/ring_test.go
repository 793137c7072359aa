package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// body makes the bytes of chunk i, telling of their number, n bytes long (8 or more).
func body(i uint64, n int) []byte {
	b := make([]byte, n)
	for at := 0; at < n; at += 8 {
		var word [8]byte
		binary.BigEndian.PutUint64(word[:], i*0x9e3779b97f4a7c15+uint64(at))
		copy(b[at:], word[:])
	}
	return b
}

func mustWrite(t *testing.T, s interface{ WriteChunk(uint64, []byte) error }, i uint64, b []byte) {
	t.Helper()
	if err := s.WriteChunk(i, b); err != nil {
		t.Fatalf("WriteChunk(%d): %v", i, err)
	}
}

func mustHold(t *testing.T, r *Ring, i uint64, want []byte) {
	t.Helper()
	got, err := r.AppendChunk([]byte("before"), i)
	if err != nil {
		t.Fatalf("AppendChunk(%d): %v", i, err)
	}
	if !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Fatalf("AppendChunk(%d): wrong bytes", i)
	}
}

func mustLack(t *testing.T, r *Ring, i uint64) {
	t.Helper()
	got, err := r.AppendChunk([]byte("before"), i)
	if !errors.Is(err, ErrNotHeld) {
		t.Fatalf("AppendChunk(%d): error %v, want ErrNotHeld", i, err)
	}
	if string(got) != "before" {
		t.Fatalf("AppendChunk(%d) appended to dst in spite of an error", i)
	}
}

func TestRingWindow(t *testing.T) {
	type step struct {
		write    uint64
		err      error
		window   chunk.Range
		hold     []uint64
		notHeld  []uint64
		describe string
	}
	steps := []step{
		{100, nil, chunk.Range{Start: 100, End: 101}, []uint64{100}, []uint64{0, 99, 101}, "any first number"},
		{102, nil, chunk.Range{Start: 100, End: 103}, []uint64{100, 102}, []uint64{101}, "a hole is not held"},
		{99, nil, chunk.Range{Start: 99, End: 103}, []uint64{99, 100, 102}, []uint64{98}, "older than the first, within capacity"},
		{103, nil, chunk.Range{Start: 100, End: 104}, []uint64{100, 102, 103}, []uint64{99, 101}, "full: the oldest is forgotten"},
		{99, ErrForgotten, chunk.Range{Start: 100, End: 104}, []uint64{100, 103}, []uint64{99}, "forgotten stays forgotten"},
		{101, nil, chunk.Range{Start: 100, End: 104}, []uint64{100, 101, 102, 103}, nil, "the hole is filled"},
		// "a publisher's restart skips numbers"
		{106, nil, chunk.Range{Start: 103, End: 107}, []uint64{103, 106}, []uint64{100, 101, 102, 104, 105}, "a jump within capacity"},
		{1000, nil, chunk.Range{Start: 997, End: 1001}, []uint64{1000}, []uint64{106, 996, 997, 998, 999}, "a jump beyond all"},
		{106, ErrForgotten, chunk.Range{Start: 997, End: 1001}, []uint64{1000}, []uint64{106}, "before the jump"},
		{math.MaxUint64 - 1, nil, chunk.Range{Start: math.MaxUint64 - 4, End: math.MaxUint64}, []uint64{math.MaxUint64 - 1}, []uint64{1000, math.MaxUint64}, "the highest number"},
	}
	r := NewRing(16, 4)
	if got := r.Window(); got != (chunk.Range{}) {
		t.Fatalf("window of an empty ring is %v", got)
	}
	for _, s := range steps {
		if err := r.WriteChunk(s.write, body(s.write, 16)); !errors.Is(err, s.err) {
			t.Fatalf("%s: WriteChunk(%d): error %v, want %v", s.describe, s.write, err, s.err)
		}
		if got := r.Window(); got != s.window {
			t.Fatalf("%s: window %v, want %v", s.describe, got, s.window)
		}
		for _, i := range s.hold {
			mustHold(t, r, i, body(i, 16))
		}
		for _, i := range s.notHeld {
			mustLack(t, r, i)
		}
	}
}

func TestRingRefuses(t *testing.T) {
	r := NewRing(16, 4)
	for _, c := range []struct {
		i uint64
		n int
	}{{1, 0}, {1, 17}, {math.MaxUint64, 16}} {
		if err := r.WriteChunk(c.i, make([]byte, c.n)); err == nil {
			t.Errorf("WriteChunk(%d) of %d bytes was accepted", c.i, c.n)
		}
	}
	if got := r.Window(); got != (chunk.Range{}) {
		t.Errorf("refused chunks moved the window to %v", got)
	}
}

func TestRingKeepsWhatItHolds(t *testing.T) {
	r := NewRing(16, 4)
	b := body(7, 16)
	mustWrite(t, r, 7, b)
	b[0]++ // the ring has a copy
	mustHold(t, r, 7, body(7, 16))
	mustWrite(t, r, 7, []byte("something else"))
	mustHold(t, r, 7, body(7, 16))
	mustWrite(t, r, 8, []byte("short"))
	mustHold(t, r, 8, []byte("short"))
	mustWrite(t, r, 12, []byte("x"))
	mustHold(t, r, 12, []byte("x"))
}

// TestRingOracle compares with a map from which too old chunks are deleted.
func TestRingOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, capacity := range []int{1, 2, 3, 7, 64, 1000} {
		r := NewRing(400, capacity) // 655 chunks a block: 1000 takes two, one of them short
		oracle := map[uint64]int{}
		newest := uint64(rnd.IntN(5000))
		for range 3000 {
			i := newest + uint64(rnd.IntN(4)) - uint64(rnd.IntN(min(capacity+4, int(newest)+1)))
			if rnd.IntN(200) == 0 {
				i = newest + uint64(rnd.IntN(3*capacity))
			}
			n := 8 + rnd.IntN(393)
			err := r.WriteChunk(i, body(i, n))
			if len(oracle) > 0 && i+uint64(capacity) <= newest {
				if !errors.Is(err, ErrForgotten) {
					t.Fatalf("capacity %d: chunk %d with newest %d: error %v", capacity, i, newest, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, held := oracle[i]; !held {
				oracle[i] = n
			}
			if len(oracle) == 1 || i > newest {
				newest = i
			}
			for k := range oracle {
				if k+uint64(capacity) <= newest {
					delete(oracle, k)
				}
			}
			k := newest + 3 - min(uint64(rnd.IntN(capacity+8)), newest)
			if n, held := oracle[k]; held {
				mustHold(t, r, k, body(k, n))
			} else {
				mustLack(t, r, k)
			}
		}
	}
}

func TestRingAllocatesAsItFills(t *testing.T) {
	const chunks = 64 << 10 // 64 MiB of 1 KiB
	before := heap()
	r := NewRing(1024, chunks)
	b := make([]byte, 1024)
	mustWrite(t, r, 5, b)
	if used := heap() - before; used > 2<<20 {
		t.Errorf("one chunk takes %d bytes of memory", used)
	}
	for i := range uint64(chunks + chunks/8) {
		mustWrite(t, r, i+5, b)
	}
	if used := heap() - before; used > chunks*1034+1<<20 {
		t.Errorf("a full ring takes %d bytes of memory", used)
	}
	if n := testing.AllocsPerRun(100, func() { b, _ = r.AppendChunk(b[:0], chunks) }); n != 0 {
		t.Errorf("AppendChunk allocates %v times", n)
	}
	runtime.KeepAlive(r)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestRingConcurrent runs a writer beside readers; what a reader gets is whole.
func TestRingConcurrent(t *testing.T) {
	r := NewRing(64, 32)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			var b []byte
			for {
				select {
				case <-done:
					return
				default:
				}
				w := r.Window()
				for i := w.Start; i < w.End; i++ {
					got, err := r.AppendChunk(b[:0], i)
					if err == nil && !bytes.Equal(got, body(i, 64)) {
						t.Errorf("chunk %d is torn", i)
						return
					}
				}
			}
		})
	}
	for i := range uint64(20000) {
		mustWrite(t, r, i, body(i, 64))
	}
	close(done)
	readers.Wait()
}

func BenchmarkRing(b *testing.B) {
	r := NewRing(1024, 8192)
	data := make([]byte, 1024)
	b.SetBytes(1024)
	b.ReportAllocs()
	for i := range b.N {
		if err := r.WriteChunk(uint64(i), data); err != nil {
			b.Fatal(err)
		}
		data, _ = r.AppendChunk(data[:0], uint64(i))
	}
}

// Chunks that vary in size keep their own, and none takes memory for the largest.
func TestRingOfVariableChunks(t *testing.T) {
	r := NewRing(ppsp.VariableChunks, 10)
	for i := range uint64(50) {
		b := bytes.Repeat([]byte{byte(i)}, int(1+i*1200))
		if err := r.WriteChunk(i, b); err != nil {
			t.Fatal(err)
		}
		got, err := r.AppendChunk(nil, i)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("chunk %d: %d bytes of %d, error %v", i, len(got), len(b), err)
		}
	}
	if _, err := r.AppendChunk(nil, 39); !errors.Is(err, ErrNotHeld) {
		t.Errorf("a chunk behind the window: error %v", err)
	}
	if err := r.WriteChunk(50, make([]byte, ppsp.MaxChunkSize+1)); err == nil {
		t.Error("a chunk that is too large was taken")
	}
}
