package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// half fetches the first chunks of a film of 10 and closes it.
func half(t *testing.T, chunks uint64) (*film, string) {
	t.Helper()
	m := newFilm(t, 10_000, 1024)
	path := filepath.Join(t.TempDir(), "film.mp4")
	f := m.open(t, path)
	for i := range chunks {
		m.fetch(t, f, i)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return m, path
}

// TestDamagedChunk flips bits of the content: whichever way a chunk is asked for first,
// a damaged one is not served, is told as lost, and can be fetched again.
func TestDamagedChunk(t *testing.T) {
	for name, ask := range map[string]func(f *File, i uint64) error{
		"by chunk": func(f *File, i uint64) error { _, err := f.AppendChunk(nil, i); return err },
		"by byte": func(f *File, i uint64) error {
			n, err := f.ReadAt(make([]byte, 3*1024), int64(i-2)*1024)
			if n != 2*1024 {
				t.Errorf("ReadAt over a damaged chunk returned %d bytes", n)
			}
			return err
		},
	} {
		m, path := half(t, 6)
		flip(t, path+PartSuffix, 3*1024+500)
		f := m.open(t, path)
		if have := f.Have(); have.Count() != 6 {
			t.Fatalf("%s: Have() has %d chunks before their first use", name, have.Count())
		}
		if err := ask(f, 3); !errors.Is(err, ErrNotHeld) {
			t.Fatalf("%s: error %v, want ErrNotHeld", name, err)
		}
		lost := f.TakeLost()
		if got := runs(&lost); len(got) != 1 || got[0] != chunk.One(3) {
			t.Fatalf("%s: lost %v, want chunk 3", name, got)
		}
		if lost := f.TakeLost(); lost.Count() != 0 {
			t.Fatalf("%s: told twice", name)
		}
		m.holds(t, f, chunk.Range{End: 3}, chunk.Range{Start: 4, End: 6})
		m.fetch(t, f, 3)
		m.holds(t, f, chunk.Range{End: 6})
	}
}

// TestDamagedChunkOfCompletePart finds damage before the film gets its name.
func TestDamagedChunkOfCompletePart(t *testing.T) {
	m, path := half(t, 9)
	flip(t, path+PartSuffix, 0)
	f := m.open(t, path)
	m.fetch(t, f, 9)
	if !f.Complete() {
		t.Fatal("not complete, though nobody looked at the damaged chunk yet")
	}
	if err := f.Checkpoint().Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a film that nobody looked at got its name")
	}
	if err := f.Check(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Checkpoint().Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil || f.Complete() {
		t.Fatal("a damaged film got its name")
	}
	m.fetch(t, f, 0)
	if err := f.Checkpoint().Save(); err != nil {
		t.Fatal(err)
	}
	m.onDisk(t, path)
}

// TestLostAndFound: a chunk that is fetched again before TakeLost is asked isn't lost.
func TestLostAndFound(t *testing.T) {
	m, path := half(t, 6)
	flip(t, path+PartSuffix, 0)
	f := m.open(t, path)
	if _, err := f.AppendChunk(nil, 0); !errors.Is(err, ErrNotHeld) {
		t.Fatalf("error %v, want ErrNotHeld", err)
	}
	m.fetch(t, f, 0)
	if lost := f.TakeLost(); lost.Count() != 0 {
		t.Errorf("lost %v, but it is held", runs(&lost))
	}
}

// TestDamagedChunkOfFilm repairs a finished film in place.
func TestDamagedChunkOfFilm(t *testing.T) {
	m, path := half(t, 10)
	flip(t, path, 2048)
	f := m.open(t, path)
	if _, err := f.AppendChunk(nil, 2); !errors.Is(err, ErrNotHeld) {
		t.Fatalf("error %v, want ErrNotHeld", err)
	}
	m.fetch(t, f, 2)
	m.holds(t, f, m.all())
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m.onDisk(t, path)
	m.holds(t, m.open(t, path), m.all())
}

func TestTruncatedContent(t *testing.T) {
	for name, verified := range map[string]bool{"claimed": false, "verified": true} {
		m, path := half(t, 6)
		f := m.open(t, path)
		if verified {
			m.holds(t, f, chunk.Range{End: 6})
		}
		if err := os.Truncate(path+PartSuffix, 4*1024+1); err != nil {
			t.Fatal(err)
		}
		if _, err := f.AppendChunk(nil, 4); !errors.Is(err, ErrNotHeld) {
			t.Fatalf("%s: error %v, want ErrNotHeld", name, err)
		}
		_, _ = f.AppendChunk(nil, 5)
		if lost := f.TakeLost(); lost.Count() != 2 {
			t.Fatalf("%s: lost %v", name, runs(&lost))
		}
		m.holds(t, f, chunk.Range{End: 4})
		m.fetch(t, f, 4)
		m.holds(t, f, chunk.Range{End: 5})
	}
}

// TestDamagedSidecar flips and cuts at every place: what is claimed afterwards is right, and
// the film can be fetched on.
func TestDamagedSidecar(t *testing.T) {
	m, path := half(t, 6)
	good, content := mustRead(t, path+SidecarSuffix), mustRead(t, path+PartSuffix)
	check := func(name string, b []byte, least uint64) {
		t.Helper()
		put(t, path+SidecarSuffix, b)
		put(t, path+PartSuffix, content)
		f := m.open(t, path)
		if err := f.Check(t.Context(), 0, nil); err != nil {
			t.Fatal(err)
		}
		have := f.Have()
		if f.Held() < least || !(&chunk.Set{}).Equal(&have) && !have.ContainsAll(chunk.Range{End: f.Held()}) {
			t.Fatalf("%s: holds %v, want at least %d chunks", name, runs(&have), least)
		}
		if f.Notice() != nil && !strings.Contains(f.Notice().Error(), "from the beginning") {
			t.Fatalf("%s: notice %v", name, f.Notice())
		}
		if info, err := os.Stat(path + PartSuffix); err != nil || f.Notice() != nil && info.Size() != 0 {
			t.Fatalf("%s: the space of the old content is not given back", name)
		}
		m.holds(t, f, runs(&have)...)
		m.fetchAll(t, f)
		m.holds(t, f, m.all())
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		m.onDisk(t, path)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for at, b := range good {
		if b != 0 && at%11 == 0 || at%3989 == 0 {
			bad := bytes.Clone(good)
			bad[at] ^= 16
			least := uint64(0)
			if at < 2*headSize+2*blockSize { // there is a second copy
				least = 0
			}
			check(fmt.Sprintf("flipped at %d", at), bad, least)
		}
		if at%997 == 0 {
			check(fmt.Sprintf("cut at %d", at), good[:at], 0)
		}
	}
	check("longer", append(bytes.Clone(good), 0), 6)
	check("someone else's", []byte("<html>not found</html>"), 0)
	check("zeros", make([]byte, len(good)), 0)
	check("of another swarm", mustRead(t, otherSidecar(t)), 0)
	check("undamaged", good, 6)
}

// otherSidecar returns the path of a sidecar of another film.
func otherSidecar(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other")
	if err := newFilm(t, 9_000, 1024).open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	return path + SidecarSuffix
}

// TestNotOurs: nothing of a user's is overwritten.
func TestNotOurs(t *testing.T) {
	m := newFilm(t, 10_000, 1024)
	other := []byte("a letter")
	refuse := func(path string) error {
		t.Helper()
		_, err := OpenFile(t.Context(), path, m.meta)
		if !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "choose another name") {
			t.Fatalf("error %v, want ErrExists with a remedy", err)
		}
		return err
	}
	path := filepath.Join(t.TempDir(), "film.mp4")
	put(t, path, other)
	refuse(path)
	mine := filepath.Join(t.TempDir(), "mine")
	if err := m.open(t, mine).Close(); err != nil {
		t.Fatal(err)
	}
	put(t, path+SidecarSuffix, mustRead(t, mine+SidecarSuffix))
	refuse(path)
	if got := mustRead(t, path); !bytes.Equal(got, other) {
		t.Fatal("the user's file was changed")
	}

	// A browser's unfinished download has the same suffix.
	path = filepath.Join(t.TempDir(), "film.mp4")
	put(t, path+PartSuffix, other)
	if err := refuse(path); !strings.Contains(err.Error(), PartSuffix) {
		t.Errorf("the error does not name the file: %v", err)
	}
	if got := mustRead(t, path+PartSuffix); !bytes.Equal(got, other) {
		t.Fatal("someone else's .part was changed")
	}

	// A file that comes while the film is being fetched.
	m, path = half(t, 9)
	f := m.open(t, path)
	put(t, path, other)
	m.fetch(t, f, 9)
	if err := f.Check(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Checkpoint().Save(); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), path+PartSuffix) {
		t.Fatalf("error %v, want ErrExists that tells where the film is", err)
	}
	if got := mustRead(t, path); !bytes.Equal(got, other) {
		t.Fatal("the user's file was changed")
	}
	m.onDisk(t, path+PartSuffix)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil { // tries again
		t.Fatal(err)
	}
	m.onDisk(t, path)
}

