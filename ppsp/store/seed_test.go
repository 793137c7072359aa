package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

func TestSeed(t *testing.T) {
	for _, size := range sizes {
		m := newFilm(t, size, 1024)
		path := filepath.Join(t.TempDir(), "film.mp4")
		put(t, path, m.data)
		f := m.seed(t, path, "")
		if len(f.pager.ring) > 0 {
			t.Errorf("%d bytes: pages stay in memory that nobody asked for", size)
		}
		if n, known := f.Size(); n != int64(size) || !known || !f.Complete() || f.Path() != path {
			t.Fatalf("%d bytes: Size() = %d %v, Complete() = %v", size, n, known, f.Complete())
		}
		m.holds(t, f, m.all())
		m.readsWhole(t, f)
		if err := f.WriteChunk(0, m.chunk(0)); err != nil {
			t.Errorf("a chunk that is held: %v", err)
		}
		if got := names(t, path); len(got) != 1 {
			t.Errorf("the film's folder was written to: %q", got)
		}
	}
}

// TestSeedAgain: the second start takes the tree of the first, unless the file changed.
func TestSeedAgain(t *testing.T) {
	m := newFilm(t, 10_000, 1024)
	path, state := filepath.Join(t.TempDir(), "film.mp4"), t.TempDir()
	put(t, path, m.data)
	if err := m.seed(t, path, state).Close(); err != nil {
		t.Fatal(err)
	}
	hashed := func(m *film) bool {
		t.Helper()
		f := m.seed(t, path, state)
		all := f.Unchecked() == 0
		m.holds(t, f, m.all())
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if hashed(m) {
		t.Fatal("the film was hashed again")
	}
	sidecars := names(t, filepath.Join(state, "x"))
	if len(sidecars) != 1 {
		t.Fatalf("the state folder has %q", sidecars)
	}
	flip(t, filepath.Join(state, sidecars[0]), 100)
	if hashed(m) {
		t.Fatal("one copy of the head was damaged, there is another")
	}
	flip(t, filepath.Join(state, sidecars[0]), 100)
	flip(t, filepath.Join(state, sidecars[0]), headSize+100)
	if !hashed(m) {
		t.Fatal("a damaged sidecar was taken")
	}

	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if !hashed(m) {
		t.Fatal("the file was touched, but not hashed again")
	}

	m512 := newFilm(t, 10_000, 512)
	if !hashed(m512) {
		t.Fatal("another chunk size, but not hashed again")
	}
	if hashed(m) {
		t.Fatal("the one chunk size overwrote the other")
	}

	// Two that are at work at the same time do not share a sidecar.
	first, second := m.seed(t, path, state), m.seed(t, path, state)
	if !errors.Is(second.Notice(), ErrInUse) {
		t.Errorf("notice %v, want ErrInUse", second.Notice())
	}
	m.holds(t, first, m.all())
	m.holds(t, second, m.all())
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}

	// One bit of the film rots between two starts: size and time are the same.
	flip(t, path, 5000)
	f := m.seed(t, path, state)
	if _, err := f.AppendChunk(nil, 4); !errors.Is(err, ErrNotHeld) {
		t.Fatalf("a rotten chunk: error %v, want ErrNotHeld", err)
	}
	if err := f.WriteChunk(4, m.chunk(4)); err == nil || !strings.Contains(err.Error(), "only read") {
		t.Errorf("a publisher's file can be written to: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, meta, err := Seed(t.Context(), path, SeedConfig{Metadata: m.meta, StateDir: state})
	if err != nil || meta.SwarmID == m.meta.SwarmID {
		t.Errorf("the rotten film is not hashed anew: %v", err)
	}
}

// TestSeedChanged changes a file under its publisher.
func TestSeedChanged(t *testing.T) {
	m := newFilm(t, 10_000, 1024)
	for name, change := range map[string]func(path string) error{
		"longer":  func(path string) error { return os.WriteFile(path, append(m.data, 0), 0o644) },
		"shorter": func(path string) error { return os.Truncate(path, 9_999) },
		"touched": func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(5, 0)) },
	} {
		path := filepath.Join(t.TempDir(), "film.mp4")
		put(t, path, m.data)
		f := m.seed(t, path, "")
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		_, err := f.AppendChunk(nil, 0)
		if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "start again") {
			t.Errorf("%s: error %v, want ErrChanged with path and remedy", name, err)
		}
		if n, err := f.ReadAt(make([]byte, 10), 0); n != 0 || !errors.Is(err, ErrChanged) {
			t.Errorf("%s: ReadAt: %d, %v", name, n, err)
		}
		if have := f.Have(); have.Count() != 0 {
			t.Errorf("%s: still has %d chunks", name, have.Count())
		}
	}
}

