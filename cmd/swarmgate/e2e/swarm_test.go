//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// openTracker starts a tracker by hand, with a folder of its own unless args name one, and returns
// its URL.
func openTracker(t *testing.T, args ...string) string {
	t.Helper()
	if !slices.Contains(args, "--dir") {
		args = append(args, "--dir", t.TempDir())
	}
	p := run(t, append([]string{"tracker", "--http", "--listen", "127.0.0.1:0", "--json"}, args...)...)
	return p.event("ready", 5*time.Second, nil)["url"].(string)
}

// publisher is a publisher started by hand.
type publisher struct {
	*process
	link   ppsp.Link
	text   string // the link as it was printed
	listen string // its UDP address
}

// publish starts a publisher on loopback and waits for its link.
func publish(t *testing.T, args ...string) publisher {
	t.Helper()
	p := run(t, append([]string{"publish", "--json", "--listen", "127.0.0.1:0", "--no-nat"}, args...)...)
	e := p.event("swarm", 10*time.Second, nil)
	link, err := ppsp.ParseLink(e["link"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return publisher{p, link, e["link"].(string), e["listen"].(string)}
}

// gateway starts a gateway with these links and returns the address of its page.
func gateway(t *testing.T, dir string, links ...string) (*process, string) {
	t.Helper()
	quoted, err := json.Marshal(links)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "swarmgate.toml")
	// A list of strings is the same in JSON and in TOML, but for what JSON escapes.
	text := fmt.Sprintf("links = %s\n[http]\nlisten = \"127.0.0.1:0\"\n[dlna]\nenabled = false\n[peer]\nlisten = \"127.0.0.1:0\"\nnat = false\n",
		strings.ReplaceAll(string(quoted), `\u0026`, "&"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, "run", "--json", "--config", file, "--dir", dir)
	return p, p.event("ready", 5*time.Second, nil)["page"].(string)
}

// session is what the gateway says about a channel or film that is being watched.
type session struct {
	ID, Channel, State string
	Peers, Viewers     int
	DownBps            int64 `json:"down_bps"`
	UpBps              int64 `json:"up_bps"`
}

// TestGatewaysServeEachOther publishes a film to one gateway, ends the publisher, and has
// a second gateway get all of it from the first.
func TestGatewaysServeEachOther(t *testing.T) {
	tracker := openTracker(t)
	film := bigFilm(t)
	source := publish(t, film, "--tracker", tracker, "--dir", t.TempDir(), "--title", "Big")
	_, one := gateway(t, t.TempDir(), source.text)
	_, two := gateway(t, t.TempDir(), source.text)
	want := sha256File(t, film)
	fetch(t, one, want)
	source.end()
	began := time.Now()
	fetch(t, two, want)
	t.Logf("the second gateway had it from the first in %v", time.Since(began).Round(time.Millisecond))
	_, three := gateway(t, t.TempDir(), source.text) // by its own file now: both serve
	fetch(t, three, want)
}

// fetch reads a gateway's film whole.
func fetch(t *testing.T, page string, want string) {
	t.Helper()
	got := command(t, 30*time.Second, "curl", "-sS", "--fail", item(t, page, "film").URLs.File)
	if sum := fmt.Sprintf("%x", sha256.Sum256(got)); sum != want {
		t.Fatalf("%s: %d bytes with SHA-256 %s, want %s", page, len(got), sum, want)
	}
}

// TestGatewayHandsAChannelOn has one gateway watch a channel, and another that knows nobody
// but the first. It learns of the source from that one, but the source's uplink does not
// suffice for two.
func TestGatewayHandsAChannelOn(t *testing.T) {
	source := publish(t, "--live", "../media/channel.ts", "--tracker", openTracker(t), "--dir", t.TempDir(), "--upload", "260kbit/s")
	one, page := gateway(t, t.TempDir(), source.text)
	first := watchStream(t, item(t, page, "live").URLs.TS, 10)
	link := source.link
	link.Trackers, link.Peers = nil, []string{one.event("nat", 5*time.Second, nil)["address"].(string)}
	_, other := gateway(t, t.TempDir(), link.String())
	second := watchStream(t, item(t, other, "live").URLs.TS, 8)
	first.unbroken(10*frameRate-3, 15*time.Second)
	second.unbroken(8*frameRate-3, 15*time.Second)
	var sessions []session
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(200 * time.Millisecond) { // figures of a second vary
		if getJSON(t, page+"api/v1/sessions", &sessions); len(sessions) == 1 && sessions[0].UpBps >= 50_000 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the first gateway does not say that it hands on: %+v", sessions)
		}
	}
	if getJSON(t, other+"api/v1/sessions", &sessions); len(sessions) != 1 || sessions[0].Peers != 2 {
		t.Errorf("the second gateway did not hear of the source: %+v", sessions)
	}
}

// TestGetResumes kills a download in its middle; the same command goes on from there.
func TestGetResumes(t *testing.T) {
	tracker := openTracker(t)
	film := bigFilm(t)
	source := publish(t, film, "--tracker", tracker, "--dir", t.TempDir(), "--upload", "8Mbit/s")
	out := filepath.Join(t.TempDir(), "film")
	args := []string{"get", source.text, "-o", out, "--json", "--listen", "127.0.0.1:0", "--no-nat", "--timeout", "60s"}
	gone := run(t, args...)
	half := gone.event("progress", 30*time.Second, func(e map[string]any) bool { return e["bytes"].(float64) > bigFilmSize/3 })
	if err := gone.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone.exit(time.Second)
	again := run(t, args...)
	resumed := again.event("progress", 5*time.Second, nil)
	done := again.event("done", 60*time.Second, nil)
	if status := again.exit(5 * time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	t.Logf("killed at %.0f bytes, resumed at %.0f, done after %.1f s", half["bytes"], resumed["bytes"], done["seconds"])
	if resumed["bytes"].(float64) < half["bytes"].(float64)/4 {
		t.Errorf("resumed at %.0f bytes of %.0f", resumed["bytes"], half["bytes"])
	}
	want := sha256File(t, film)
	if done["sha256"] != want || sha256File(t, out) != want {
		t.Errorf("SHA-256 %s (%s in the done line), want %s", sha256File(t, out), done["sha256"], want)
	}
}

// bigFilmSize is large enough that a transfer has a middle, bytes.
const bigFilmSize = 8 << 20

// bigFilm makes a file of noise. What is in it means nothing to a swarm.
func bigFilm(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "big.mp4")
	noise := make([]byte, bigFilmSize)
	if _, err := rand.NewChaCha8([32]byte{2}).Read(noise); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, noise, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sha256File(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}
