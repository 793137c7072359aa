//go:build e2e

package e2e

import (
	"slices"
	"testing"
	"time"
)

// TestPageShowsItselfSoon opens the page on a slow device by a slow network: something is to be seen within a second. What
// else the machine does counts too, so the best of a few times does.
func TestPageShowsItselfSoon(t *testing.T) {
	_, page := demo(t)
	b := openBrowser(t)
	const budget = time.Second
	slow := map[string]any{"cpu": 6, "latency": 100, "bps": 1.6e6} // times as slow, ms, bit/s
	var times []time.Duration
	for range 8 {
		var after struct{ Paint, Tiles float64 } // ms
		b.do(nil, "open", "url", page, "slow", slow)
		b.do(&after, "firstPaint")
		t.Logf("first contentful paint after %.0f ms, tiles after %.0f ms", after.Paint, after.Tiles)
		times = append(times, time.Duration(after.Paint*float64(time.Millisecond)))
		if slices.Min(times) <= budget {
			break
		}
	}
	if best := slices.Min(times); best > budget {
		t.Errorf("first contentful paint after %v at best, want at most %v", best, budget)
	}
}
