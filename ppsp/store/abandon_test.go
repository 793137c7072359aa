package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Who gives up without one chunk leaves nothing behind, and who got some leaves all of it.
func TestAbandon(t *testing.T) {
	m := newFilm(t, 5000, 1024)
	path := filepath.Join(t.TempDir(), "film")
	left := func() (n int) {
		for _, name := range []string{path, path + PartSuffix, path + SidecarSuffix} {
			if _, err := os.Stat(name); err == nil {
				n++
			} else if !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		return n
	}
	f := m.open(t, path)
	if left() != 2 {
		t.Fatalf("%d files are being written, want 2", left())
	}
	if err := f.SetSize(5000); err != nil {
		t.Fatal(err)
	}
	if err := f.Abandon(); err != nil || left() != 0 {
		t.Errorf("%d files are left, %v", left(), err)
	}
	f = m.open(t, path)
	m.fetch(t, f, 3)
	if err := f.Abandon(); err != nil || left() != 2 {
		t.Errorf("%d files are left of a film begun, %v", left(), err)
	}
	f = m.open(t, path)
	if f.Held() != 1 { // a claim of the earlier run
		t.Errorf("%d chunks of 1", f.Held())
	}
	if err := f.Abandon(); err != nil || left() != 2 {
		t.Errorf("%d files are left of a film begun, %v", left(), err)
	}
	f = m.open(t, path)
	m.fetchAll(t, f)
	if err := f.Abandon(); err != nil || left() != 2 {
		t.Errorf("%d files are left of a whole film, %v", left(), err)
	}
	if err := f.Abandon(); err != nil || left() != 2 {
		t.Errorf("twice: %d files, %v", left(), err)
	}
	if err := os.WriteFile(path+".other", nil, 0o600); err != nil { // an empty file is nothing, too
		t.Fatal(err)
	}
	f = m.open(t, path+".other")
	if err := f.Abandon(); err != nil {
		t.Error(err)
	}
}
