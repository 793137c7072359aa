//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestZap goes through five channels by a key of the remote control, round and round: after the first
// round each is warm, and its first picture comes soon.
func TestZap(t *testing.T) {
	tracker := openTracker(t)
	titles := []string{"One", "Two", "Three", "Four", "Five"}
	var links []string
	for _, title := range titles {
		links = append(links, publish(t, "--live", "../media/channel.ts", "--title", title, "--tracker", tracker, "--dir", t.TempDir()).text)
	}
	_, page := gateway(t, t.TempDir(), links...)
	b := openBrowser(t)
	b.do(nil, "open", "url", page)
	b.do(nil, "wait", "selector", channelTile)
	b.do(nil, "click", "selector", channelTile)
	b.do(nil, "wait", "selector", `.stage[aria-label="One"].playing`)
	const rounds = 5
	var times []time.Duration
	for i := range rounds * len(titles) {
		began := time.Now()
		b.do(nil, "press", "key", "PageUp")
		b.do(nil, "wait", "selector", fmt.Sprintf(".stage[aria-label=%q].playing", titles[(i+1)%len(titles)]))
		times = append(times, time.Since(began).Round(time.Millisecond))
	}
	cold, warm := times[:len(titles)], slices.Sorted(slices.Values(times[len(titles):]))
	p50, p95 := warm[(len(warm)-1)/2], warm[(len(warm)-1)*95/100]
	t.Logf("first picture of a cold channel %v; of a warm one p50 %v, p95 %v, at most %v", cold, p50, p95, warm[len(warm)-1])
	if p50 > 800*time.Millisecond || p95 > 1500*time.Millisecond {
		t.Errorf("p50 %v and p95 %v, want at most 0.8 s and 1.5 s", p50, p95)
	}
}
