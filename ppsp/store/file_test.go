package store

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// sizes of films around what matters: one chunk, whole chunks, a short one at the end.
var sizes = []int{1, 1023, 1024, 1025, 4096, 5000, 100_001}

func TestFileFetch(t *testing.T) {
	for _, size := range sizes {
		m := newFilm(t, size, 1024)
		path := filepath.Join(t.TempDir(), "film.mp4")
		f := m.open(t, path)
		if _, known := f.Size(); known || f.Complete() || f.Notice() != nil {
			t.Fatal("a new File claims to know something")
		}
		m.holds(t, f)
		m.fetchAll(t, f)
		if n, known := f.Size(); n != int64(size) || !known || !f.Complete() {
			t.Fatalf("%d bytes: Size() = %d %v, Complete() = %v", size, n, known, f.Complete())
		}
		m.holds(t, f, m.all())
		m.readsWhole(t, f)
		if got, want := f.Path(), path+PartSuffix; got != want {
			t.Fatalf("Path() = %s before it is saved, want %s", got, want)
		}
		if err := f.Checkpoint().Save(); err != nil {
			t.Fatal(err)
		}
		m.onDisk(t, path)
		if got := names(t, path); f.Path() != path || !slices.Equal(got, []string{"film.mp4", "film.mp4.swarmgate"}) {
			t.Fatalf("complete: Path() = %s, the folder has %q", f.Path(), got)
		}
		m.readsWhole(t, f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFileResume(t *testing.T) {
	m := newFilm(t, 50_001, 1024)
	path := filepath.Join(t.TempDir(), "film.mp4")
	order := rand.New(rand.NewPCG(5, 6)).Perm(int(m.chunks()))
	var held chunk.Set
	for len(order) > 0 {
		f := m.open(t, path)
		if f.Notice() != nil {
			t.Fatal(f.Notice())
		}
		m.holds(t, f, runs(&held)...)
		n := min(7, len(order))
		for _, i := range order[:n] {
			m.fetch(t, f, uint64(i))
			held.Add(chunk.One(uint64(i)))
		}
		order = order[n:]
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	m.onDisk(t, path)
	f := m.open(t, path)
	if !f.Complete() || f.Path() != path {
		t.Fatal("a complete film is not complete after a restart")
	}
	m.holds(t, f, m.all())
	m.readsWhole(t, f)
}

func TestFileWriteRefuses(t *testing.T) {
	m := newFilm(t, 5000, 1024)
	f := m.open(t, filepath.Join(t.TempDir(), "film.mp4"))
	m.fetch(t, f, 0)
	for name, c := range map[string]struct {
		i uint64
		n int
	}{
		"no bytes":             {1, 0},
		"too many bytes":       {1, 1025},
		"short in the middle":  {1, 1023},
		"beyond the end":       {5, 1024},
		"far beyond the end":   {1 << 60, 1024},
		"the highest number":   {1<<64 - 1, 1024},
		"last chunk too long ": {4, 1025},
	} {
		if err := f.WriteChunk(c.i, make([]byte, c.n)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	m.holds(t, f, chunk.One(0))
	if err := f.WriteChunk(0, make([]byte, 1024)); err != nil {
		t.Errorf("a chunk that is held: %v", err)
	}
	m.holds(t, f, chunk.One(0)) // and keeps its bytes
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := f.WriteChunk(1, m.chunk(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
	if _, err := f.AppendChunk(nil, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
}

func TestFileSetSize(t *testing.T) {
	m := newFilm(t, 5000, 1024)
	f := m.open(t, filepath.Join(t.TempDir(), "film.mp4"))
	steps := []struct {
		fetch int // chunk fetched before, -1 none
		size  int64
		good  bool
		known int64 // then
	}{
		{-1, 0, false, 0},
		{-1, -1, false, 0},
		{-1, 4999, true, 4999}, // the link says so, nothing speaks against it
		{-1, 4096, false, 4999},
		{-1, 5121, false, 4999},
		{0, 4097, true, 4097},
		{4, 4999, false, 5000}, // the verified last chunk knows better
		{-1, 5000, true, 5000},
	}
	for _, s := range steps {
		if s.fetch >= 0 {
			m.fetch(t, f, uint64(s.fetch))
		}
		if err := f.SetSize(s.size); (err == nil) != s.good {
			t.Errorf("SetSize(%d): %v", s.size, err)
		}
		if n, _ := f.Size(); n != s.known {
			t.Errorf("after SetSize(%d): Size() = %d, want %d", s.size, n, s.known)
		}
	}
}

// TestFileFalseClaim: peaks that lead to the root can claim more chunks than there are;
// such a number settles nothing until the last chunk is verified.
func TestFileFalseClaim(t *testing.T) {
	m := newFilm(t, 5000, 1024)
	f := m.open(t, filepath.Join(t.TempDir(), "film.mp4"))
	first, _ := m.tree.Hash(chunk.NewBin(2, 0))
	fifth, _ := m.tree.Hash(chunk.Leaf(4))
	pair := merkle.NewHasher(ppsp.SHA256).AppendParent(nil, fifth, make([]byte, 32))
	err := f.Tree().SetPeaks([]merkle.Node{{Bin: chunk.NewBin(2, 0), Hash: first}, {Bin: chunk.NewBin(1, 2), Hash: pair}})
	if err != nil || f.Tree().Chunks() != 6 {
		t.Fatalf("the claim of 6 chunks is not taken: %v", err)
	}
	var p merkle.Proof
	for _, b := range m.tree.AppendUncles(nil, 0, func(chunk.Bin) bool { return false }) {
		hash, _ := m.tree.Hash(b)
		p.Add(b, hash)
	}
	if err := f.Tree().Verify(0, m.chunk(0), &p); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteChunk(0, m.chunk(0)); err != nil {
		t.Fatal(err)
	}
	if err := f.SetSize(5000); err != nil {
		t.Errorf("the claim is taken for the truth: %v", err)
	}
	m.fetchAll(t, f)
	if !f.Complete() {
		t.Error("not complete")
	}
}

func TestFileReadAt(t *testing.T) {
	m := newFilm(t, 5000, 1024)
	f := m.open(t, filepath.Join(t.TempDir(), "film.mp4"))
	for _, i := range []uint64{0, 1, 3} {
		m.fetch(t, f, i)
	}
	cases := []struct {
		off  int64
		n    int
		want int
		err  error
	}{
		{0, 100, 100, nil},
		{1000, 100, 100, nil},
		{0, 2048, 2048, nil},
		{0, 2049, 2048, ErrNotHeld},
		{2047, 2, 1, ErrNotHeld},
		{2048, 1, 0, ErrNotHeld},
		{3072, 1024, 1024, nil},
		{4095, 10, 1, ErrNotHeld},
		{0, 0, 0, nil},
	}
	check := func() {
		t.Helper()
		for _, c := range cases {
			p := make([]byte, c.n)
			n, err := f.ReadAt(p, c.off)
			if n != c.want || !errors.Is(err, c.err) {
				t.Errorf("ReadAt(%d bytes, %d) = %d, %v; want %d, %v", c.n, c.off, n, err, c.want, c.err)
			}
			if string(p[:n]) != string(m.data[c.off:c.off+int64(n)]) {
				t.Errorf("ReadAt(%d bytes, %d): wrong bytes", c.n, c.off)
			}
		}
	}
	check()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = m.open(t, f.name) // the same out of claims
	check()
	m.fetch(t, f, 4)
	if n, err := f.ReadAt(make([]byte, 2000), 4096); n != 904 || err != io.EOF {
		t.Errorf("over the end: %d, %v", n, err)
	}
	for _, off := range []int64{5000, 5001, 1 << 50} {
		if n, err := f.ReadAt(make([]byte, 1), off); n != 0 || err != io.EOF {
			t.Errorf("at %d: %d, %v", off, n, err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset is accepted")
	}
}

// TestFileConcurrent reads by chunk and by byte while chunks come and are saved.
func TestFileConcurrent(t *testing.T) {
	m := newFilm(t, 200_003, 1024)
	path := filepath.Join(t.TempDir(), "film.mp4")
	f := m.open(t, path)
	for i := range m.chunks() / 2 {
		m.fetch(t, f, i)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = m.open(t, path)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(7, 8))
			for range 500 {
				i := rnd.Uint64N(m.chunks())
				b, err := f.AppendChunk(nil, i)
				if err == nil && string(b) != string(m.chunk(i)) {
					t.Errorf("chunk %d is torn", i)
				}
				off := rnd.Int64N(int64(len(m.data)))
				p := make([]byte, rnd.IntN(5000))
				n, _ := f.ReadAt(p, off)
				if string(p[:n]) != string(m.data[off:off+int64(n)]) {
					t.Errorf("bytes at %d are torn", off)
				}
			}
		})
	}
	all.Go(func() {
		if err := f.Check(t.Context(), 0, nil); err != nil {
			t.Error(err)
		}
	})
	saves := make(chan *Checkpoint, 1)
	all.Go(func() {
		for c := range saves {
			if err := c.Save(); err != nil {
				t.Error(err)
			}
		}
	})
	for i := m.chunks() / 2; i < m.chunks(); i++ {
		m.fetch(t, f, i)
		select {
		case saves <- f.Checkpoint():
		default:
		}
	}
	close(saves)
	all.Wait()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m.onDisk(t, path)
}

func TestOpenFileRefuses(t *testing.T) {
	m := newFilm(t, 5000, 1024)
	dir := t.TempDir()
	live := ppsp.LiveDefaults(ppsp.SwarmID("\x0d" + strings.Repeat("k", 64)))
	for name, c := range map[string]struct {
		path string
		meta ppsp.Metadata
		want string
	}{
		"no metadata":   {"film", ppsp.Metadata{}, "swarm ID"},
		"a live stream": {"film", live, "live"},
		"a folder":      {".", m.meta, "not a regular file"},
		"no folder":     {"none/film", m.meta, "the folder has to exist"},
		"dangling link": {"link", m.meta, "link to nowhere"},
	} {
		if name == "dangling link" {
			if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
		}
		_, err := OpenFile(t.Context(), filepath.Join(dir, c.path), c.meta)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestOpenFileInUse(t *testing.T) {
	m := newFilm(t, 5000, 1024)
	path := filepath.Join(t.TempDir(), "film.mp4")
	f := m.open(t, path)
	if _, err := OpenFile(t.Context(), path, m.meta); !errors.Is(err, ErrInUse) {
		t.Fatalf("opened twice: error %v, want ErrInUse", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t, path)
}

// TestFileWithoutIntegrity: nothing can be checked, so an incomplete film starts anew and
// a complete one is trusted while nobody touches it.
func TestFileWithoutIntegrity(t *testing.T) {
	m := newFilm(t, 5000, 1024)
	m.meta.Integrity = ppsp.IntegrityNone
	path := filepath.Join(t.TempDir(), "film.mp4")
	write := func(f *File, chunks ...uint64) {
		t.Helper()
		for _, i := range chunks {
			if err := f.WriteChunk(i, m.chunk(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	f := m.open(t, path)
	write(f, 0, 1)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = m.open(t, path)
	m.holds(t, f)
	write(f, 3)
	if f.WriteChunk(2, m.chunk(2)[:1000]) == nil {
		t.Error("a short chunk before one that is held was accepted")
	}
	if err := f.SetSize(5000); err != nil {
		t.Fatal(err)
	}
	write(f, 0, 1, 2, 4)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = m.open(t, path)
	m.holds(t, f, m.all())
}
