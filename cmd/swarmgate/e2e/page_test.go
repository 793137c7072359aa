//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPageInUse does by the page what a household does: it adds channels by a list, finds them,
// zaps, goes back in time, and goes on with a film.
func TestPageInUse(t *testing.T) {
	p, page := demo(t)
	tracker := p.event("ready", 5*time.Second, nil)["tracker"].(string)
	long := filepath.Join(t.TempDir(), "long.ts")
	command(t, 20*time.Second, "ffmpeg", "-v", "error", "-stream_loop", "9", "-i", "../media/channel.ts", "-c", "copy", "-f", "mpegts", long)
	var list strings.Builder
	list.WriteString("#EXTM3U\n")
	for _, title := range []string{"Two", "Three", "Four"} {
		live := run(t, "publish", "--json", "--live", long, "--title", title, "--listen", "127.0.0.1:0", "--no-nat", "--tracker", tracker, "--dir", t.TempDir())
		list.WriteString("#EXTINF:-1 group-title=\"Numbers\"," + title + "\n" + live.event("swarm", 20*time.Second, nil)["link"].(string) + "\n")
	}
	b := openBrowser(t)
	b.do(nil, "open", "url", page)
	b.do(nil, "wait", "selector", filmTile)
	b.addByList(list.String())
	b.search()
	b.zap()
	b.goBack()
	b.goOn(page)
	b.looks(page)
	var problems []string
	if b.do(&problems, "problems"); len(problems) > 0 {
		t.Errorf("the page complains:\n%s", strings.Join(problems, "\n"))
	}
	p.end()
}

func (b *browser) count(selector string) int {
	b.t.Helper()
	var n int
	b.do(&n, "count", "selector", selector)
	return n
}

// addByList tries what is no link, then pastes a list.
func (b *browser) addByList(list string) {
	b.t.Helper()
	b.do(nil, "click", "selector", ".header .button")
	for _, wrong := range []string{"hello", "http://127.0.0.1/list.m3u", "magnet:?xt=urn:btih:0"} {
		b.do(nil, "fill", "selector", ".dialog textarea", "value", "")
		b.do(nil, "wait", "selector", ".dialog .error:empty")
		b.do(nil, "fill", "selector", ".dialog textarea", "value", wrong)
		b.do(nil, "wait", "selector", ".dialog .error:not(:empty)")
		var words string
		if b.do(&words, "text", "selector", ".dialog .error"); len(words) < 20 || !strings.HasSuffix(words, ".") {
			b.t.Errorf("%s: no sentence explains it: %q", wrong, words)
		}
		b.shot("add-wrong")
	}
	b.do(nil, "fill", "selector", ".dialog textarea", "value", list)
	b.do(nil, "wait", "selector", ".found li:nth-child(3)")
	b.shot("add-list")
	b.do(nil, "click", "selector", ".dialog .button.main")
	b.do(nil, "wait", "selector", ".filter")
	b.do(nil, "wait", "selector", "section:nth-of-type(1) li:nth-child(4)")
}

func (b *browser) search() {
	b.t.Helper()
	b.do(nil, "fill", "selector", ".search input", "value", "thre")
	b.do(nil, "wait", "selector", ".shelves section:only-child .grid li:only-child")
	b.do(nil, "fill", "selector", ".search input", "value", "no such")
	b.do(nil, "wait", "selector", ".none")
	b.do(nil, "fill", "selector", ".search input", "value", "")
	b.do(nil, "wait", "selector", filmTile)
}

// zap goes through the channels twice by their numbers and by the keys of a remote control.
func (b *browser) zap() {
	b.t.Helper()
	b.do(nil, "click", "selector", channelTile)
	b.do(nil, "wait", "selector", ".stage.playing")
	b.do(nil, "press", "key", "2")
	b.do(nil, "wait", "selector", ".typed")
	b.shot("digits")
	b.do(nil, "wait", "selector", `.stage[aria-label="Two"].playing`)
	var times []time.Duration
	for _, title := range []string{"Three", "Four", "Swarmgate One", "Two", "Three", "Four", "Swarmgate One", "Two", "Three", "Four"} {
		began := time.Now()
		b.do(nil, "press", "key", "PageUp")
		b.do(nil, "wait", "selector", fmt.Sprintf(".stage[aria-label=%q].playing", title))
		times = append(times, time.Since(began).Round(time.Millisecond))
	}
	warm := slices.Sorted(slices.Values(times[4:])) // each has been on once
	b.t.Logf("zapping, cold %v, warm %v", times[:4], warm)
	b.do(nil, "press", "key", "g")
	b.do(nil, "wait", "selector", ".guide button:focus")
	b.shot("guide")
	b.do(nil, "press", "key", "ArrowUp")
	b.do(nil, "press", "key", "Enter")
	b.do(nil, "wait", "selector", `.stage[aria-label="Three"].playing`)
	b.do(nil, "press", "key", "1")
	b.do(nil, "wait", "selector", `.stage[aria-label="Swarmgate One"].playing`)
}

