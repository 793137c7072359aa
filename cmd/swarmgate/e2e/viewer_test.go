//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// viewer is an ffmpeg that decodes a stream and tells the barcode of each picture.
type viewer struct{ *process }

// watchStream starts a viewer of so many seconds of a stream.
func watchStream(t *testing.T, url string, seconds int) viewer {
	t.Helper()
	return watchFrom(t, func(words ...string) []string { return words }, url, seconds)
}

// watchFrom is watchStream on another machine: in puts words before a command that make it run there.
func watchFrom(t *testing.T, in func(words ...string) []string, url string, seconds int) viewer {
	t.Helper()
	v := viewer{start(t, in("ffmpeg", "-v", "warning", "-analyzeduration", "1000000", "-i", url, "-t", fmt.Sprint(seconds), "-an", "-fps_mode", "passthrough",
		"-vf", stripFilter, "-f", "rawvideo", "-flush_packets", "1", "pipe:1")...)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the viewer saw %v", v.numbers())
		}
	})
	return v
}

// numbers are those of the pictures so far.
func (v viewer) numbers() []int {
	pixels := []byte(v.output())
	return strips(pixels[:len(pixels)/barcodeBits*barcodeBits])
}

// sees waits for a number of pictures in all.
func (v viewer) sees(pictures int, limit time.Duration) []int {
	v.t.Helper()
	v.await(fmt.Sprintf("%d pictures", pictures), limit, func() bool { return len(v.numbers()) >= pictures })
	return v.numbers()
}

// unbroken expects the end of the viewer, and that each picture was the one after that
// before, of the channel.
func (v viewer) unbroken(pictures int, limit time.Duration) {
	v.t.Helper()
	if status := v.exit(limit); status != 0 {
		v.t.Errorf("ffmpeg ended with status %d", status)
	}
	numbers := v.numbers()
	if len(numbers) < pictures {
		v.t.Errorf("%d pictures, want %d", len(numbers), pictures)
	}
	if i := broken(numbers); i >= 0 {
		v.t.Errorf("picture %d has number %d after %v", i, numbers[i], numbers[max(0, i-3):i])
	}
}

// broken returns the first picture that does not follow on that before, -1 when all do.
func broken(numbers []int) int {
	for i, n := range numbers {
		f := frame{Number: n}
		if !f.live() || i > 0 && steps(frame{Number: numbers[i-1]}, f) != 1 {
			return i
		}
	}
	return -1
}

// listen reads a stream until stop is called, which tells the longest time in which nothing
// came after the first bytes. It tells a gateway that stalls from a screen that does.
func listen(t *testing.T, url string) (stop func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	longest := make(chan time.Duration, 1)
	go func() {
		defer answer.Body.Close()
		var last time.Time
		var pause time.Duration
		for b := make([]byte, 1<<16); ; last = time.Now() {
			if _, err := answer.Body.Read(b); err != nil {
				longest <- pause
				return
			}
			if !last.IsZero() {
				pause = max(pause, time.Since(last))
			}
		}
	}()
	return func() time.Duration {
		cancel()
		return <-longest
	}
}
