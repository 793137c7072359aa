package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// killed copies what lies on the disk of the film at path into a folder of its own, as a
// process that is killed now would leave it, and returns the path there.
func killed(t testing.TB, path string) string {
	t.Helper()
	there := filepath.Join(t.TempDir(), filepath.Base(path))
	for _, suffix := range []string{"", PartSuffix, SidecarSuffix} {
		info, err := os.Stat(path + suffix)
		if missing(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		put(t, there+suffix, mustRead(t, path+suffix))
		if err := os.Chtimes(there+suffix, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	return there
}

// TestFirstPageKeepsAvailability: chunks below the small peaks need no page of level 1. When
// the first such page of their segment comes later, what was saved of them stays saved, so
// that who is killed before the next Save loses nothing of it.
func TestFirstPageKeepsAvailability(t *testing.T) {
	for name, c := range map[string]struct {
		chunks int
		early  chunk.Range // below a peak that needs no page of level 1
		late   uint64      // needs one of the same segment
	}{
		"one segment":  {768, chunk.Range{Start: 512, End: 768}, 0},
		"the last one": {segmentSize + 600, chunk.Range{Start: segmentSize + 512, End: segmentSize + 600}, segmentSize + 3},
	} {
		m := newFilm(t, c.chunks*64, 64)
		path := filepath.Join(t.TempDir(), "film")
		f := m.open(t, path)
		for i := c.early.Start; i < c.early.End; i++ {
			m.fetch(t, f, i)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if held := m.open(t, killed(t, path)).Held(); held != c.early.Len() {
			t.Fatalf("%s: %d chunks survive the kill, want %d", name, held, c.early.Len())
		}
		m.fetch(t, f, c.late)
		if held := m.open(t, killed(t, path)).Held(); held != c.early.Len() {
			t.Errorf("%s: %d chunks survive the kill after the first page of level 1, want %d", name, held, c.early.Len())
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if held := m.open(t, killed(t, path)).Held(); held != c.early.Len()+1 {
			t.Errorf("%s: %d chunks survive the kill after Sync, want %d", name, held, c.early.Len()+1)
		}
	}
}

// TestKilledInRepair: of two damaged chunks of a complete film one is repaired, then the
// process is killed. The next one knows the film and repairs the other.
func TestKilledInRepair(t *testing.T) {
	m := newFilm(t, 9000, 1024)
	path := filepath.Join(t.TempDir(), "film")
	put(t, path, m.data)
	if err := m.open(t, path).Close(); err != nil { // hashes it
		t.Fatal(err)
	}
	flip(t, path, 2*1024)
	flip(t, path, 7*1024)
	f := m.open(t, path)
	if err := f.Check(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if lost := f.TakeLost(); lost.Count() != 2 || !lost.Has(2) || !lost.Has(7) {
		t.Fatalf("lost %v", runs(&lost))
	}
	m.fetch(t, f, 2)
	path = killed(t, path)
	f = m.open(t, path)
	if err := f.Check(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if lost := f.TakeLost(); lost.Count() != 1 || !lost.Has(7) {
		t.Fatalf("after the kill: lost %v, want chunk 7", runs(&lost))
	}
	m.fetch(t, f, 7)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m.onDisk(t, path)
	if f = m.open(t, path); f.Held() != m.chunks() || f.Unchecked() != m.chunks() {
		t.Errorf("%d chunks, %d of them claimed by the sidecar, want all %d", f.Held(), f.Unchecked(), m.chunks())
	}
}

// slowContent counts how often its user waits for the disk.
type slowContent struct {
	content
	waited *int
}

func (c slowContent) Sync() error { *c.waited++; return c.content.Sync() }

// slowSide does as slowContent for a sidecar.
type slowSide struct {
	sideFile
	waited *int
}

func (s slowSide) Sync() error { *s.waited++; return s.sideFile.Sync() }

// TestFirstSaveDoesNotWait: who is killed soon after each start loses but what came since the
// last Save, however slow the disk is, so that the film is whole some day.
func TestFirstSaveDoesNotWait(t *testing.T) {
	m := newFilm(t, 9000, 1024)
	path := filepath.Join(t.TempDir(), "film")
	for i := range m.chunks() - 1 {
		f := m.open(t, path)
		times := 0
		f.content, f.side.file = slowContent{f.content, &times}, slowSide{f.side.file, &times}
		m.fetch(t, f, i)
		if err := f.Checkpoint().Save(); err != nil {
			t.Fatal(err)
		}
		if times != 0 {
			t.Errorf("run %d: its first Save waited for the disk %d times", i, times)
		}
		path = killed(t, path)
		if held := m.open(t, path).Held(); held != i+1 {
			t.Fatalf("run %d: %d chunks survive the kill, want %d", i, held, i+1)
		}
		path = killed(t, path) // that process is killed, too
	}
	f := m.open(t, path)
	times := 0
	f.content, f.side.file = slowContent{f.content, &times}, slowSide{f.side.file, &times}
	f.saver.syncedAt = f.saver.syncedAt.Add(-syncEvery)
	m.fetch(t, f, m.chunks()-1)
	if err := f.Checkpoint().Save(); err != nil || times == 0 {
		t.Errorf("after %s it is made durable %d times, %v", syncEvery, times, err)
	}
}
