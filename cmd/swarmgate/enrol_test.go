package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A publisher with a code enrols at its tracker and announces; a second one with the same code
// does not get in.
func TestEnrolByCode(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const code = "a-code-for-one-publisher"
	write := func(name, text string) {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("codes", code+"\n")
	p := begin(t, nil, "tracker", "--listen", free, "--operator", free, "--auth", "token", "--enrolment", at("codes"), "--dir", at("state"), "--json")
	ready := p.event(t, "ready")
	url, desk := text(t, ready, "url"), text(t, ready, "operator")
	for _, name := range []string{"one", "two"} {
		write(name, url+" enroll "+code+"\n")
	}
	newFilm(t, at("film.mp4"), 50_000)
	begin(t, nil, "publish", at("film.mp4"), "--listen", free, "--tracker", url, "--tracker-auth", at("one"), "--dir", at("p"), "--json").event(t, "swarm")
	body := ""
	for end := time.Now().Add(patience); !strings.Contains(body, `"seeders":1`); time.Sleep(20 * time.Millisecond) {
		if body, _ = page(t, desk+"api/v1/swarms"); time.Now().After(end) {
			t.Fatalf("the swarms are %s", body)
		}
	}
	if kept, err := os.ReadFile(at("one" + enrolledSuffix)); err != nil || !strings.HasPrefix(string(kept), url+" token ") {
		t.Errorf("kept: %s, %v", kept, err)
	}
	_, out, _ := once(t, "inspect", "--json", at("film.mp4"))
	g := begin(t, nil, "get", "-o", at("copy"), "--listen", free, "--tracker-auth", at("two"), "--timeout", "2s", "--json", text(t, object(t, out), "link")+"&tr="+url)
	if status := g.end(t, patience); status == 0 {
		t.Error("a code that was used up gets a second peer in")
	}
	sentence(t, []string{"tracker", "--listen", free, "--enrolment", at("codes")}, 2, "--enrolment is of no use without --auth token")
	sentence(t, []string{"tracker", "--listen", free, "--http", "--operator", "0.0.0.0:0", "--dir", at("plain")}, 2, "its password would be read on the way")
}
