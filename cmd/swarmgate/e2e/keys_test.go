//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"
)

// pageState is where focus and picture are.
type pageState struct {
	Focus string
	Time  float64 // s
}

// A link is added by keys alone, and the arrows go ahead and back in a film while no button
// nor tile has the focus.
func TestPageByKeys(t *testing.T) {
	_, page := demo(t)
	b := openBrowser(t)
	b.do(nil, "open", "url", page)
	b.do(nil, "wait", "selector", filmTile)
	b.do(nil, "click", "selector", "header .button")
	var at pageState
	if b.do(&at, "state"); at.Focus != "TEXTAREA" {
		t.Errorf("the dialog opens with the focus on %s, want the link's field", at.Focus)
	}
	b.do(nil, "type", "text", "ppsp:live/0d12")
	b.do(nil, "press", "key", "Enter")
	b.do(nil, "wait", "selector", ".error:not(:empty)")
	var words string
	if b.do(&words, "text", "selector", ".error"); !strings.Contains(words, "copy the whole link again") {
		t.Errorf("of a link cut off the page says %q", words)
	}
	b.do(nil, "type", "text", "3")
	if b.do(&words, "text", "selector", "dialog form"); strings.Contains(words, "0d12") {
		t.Errorf("the old error stays while one types: %q", words)
	}
	b.do(nil, "press", "key", "Escape")

	b.do(nil, "click", "selector", filmTile)
	b.watch(10*time.Second, func(f []frame) bool { _, ok := first(f, frame.ofFilm); return ok })
	step := func(key string, least, most float64) {
		t.Helper()
		var before, after pageState
		b.do(&before, "state")
		b.do(nil, "press", "key", key)
		if b.do(&after, "state"); after.Time-before.Time < least || after.Time-before.Time > most {
			t.Errorf("%s with the focus on %s goes from %.1f to %.1f s", key, before.Focus, before.Time, after.Time)
		}
	}
	step(" ", 0, 2) // pauses
	step("ArrowRight", 9.5, 12)
	step("ArrowLeft", -10.5, -8)
	b.do(nil, "press", "key", "ArrowDown") // to a tile
	if b.do(&at, "state"); at.Focus != "A" {
		t.Errorf("the arrow down goes to %s, want a tile", at.Focus)
	}
	step("ArrowRight", 0, 2)
}
