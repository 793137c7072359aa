//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// box is where something lies, in pixels of the window.
type box struct{ Left, Right, Top, Bottom float64 }

// TestPageFromRightToLeft speaks Arabic: what has a side changes it, players' controls and arrows of the keyboard do not.
func TestPageFromRightToLeft(t *testing.T) {
	_, page := demo(t)
	b := openBrowser(t)
	layout := func(selectors ...string) []box {
		t.Helper()
		var seen struct {
			Dir, Lang string
			At        []box
		}
		if b.do(&seen, "layout", "selectors", selectors); seen.Dir != "rtl" || seen.Lang != "ar" {
			t.Fatalf("the page is written %s in %q", seen.Dir, seen.Lang)
		}
		return seen.At
	}
	b.do(nil, "open", "url", page, "locale", "ar-EG")
	b.do(nil, "wait", "selector", filmTile)
	if at := layout(".brand", ".header .button", channelTile, filmTile); at[0].Left < at[1].Right || at[2].Left < at[3].Right {
		t.Errorf("mark, button, channel and film lie at %v", at)
	}
	b.do(nil, "focus", "selector", channelTile)
	b.do(nil, "press", "key", "ArrowLeft") // to what lies on the left
	b.do(nil, "wait", "selector", filmTile+":focus")
	b.do(nil, "press", "key", "ArrowRight")
	b.do(nil, "wait", "selector", channelTile+":focus")
	var words string
	if b.do(&words, "text", "selector", filmTile+" .length"); words != "٠:٢٤" {
		t.Errorf("the film is %s long", words)
	}
	b.shot("arabic-grid", "full", true)
	b.do(nil, "press", "key", "Enter")
	b.do(nil, "wait", "selector", ".stage.playing")
	b.do(nil, "press", "key", "g")
	b.do(nil, "wait", "selector", ".guide button:focus")
	at := layout(".stage", ".guide", ".top .icon-button", ".controls .icon-button", ".controls .icon-button:last-child")
	if stage, guide, back, play, full := at[0], at[1], at[2], at[3], at[4]; guide.Left != stage.Left || back.Right < stage.Right-100 || play.Left > full.Left {
		t.Errorf("stage, guide, back, play and full screen lie at %v", at)
	}
	b.shot("arabic-guide")
	b.do(nil, "press", "key", "Escape")
	b.do(nil, "wait", "selector", ".figure dd:has-text(\"bit/s\")")
	b.shot("arabic-channel", "full", true)
	var over int
	if b.do(&over, "overflow"); over > 0 {
		t.Errorf("the page is %d pixels wider than its window", over)
	}
	for _, language := range []string{"de-AT", "es-MX", "fr-FR"} {
		b.do(nil, "open", "url", page, "locale", language)
		b.do(nil, "wait", "selector", filmTile)
		want := map[string]string{"de-AT": "Filme", "es-MX": "Películas", "fr-FR": "Films"}[language]
		if b.do(&words, "text", "selector", "section:has("+filmTile+") h2"); !strings.HasPrefix(words, want) {
			t.Errorf("in %s films are called %q, want %q", language, words, want)
		}
	}
	var problems []string
	if b.do(&problems, "problems"); len(problems) > 0 {
		t.Errorf("the page complains:\n%s", strings.Join(problems, "\n"))
	}
}
