//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tour goes through the views of the page that stands open at the grid of the demo, and calls visit at each with its name.
func (b *browser) tour(page string, live, film channel, open func(url string), visit func(name string)) {
	b.t.Helper()
	at := func(name, ready string) {
		b.t.Helper()
		b.do(nil, "wait", "selector", ready)
		b.do(nil, "still")
		visit(name)
	}
	leave := func() {
		b.t.Helper()
		b.do(nil, "press", "key", "Escape")
		b.do(nil, "wait", "selector", "body:not(:has(dialog))")
	}
	open(page)
	at("grid", filmTile)
	b.do(nil, "click", "selector", ".header .button")
	at("add", "dialog textarea")
	leave()
	b.do(nil, "press", "key", "?")
	at("keys", "dialog .keys")
	leave()
	b.do(nil, "click", "selector", ".footer .plain")
	at("status", "dialog .keys")
	leave()

	open(page + "watch/none")
	at("nothing", ".empty")

	open(page + "watch/" + live.ID)
	at("waiting", ".stage.blocked .tune .big")
	b.do(nil, "click", "selector", ".tune .big")
	at("channel", ".stage.playing")
	b.do(nil, "press", "key", "g")
	at("guide", ".guide button:focus")
	b.do(nil, "press", "key", "Escape")
	b.do(nil, "click", "selector", ".send [aria-haspopup=dialog]:nth-last-child(1 of .button)")
	at("edit", "dialog .danger")
	leave()
	b.do(nil, "click", "selector", ".send [aria-haspopup=dialog]:nth-last-child(2 of .button)")
	at("phone", "dialog p")
	leave()

	open(page + "watch/" + film.ID)
	b.do(nil, "wait", "selector", ".stage.blocked")
	b.do(nil, "click", "selector", ".tune .big")
	at("film", ".stage.playing")
}

// TestPageInEverySize takes each view in both themes on a phone, a desk and a TV. Nothing is wider than its window.
func TestPageInEverySize(t *testing.T) {
	_, page := demo(t)
	live, film := item(t, page, "live"), item(t, page, "film")
	b := openBrowser(t)
	for size, set := range map[string][]any{"phone": {"width", 390, "height", 844, "phone", true}, "desktop": nil, "tv": {"width", 1920, "height", 1080}} {
		open := func(url string) { b.do(nil, "open", append([]any{"url", url}, set...)...) }
		b.tour(page, live, film, open, func(name string) {
			for _, theme := range []string{"dark", "light"} {
				b.do(nil, "theme", "theme", theme)
				b.shot(strings.Join([]string{name, size, theme}, "-"))
			}
			var over int
			if b.do(&over, "overflow"); over > 0 {
				t.Errorf("%s, %s: the page is %d pixels wider than its window", name, size, over)
			}
		})
	}
	var problems []string
	if b.do(&problems, "problems"); len(problems) > 0 {
		t.Errorf("the page complains:\n%s", strings.Join(problems, "\n"))
	}
}

// violation is what axe-core finds.
type violation struct {
	Theme, ID, Impact, Help string
	Where                   []string
}

// ownViews are the gateway's own views with what shows that they are there.
var ownViews = map[string]string{"health": ".summary:not(:empty)", "settings": ".setting", "log": ".log .line", "about": ".software"}

// TestPageIsAccessible has axe-core look at each view, light and dark, from left to right and from right to left: it finds
// nothing serious.
func TestPageIsAccessible(t *testing.T) {
	_, demoPage := demo(t)
	var links []string
	for _, c := range catalog(t, demoPage) {
		links = append(links, fmt.Sprintf("%q", c.Link))
	}
	_, _, page := ownedGateway(t, fmt.Sprintf("links = [%s]\n", strings.Join(links, ", ")))
	live, film := item(t, page, "live"), item(t, page, "film")
	b := openBrowser(t)
	for _, language := range []string{"en-GB", "ar-EG"} {
		views := 0
		look := func(view string) {
			views++
			var found struct {
				Rules      int
				Violations []violation
			}
			if b.do(&found, "axe"); found.Rules < 10 {
				t.Errorf("%s, %s: axe-core tried %d rules", view, language, found.Rules)
			}
			for _, v := range found.Violations {
				if slices.Contains([]string{"serious", "critical"}, v.Impact) {
					t.Errorf("%s, %s, %s: %s, %s: %s\n%s", view, language, v.Theme, v.Impact, v.ID, v.Help, strings.Join(v.Where, "\n"))
				}
			}
		}
		open := func(url string) { b.do(nil, "open", "url", url, "locale", language) }
		b.tour(page, live, film, open, look)
		for view, ready := range ownViews {
			open(page + "gateway/" + view)
			b.do(nil, "wait", "selector", ready)
			look(view)
		}
		if views < 15 {
			t.Errorf("%d views", views)
		}
	}
}
