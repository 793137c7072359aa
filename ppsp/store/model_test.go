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
	old  map[uint64]bool // of held: not hashed since the File was opened
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
			held: map[uint64]bool{}, bad: map[uint64]bool{}, old: map[uint64]bool{},
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
		if m.rnd.IntN(2) == 0 {
			if err := m.file.Check(m.t.Context(), 0, nil); err != nil {
				m.t.Fatal(err)
			}
			m.checked(0, m.film.chunks())
		}
		if err := m.file.Sync(); err != nil {
			m.t.Fatal(err)
		}
		m.saved()
	case 6:
		m.reopen(func() {})
	case 7:
		m.damage(i)
	}
}

// read asks for a chunk, which finds out whether it is bad.
func (m *model) read(i uint64) {
	b, err := m.file.AppendChunk(nil, i)
	if m.old[i] { // its neighbours are hashed with it
		from, to := i, i+1
		for ; m.old[from-1]; from-- {
		}
		for ; m.old[to]; to++ {
		}
		m.checked(from, to)
	}
	if m.held[i] {
		if err != nil || string(b) != string(m.film.chunk(i)) {
			m.t.Fatalf("chunk %d: %v", i, err)
		}
		return
	}
	if !errors.Is(err, ErrNotHeld) {
		m.t.Fatalf("chunk %d: error %v, want ErrNotHeld", i, err)
	}
}

// checked notes that these chunks were hashed.
func (m *model) checked(from, to uint64) {
	for i := from; i < to; i++ {
		if m.bad[i] {
			delete(m.held, i)
		}
		delete(m.bad, i)
		delete(m.old, i)
	}
}

// saved notes that a film that is complete and was hashed has its name.
func (m *model) saved() {
	m.done = m.done || uint64(len(m.held)) == m.film.chunks() && len(m.old) == 0
}

// reopen closes the File, does something to what lies on the disk, and opens it again.
func (m *model) reopen(do func()) {
	if err := m.file.Close(); err != nil {
		m.t.Fatal(err)
	}
	m.saved()
	do()
	m.file = m.film.open(m.t, m.path)
	for i := range m.held {
		m.old[i] = true
	}
}

// damage flips a bit of a chunk while the File is closed: after that it is but a claim.
func (m *model) damage(i uint64) {
	m.reopen(func() {
		if !m.held[i] || m.bad[i] {
			return
		}
		path := m.path + PartSuffix
		if m.done {
			path = m.path
		}
		flip(m.t, path, int(i)*1024+m.rnd.IntN(len(m.film.chunk(i))))
		m.bad[i] = true
	})
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
	m.saved()
	if err := m.file.Close(); err != nil {
		m.t.Fatal(err)
	}
	m.film.onDisk(m.t, m.path)
}
