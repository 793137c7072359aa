package store

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// model is what a File should hold, kept in the simplest way.
type model struct {
	t    *testing.T
	rnd  *rand.Rand
	film *film
	path string
	file *File
	held map[uint64]bool // as the engine believes
	bad  map[uint64]bool // of held: damaged on the disk, nobody has noticed yet
	done bool            // the film has its name
}

// TestFileModel does all that can happen to a film at random, and compares with the model
// after each step.
func TestFileModel(t *testing.T) {
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		film := newFilm(t, 1+rnd.IntN(30_000), 1024)
		m := &model{
			t: t, rnd: rnd, film: film, path: filepath.Join(t.TempDir(), "film"),
			held: map[uint64]bool{}, bad: map[uint64]bool{},
		}
		m.file = film.open(t, m.path)
		for range 150 {
			m.step()
			m.compare()
		}
		m.finish()
	}
}

func (m *model) step() {
	i := m.rnd.Uint64N(m.film.chunks())
	switch m.rnd.IntN(8) {
	case 0, 1, 2:
		m.film.fetch(m.t, m.file, i)
		m.held[i] = true // a bad one stays bad until it is read
	case 3, 4:
		m.read(i)
	case 5:
		if err := m.file.Sync(); err != nil {
			m.t.Fatal(err)
		}
		m.saved()
	case 6:
		if err := m.file.Close(); err != nil {
			m.t.Fatal(err)
		}
		m.saved()
		m.file = m.film.open(m.t, m.path)
	case 7:
		m.damage(i)
	}
}

// read asks for a chunk, which finds out whether it is bad.
func (m *model) read(i uint64) {
	b, err := m.file.AppendChunk(nil, i)
	if m.held[i] && !m.bad[i] {
		if err != nil || string(b) != string(m.film.chunk(i)) {
			m.t.Fatalf("chunk %d: %v", i, err)
		}
		return
	}
	if !errors.Is(err, ErrNotHeld) {
		m.t.Fatalf("chunk %d: error %v, want ErrNotHeld", i, err)
	}
	delete(m.held, i)
	delete(m.bad, i)
}

// saved notes what happens when a complete film is saved: each chunk is looked at.
func (m *model) saved() {
	if m.done || uint64(len(m.held)) < m.film.chunks() {
		return
	}
	m.done = len(m.bad) == 0
	for i := range m.bad {
		delete(m.held, i)
	}
	clear(m.bad)
}

// damage flips a bit of a chunk while the File is closed: after that it is but a claim.
func (m *model) damage(i uint64) {
	if err := m.file.Close(); err != nil {
		m.t.Fatal(err)
	}
	m.saved()
	if m.held[i] && !m.bad[i] {
		path := m.path + PartSuffix
		if m.done {
			path = m.path
		}
		flip(m.t, path, int(i)*1024+m.rnd.IntN(len(m.film.chunk(i))))
		m.bad[i] = true
	}
	m.file = m.film.open(m.t, m.path)
}

func (m *model) compare() {
	m.t.Helper()
	var want chunk.Set
	for i := range m.held {
		want.Add(chunk.One(i))
	}
	if have := m.file.Have(); !have.Equal(&want) {
		m.t.Fatalf("Have: %v, want %v", runs(&have), runs(&want))
	}
	if _, err := os.Stat(m.path); (err == nil) != m.done {
		m.t.Fatalf("the film has its name: %v, want %v", err == nil, m.done)
	}
}

// finish fetches what is missing, until the film is there.
func (m *model) finish() {
	for i := range m.film.chunks() {
		m.read(i)
		m.film.fetch(m.t, m.file, i)
	}
	if err := m.file.Close(); err != nil {
		m.t.Fatal(err)
	}
	m.film.onDisk(m.t, m.path)
}
