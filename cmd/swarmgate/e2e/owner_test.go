//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// ownedGateway starts a gateway with a state folder and a configuration of its own, and returns them with its page.
func ownedGateway(t *testing.T, config string) (dir, file, page string) {
	t.Helper()
	dir, file = t.TempDir(), filepath.Join(t.TempDir(), "gate.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, "run", "--json", "--no-dlna", "--no-nat", "--http", "127.0.0.1:0", "--config", file, "--dir", dir, "--log-level", "info")
	return dir, file, p.event("ready", 10*time.Second, nil)["page"].(string)
}

// focus is the element that has the focus.
type focus struct{ ID, Href, Text string }

// arrowTo presses an arrow until an element has the focus, as a viewer with a remote control does.
func (b *browser) arrowTo(arrow, what string, is func(focus) bool) {
	b.t.Helper()
	var at focus
	var way []string
	for range 60 {
		b.do(nil, "press", "key", arrow)
		b.do(&at, "focused")
		if is(at) {
			return
		}
		way = append(way, fmt.Sprintf("%.20q", at.ID+at.Text))
	}
	b.t.Fatalf("%s does not lead to %s, but to %s", arrow, what, strings.Join(way, ", "))
}

// openView goes from the grid to a view by keyboard alone.
func (b *browser) openView(name string) {
	b.t.Helper()
	b.do(nil, "wait", "selector", ".footer a[data-nav]")
	b.arrowTo("ArrowDown", "the footer", func(f focus) bool { return strings.Contains(f.Href, "gateway/") || f.Text == "Status" })
	for range 5 {
		b.do(nil, "press", "key", "ArrowLeft")
	}
	is := func(f focus) bool { return strings.HasSuffix(f.Href, "/gateway/"+name) }
	var first focus
	if b.do(&first, "focused"); !is(first) {
		b.arrowTo("ArrowRight", name, is)
	}
	b.do(nil, "press", "key", "Enter")
	b.do(nil, "wait", "selector", `.tabs [aria-current=page][href$="/`+name+`"]:focus`)
}

// TestGatewayViews has an owner look at the gateway's health, settings, log and origins by keyboard, change a setting, and
// be told what is wrong with another.
func TestGatewayViews(t *testing.T) {
	dir, file, page := ownedGateway(t, "[buffer]\nsessions = 5\n")
	b := openBrowser(t)
	b.do(nil, "open", "url", page)
	b.do(nil, "wait", "selector", ".footer button")
	b.do(nil, "focus", "selector", ".footer button")
	b.do(nil, "press", "key", "Enter")
	b.do(nil, "wait", "selector", "dialog .row")
	b.arrowTo("ArrowDown", "what the doctor says", func(f focus) bool { return strings.HasSuffix(f.Href, "/gateway/health") })
	b.do(nil, "press", "key", "Enter")
	b.do(nil, "wait", "selector", ".check.well")
	b.do(nil, "wait", "selector", ".summary:not(:empty)")
	if n := b.count(".check"); n < 6 {
		t.Errorf("%d things were looked at", n)
	}
	b.arrowTo("ArrowDown", "a check", func(f focus) bool { return strings.Contains(f.Text, "Port for peers") })
	b.do(nil, "press", "key", "Escape")

	b.openView("settings")
	b.changeSettings(dir, file)
	b.do(nil, "press", "key", "Escape")

	b.openView("log")
	b.do(nil, "wait", "selector", ".log .line.info")
	var text string
	if b.do(&text, "text", "selector", ".log"); !strings.Contains(text, "settings changed") {
		t.Errorf("the log does not tell that settings were changed:\n%s", text)
	}
	b.do(nil, "click", "selector", ".filter .chip:nth-child(4)")
	b.do(nil, "wait", "selector", ".log:not(:has(.line.info))")
	b.do(nil, "press", "key", "Escape")

	b.openView("about")
	if n := b.count(".software tbody tr"); n < 20 {
		t.Errorf("made of %d parts", n)
	}
	b.do(nil, "press", "key", "Escape")
	b.do(nil, "wait", "selector", ".doors")
	b.views(page)
	b.complaints()
}

// changeSettings writes what is wrong, is told why, writes what is right, and saves it.
func (b *browser) changeSettings(dir, file string) {
	b.t.Helper()
	b.do(nil, "wait", "selector", ".setting")
	const field = "#setting-buffer-live"
	b.arrowTo("ArrowDown", field, func(f focus) bool { return "#"+f.ID == field })
	write := func(value string) {
		b.do(nil, "press", "key", "Control+A")
		b.do(nil, "type", "text", value)
	}
	write("lots")
	b.do(nil, "wait", "selector", field+"[aria-invalid=true]")
	b.shot("settings-wrong")
	var said string
	if b.do(&said, "text", "selector", field+"-wrong"); !strings.HasPrefix(said, `"lots" is no size; write a number with a unit`) {
		b.t.Errorf("of a wrong size is said %q", said)
	}
	write("1KiB")
	b.do(nil, "wait", "selector", field+`-wrong:has-text("too little")`)
	b.do(nil, "press", "key", "Enter") // nothing is changed
	b.do(nil, "wait", "selector", field+":focus")
	chosen := filepath.Join(dir, "settings.toml")
	if _, err := os.Stat(chosen); err == nil {
		b.t.Error("a wrong setting was kept")
	}
	write("64MiB")
	b.do(nil, "wait", "selector", field+"[aria-invalid=false]")
	b.arrowTo("ArrowDown", "what is done with it", func(f focus) bool { return f.Text == "Discard" })
	b.arrowTo("ArrowLeft", "the button that saves", func(f focus) bool { return f.Text == "Save" })
	b.do(nil, "press", "key", "Enter")
	b.do(nil, "wait", "selector", ".waiting")
	b.do(nil, "wait", "selector", field+":focus")
	b.shot("settings-saved")
	if text, err := os.ReadFile(chosen); err != nil || !strings.Contains(string(text), `buffer.live = "64MiB"`) {
		b.t.Errorf("settings.toml: %q, %v", text, err)
	}
	b.do(nil, "fill", "selector", ".owner input[type=search]", "value", "buffer.sessions")
	b.do(nil, "wait", "selector", ".setting:only-child .fixed")
	if b.do(&said, "text", "selector", ".setting"); !strings.Contains(said, file) {
		b.t.Errorf("who overrides a setting is not told: %q", said)
	}
	b.do(nil, "focus", "selector", ".tabs [aria-current]")
}

// complaints fails the test if the page has complained.
func (b *browser) complaints() {
	b.t.Helper()
	var problems []string
	if b.do(&problems, "problems"); len(problems) > 0 {
		b.t.Errorf("the page complains:\n%s", strings.Join(problems, "\n"))
	}
}

// views takes each view in its sizes and themes.
func (b *browser) views(page string) {
	b.t.Helper()
	for name, selector := range ownViews {
		for size, set := range map[string][]any{"phone": {"width", 390, "height", 844, "phone", true}, "desktop": nil, "tv": {"width", 1920, "height", 1080}} {
			b.do(nil, "open", append([]any{"url", page + "gateway/" + name}, set...)...)
			b.do(nil, "wait", "selector", selector)
			for _, theme := range []string{"dark", "light"} {
				b.do(nil, "theme", "theme", theme)
				b.shot(strings.Join([]string{name, size, theme}, "-"))
			}
			var over int
			if b.do(&over, "overflow"); over > 0 {
				b.t.Errorf("%s, %s: page is %d pixels wider than its window", name, size, over)
			}
		}
	}
}

// TestGatewayViewsFromRightToLeft looks at the views in Arabic.
func TestGatewayViewsFromRightToLeft(t *testing.T) {
	_, _, page := ownedGateway(t, "")
	b := openBrowser(t)
	for name, selector := range ownViews {
		b.do(nil, "open", "url", page+"gateway/"+name, "locale", "ar-EG")
		b.do(nil, "wait", "selector", selector)
		var seen struct {
			Dir string
			At  []box
		}
		if b.do(&seen, "layout", "selectors", []string{".tabs .icon-button", ".tabs .chip:last-child"}); seen.Dir != "rtl" || seen.At[0].Left < seen.At[1].Right {
			t.Errorf("%s is written %s: %v", name, seen.Dir, seen.At)
		}
		var over int
		if b.do(&over, "overflow"); over > 0 {
			t.Errorf("%s: page is %d pixels wider than its window", name, over)
		}
		b.shot("arabic-" + name)
	}
	b.complaints()
}

// TestGuestsAreToldWhyTheyChangeNothing has a guest look at the settings, and sign in.
func TestGuestsAreToldWhyTheyChangeNothing(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("open sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, append(hash, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, page := ownedGateway(t, fmt.Sprintf("[access]\npassword = %q\n", password))
	b := openBrowser(t)
	b.do(nil, "open", "url", page+"gateway/settings")
	b.do(nil, "wait", "selector", ".problem .button")
	b.shot("settings-guest")
	if n := b.count(".setting"); n > 0 {
		t.Errorf("a guest sees %d settings", n)
	}
	b.do(nil, "click", "selector", ".problem .button")
	b.do(nil, "fill", "selector", "dialog input", "value", "open sesame")
	b.do(nil, "press", "key", "Enter")
	b.do(nil, "wait", "selector", ".setting")
}