// goBack goes back in a channel, holds the picture, and returns to the edge.
func (b *browser) goBack() {
	b.t.Helper()
	b.do(nil, "wait", "selector", ".shift")
	b.do(nil, "fill", "selector", ".shift", "value", "-6")
	b.do(nil, "wait", "selector", ".stage.playing .edge:not(.on)")
	_, frames := b.watch(20*time.Second, func(f []frame) bool {
		return len(f) > 5 && f[len(f)-1].delay() > 4*time.Second
	})
	if late := frames[len(frames)-1].delay(); late < 4*time.Second || late > 25*time.Second {
		b.t.Errorf("%v behind the publisher, want 6 s and what the way takes", late)
	}
	b.shot("timeshift")
	b.do(nil, "focus", "selector", ".stage")
	b.do(nil, "press", "key", " ")
	b.do(nil, "wait", "selector", ".stage.paused")
	b.do(nil, "press", "key", " ")
	b.do(nil, "wait", "selector", ".stage.playing .edge:not(.on)")
	b.do(nil, "click", "selector", ".stage .edge")
	b.do(nil, "wait", "selector", ".stage.playing .edge.on")
	_, frames = b.watch(20*time.Second, func(f []frame) bool { return len(f) > 5 && f[len(f)-1].delay() < 3*time.Second })
	if late := frames[len(frames)-1].delay(); late > 3*time.Second {
		b.t.Errorf("back at the edge, %v behind", late)
	}
	b.do(nil, "press", "key", "Escape")
}

// goOn leaves a film and finds it again where it was left.
func (b *browser) goOn(page string) {
	b.t.Helper()
	b.do(nil, "wait", "selector", filmTile)
	b.do(nil, "click", "selector", filmTile)
	b.do(nil, "wait", "selector", ".stage.playing")
	b.do(nil, "seek", "time", 12)
	b.watch(20*time.Second, func(f []frame) bool {
		_, ok := first(f, func(f frame) bool { return f.ofFilm() && f.Time > 12.2 })
		return ok
	})
	b.do(nil, "press", "key", "Escape")
	deadline := time.Now().Add(30 * time.Second)
	for position(b.t, page) < 12 {
		if time.Now().After(deadline) {
			b.t.Fatalf("the gateway knows the film's place as %v s", position(b.t, page))
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.do(nil, "wait", "selector", ".seen")
	if n := b.count(".shelves section:first-child .tile"); n != 4 { // the film and three channels
		b.t.Errorf("%d to go on with, want 4", n)
	}
	b.do(nil, "click", "selector", filmTile)
	b.do(nil, "wait", "selector", ".stage.playing")
	var state struct{ Time float64 }
	if b.do(&state, "state"); state.Time < 11.5 {
		b.t.Errorf("the film goes on at %v s, want 12", state.Time)
	}
	b.do(nil, "click", "selector", ".send [aria-pressed]")
	b.do(nil, "wait", "selector", ".send [aria-pressed=true]")
	b.shot("film-resumed", "full", true)
}

// position is where the film of the demo was left, as the API tells.
func position(t *testing.T, page string) float64 {
	t.Helper()
	answer, err := http.Get(page + "api/v1/channels")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var items []struct {
		Kind      string
		PositionS float64 `json:"position_s"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&items); err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		if i.Kind == "film" {
			return i.PositionS
		}
	}
	return 0
}

// looks takes the page in its sizes and themes.
func (b *browser) looks(page string) {
	b.t.Helper()
	for name, set := range map[string][]any{
		"home-dark": {"dark", true}, "home-light": {}, "home-phone": {"width", 390, "height", 844, "phone", true}, "home-tv": {"width", 1920, "height", 1080, "dark", true},
	} {
		b.do(nil, "open", append([]any{"url", page}, set...)...)
		b.do(nil, "wait", "selector", filmTile)
		b.shot(name, "full", true)
		var over int
		if b.do(&over, "overflow"); over > 0 {
			b.t.Errorf("%s: page is %d pixels wider than its window", name, over)
		}
	}
	b.do(nil, "open", "url", page, "dark", true)
	b.do(nil, "wait", "selector", filmTile)
	b.do(nil, "click", "selector", ".header .wide-only")
	b.do(nil, "wait", "selector", ".dialog p")
	b.shot("phone-code")
}
