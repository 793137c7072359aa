package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// tree makes files below a folder of the test.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A folder stands for the films in it and below, in order; hidden folders and other files
// are passed over.
func TestFilmsOfAFolder(t *testing.T) {
	dir := tree(t, "b.mkv", "a.mp4", "notes.txt", "a.jpg", "song.mp3", "year/2024/c.TS", "year/d.webm", ".hidden/e.mp4", ".f.mp4", "sub.mp4/g.mov")
	if err := os.Symlink(filepath.Join(dir, "a.mp4"), filepath.Join(dir, "link.mp4")); err != nil {
		t.Fatal(err)
	}
	got, err := films(dir, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i], _ = strings.CutPrefix(got[i], dir+"/")
	}
	if want := []string{".f.mp4", "a.mp4", "b.mkv", "sub.mp4/g.mov", "year/2024/c.TS", "year/d.webm"}; !slices.Equal(got, want) {
		t.Errorf("films %q, want %q", got, want)
	}
}

func TestFolderOfAFilm(t *testing.T) {
	for film, want := range map[string]string{
		"/films/a.mp4": "", "/films/Series/Season 1/a.mp4": "Series / Season 1", "/films/x & y/a.mp4": "x & y", "/films/a\nb/a.mp4": "",
		"/films/" + strings.Repeat("x/", 200) + "a.mp4": "", "/films/\xff/a.mp4": "", "/films/a\u202eb/a.mp4": "", "/other/a.mp4": "",
	} {
		if got := folderOf("/films", film); got != want {
			t.Errorf("%q: %q, want %q", film, got, want)
		}
	}
	if got := folderOf("/films/a.mp4", "/films/a.mp4"); got != "" {
		t.Errorf("a film alone: %q", got)
	}
	if got := folderOf(".", "sub/a.mp4"); got != "sub" {
		t.Errorf("of the folder where one is: %q", got)
	}
}

// A file is published whatever its name is.
func TestFilmIsAFile(t *testing.T) {
	path := filepath.Join(tree(t, "no film.doc"), "no film.doc")
	if got, err := films(path, zerolog.Nop()); err != nil || !slices.Equal(got, []string{path}) {
		t.Errorf("films %q, error %v; want the file", got, err)
	}
}

func TestFoldersWithoutFilms(t *testing.T) {
	dir := tree(t, "a.txt", ".hidden/b.mp4")
	_, err := films(dir, zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), dir+": there is no film in the folder, nor below it; name one that has files ending in .mp4, .mkv, .ts, .webm or the like") {
		t.Errorf("error %v, want that there are no films", err)
	}
	hidden := filepath.Join(dir, ".hidden") // named by its name, it is meant
	if got, err := films(hidden, zerolog.Nop()); err != nil || len(got) != 1 {
		t.Errorf("films %q, error %v; want the one in the hidden folder", got, err)
	}
}

// One folder that may not be read, as lost+found, does not keep the others away. Root may
// read them all, so the walk is played here.
func TestFolderThatMayNotBeRead(t *testing.T) {
	dir := tree(t, "locked/a.mp4")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	list := filmList{root: dir, log: zerolog.New(&log)}
	refused := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}
	if err := list.visit(filepath.Join(dir, "locked"), entries[0], refused); err != nil {
		t.Errorf("a folder below that may not be read: %v", err)
	}
	if !strings.Contains(log.String(), filepath.Join(dir, "locked")) || !strings.Contains(log.String(), "may not be read") {
		t.Errorf("the log has %q, want the folder", log.String())
	}
	if err := list.visit(dir, entries[0], refused); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the folder itself: error %v, want the refusal", err)
	}
	if err := list.visit(filepath.Join(dir, "locked"), entries[0], io.ErrUnexpectedEOF); err == nil {
		t.Error("a disk that fails: no error")
	}
}

func TestTooManyFilms(t *testing.T) {
	dir := t.TempDir()
	for i := range maxFilms + 1 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.ts", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := films(dir, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("more than %d films; publish its parts", maxFilms)) {
		t.Errorf("error %v, want the bound", err)
	}
}
