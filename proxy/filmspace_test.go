package proxy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/store"
)

// put writes a file of so many bytes that was changed so many hours ago.
func putFile(t *testing.T, dir, name string, bytes, hours int) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, make([]byte, bytes), 0o600); err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-time.Duration(hours) * time.Hour)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestMakeRoomRemovesTheOldestUnused(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir, "old", 100, 9)
	putFile(t, dir, "old"+store.SidecarSuffix, 10, 9)
	putFile(t, dir, "watched", 100, 8)
	putFile(t, dir, "newer"+store.PartSuffix, 100, 7)
	putFile(t, dir, "newest", 100, 1)
	if err := makeRoom(dir, 0, 1000, nil); err != nil || !strings.Contains(names(t, dir), "old") {
		t.Errorf("no limit: error %v, left %s", err, names(t, dir))
	}
	if err := makeRoom(dir, 350, 100, map[string]bool{"watched": true}); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), "newest watched"; got != want {
		t.Errorf("left %q, want %q", got, want)
	}
}

func TestMakeRoomRefusesWhatCannotFit(t *testing.T) {
	err := makeRoom(t.TempDir(), 100<<20, 200<<20, nil)
	if err == nil || !strings.Contains(err.Error(), "200 MB") || !strings.Contains(err.Error(), "100 MB") {
		t.Errorf("error %v, want one with both sizes", err)
	}
}
