//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// broadcast publishes a channel as broadcasters code it, MPEG-2 with AC-3, and returns its link.
func broadcast(t *testing.T, tracker string) string {
	t.Helper()
	clip := filepath.Join(t.TempDir(), "broadcast.ts")
	command(t, 60*time.Second, "ffmpeg", "-v", "error", "-stream_loop", "3", "-i", "../media/channel.ts", "-c:v", "mpeg2video", "-b:v", "1200k", "-g", "12", "-bf", "2",
		"-c:a", "ac3", "-t", "90", "-f", "mpegts", clip)
	live := run(t, "publish", "--json", "--live", clip, "--title", "Broadcast", "--listen", "127.0.0.1:0", "--no-nat", "--tracker", tracker, "--dir", t.TempDir())
	return live.event("swarm", 20*time.Second, nil)["link"].(string)
}

// TestPageConverts watches in Chromium what Chromium does not play: the page takes what ffmpeg makes of
// it, and says so.
func TestPageConverts(t *testing.T) {
	link := broadcast(t, openTracker(t))
	_, page := gateway(t, t.TempDir(), link)
	b := openBrowser(t)
	b.do(nil, "open", "url", page)
	b.do(nil, "wait", "selector", channelTile)
	b.do(nil, "click", "selector", channelTile)
	clicked, frames := b.watch(40*time.Second, func(f []frame) bool { _, ok := firstLive(f); return ok })
	start, ok := firstLive(frames)
	if !ok {
		b.shot("converted-failed")
		var words string
		b.do(&words, "text", "selector", ".stage .words")
		t.Fatalf("no frame of the channel within 40 s of the click; the page says %q", words)
	}
	t.Logf("first frame, of ffmpeg's, %d ms after the click", start.At-clicked)
	if _, more := b.watch(5*time.Second, nil); len(more) < 2*frameRate {
		t.Errorf("%d frames in 5 s", len(more))
	}
	var words string
	if b.do(&words, "text", "selector", ".panel .about"); !strings.Contains(words, "MPEG-2 + AC-3; the gateway converts it") {
		t.Errorf("the page does not say that it is converted: %q", words)
	}
	b.shot("converted")
}

// TestPageSaysWhyNot has no ffmpeg: the page says plainly what is wrong and what to do.
func TestPageSaysWhyNot(t *testing.T) {
	link := broadcast(t, openTracker(t))
	t.Setenv("SWARMGATE_FFMPEG", "off")
	_, page := gateway(t, t.TempDir(), link)
	b := openBrowser(t)
	b.do(nil, "open", "url", page)
	b.do(nil, "wait", "selector", channelTile)
	b.do(nil, "click", "selector", channelTile)
	b.do(nil, "wait", "selector", ".stage.failed")
	var words string
	b.do(&words, "text", "selector", ".stage .words")
	for _, want := range []string{"MPEG-2 + AC-3", "this browser can’t play", "ffmpeg", "VLC", "TV"} {
		if !strings.Contains(words, want) {
			t.Errorf("no %s in %q", want, words)
		}
	}
	b.shot("no-converter")
}
