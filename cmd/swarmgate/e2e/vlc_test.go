//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// vlcRemote is a VLC that is told what to do by lines of text.
type vlcRemote struct {
	*process
	in io.Writer
}

// tell sends a line.
func (v vlcRemote) tell(words string) {
	v.t.Helper()
	if _, err := fmt.Fprintln(v.in, words); err != nil {
		v.t.Fatalf("VLC: %s: %v", words, err)
	}
}

// node waits until the playlist has an entry of this title, and returns its number. What VLC
// found itself comes with the services; the rest by going into a folder.
func (v vlcRemote) node(title string, limit time.Duration) string {
	v.t.Helper()
	entry := regexp.MustCompile(`(?m)^\|[ *]*(\d+) - ` + regexp.QuoteMeta(title) + `(\s|$)`)
	deadline := time.Now().Add(limit)
	for {
		before := len(v.output())
		v.tell("playlist")
		time.Sleep(300 * time.Millisecond)
		if m := entry.FindStringSubmatch(v.output()[before:]); m != nil {
			return m[1]
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("VLC lists no %q within %v", title, limit)
		}
	}
}

// vlc has VLC find the server, go through its folders, and play the channel for some seconds.
func (l room) vlc(t *testing.T, server, channel, film string) {
	t.Helper()
	const nobody = 65534 // VLC does not run as root
	need(t, "vlc")
	dir, err := os.MkdirTemp("", "vlc-") // that of the test lets nobody in
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "kept.ts")
	v := vlcRemote{process: l.tv.prepare("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME="+dir,
		"vlc", "-I", "rc", "--rc-fake-tty", "-S", "upnp", "--no-color", "--sout", "#std{access=file,mux=ts,dst="+kept+"}")}
	if v.in, err = v.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	v.launch()
	v.tell("goto " + v.node(server, 10*time.Second))
	v.tell("goto " + v.node("Films", 5*time.Second))
	v.node(film, 5*time.Second)
	v.tell("goto " + v.node("Channels", 5*time.Second))
	v.tell("goto " + v.node(channel, 5*time.Second))
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(300 * time.Millisecond) {
		if info, err := os.Stat(kept); err == nil && info.Size() > 120_000 { // some 5 s of the channel
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("VLC plays nothing")
		}
	}
	v.tell("quit")
	v.exit(5 * time.Second)
	if strings.Contains(v.log(), "can't be opened") {
		t.Error("VLC could not open what it found")
	}
	numbers := strips(command(t, 10*time.Second, "ffmpeg", "-v", "error", "-i", kept, "-an", "-fps_mode", "passthrough",
		"-vf", stripFilter, "-f", "rawvideo", "pipe:1"))
	if i := broken(numbers); i >= 0 || len(numbers) < 3*frameRate {
		t.Errorf("VLC played %d pictures, of which %d does not follow: %v", len(numbers), i, numbers)
	}
}