// TestAdopt takes a file that is the film already, though no sidecar says so.
func TestAdopt(t *testing.T) {
	m := newFilm(t, 10_000, 1024)
	path := filepath.Join(t.TempDir(), "film.mp4")
	put(t, path, m.data)
	f := m.open(t, path)
	if !f.Complete() {
		t.Fatal("the film was not recognised")
	}
	m.holds(t, f, m.all())
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = m.open(t, path)
	if f.Unchecked() == 0 {
		t.Fatal("the next start hashed it again")
	}
	m.holds(t, f, m.all())
	empty := filepath.Join(t.TempDir(), "empty") // as mktemp makes it
	put(t, empty, nil)
	f = m.open(t, empty)
	m.fetchAll(t, f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m.onDisk(t, empty)
}

// TestFilmChanged: a finished film that the user edits is neither served nor overwritten.
func TestFilmChanged(t *testing.T) {
	m, path := half(t, 10)
	f := m.open(t, path)
	m.holds(t, f, m.all())
	edited := append(mustRead(t, path), "edited"...)
	put(t, path, edited)
	if _, err := f.AppendChunk(nil, 2); !errors.Is(err, ErrChanged) {
		t.Fatalf("read: error %v, want ErrChanged", err)
	}
	if lost := f.TakeLost(); lost.Count() != m.chunks() || f.Complete() {
		t.Fatal("the engine is not told that nothing is held any more")
	}
	if err := f.WriteChunk(2, m.chunk(2)); !errors.Is(err, ErrChanged) {
		t.Fatalf("write: error %v, want ErrChanged", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(t.Context(), path, m.meta); !errors.Is(err, ErrExists) {
		t.Fatalf("opened again: error %v, want ErrExists", err)
	}
	if got := mustRead(t, path); !bytes.Equal(got, edited) {
		t.Fatal("the user's edit is lost")
	}
}

// TestRepairOfChangedFilm: a repair, too, leaves the user's edit alone.
func TestRepairOfChangedFilm(t *testing.T) {
	m, path := half(t, 10)
	flip(t, path, 2048)
	f := m.open(t, path)
	if _, err := f.AppendChunk(nil, 2); !errors.Is(err, ErrNotHeld) {
		t.Fatalf("error %v, want ErrNotHeld", err)
	}
	edited := append(mustRead(t, path), "edited"...)
	put(t, path, edited)
	if err := m.tryFetch(f, 2); !errors.Is(err, ErrChanged) {
		t.Fatalf("error %v, want ErrChanged", err)
	}
	if got := mustRead(t, path); !bytes.Equal(got, edited) {
		t.Fatal("the user's edit is lost")
	}
}

// TestTwoNames: a crash after the film got its name and before it lost the other one.
func TestTwoNames(t *testing.T) {
	m, path := half(t, 10)
	if err := os.Link(path, path+PartSuffix); err != nil {
		t.Fatal(err)
	}
	m.holds(t, m.open(t, path), m.all())
	if got := names(t, path); len(got) != 2 {
		t.Errorf("the folder has %q", got)
	}
	other := []byte("someone else's")
	put(t, path+PartSuffix, other)
	m.holds(t, m.open(t, path), m.all())
	if got := mustRead(t, path+PartSuffix); !bytes.Equal(got, other) {
		t.Error("someone else's .part was removed")
	}
}
