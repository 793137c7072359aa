//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPlayersOfHLS has programs that nobody here wrote play the channel in segments: ffmpeg must
// show each picture once and in order over many of them, VLC must play on.
func TestPlayersOfHLS(t *testing.T) {
	_, page := demo(t)
	channel := item(t, page, "live")
	if want := page + "live/" + channel.ID + "/index.m3u8"; channel.URLs.HLS != want {
		t.Fatalf("the API names %q, want %q", channel.URLs.HLS, want)
	}
	v := watchStream(t, channel.URLs.HLS, 8)
	kept := vlcKeeps(t, channel.URLs.HLS, 120_000)
	v.unbroken(180, 30*time.Second)
	if out, err := exec.Command("ffmpeg", "-v", "error", "-i", kept, "-f", "null", "-").CombinedOutput(); err != nil {
		t.Errorf("what VLC kept: %v\n%s", err, out)
	}
}

// vlcKeeps has VLC play a URL until it has written so many bytes of it, and returns the file.
func vlcKeeps(t *testing.T, url string, bytes int64) string {
	t.Helper()
	const nobody = 65534 // VLC does not run as root
	need(t, "vlc")
	dir, err := os.MkdirTemp("", "vlc-") // that of the test lets nobody in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "kept.ts")
	v := start(t, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME="+dir,
		"vlc", "-I", "dummy", "--no-color", "--sout", "#std{access=file,mux=ts,dst="+kept+"}", url)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if info, err := os.Stat(kept); err == nil && info.Size() > bytes {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("VLC plays nothing")
		}
	}
	v.end()
	return kept
}
