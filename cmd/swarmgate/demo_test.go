package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/media"
	"github.com/swarmgate/swarmgate/ppsp"
)

// beginning returns the first n bytes of a stream.
func beginning(t *testing.T, url string, n int) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b := make([]byte, n)
	for at := 0; at < n; {
		k, err := r.Body.Read(b[at:])
		if at += k; err != nil && at < n {
			t.Fatalf("%s: %s, error %v after %d bytes", url, r.Status, err, at)
		}
	}
	return string(b)
}

// The demo is all there with one command: page, list, tracker, a channel and a film that
// came through the swarm; and it ends at once.
func TestDemo(t *testing.T) {
	atHome(t)
	dir := filepath.Join(t.TempDir(), "made", "on", "the", "way")
	p := begin(t, nil, "demo", "--http", free, "--no-dlna", "--dir", dir, "--name", "Test", "--json")
	ready := p.event(t, "ready")
	if fields(ready) != "device event links m3u page tracker" || ready["device"] != "" {
		t.Errorf("ready is %v, want page, list, tracker and links, and no device", ready)
	}
	url := text(t, ready, "page")
	if body, header := page(t, url); !strings.Contains(body, "<html") || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		t.Errorf("the page is %q", body)
	}
	if text(t, ready, "m3u") != url+"channels.m3u" {
		t.Errorf("the list is at %v, the page at %s", ready["m3u"], url)
	}
	if body, _ := page(t, text(t, ready, "m3u")); !strings.HasPrefix(body, "#EXTM3U") || !strings.Contains(body, "Swarmgate One") {
		t.Errorf("the list is %q", body)
	}
	var items []struct{ Title, Kind, Link, ID string }
	body, _ := page(t, url+"api/v1/channels")
	if err := json.Unmarshal([]byte(body), &items); err != nil || len(items) != 2 {
		t.Fatalf("the channels are %s, error %v; want two", body, err)
	}
	links, _ := ready["links"].([]any)
	for _, item := range items {
		link, err := ppsp.ParseLink(item.Link)
		if err != nil || link.Trackers[0] != text(t, ready, "tracker") || (item.Link != links[0] && item.Link != links[1]) {
			t.Errorf("%s has the link %s, error %v; want one of %v", item.Title, item.Link, err, links)
		}
		switch item.Kind {
		case "live":
			if b := beginning(t, url+"live/"+item.ID+".ts", 188*20); b[0] != 0x47 || b[188] != 0x47 {
				t.Errorf("the channel is no transport stream: %q", b[:4])
			}
		case "film":
			if b, header := page(t, url+"film/"+item.ID); b != string(media.Film) || header.Get("Content-Type") != "video/mp4" {
				t.Errorf("the film has %d bytes of %s, want %d of video/mp4", len(b), header.Get("Content-Type"), len(media.Film))
			}
		}
	}
	if body, _ := page(t, text(t, ready, "tracker")+"status"); strings.Count(body, `"swarm_id"`) != 2 {
		t.Errorf("the tracker's status is %s, want two swarms", body)
	}
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if p.err.String() != "" {
		t.Errorf("beside it says %q", p.err)
	}
	again := begin(t, nil, "demo", "--http", free, "--no-dlna", "--dir", dir)
	again.say(t, "Ctrl-C ends it.")
	for _, link := range links {
		if l, err := ppsp.ParseLink(link.(string)); err != nil || l.SwarmID == "" {
			t.Errorf("link %v: %v", link, err)
		}
	}
	for _, words := range []string{"In a browser   http://localhost:", "In a player    http://localhost:"} {
		if !strings.Contains(again.out.String(), words) {
			t.Errorf("for people it prints %q, want %q in it", again.out, words)
		}
	}
	again.stop()
	if status := again.end(t, 5*time.Second); status != 0 || !strings.HasSuffix(again.out.String(), "Stopped.\n") {
		t.Errorf("exit status %d; it ends with %q", status, again.out)
	}
}

// Without --dir nothing is left behind, and an end at any moment is an end.
func TestDemoLeavesNothing(t *testing.T) {
	home := atHome(t)
	for _, wait := range []time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond, 300 * time.Millisecond} {
		p := begin(t, nil, "demo", "--http", free, "--no-dlna")
		stop := time.AfterFunc(wait, p.stop)
		if status := p.end(t, 5*time.Second); status != 0 {
			t.Errorf("stopped after %s: exit status %d, %s", wait, status, p.err)
		}
		stop.Stop()
	}
	if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
		t.Errorf("left behind is %v, error %v", left, err)
	}
}

// tvs asks a gateway whether TVs find it.
func tvs(t *testing.T, url string) (name, problem string, on []string) {
	t.Helper()
	body, _ := page(t, url+"api/v1/device")
	var d struct {
		Name, Problem string
		FoundOn       []string `json:"found_on"`
	}
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	return d.Name, d.Problem, d.FoundOn
}

// On a network it is a media server by the name that was chosen, beside the page.
func TestDemoOnANetwork(t *testing.T) {
	atHome(t)
	p := begin(t, nil, "demo", "--http", free, "--interface", "lo", "--name", "Test", "--json")
	ready := p.event(t, "ready")
	url := text(t, ready, "page")
	if ready["device"] != "Test" {
		t.Errorf("ready is %v, want the device Test", ready)
	}
	name, problem, on := tvs(t, url)
	for end := time.Now().Add(patience); len(on) == 0 && time.Now().Before(end); {
		name, problem, on = tvs(t, url)
	}
	if name != "Test" || problem != "" || len(on) != 1 || on[0] != "lo" {
		t.Errorf("TVs find %q on %q, problem %q; want Test on lo", name, on, problem)
	}
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d: %s", status, p.err)
	}
}

// A page that is open on another address than a TV's network is of no use to TVs.
func TestDemoWhereTVsDoNotReach(t *testing.T) {
	atHome(t)
	p := begin(t, nil, "demo", "--http", "[::1]:0", "--interface", "lo", "--name", "Test")
	p.say(t, "Ctrl-C ends it.")
	if words := p.out.String(); !strings.Contains(words, "http://[::1]:") ||
		!strings.Contains(words, "(not found: HTTP is open at ::1 alone, where TVs on lo can't reach it; start with --http :") {
		t.Errorf("it prints %q, want why TVs don't find it", words)
	}
}

// Where TVs can't find the gateway, it says why, and the page works.
func TestRunWithoutATVsNetwork(t *testing.T) {
	atHome(t)
	t.Setenv("SWARMGATE_DLNA_INTERFACES", "nosuch") // which may come later
	p := begin(t, nil, "run", "--http", free, "--listen", free)
	p.say(t, "There are no channels yet")
	words := p.out.String() + p.err.String()
	if !strings.Contains(words, "not found") || !strings.Contains(words, "nosuch") {
		t.Errorf("it says %q, want that TVs don't find it on nosuch", words)
	}
	_, url, _ := strings.Cut(p.out.String(), "In a browser   ")
	url, _, _ = strings.Cut(url, "\n")
	page(t, url)
	if _, problem, on := tvs(t, url); len(on) != 0 || !strings.Contains(problem, "nosuch") {
		t.Errorf("the page says that TVs find it on %q, problem %q; want that nosuch is the problem", on, problem)
	}
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
