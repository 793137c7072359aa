//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// longChannel makes two minutes of the bundled channel, for publishers that play a file once.
func longChannel(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "channel.ts")
	command(t, 20*time.Second, "ffmpeg", "-v", "error", "-stream_loop", "4", "-i", "../media/channel.ts", "-c", "copy", "-f", "mpegts", path)
	return path
}

// TestPublisherComesBack kills the publisher and starts it again: players and page go on
// under the same link, and nobody has to do anything.
func TestPublisherComesBack(t *testing.T) {
	tracker, dir, file := openTracker(t), t.TempDir(), longChannel(t)
	args := []string{"--live", file, "--tracker", tracker, "--dir", dir, "--title", "Comes Back"}
	gone := publish(t, args...)
	_, page := gateway(t, t.TempDir(), gone.text)
	stream := watchStream(t, item(t, page, "live").URLs.TS, 120)
	b := openBrowser(t)
	b.do(nil, "open", "url", page)
	b.do(nil, "click", "selector", channelTile)
	if _, seen := b.watch(10*time.Second, func(f []frame) bool { return len(f) > 3*frameRate }); len(seen) <= 3*frameRate {
		t.Fatalf("the page shows %d frames in 10 s", len(seen))
	}
	stream.sees(8*frameRate, 15*time.Second)

	if err := gone.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone.exit(time.Second)
	silence(t, stream)
	still(t, b)
	b.shot("publisher-gone")

	before, began := len(stream.numbers()), time.Now()
	back := publish(t, args...)
	sameChannel(t, gone, back)
	stream.sees(before+1, 5*time.Second)
	t.Logf("players: first picture %v after the publisher was started again", time.Since(began).Round(time.Millisecond))
	// The file begins anew. A last picture of before may still come first.
	fresh := func(f frame) bool { return f.Number < 6*frameRate }
	_, seen := b.watch(10*time.Second, func(f []frame) bool { _, ok := first(f, fresh); return ok })
	again, ok := first(seen, fresh)
	if !ok {
		t.Fatal("the page shows nothing within 10 s of the publisher's return")
	}
	t.Logf("page: first picture %d ms after the publisher was started again", again.At-began.UnixMilli())
	if again.At-began.UnixMilli() > 5000 {
		t.Error("the page took longer than 5 s")
	}
	_, more := b.watch(6*time.Second, nil)
	v := view(append(seen, more...), again.At+1000, again.At+6000)
	t.Log("page, from the second second on:", v)
	if v.gap > time.Second {
		t.Errorf("the picture stood for %v after the return", v.gap)
	}
	b.shot("publisher-back")
	after := len(stream.numbers())
	if after-before < 4*frameRate {
		t.Errorf("a player got %d pictures since the publisher is back, want more than 4 s", after-before)
	}
	back.end()
}

// sameChannel expects that both links name the same swarm in the same way, but for where
// the publisher is.
func sameChannel(t *testing.T, a, b publisher) {
	t.Helper()
	one, other := a.link, b.link
	one.Peers, other.Peers = nil, nil
	if one.String() != other.String() {
		t.Errorf("another link after the restart:\n%s\n%s", a.text, b.text)
	}
	if a.link.Kind != ppsp.Live || !strings.HasPrefix(a.text, "ppsp:live/") {
		t.Errorf("not a channel: %s", a.text)
	}
}

// still waits until the page has shown all that it had.
func still(t *testing.T, b *browser) {
	t.Helper()
	for range 10 {
		if _, frames := b.watch(time.Second, nil); len(frames) == 0 {
			return
		}
	}
	t.Fatal("the page shows new pictures 10 s after the publisher was killed")
}

// silence waits until a player has got all that there was.
func silence(t *testing.T, v viewer) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		n := len(v.numbers())
		time.Sleep(time.Second)
		if len(v.numbers()) == n {
			return
		}
	}
	t.Fatal("pictures still come 10 s after the publisher was killed")
}
