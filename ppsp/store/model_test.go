package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// model is what a File should hold, kept in the simplest way.
type model struct {
	t     *testing.T
	rnd   *rand.Rand
	film  *film
	path  string
	file  *File
	limit int       // pages of the tree in memory
	held  chunk.Set // as the engine believes
	bad   chunk.Set // of held: damaged on the disk, nobody has noticed yet
	old   chunk.Set // of held: not hashed since the File was opened
	saved chunk.Set // of held: who is killed now still has them
	ever  chunk.Set // held once
	done  bool      // the film has its name
}

// TestFileModel does all that can happen to a film at random, and compares with the model
// after each step. Large films have pages at all levels, more than fit into memory, and a
// segment of which only small peaks are known.
func TestFileModel(t *testing.T) {
	for name, c := range map[string]struct {
		seeds        uint64
		from, to     int // chunks
		size         uint32
		steps, limit int
	}{
		"a page":       {6, 1, 30, 1024, 100, 1000},
		"some pages":   {7, 300, 3000, 64, 100, 4},
		"two segments": {1, segmentSize + 300, 70_000, 64, 30, 4},
	} {
		for seed := range c.seeds {
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 9))
				n := c.from + rnd.IntN(c.to-c.from)
				film := newFilm(t, n*int(c.size)-rnd.IntN(int(c.size)), c.size)
				m := &model{t: t, rnd: rnd, film: film, path: filepath.Join(t.TempDir(), "film"), limit: c.limit}
				m.open()
				m.fetch(film.chunks() - 1) // its peak may be small
				m.save(m.file.Sync)
				for range c.steps {
					m.step()
					m.compare()
				}
				if n < segmentSize {
					m.finish()
				}
			})
		}
	}
}

func (m *model) open() {
	m.file = m.film.open(m.t, m.path)
	m.file.pager.limit = m.limit
	m.old = m.held.Clone()
}

func (m *model) step() {
	i := m.rnd.Uint64N(m.film.chunks())
	switch m.rnd.IntN(10) {
	case 0, 1, 2:
		m.fetch(i)
		if m.rnd.IntN(4) == 0 {
			m.kill()
		}
	case 3, 4:
		m.read(i)
		if m.held.Has(i) {
			m.film.provable(m.t, m.file, i)
		}
	case 5, 6:
		if m.rnd.IntN(3) == 0 {
			if err := m.file.Check(m.t.Context(), 0, nil); err != nil {
				m.t.Fatal(err)
			}
			m.checked(m.film.all())
		}
		save := m.file.Sync
		if m.rnd.IntN(2) == 0 {
			save = func() error { return m.file.Checkpoint().Save() }
		}
		m.save(save)
	case 7:
		m.reopen(func() {})
	case 8:
		m.damage(i)
	case 9:
		m.kill()
	}
}

// fetch gets a run of chunks, many at once of a large film.
func (m *model) fetch(i uint64) {
	n := 1 + m.rnd.Uint64N(1+m.film.chunks()/30)
	for end := min(i+n, m.film.chunks()); i < end; i++ {
		m.film.fetch(m.t, m.file, i)
		m.held.Add(chunk.One(i)) // a bad one stays bad until it is read
		m.ever.Add(chunk.One(i))
	}
}

// read asks for a chunk, which finds out whether it is bad.
func (m *model) read(i uint64) {
	b, err := m.file.AppendChunk(nil, i)
	if run, claimed := m.old.Covering(i); claimed { // its neighbours are hashed with it
		m.checked(run.Intersect(m.file.checkWindow(i)))
	}
	if m.held.Has(i) {
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
func (m *model) checked(r chunk.Range) {
	for at, some := m.bad.NextIn(r.Start); some && at.Start < r.End; at, some = m.bad.NextIn(r.Start) {
		damaged := at.Intersect(r)
		for _, set := range []*chunk.Set{&m.held, &m.saved, &m.bad} {
			set.Remove(damaged)
		}
	}
	m.old.Remove(r)
}

func (m *model) save(how func() error) {
	if err := how(); err != nil {
		m.t.Fatal(err)
	}
	m.noteSaved()
}

// noteSaved notes that all was saved: a film that is complete and was hashed has its name.
func (m *model) noteSaved() {
	m.done = m.done || m.held.Count() == m.film.chunks() && m.old.Count() == 0
	m.saved = m.held.Clone()
}

// reopen closes the File, does something to what lies on the disk, and opens it again.
func (m *model) reopen(do func()) {
	m.save(m.file.Close)
	do()
	m.open()
}

// damage flips a bit of a chunk while the File is closed: after that it is but a claim.
func (m *model) damage(i uint64) {
	m.reopen(func() {
		if !m.held.Has(i) || m.bad.Has(i) {
			return
		}
		flip(m.t, m.content(), int(i)*int(m.film.meta.ChunkSize)+m.rnd.IntN(len(m.film.chunk(i))))
		m.bad.Add(chunk.One(i))
	})
}

// content returns where the content lies.
func (m *model) content() string {
	if m.done {
		return m.path
	}
	return m.path + PartSuffix
}

// kill goes on with what the files hold at this moment. All that was saved is there; what was
// not may be, or may be damaged again.
func (m *model) kill() {
	path := killed(m.t, m.path)
	if err := m.file.Close(); err != nil {
		m.t.Fatal(err)
	}
	wasBad := m.bad
	m.path, m.bad = path, chunk.Set{}
	m.open()
	m.held = m.file.Have()
	disk := mustRead(m.t, m.content())
	for i := range m.film.chunks() {
		start := int(i) * int(m.film.meta.ChunkSize)
		want := m.film.chunk(i)
		right := start+len(want) <= len(disk) && string(disk[start:start+len(want)]) == string(want)
		switch {
		case m.saved.Has(i) && !m.held.Has(i):
			m.t.Fatalf("chunk %d was saved, but is not held after the kill", i)
		case m.saved.Has(i) && !wasBad.Has(i) && !right:
			m.t.Fatalf("chunk %d was saved, but is not on the disk after the kill", i)
		case m.held.Has(i) && !m.ever.Has(i):
			m.t.Fatalf("chunk %d is held after the kill, but was never fetched", i)
		case m.held.Has(i) && !right:
			m.bad.Add(chunk.One(i))
		}
	}
	m.old, m.saved = m.held.Clone(), m.held.Clone()
}

func (m *model) compare() {
	m.t.Helper()
	if have := m.file.Have(); !have.Equal(&m.held) {
		m.t.Fatalf("Have: %v, want %v", runs(&have), runs(&m.held))
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
