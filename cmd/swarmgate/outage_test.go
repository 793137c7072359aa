package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/proxy"
)

// onAir broadcasts the bundled clip until the test ends, with the tracker in its link.
func onAir(t *testing.T, tracker string) *studio {
	t.Helper()
	s, err := openStudio(t.Context(), t.TempDir(), tracker, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	sockets, closeSockets := context.WithCancel(context.Background())
	ctx, stop := context.WithCancel(sockets)
	var above, below sync.WaitGroup
	below.Go(func() { _ = s.peering.Run(sockets) })
	above.Go(func() { _ = s.live.Run(ctx) })
	above.Go(func() { _ = s.film.Run(ctx) })
	t.Cleanup(func() { stop(); above.Wait(); closeSockets(); below.Wait(); s.close() })
	return s
}

// session is that of a gateway's only channel, as programs see it.
func session(t *testing.T, url string) (s struct {
	Text    string
	Peers   int
	Tracker *struct{ Name, Problem string }
},
) {
	t.Helper()
	body, _ := page(t, url+"api/v1/sessions")
	var all []json.RawMessage
	if err := json.Unmarshal([]byte(body), &all); err != nil || len(all) == 0 {
		return s
	}
	if err := json.Unmarshal(all[0], &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// A gateway that is killed while its tracker is down finds its peers again when it is started anew, and
// says how things stand.
func TestKilledWhileTheTrackerIsDown(t *testing.T) {
	atHome(t)
	tr := begin(t, nil, "tracker", "--listen", free, "--http", "--json", "--dir", t.TempDir())
	url := text(t, tr.event(t, "ready"), "url")
	s := onAir(t, url)
	link, id := s.live.Link(), proxy.ItemID(s.live.Link().SwarmID)
	dir := t.TempDir()
	config := filepath.Join(dir, "swarmgate.toml")
	if err := os.WriteFile(config, []byte("links = [\""+link.String()+"\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "--config", config, "--http", free, "--listen", free, "--no-dlna", "--dir", filepath.Join(dir, "state"), "--json", "--log-level", "debug"}

	gateway := spawn(t, args...)
	home := gateway.home(t)
	if b := beginning(t, home+"live/"+id+".ts", 188*200); b[0] != 0x47 {
		t.Fatal("no transport stream")
	}
	gateway.says(t, "kept for the next start")
	tr.stop()
	tr.end(t, 5*time.Second)
	if err := gateway.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	gateway.wait()

	gateway = spawn(t, args...)
	home = gateway.home(t)
	if b := beginning(t, home+"live/"+id+".ts", 188*200); b[0] != 0x47 {
		t.Fatal("no transport stream without the tracker")
	}
	name := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		got := session(t, home)
		if got.Tracker != nil && got.Tracker.Name == name && got.Tracker.Problem == "no_answer" && strings.Contains(got.Text, "the tracker at "+name+" does not answer since ") &&
			strings.HasSuffix(got.Text, "going on with 1 known peer") {
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("the API says %+v", got)
		}
	}
	gateway.says(t, "going on with 1 known peer")
	if err := gateway.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	gateway.wait()
}

// home waits for the address of the gateway's page.
func (p *process) home(t *testing.T) string {
	t.Helper()
	select {
	case url := <-p.ready:
		return url
	case <-time.After(2 * patience):
		t.Fatalf("the gateway does not come up: %s", p.err)
		return ""
	}
}

// says waits until the words stand in the log.
func (p *process) says(t *testing.T, words string) {
	t.Helper()
	limit := time.After(2 * patience)
	for !strings.Contains(p.err.String(), words) {
		select {
		case <-p.err.news:
		case <-limit:
			t.Fatalf("no %q in the log: %s", words, p.err)
		}
	}
}

// get tells what is wrong with a tracker in words for people.
func TestGetTellsOfTheTracker(t *testing.T) {
	atHome(t)
	status, _, err := once(t, "get", "-o", filepath.Join(t.TempDir(), "x"), "--timeout", "500ms", "--listen", free,
		"ppsp:film/47a0bc0bd0d8e0f6b3f0ce5cd77e6da8a3cf4e13b4cc79a17c2db7db8f8cb03b?len=1000&tr=http://127.0.0.1:9/")
	if status != 1 || !strings.Contains(err, "no peer was found: the tracker at 127.0.0.1:9 does not answer since ") || strings.Contains(err, "dial tcp") && !strings.Contains(err, "WRN") {
		t.Errorf("exit status %d: %s", status, err)
	}
}
