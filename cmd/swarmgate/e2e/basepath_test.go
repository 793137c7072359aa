//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// behindProxy runs a gateway behind a reverse proxy that shows it under base, a path such as "/tv", and
// nothing beside it. It returns the page's address at the proxy.
func behindProxy(t *testing.T, base string, links ...string) string {
	t.Helper()
	quoted := make([]string, len(links))
	for i, link := range links {
		quoted[i] = fmt.Sprintf("%q", link)
	}
	file := filepath.Join(t.TempDir(), "swarmgate.toml")
	text := fmt.Sprintf("links = [%s]\n[http]\nlisten = \"127.0.0.1:0\"\nbase = %q\nproxies = [\"127.0.0.1/32\"]\n[dlna]\nenabled = false\n[peer]\nlisten = \"127.0.0.1:0\"\nnat = false\n",
		strings.Join(quoted, ", "), base)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, "run", "--json", "--config", file, "--dir", t.TempDir())
	address, err := url.Parse(p.event("ready", 5*time.Second, nil)["page"].(string))
	if err != nil {
		t.Fatal(err)
	}
	address.Path = "/"
	mux := http.NewServeMux()
	mux.Handle(base+"/", &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(address)
		r.SetXForwarded()
	}})
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	t.Cleanup(front.CloseClientConnections) // streams don't end by themselves
	return front.URL + base + "/"
}

// TestPageBehindAProxy uses the page under a base path and opens a channel's own address there, as a
// bookmark does. The page asks for nothing outside of its base, so that it needs no Internet either.
func TestPageBehindAProxy(t *testing.T) {
	_, demoPage := demo(t)
	var links []string
	for _, c := range catalog(t, demoPage) {
		links = append(links, c.Link)
	}
	page := behindProxy(t, "/tv", links...)
	live := item(t, page, "live")
	if want := page + "watch/" + live.ID; live.URLs.Page != want {
		t.Errorf("the API names the channel's page %s, want %s", live.URLs.Page, want)
	}
	b := openBrowser(t)
	b.do(nil, "open", "url", page)
	b.do(nil, "wait", "selector", filmTile)
	b.do(nil, "click", "selector", channelTile)
	plays := func(what string) {
		t.Helper()
		if _, frames := b.watch(15*time.Second, func(f []frame) bool { return len(f) > 2*frameRate }); len(frames) <= 2*frameRate {
			b.shot("behind-a-proxy-failed")
			t.Fatalf("%s: %d frames in 15 s", what, len(frames))
		}
	}
	plays("the channel")
	b.do(nil, "press", "key", "g")
	b.do(nil, "wait", "selector", ".guide button:focus")
	b.do(nil, "press", "key", "Escape")
	b.do(nil, "click", "selector", ".send [aria-pressed=false]")
	b.do(nil, "wait", "selector", ".send [aria-pressed=true]")
	b.do(nil, "press", "key", "Escape")
	b.do(nil, "wait", "selector", channelTile+" .fav")
	b.do(nil, "click", "selector", filmTile)
	plays("the film")

	b.do(nil, "open", "url", live.URLs.Page)
	b.do(nil, "wait", "selector", ".stage.blocked .tune .big")
	b.do(nil, "click", "selector", ".stage.blocked .tune .big")
	plays("the channel by its own address")
	b.do(nil, "press", "key", "Escape")
	b.do(nil, "wait", "selector", filmTile)

	var asked, problems []string
	if b.do(&asked, "requests"); len(asked) < 10 {
		t.Errorf("only %d requests were seen", len(asked))
	}
	for _, address := range asked {
		if !strings.HasPrefix(address, page) && !strings.HasPrefix(address, "blob:"+strings.TrimSuffix(page, "/tv/")) {
			t.Errorf("the page asks for %s", address)
		}
	}
	if b.do(&problems, "problems"); len(problems) > 0 {
		t.Errorf("the page complains:\n%s", strings.Join(problems, "\n"))
	}
}
