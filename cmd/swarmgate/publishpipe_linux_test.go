package main

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe is no film: to look into it would wait for ever.
func TestPipeIsNoFilm(t *testing.T) {
	atHome(t)
	pipe := filepath.Join(t.TempDir(), "film.mp4")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	sentence(t, []string{"publish", pipe}, 2, "it is no file, so no film; for a stream add --live")
}
