package proxy

import (
	"os"
	"path/filepath"
	"slices"
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

// IDs as sessions have them.
const old, watched, newer, newest, wanted = "0000000000000000000a", "0000000000000000000b", "0000000000000000000c", "0000000000000000000d", "0000000000000000000e"

// unless is as Gateway.ifUnused where these films are in use.
func unless(used ...string) func(string, func() error) (bool, error) {
	return func(id string, do func() error) (bool, error) {
		if slices.Contains(used, id) {
			return false, nil
		}
		return true, do()
	}
}

func TestMakeRoomRemovesTheOldestUnused(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir, old, 100, 9)
	putFile(t, dir, old+store.SidecarSuffix, 10, 9)
	putFile(t, dir, watched, 100, 8)
	putFile(t, dir, newer+store.PartSuffix, 100, 7)
	putFile(t, dir, newest, 100, 1)
	if err := makeRoom(dir, 0, wanted, 1000, unless()); err != nil || !strings.Contains(names(t, dir), old) {
		t.Errorf("no limit: error %v, left %s", err, names(t, dir))
	}
	if err := makeRoom(dir, 350, wanted, 100, unless(watched)); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), watched+" "+newest; got != want {
		t.Errorf("left %q, want %q", got, want)
	}
}

// A process that ends while it hashes a film leaves the sidecar it was making.
func TestMakeRoomCountsUnfinishedSidecars(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir, old+store.FreshSuffix, 100, 9)
	putFile(t, dir, newer, 100, 7)
	putFile(t, dir, newer+store.FreshSuffix, 100, 7)
	putFile(t, dir, newest, 100, 1)
	if err := makeRoom(dir, 400, wanted, 100, unless()); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), newer+" "+newer+store.FreshSuffix+" "+newest; got != want {
		t.Errorf("left %q, want %q", got, want)
	}
	if err := makeRoom(dir, 200, wanted, 100, unless()); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != newest {
		t.Errorf("left %q, want %q", got, newest)
	}
}

// The folder may be one in which the household keeps films of its own.
func TestMakeRoomLeavesOtherFilesAlone(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir, "Holiday 1998.mp4", 1000, 99)
	putFile(t, dir, "0000000000000000000a.mp4", 1000, 99)
	putFile(t, dir, old, 100, 9)
	if err := makeRoom(dir, 150, wanted, 100, unless()); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), "0000000000000000000a.mp4 Holiday 1998.mp4"; got != want {
		t.Errorf("left %q, want %q", got, want)
	}
}

// A film that is there already needs no second room.
func TestMakeRoomCountsTheFilmOnce(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir, old, 100, 9)
	putFile(t, dir, wanted, 100, 8)
	if err := makeRoom(dir, 200, wanted, 100, unless()); err != nil || names(t, dir) != old+" "+wanted {
		t.Errorf("error %v, left %q: want both", err, names(t, dir))
	}
}

// What was watched last stays longest, though it was fetched first.
func TestTouchedFilmStays(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir, old, 100, 9)
	putFile(t, dir, old+store.SidecarSuffix, 1, 9)
	putFile(t, dir, newer, 100, 2)
	touch(dir, old, time.Now())
	if err := makeRoom(dir, 250, wanted, 100, unless()); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), old+" "+old+store.SidecarSuffix; got != want {
		t.Errorf("left %q, want %q", got, want)
	}
}

func TestMakeRoomRefusesWhatCannotFit(t *testing.T) {
	err := makeRoom(t.TempDir(), 100<<20, wanted, 200<<20, unless())
	if err == nil || !strings.Contains(err.Error(), "200 MB") || !strings.Contains(err.Error(), "100 MB") {
		t.Errorf("error %v, want one with both sizes", err)
	}
}
