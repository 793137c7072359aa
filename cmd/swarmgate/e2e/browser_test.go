//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browser is a Chromium with one page, driven by browser.mjs.
type browser struct {
	t       *testing.T
	process *process
	in      io.Writer
	out     *os.File
	answers *json.Decoder
}

// browserTime bounds one answer of the browser, which has shorter limits of its own.
const browserTime = 20 * time.Second

func openBrowser(t *testing.T) *browser {
	t.Helper()
	return openBrowserBy(t, func(words ...string) []string { return words })
}

// openBrowser opens one on the machine.
func (m *machine) openBrowser() *browser {
	m.t.Helper()
	return openBrowserBy(m.t, m.in)
}

// openBrowserBy starts a browser by words that by makes of its own.
func openBrowserBy(t *testing.T, by func(...string) []string) *browser {
	t.Helper()
	const chromium = "/usr/bin/chromium"
	need(t, chromium)
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		t.Fatal("playwright-core is missing: npm ci in cmd/swarmgate/e2e")
	}
	b := &browser{t: t, process: prepare(t, by("node", "browser.mjs", chromium)...)}
	in, err := b.process.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b.in, b.out, b.answers = in, out, json.NewDecoder(out)
	b.process.cmd.Stdout = w
	b.process.launch()
	w.Close()
	t.Cleanup(func() {
		defer out.Close()
		_ = in.Close() // it closes Chromium
		select {
		case <-b.process.exited:
		case <-time.After(endTime):
		}
	})
	b.answer("launch", nil)
	return b
}

// do has the browser carry out a command; pairs are its parameters. The answer goes into
// result unless that is nil.
func (b *browser) do(result any, command string, pairs ...any) {
	b.t.Helper()
	message := map[string]any{"command": command}
	for i := 0; i < len(pairs); i += 2 {
		message[pairs[i].(string)] = pairs[i+1]
	}
	if err := json.NewEncoder(b.in).Encode(message); err != nil {
		b.t.Fatalf("browser: %s: %v", command, err)
	}
	b.answer(command, result)
}

func (b *browser) answer(command string, result any) {
	b.t.Helper()
	var answer struct {
		Result json.RawMessage
		Error  string
	}
	limit := browserTime
	if command == "launch" || command == "open" { // on a busy machine they take their time
		limit *= 3
	}
	_ = b.out.SetReadDeadline(time.Now().Add(limit))
	if err := b.answers.Decode(&answer); err != nil {
		b.t.Fatalf("browser: %s: %v", command, err)
	}
	if answer.Error != "" {
		b.t.Fatalf("browser: %s: %s", command, answer.Error)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result, result); err != nil {
			b.t.Fatalf("browser: %s: %v in %s", command, err, answer.Result)
		}
	}
}

