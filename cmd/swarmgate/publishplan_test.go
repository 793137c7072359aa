package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// A mistake is told also while another publisher uses the folder for state.
func TestPublishTellsMistakesBeforeTheFolderInUse(t *testing.T) {
	atHome(t)
	dir, used := t.TempDir(), t.TempDir()
	store, err := openState(used, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	newFilm(t, filepath.Join(dir, "film.mp4"), 5000)
	if err := os.WriteFile(filepath.Join(dir, "zero.mp4"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for line, words := range map[string]string{
		"film.mp4":                        "another swarmgate uses this folder",
		"film.mp4 --hash md5":             `hash function "md5" is unknown`,
		"film.mp4 --rate 5Mbit/s":         "--rate is for live streams",
		"zero.mp4":                        "the file is empty",
		"folder":                          "there is no film in the folder",
		"folder --live":                   "it is a folder; name one transport stream",
		"film.mp4 --live --signature pgp": `signature algorithm "pgp" is unknown`,
	} {
		args := append([]string{"publish", "--dir", used}, strings.Fields(line)...)
		args[3] = filepath.Join(dir, args[3])
		status, out, err := once(t, args...)
		if status == 0 || !strings.Contains(err, words) || strings.Contains(err, "another") != strings.HasPrefix(words, "another") || out != "" {
			t.Errorf("publish %s: exit status %d, %q; want %q", line, status, err, words)
		}
	}
}

// What will disappoint later is pointed out, and published all the same.
func TestPublishPointsOut(t *testing.T) {
	atHome(t)
	notes := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(notes, []byte("not a film"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, nil, "publish", notes, "--listen", free, "--dir", t.TempDir(), "--tracker", "http://127.0.0.1:9/", "--duration", "1s")
	p.say(t, "Ctrl-C ends it.")
	if log := p.err.String(); !strings.Contains(log, "no screen will play it") {
		t.Errorf("of a text it says %q", log)
	}
	words := p.out.String()
	if !strings.Contains(words, "ppsp:film/") || !strings.Contains(words, "The tracker http://127.0.0.1:9/ is an address of this machine alone") {
		t.Errorf("of a tracker on loopback it says %q", words)
	}
	if status := p.end(t, 5*time.Second); status != 0 || !strings.HasSuffix(p.out.String(), "Stopped.\n") {
		t.Errorf("exit status %d, and last it says %q", status, p.out)
	}
}

// Only a tracker that nobody else can reach is one of this machine alone.
func TestTrackerOfThisMachine(t *testing.T) {
	for url, here := range map[trackerURL]bool{
		"http://127.0.0.1:7846/": true, "http://[::1]:7846/": true, "http://localhost:7846/": true, "http://0.0.0.0:7846/": true,
		"http://192.168.1.5:7846/": false, "https://tracker.example/": false, "http://localhost.example/": false,
	} {
		if url.here() != here {
			t.Errorf("%s: of this machine alone: %t, want %t", url, !here, here)
		}
	}
}
