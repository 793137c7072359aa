//go:build e2e

package e2e

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestChannelOfBroadcasts publishes a channel as broadcasters do, MPEG-2 with AC-3: players get it as it
// is, browsers as ffmpeg converts it, each picture in order, and who asks for fragmented MP4 is sent on with a word.
func TestChannelOfBroadcasts(t *testing.T) {
	p, page := demo(t)
	tracker := p.event("ready", 5*time.Second, nil)["tracker"].(string)
	clip := filepath.Join(t.TempDir(), "broadcast.ts")
	command(t, 60*time.Second, "ffmpeg", "-v", "error", "-stream_loop", "3", "-i", "../media/channel.ts", "-c:v", "mpeg2video", "-b:v", "1200k", "-g", "12", "-bf", "2",
		"-c:a", "ac3", "-t", "90", "-f", "mpegts", clip)
	live := run(t, "publish", "--json", "--live", clip, "--title", "Broadcast", "--listen", "127.0.0.1:0", "--no-nat", "--tracker", tracker, "--dir", t.TempDir())
	link := live.event("swarm", 20*time.Second, nil)["link"].(string)
	answer, err := http.Post(page+"api/v1/channels", "application/json", strings.NewReader(`{"link":"`+link+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	var broadcast channel
	for _, c := range catalog(t, page) {
		if c.Title == "Broadcast" {
			broadcast = c
		}
	}
	if broadcast.URLs.Converted != page+"live/"+broadcast.ID+"/browser.ts" {
		t.Fatalf("the API names %+v", broadcast.URLs)
	}
	whole := watchStream(t, broadcast.URLs.TS, 4)
	converted := watchStream(t, broadcast.URLs.Converted, 4)
	whole.unbroken(3*frameRate, 60*time.Second)
	converted.unbroken(3*frameRate, 60*time.Second)
	out := string(command(t, 60*time.Second, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", broadcast.URLs.Converted))
	if !strings.Contains(out, "h264") || !strings.Contains(out, "aac") {
		t.Errorf("converted, it is %q", out)
	}
	answer, err = http.Get(broadcast.URLs.LL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	list, err := io.ReadAll(answer.Body)
	if err != nil || answer.Request.URL.Path != "/live/"+broadcast.ID+"/index.m3u8" || !strings.Contains(string(list), "#EXTINF") {
		t.Errorf("fragmented MP4 leads to %s, %v: %s", answer.Request.URL, err, list)
	}
	p.logged(10*time.Second, "no fragmented MP4", "MPEG-2")
}
