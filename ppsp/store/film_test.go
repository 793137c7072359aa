package store

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// film is content with the tree its publisher made.
type film struct {
	data []byte
	tree *merkle.Tree
	meta ppsp.Metadata
}

// newFilm makes n bytes of content, always the same for the same n.
func newFilm(t testing.TB, n int, chunkSize uint32) *film {
	t.Helper()
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(data)
	tree, size, err := merkle.Build(ppsp.SHA256, chunkSize, bytes.NewReader(data))
	if err != nil || size != int64(n) {
		t.Fatalf("Build: %d bytes, %v", size, err)
	}
	meta := ppsp.StaticDefaults(ppsp.SwarmID(tree.Root()))
	meta.ChunkSize = chunkSize
	return &film{data, tree, meta}
}

func (m *film) chunks() uint64 { return m.tree.Chunks() }

func (m *film) chunk(i uint64) []byte {
	start := int(i) * int(m.meta.ChunkSize)
	return m.data[start:min(start+int(m.meta.ChunkSize), len(m.data))]
}

// fetch does with chunk i what the engine does: it verifies it and writes it.
func (m *film) fetch(t testing.TB, f *File, i uint64) {
	t.Helper()
	if err := m.tryFetch(f, i); err != nil {
		t.Fatal(err)
	}
}

func (m *film) tryFetch(f *File, i uint64) error {
	tree := f.Tree()
	if err := tree.SetPeaks(m.tree.AppendPeaks(nil)); err != nil {
		return err
	}
	var p merkle.Proof
	for _, b := range m.tree.AppendUncles(nil, i, func(chunk.Bin) bool { return false }) {
		if hash, ok := m.tree.Hash(b); ok {
			p.Add(b, hash)
		}
	}
	if err := tree.Verify(i, m.chunk(i), &p); err != nil {
		return err
	}
	return f.WriteChunk(i, m.chunk(i))
}

func (m *film) fetchAll(t testing.TB, f *File) {
	t.Helper()
	for _, i := range rand.New(rand.NewPCG(3, 4)).Perm(int(m.chunks())) {
		m.fetch(t, f, uint64(i))
	}
}

// open opens path as a receiver; the test closes it at its end at the latest.
func (m *film) open(t testing.TB, path string) *File {
	t.Helper()
	f, err := OpenFile(t.Context(), path, m.meta)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// seed writes the film to path, made on the 1st of January, and seeds it.
func (m *film) seed(t testing.TB, path, stateDir string) *File {
	t.Helper()
	f, meta, err := Seed(t.Context(), path, SeedConfig{Metadata: m.meta, StateDir: stateDir})
	if err != nil {
		t.Fatal(err)
	}
	if meta != m.meta {
		t.Fatalf("Seed: metadata %v, want %v", meta, m.meta)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// holds checks that the File holds exactly these chunks, and their bytes.
func (m *film) holds(t testing.TB, f *File, want ...chunk.Range) {
	t.Helper()
	var wanted chunk.Set
	for _, r := range want {
		wanted.Add(r)
	}
	for i := range m.chunks() {
		got, err := f.AppendChunk([]byte("before"), i)
		switch {
		case wanted.Has(i) && err != nil:
			t.Fatalf("AppendChunk(%d): %v", i, err)
		case wanted.Has(i) && !bytes.Equal(got, append([]byte("before"), m.chunk(i)...)):
			t.Fatalf("AppendChunk(%d): wrong bytes", i)
		case !wanted.Has(i) && !errors.Is(err, ErrNotHeld):
			t.Fatalf("AppendChunk(%d): error %v, want ErrNotHeld", i, err)
		case !wanted.Has(i) && string(got) != "before":
			t.Fatalf("AppendChunk(%d) appended in spite of its error", i)
		}
	}
	if have := f.Have(); !have.Equal(&wanted) {
		t.Fatalf("Have: %v, want %v", runs(&have), want)
	}
}

func runs(s *chunk.Set) []chunk.Range {
	var all []chunk.Range
	for r := range s.Ranges() {
		all = append(all, r)
	}
	return all
}

func (m *film) all() chunk.Range { return chunk.Range{End: m.chunks()} }

// readsWhole checks the film as a reader of bytes meets it.
func (m *film) readsWhole(t testing.TB, f *File) {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, m.data) {
		t.Fatal("the bytes read differ")
	}
}

func (m *film) onDisk(t testing.TB, path string) {
	t.Helper()
	if got := mustRead(t, path); !bytes.Equal(got, m.data) {
		t.Fatalf("%s has other bytes than the film", path)
	}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// flip inverts one bit of the file at path and keeps its time of change.
func flip(t testing.TB, path string, at int) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	b := mustRead(t, path)
	b[at] ^= 4
	put(t, path, b)
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// names returns the files in the folder of path.
func names(t testing.TB, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestReopenWhileNamed: a screen that asks while the film is being given its name, which takes as
// long as the folder takes to be durable, gets it straight from the file, too.
func TestReopenWhileNamed(t *testing.T) {
	m := newFilm(t, 9000, 1024)
	path := filepath.Join(t.TempDir(), "film")
	f := m.open(t, path)
	m.fetchAll(t, f)
	if n, err := f.Verified(0, 9000); n != 9000 || err != nil { // all is written
		t.Fatal(n, err)
	}
	if err := os.Rename(path+PartSuffix, path); err != nil {
		t.Fatal(err)
	}
	again, err := f.Reopen()
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got, err := io.ReadAll(again); err != nil || !bytes.Equal(got, m.data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	put(t, path+".other", []byte("x"))
	if err := os.Rename(path+".other", path); err != nil {
		t.Fatal(err)
	}
	if again, err := f.Reopen(); !errors.Is(err, ErrChanged) {
		t.Errorf("another file under the name: %v, %v", again, err)
	}
}