// TestSeedChangedWhileHashed lets the file grow under the reader.
func TestSeedChangedWhileHashed(t *testing.T) {
	m := newFilm(t, 3*meterStep, 32<<10)
	path := filepath.Join(t.TempDir(), "film.mp4")
	put(t, path, m.data)
	grow := func(done, total int64) {
		if total != int64(len(m.data)) || done > total {
			t.Errorf("progress %d of %d", done, total)
		}
		file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteString("more"); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := Seed(t.Context(), path, SeedConfig{Metadata: m.meta, Progress: grow})
	if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "wait until") {
		t.Fatalf("error %v, want ErrChanged with a remedy", err)
	}
}

// TestSeedEnds: hashing ends with its context, and the next start goes on there.
func TestSeedEnds(t *testing.T) {
	m := newFilm(t, 5*meterStep, 16<<10)
	path, state := filepath.Join(t.TempDir(), "film.mp4"), t.TempDir()
	put(t, path, m.data)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	_, _, err := Seed(ctx, path, SeedConfig{Metadata: m.meta, StateDir: state, Progress: func(int64, int64) { calls++; cancel() }})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Fatalf("error %v after %d calls, want context.Canceled after 1", err, calls)
	}
	first := int64(0)
	f, meta, err := Seed(t.Context(), path, SeedConfig{Metadata: m.meta, StateDir: state, Progress: func(done, _ int64) {
		if first == 0 {
			first = done
		}
	}})
	if err != nil || meta != m.meta || first <= meterStep+(1<<20) {
		t.Fatalf("the second start: %v, begins at %d of %d", err, first, len(m.data))
	}
	m.holds(t, f, m.all())
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(ctx, path, m.meta); !errors.Is(err, context.Canceled) {
		t.Fatalf("OpenFile of the same: error %v, want context.Canceled", err)
	}
	if got := names(t, path); len(got) != 1 {
		t.Errorf("the folder has %q", got)
	}
}

// TestSeedGoesOnWithOtherFile: what was hashed of another version of the file counts for nothing.
func TestSeedGoesOnWithOtherFile(t *testing.T) {
	old, m := newFilm(t, 5*meterStep, 16<<10), newFilm(t, 4*meterStep, 16<<10)
	path, state := filepath.Join(t.TempDir(), "film.mp4"), t.TempDir()
	put(t, path, old.data)
	ctx, cancel := context.WithCancel(t.Context())
	if _, _, err := Seed(ctx, path, SeedConfig{Metadata: m.meta, StateDir: state, Progress: func(int64, int64) { cancel() }}); err == nil {
		t.Fatal("not interrupted")
	}
	put(t, path, m.data)
	m.holds(t, m.seed(t, path, state), m.all())
}

func TestSeedRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "empty"), nil)
	put(t, filepath.Join(dir, "film"), []byte("film"))
	good := ppsp.StaticDefaults("")
	for name, c := range map[string]struct {
		file string
		meta ppsp.Metadata
		want string
	}{
		"missing":      {"missing", good, "check the path"},
		"empty":        {"empty", good, "nothing to share"},
		"a folder":     {".", good, "not a regular file"},
		"unknown hash": {"film", ppsp.Metadata{Integrity: ppsp.IntegrityMerkle, Hash: 9, ChunkSize: 1024}, "hash function 9"},
		"huge chunks":  {"film", ppsp.Metadata{Integrity: ppsp.IntegrityMerkle, Hash: 2, ChunkSize: 1 << 20}, "chunk size"},
	} {
		_, _, err := Seed(t.Context(), filepath.Join(dir, c.file), SeedConfig{Metadata: c.meta})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	// Where the tree can't be kept the film is seeded all the same.
	f, _, err := Seed(t.Context(), filepath.Join(dir, "film"), SeedConfig{Metadata: good, StateDir: filepath.Join(dir, "none")})
	if err != nil || f.Notice() == nil {
		t.Fatalf("state folder is missing: error %v, notice %v", err, f.Notice())
	}
	if b, err := f.AppendChunk(nil, 0); err != nil || string(b) != "film" {
		t.Errorf("chunk 0 is %q, %v", b, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestSeedDefaultChunkSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "film")
	put(t, path, make([]byte, 3000))
	f, meta, err := Seed(t.Context(), path, SeedConfig{Metadata: ppsp.Metadata{Integrity: ppsp.IntegrityMerkle, Hash: ppsp.SHA1}})
	if err != nil || meta.ChunkSize != ppsp.DefaultChunkSize || len(meta.SwarmID) != 20 {
		t.Fatalf("%+v, %v", meta, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A film that may not be read has to be read, and not written.
func TestUnreadableIsToldAsSuch(t *testing.T) {
	err := unreadable("publish", "film", &os.PathError{Op: "open", Path: "film", Err: os.ErrPermission})
	if words := err.Error(); !errors.Is(err, os.ErrPermission) || !strings.Contains(words, "may not read the file") || strings.Contains(words, "write") {
		t.Errorf("%v", err)
	}
	if err := unreadable("publish", "film", os.ErrNotExist); !strings.Contains(err.Error(), "check the path") {
		t.Errorf("%v", err)
	}
}
