//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPlayers has programs that nobody here wrote play the channel, whole and in segments: ffmpeg and
// mpv must show each picture once and in order, VLC must play on.
func TestPlayers(t *testing.T) {
	_, page := demo(t)
	channel := item(t, page, "live")
	if want := page + "live/" + channel.ID + "/index.m3u8"; channel.URLs.HLS != want {
		t.Fatalf("the API names %q, want %q", channel.URLs.HLS, want)
	}
	for name, url := range map[string]string{"whole": channel.URLs.TS, "segments": channel.URLs.HLS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const pictures = 6 * frameRate
			ffmpeg, mpv := watchStream(t, url, 6), mpvShows(t, url, 6)
			kept := vlcKeeps(t, url, 120_000)
			ffmpeg.unbroken(pictures-frameRate, 60*time.Second)
			mpv.unbroken(pictures-frameRate, 60*time.Second)
			if out, err := exec.Command("ffmpeg", "-v", "error", "-i", kept, "-f", "null", "-").CombinedOutput(); err != nil {
				t.Errorf("what VLC kept: %v\n%s", err, out)
			}
		})
	}
}

// mpvShows has mpv play so many seconds of a stream, and writes what it shows as a viewer of ffmpeg does.
func mpvShows(t *testing.T, url string, seconds int) viewer {
	t.Helper()
	return viewer{start(t, "mpv", "--no-config", "--no-terminal", "--no-audio", "--length="+fmt.Sprint(seconds),
		"--vf=lavfi=["+stripFilter+"]", "--of=rawvideo", "--ovc=rawvideo", "--o=-", url)}
}

// TestHLSInChromium has hls.js play the channel in segments of its transport stream, and in
// fragmented MP4 with low delay.
func TestHLSInChromium(t *testing.T) {
	_, page := demo(t)
	channel := item(t, page, "live")
	const library = "node_modules/hls.js/dist/hls.min.js"
	if _, err := os.Stat(library); err != nil {
		t.Fatal("hls.js is missing: npm ci in cmd/swarmgate/e2e")
	}
	b := openBrowser(t)
	for _, c := range []struct {
		name, url string
		delay     time.Duration // most, in the end and mostly
		options   map[string]any
	}{
		{"segments", channel.URLs.HLS, 6 * time.Second, nil},
		{"low latency", channel.URLs.LL, 3 * time.Second, map[string]any{"lowLatencyMode": true, "maxLiveSyncPlaybackRate": 1.5}},
	} {
		b.do(nil, "hls", "url", c.url, "library", library, "options", c.options)
		_, frames := b.watch(30*time.Second, func(f []frame) bool { _, ok := firstLive(f); return ok })
		begun, ok := firstLive(frames)
		if !ok {
			t.Fatalf("%s: no frame of the channel within 30 s", c.name)
		}
		_, frames = b.watch(5*time.Second, nil)
		var fatal []string
		if b.do(&fatal, "fatal"); len(fatal) > 0 {
			t.Errorf("%s: hls.js gave up: %v", c.name, fatal)
		}
		v := view(frames, begun.At, frames[len(frames)-1].At)
		t.Log(c.name, v)
		if v.frames < 2*frameRate || v.backwards > 0 || v.strange > 0 || v.delay(50) > c.delay {
			t.Errorf("%s: played %v", c.name, v)
		}
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