// watch collects the frames that are on the screen until enough is true, or for a time.
func (b *browser) watch(limit time.Duration, enough func([]frame) bool) (clicked int64, frames []frame) {
	b.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		var seen struct {
			Clicked, Pause int64 // ms
			Frames         []frame
		}
		b.do(&seen, "frames")
		frames = append(frames, seen.Frames...)
		if seen.Pause > 500 {
			b.t.Logf("the page's own thread stood for %d ms before %s", seen.Pause, time.Now().Format(clock))
		}
		if enough != nil && enough(frames) || time.Now().After(deadline) {
			return seen.Clicked, frames
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// clock is how times are told in the log.
const clock = "15:04:05.000"

// shot keeps a screenshot under a name.
func (b *browser) shot(name string, pairs ...any) {
	b.t.Helper()
	folder := shots
	if folder == "" {
		folder = b.t.TempDir()
	} else if err := os.MkdirAll(folder, 0o755); err != nil {
		b.t.Fatal(err)
	}
	b.do(nil, "shot", append([]any{"path", filepath.Join(folder, name+".png")}, pairs...)...)
}

// demo starts a demo on a free port and returns the address of its page.
func demo(t *testing.T, args ...string) (*process, string) {
	t.Helper()
	p := run(t, append([]string{"demo", "--json", "--no-dlna", "--http", "127.0.0.1:0", "--log-level", "info"}, args...)...)
	return p, p.event("ready", 5*time.Second, nil)["page"].(string)
}

// firstLive is the first frame of the channel.
func firstLive(frames []frame) (frame, bool) { return first(frames, frame.live) }

// first is the first frame that is such a one.
func first(frames []frame, is func(frame) bool) (frame, bool) {
	for _, f := range frames {
		if is(f) {
			return f, true
		}
	}
	return frame{}, false
}

// Selectors of what the page shows.
const (
	channelTile = `a.tile:has(.badge.live)`
	filmTile    = `a.tile:has(.badge.film)`
)

func TestBrowserPlaysChannelAndFilm(t *testing.T) {
	p, page := demo(t)
	ready := time.Since(p.started)
	answer, err := http.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	t.Logf("page answers %v after the start, ready line after %v", time.Since(p.started).Round(time.Millisecond), ready.Round(time.Millisecond))
	if since := time.Since(p.started); since > time.Second {
		t.Errorf("page answers %v after the start, want at most 1 s", since)
	}
	b := openBrowser(t)
	b.do(nil, "open", "url", page)
	b.do(nil, "wait", "selector", filmTile)
	b.shot("page")

	playChannel(t, b, item(t, page, "live").URLs.TS)
	b.do(nil, "press", "key", "Escape")
	playFilm(t, b)
	var problems []string
	if b.do(&problems, "problems"); len(problems) > 0 {
		t.Errorf("the page complains:\n%s", strings.Join(problems, "\n"))
	}
	p.end()
}

// playChannel clicks on the channel and watches it for 20 s, together with a player that
// takes the same stream.
func playChannel(t *testing.T, b *browser, stream string) {
	t.Helper()
	b.do(nil, "click", "selector", channelTile)
	clicked, frames := b.watch(10*time.Second, func(f []frame) bool { _, ok := firstLive(f); return ok })
	start, ok := firstLive(frames)
	if !ok {
		t.Fatal("no frame of the channel within 10 s of the click")
	}
	t.Logf("first frame %d ms after the click", start.At-clicked)
	if start.At-clicked > 3000 {
		t.Errorf("first frame %d ms after the click, want at most 3 s", start.At-clicked)
	}
	player := listen(t, stream)
	_, more := b.watch(20*time.Second, nil)
	t.Logf("meanwhile a player got bytes with no pause over %v", player().Round(time.Millisecond))
	frames = append(frames, more...)
	v := view(frames, start.At, start.At+20000)
	t.Log("channel for 20 s:", v)
	tellGaps(t, frames)
	if v.gap > time.Second {
		t.Errorf("picture stood for %v, want at most 1 s", v.gap)
	}
	// The first picture is a keyframe of up to a second before; the page then goes nearer.
	if d := view(frames, start.At+1000, start.At+20000).delay(100); d > 3*time.Second {
		t.Errorf("%v behind the publisher, want at most 3 s", d)
	}
	if v.backwards > 0 || v.strange > 0 {
		t.Errorf("picture went back %d times, %d frames without barcode", v.backwards, v.strange)
	}
	b.shot("channel")
}

// tellGaps logs where the picture stood, and how the delay went.
func tellGaps(t *testing.T, frames []frame) {
	t.Helper()
	var delays []string
	for i := 1; i < len(frames); i++ {
		a, b := frames[i-1], frames[i]
		if b.At-a.At > 400 || steps(a, b) > frameRate/2 {
			t.Logf("picture went from frame %d (%.2f s) at %s to %d (%.2f s) at %s",
				a.Number, a.Time, time.UnixMilli(a.At).Format(clock), b.Number, b.Time, time.UnixMilli(b.At).Format(clock))
		}
		if a.At/1000 != b.At/1000 {
			delays = append(delays, fmt.Sprintf("%.1f", b.delay().Seconds()))
		}
	}
	t.Logf("delay at each second: %s", strings.Join(delays, " "))
}

// playFilm clicks on the film, goes to its middle, and watches on.
func playFilm(t *testing.T, b *browser) {
	t.Helper()
	b.do(nil, "click", "selector", filmTile)
	clicked, frames := b.watch(10*time.Second, func(f []frame) bool { _, ok := first(f, frame.ofFilm); return ok })
	start, ok := first(frames, frame.ofFilm)
	if !ok {
		t.Fatal("no frame of the film within 10 s of the click")
	}
	t.Logf("film: first frame %d ms after the click", start.At-clicked)
	b.shot("film-first-frame")
	sought := time.Now().UnixMilli()
	b.do(nil, "seek", "time", 12)
	middle := func(f frame) bool {
		n := f.Number - filmNumber
		return f.ofFilm() && f.At >= sought && n >= 298 && n < 500
	}
	_, frames = b.watch(5*time.Second, func(f []frame) bool { _, ok := first(f, middle); return ok })
	landed, ok := first(frames, middle)
	if !ok {
		t.Fatalf("the film did not go on from its middle within 5 s; last seen %+v", frames[max(0, len(frames)-3):])
	}
	t.Logf("film: frame %d at %.2f s, %d ms after the seek", landed.Number-filmNumber, landed.Time, landed.At-sought)
	if n := landed.Number - filmNumber; n > 300+2*frameRate {
		t.Errorf("goes on at frame %d, want one near 300", n)
	}
	_, frames = b.watch(5*time.Second, nil)
	last := landed
	for _, f := range frames {
		if !f.ofFilm() || f.Number <= last.Number || f.At-last.At > 1000 {
			t.Fatalf("after frame %+v came %+v", last, f)
		}
		last = f
	}
	if n := last.Number - landed.Number; n < 4*frameRate {
		t.Errorf("%d frames further after 5 s", n)
	}
	b.shot("film")
}

func TestPageLooksRight(t *testing.T) {
	_, page := demo(t)
	b := openBrowser(t)
	for name, set := range map[string][]any{
		"page-dark":  {"dark", true},
		"page-phone": {"width", 390, "height", 844, "phone", true},
		"page-small": {"width", 320, "height", 568},
		"page-tv":    {"width", 1920, "height", 1080},
	} {
		b.do(nil, "open", append([]any{"url", page}, set...)...)
		b.do(nil, "wait", "selector", filmTile)
		b.shot(name, "full", true)
		var over int
		if b.do(&over, "overflow"); over > 0 {
			t.Errorf("%s: page is %d pixels wider than its window", name, over)
		}
	}
	b.do(nil, "open", "url", page, "width", 390, "height", 844, "phone", true)
	b.do(nil, "click", "selector", channelTile)
	if _, frames := b.watch(10*time.Second, func(f []frame) bool { return len(f) > 25 }); len(frames) <= 25 {
		t.Error("the channel does not play on a phone's screen")
	}
	b.shot("channel-phone")
}
