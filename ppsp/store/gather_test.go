package store

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// counted is a content file that counts how it is written and read.
type counted struct {
	*os.File
	writes, reads int
}

func (c *counted) WriteAt(p []byte, off int64) (int, error) {
	c.writes++
	return c.File.WriteAt(p, off)
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	return c.File.ReadAt(p, off)
}

// TestNeighboursAreWrittenTogether: from one peer or several, 64 KiB go with one write.
func TestNeighboursAreWrittenTogether(t *testing.T) {
	const chunks = 1024
	for _, peers := range []int{1, 4, batches} {
		m := newFilm(t, chunks*1024, 1024)
		f := m.open(t, filepath.Join(t.TempDir(), "film"))
		c := &counted{File: f.content.(*os.File)}
		f.content = c
		for k := range chunks / peers {
			for p := range peers {
				m.fetch(t, f, uint64(p*chunks/peers+k))
			}
		}
		if want := chunks * 1024 / batchSize; c.writes != want {
			t.Errorf("%d peers: %d writes, want %d", peers, c.writes, want)
		}
		m.readsWhole(t, f)
	}
}

// TestReadsSeeWhatWaits: whatever the order of chunks, a chunk is read as it was written.
func TestReadsSeeWhatWaits(t *testing.T) {
	m := newFilm(t, 400_001, 1024)
	f := m.open(t, filepath.Join(t.TempDir(), "film"))
	rnd := rand.New(rand.NewPCG(1, 2))
	var written chunk.Set
	for range 500 {
		i := rnd.Uint64N(m.chunks())
		for range rnd.IntN(20) { // a stretch of neighbours
			if i == m.chunks() {
				break
			}
			m.fetch(t, f, i)
			written.Add(chunk.One(i))
			i++
		}
		r := chunk.Range{Start: rnd.Uint64N(m.chunks())}
		r.End = min(r.Start+1+rnd.Uint64N(100), m.chunks())
		got, err := f.AppendChunks([]byte("x"), r)
		run, held := written.Covering(r.Start)
		if !held {
			if !errors.Is(err, ErrNotHeld) || string(got) != "x" {
				t.Fatalf("%v: %d bytes, %v; want ErrNotHeld", r, len(got), err)
			}
			continue
		}
		from, to := r.Start*1024, min(min(run.End, r.End)*1024, uint64(len(m.data)))
		if err != nil || !bytes.Equal(got[1:], m.data[from:to]) {
			t.Fatalf("%v of %v: %d bytes, %v", r, run, len(got), err)
		}
	}
}

// TestChunksWithOneReading is what trains of datagrams are filled from.
func TestChunksWithOneReading(t *testing.T) {
	m := newFilm(t, 100_000, 1024)
	path := filepath.Join(t.TempDir(), "film")
	put(t, path, m.data)
	f := m.seed(t, path, "")
	c := &counted{File: f.content.(*os.File)}
	f.content = c
	buf := make([]byte, 0, 64<<10)
	if n := testing.AllocsPerRun(100, func() {
		b, err := f.AppendChunks(buf, chunk.Range{Start: 40, End: 72})
		if err != nil || len(b) != 32<<10 {
			t.Fatal(len(b), err)
		}
	}); n > 2 { // what stat returns
		t.Errorf("%v allocations", n)
	}
	if c.reads != 101 {
		t.Errorf("%d readings for 101 trains", c.reads)
	}
	if b, err := f.AppendChunks(nil, chunk.Range{Start: 90, End: 200}); err != nil || !bytes.Equal(b, m.data[90*1024:]) {
		t.Errorf("to the end: %d bytes, %v", len(b), err)
	}
	if _, err := f.AppendChunks(nil, chunk.Range{Start: 98, End: 99}); !errors.Is(err, ErrNotHeld) {
		t.Errorf("beyond the end: %v", err)
	}
}
