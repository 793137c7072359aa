package store

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// provable checks that a peer that knows but the root can verify chunk i by what f's tree says.
func (m *film) provable(t testing.TB, f *File, i uint64) {
	t.Helper()
	peer := newTree(m.meta)
	if err := peer.SetPeaks(f.Tree().AppendPeaks(nil)); err != nil {
		t.Fatal(err)
	}
	var p merkle.Proof
	for _, b := range f.Tree().AppendUncles(nil, i, func(chunk.Bin) bool { return false }) {
		hash, ok := f.Tree().Hash(b)
		if !ok {
			t.Fatalf("chunk %d: node %d is missing", i, b)
		}
		p.Add(b, hash)
	}
	if err := peer.Verify(i, m.chunk(i), &p); err != nil {
		t.Fatalf("chunk %d: %v", i, err)
	}
}

// records names places in the sidecar of a film of two segments.
func records(l layout) map[string][]int64 {
	pair := func(off, n int64) []int64 { return []int64{off + n/3, off + n + n/3} }
	level1 := merkle.PageID{Level: 1}
	level2 := merkle.PageID{Level: 2}
	all := map[string][]int64{
		"a page of level 0":       {l.place(merkle.PageID{Number: 100}) + 77},
		"the last page":           {l.place(merkle.PageID{Number: 258}) + 77},
		"a page of level 1":       pair(l.place(level1), l.page),
		"the last page, level 1":  pair(l.place(merkle.PageID{Level: 1, Number: 1}), l.page),
		"a page of level 2":       pair(l.place(level2)-96, l.page)[:1],
		"both pages of level 2":   {l.place(level2) + 32, l.place(level2) + l.page + 32},
		"availability":            pair(l.block(0), blockSize),
		"one copy, level 1":       pair(l.place(level1), l.page)[:1],
		"other copy, level 1":     pair(l.place(level1), l.page)[1:],
		"one copy, availability":  pair(l.block(0), blockSize)[:1],
		"other copy of that":      pair(l.block(0), blockSize)[1:],
		"a page and the one over": append(pair(l.place(level1), l.page), l.place(merkle.PageID{Number: 100})+77),
	}
	return all
}

// TestDamagedRecordOfWholeFilm: nothing of a complete film is lost, whatever part of its
// sidecar is damaged, and each chunk can be proven to others.
func TestDamagedRecordOfWholeFilm(t *testing.T) {
	m := newFilm(t, 66_100*64-7, 64)
	path := filepath.Join(t.TempDir(), "film")
	put(t, path, m.data)
	if err := m.open(t, path).Close(); err != nil { // hashes it
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	for name, places := range records(newLayout(32)) {
		for _, at := range places {
			flipAt(t, path+SidecarSuffix, at)
		}
		f := m.open(t, path)
		if f.Notice() != nil || f.Unchecked() != m.chunks() {
			t.Fatalf("%s: %d chunks are claimed, %v", name, f.Unchecked(), f.Notice())
		}
		for _, first := range []uint64{100*256 + 5, 66_099, random.Uint64N(m.chunks())} {
			if b, err := f.AppendChunk(nil, first); err != nil && name != "a page and the one over" || err == nil && string(b) != string(m.chunk(first)) {
				t.Fatalf("%s: chunk %d: %v", name, first, err)
			}
		}
		if err := f.Check(t.Context(), 0, nil); err != nil {
			t.Fatal(err)
		}
		for lost := f.TakeLost(); lost.Count() > 0; lost = f.TakeLost() {
			if name != "a page and the one over" {
				t.Fatalf("%s: lost %v", name, runs(&lost))
			}
			for r := range lost.Ranges() {
				for i := r.Start; i < r.End; i++ {
					m.fetch(t, f, i)
				}
			}
		}
		for range 60 {
			m.provable(t, f, random.Uint64N(m.chunks()))
		}
		for _, i := range []uint64{100 * 256, 100*256 + 255, 65_535, 65_536, 66_099} {
			m.provable(t, f, i)
		}
		m.readsWhole(t, f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// flipAt is flip for a large file.
func flipAt(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	_, _ = f.ReadAt(b, at) // a hole is zeros
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedRecordOfPart: of a film that is not complete, what is still held is right and can
// be proven, and what was lost can be fetched.
func TestDamagedRecordOfPart(t *testing.T) {
	m := newFilm(t, 66_100*64-7, 64)
	for name, places := range records(newLayout(32)) {
		path := filepath.Join(t.TempDir(), "film")
		f := m.open(t, path)
		random := rand.New(rand.NewPCG(2, 2))
		fetch := func(start, n uint64) {
			for i := start; i < min(start+n, m.chunks()); i++ {
				m.fetch(t, f, i)
			}
		}
		fetch(100*256, 700) // whole pages and a part of one
		fetch(66_090, 10)
		for range 30 {
			fetch(random.Uint64N(m.chunks()), 20)
		}
		held := f.Held()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for _, at := range places {
			flipAt(t, path+SidecarSuffix, at)
		}
		f = m.open(t, path)
		if err := f.Check(t.Context(), 0, nil); err != nil {
			t.Fatal(err)
		}
		for i := uint64(0); i < m.chunks(); i += 256 { // as others ask for all sorts of hashes
			for _, b := range f.Tree().AppendUncles(nil, i, func(chunk.Bin) bool { return false }) {
				f.Tree().Hash(b)
			}
		}
		f.TakeLost()
		if f.Notice() != nil || f.Held() > held {
			t.Fatalf("%s: %d chunks of %d, %v", name, f.Held(), held, f.Notice())
		}
		if f.Held() < held*9/10 && name != "a page and the one over" && name != "both pages of level 2" && name != "a page of level 1" {
			t.Errorf("%s: only %d chunks of %d are left", name, f.Held(), held)
		}
		have := f.Have()
		for r := range have.Ranges() {
			for i := r.Start; i < r.End; i++ {
				if b, err := f.AppendChunk(nil, i); err != nil || string(b) != string(m.chunk(i)) {
					t.Fatalf("%s: chunk %d: %v", name, i, err)
				}
				m.provable(t, f, i)
			}
		}
		fetch(100*256-10, 800)
		fetch(66_080, 20)
		for i := uint64(100*256 - 10); i < 100*256+790; i++ {
			m.provable(t, f, i)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFewPagesInMemory: a download in any order needs but a few pages at a time.
func TestFewPagesInMemory(t *testing.T) {
	m := newFilm(t, 70_000*64-1, 64)
	path := filepath.Join(t.TempDir(), "film")
	f := m.open(t, path)
	f.pager.limit = 8
	random := rand.New(rand.NewPCG(3, 3))
	var fetched []uint64
	for range 3000 {
		i := random.Uint64N(m.chunks())
		m.fetch(t, f, i)
		m.provable(t, f, i)
		if len(fetched) > 0 {
			m.provable(t, f, fetched[random.IntN(len(fetched))])
		}
		fetched = append(fetched, i)
		if random.IntN(100) == 0 {
			if err := f.Checkpoint().Save(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(f.pager.ring) > 8 {
		t.Errorf("%d pages in memory", len(f.pager.ring))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = m.open(t, path)
	for _, i := range fetched {
		if b, err := f.AppendChunk(nil, i); err != nil || string(b) != string(m.chunk(i)) {
			t.Fatalf("chunk %d after a restart: %v", i, err)
		}
		m.provable(t, f, i)
	}
}
