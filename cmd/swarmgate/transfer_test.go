package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/media"
	"github.com/swarmgate/swarmgate/ppsp"
)

// newFilm writes size random bytes and returns their SHA-256.
func newFilm(t *testing.T, path string, size int) (content []byte, digest string) {
	t.Helper()
	content = make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = random.Read(content)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return content, hex.EncodeToString(sum[:])
}

// A film from file to file, without a tracker.
func TestPublishAndGet(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "film.mp4")
	content, digest := newFilm(t, path, 300_000)
	p := begin(t, nil, "publish", path, "--listen", free, "--title", "A Title", "--dir", filepath.Join(dir, "state"), "--json")
	swarm := p.event(t, "swarm")
	if fields(swarm) != "addressing chunk_size chunks event hash integrity kind length link listen swarm_id title" {
		t.Errorf("the fields of the swarm are %s", fields(swarm))
	}
	if swarm["title"] != "A Title" || swarm["length"] != 300_000.0 || swarm["kind"] != "film" {
		t.Errorf("the swarm is %v", swarm)
	}
	link := text(t, swarm, "link")
	if !strings.Contains(link, "peer="+text(t, swarm, "listen")) {
		t.Errorf("the link %s has not the address in use, %s", link, swarm["listen"])
	}
	for name, args := range map[string][]string{
		"the link's contact": {link},
		"--peer":             {strings.Split(link, "&peer=")[0], "--peer", text(t, swarm, "listen")},
	} {
		to := filepath.Join(t.TempDir(), "copy.mp4")
		g := begin(t, nil, append([]string{"get", "-o", to, "--listen", free, "--json"}, args...)...)
		if status := g.end(t, patience); status != 0 {
			t.Fatalf("get by %s: exit status %d: %s%s", name, status, g.out, g.err)
		}
		done := g.event(t, "done")
		if fields(done) != "bytes event seconds sha256" || done["bytes"] != 300_000.0 || done["sha256"] != digest {
			t.Errorf("get by %s: done %v, want 300000 bytes of %s", name, done, digest)
		}
		if fields(g.event(t, "progress")) != "bytes event length peers rate" {
			t.Errorf("the fields of the progress are %s", fields(g.event(t, "progress")))
		}
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
			t.Errorf("get by %s: another file, error %v", name, err)
		}
	}
	g := begin(t, nil, "get", "-o", "-", "--listen", free, link)
	if status := g.end(t, patience); status != 0 || g.out.String() != string(content) {
		t.Errorf("get to standard output: exit status %d, %d bytes", status, len(g.out.String()))
	}
	if words := g.err.String(); !strings.Contains(words, "100 % of 300.0 kB") || !strings.Contains(words, "SHA-256 "+digest) {
		t.Errorf("beside it says %q", words)
	}
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("publish: exit status %d", status)
	}
}

// What was fetched before an end is not fetched again.
func TestGetGoesOn(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path, to := filepath.Join(dir, "film.mp4"), filepath.Join(dir, "copy.mp4")
	content, _ := newFilm(t, path, 400_000)
	publish := func(upload string) string {
		p := begin(t, nil, "publish", path, "--listen", free, "--upload", upload, "--dir", filepath.Join(t.TempDir(), "state"), "--json")
		return text(t, p.event(t, "swarm"), "link")
	}
	slow, fast := publish("800kbit/s"), publish("unlimited")
	first := begin(t, nil, "get", "-o", to, "--listen", free, "--json", slow)
	first.await(t, "progress", func() bool { return strings.Contains(first.out.String(), `"bytes":`) && progress(first) > 50_000 })
	first.stop()
	if status := first.end(t, 5*time.Second); status != 1 {
		t.Errorf("stopped: exit status %d, want 1, for the film is not there", status)
	}
	if why := first.event(t, "failed")["error"]; why != "stopped before the film was complete; the same command goes on from here" {
		t.Errorf("stopped: it says %q", why)
	}
	had := progress(first)
	if _, err := os.Stat(to); err == nil {
		t.Error("half a film lies under its name")
	}
	alone := begin(t, nil, "get", "-o", to, "--listen", free, "--json", "--timeout", "800ms", "--peer", reserveUDP(t), strings.Split(fast, "&peer=")[0])
	if status := alone.end(t, patience); status != 1 || progress(alone) < had {
		t.Errorf("without peers: exit status %d, %d bytes are there; want 1 and the %d of before", status, progress(alone), had)
	}
	second := begin(t, nil, "get", "-o", to, "--listen", free, "--json", fast)
	if status := second.end(t, patience); status != 0 {
		t.Fatalf("the second time: exit status %d: %s", status, second.err)
	}
	if at := text(t, second.event(t, "done"), "sha256"); at == "" || progress(second) != 400_000 {
		t.Errorf("the second time it ends with %d bytes", progress(second))
	}
	if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
		t.Errorf("another file, error %v", err)
	}
	if had >= 400_000 {
		t.Error("the first was not stopped half-way")
	}
	again := begin(t, nil, "get", "-o", to, "--listen", free, "--json", fast) // all is there
	if status := again.end(t, patience); status != 0 || progress(again) != 400_000 {
		t.Errorf("the third time: exit status %d, %d bytes", status, progress(again))
	}
	status, out, _ := once(t, "get", "-o", to, "--listen", free, fast)
	if status != 0 || !strings.HasPrefix(out, "Complete already, and checked: 400.0 kB, SHA-256 ") || strings.Count(out, "\n") != 1 {
		t.Errorf("the third time, for people: %d %q", status, out)
	}
}

// progress returns the bytes that a get told last.
func progress(p *program) int {
	at := -1
	for _, line := range p.out.lines() {
		if strings.Contains(line, `"event":"progress"`) {
			_, rest, _ := strings.Cut(line, `"bytes":`)
			at = 0
			for _, c := range rest {
				if c < '0' || c > '9' {
					break
				}
				at = 10*at + int(c-'0')
			}
		}
	}
	return at
}

// --seed serves others when the publisher has gone.
func TestGetServesOthers(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "film.mp4")
	_, digest := newFilm(t, path, 100_000)
	listen := reserveUDP(t)
	p := begin(t, nil, "publish", path, "--listen", free, "--dir", filepath.Join(dir, "state"), "--json")
	link := text(t, p.event(t, "swarm"), "link")
	first := begin(t, nil, "get", "-o", filepath.Join(dir, "one"), "--listen", listen, "--seed", "1m", link)
	first.say(t, "Serving others for 1m0s.")
	p.stop()
	p.end(t, 5*time.Second)
	second := begin(t, nil, "get", "-o", filepath.Join(dir, "two"), "--listen", free, "--peer", listen, "--json", link)
	if status := second.end(t, patience); status != 0 || second.event(t, "done")["sha256"] != digest {
		t.Errorf("exit status %d: %s", status, second.err)
	}
	first.stop()
	if status := first.end(t, 5*time.Second); status != 0 {
		t.Errorf("the first: exit status %d", status)
	}
	if !strings.Contains(first.out.String(), "SHA-256 "+digest) {
		t.Errorf("the first says %q", first.out)
	}
}

// reserveUDP finds an address that is free now.
func reserveUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", free)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// Without peers get says what is missing, when its time is up.
func TestGetWithoutPeers(t *testing.T) {
	atHome(t)
	film := "ppsp:film/" + filmID + "?len=5000"
	to := filepath.Join(t.TempDir(), "x")
	for args, words := range map[string]string{
		"&peer=" + reserveUDP(t):  "swarm 47a0…b03b: not complete after 300ms; no peer was found; is the publisher running?",
		"&tr=http://127.0.0.1:9/": "swarm 47a0…b03b: not complete after 300ms; no peer was found: ",
	} {
		status, out, err := once(t, "get", "-o", to, "--listen", free, "--timeout", "300ms", "--json", film+args)
		if status != 1 || !strings.Contains(err, words) || strings.Count(err, "\n") != 1 {
			t.Errorf("exit status %d, it says %q, want %q", status, err, words)
		}
		if !strings.Contains(out, `{"error":"swarm 47a0…b03b: not complete`) {
			t.Errorf("with --json it prints %q, want why it failed", out)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(to), "*")); len(left) != 0 {
			t.Errorf("without one byte it leaves %v behind", left)
		}
	}
}

// What can't work is told before a file is made, and with what to do about it.
func TestGetThatCantWork(t *testing.T) {
	dir := atHome(t)
	t.Chdir(dir)
	film := "ppsp:film/" + filmID + "?len=5000&t=A%20Film&peer=" + reserveUDP(t)
	sentence(t, []string{"get", film, "--profile", "draft10"}, 2, "leave --profile out, or ask the publisher to publish it with --profile draft10")
	sentence(t, []string{"get", film, "--duration", "2s"}, 2, "--duration is for live channels")
	status, _, err := once(t, "get", film, "--profile", "rfc7574", "--listen", free, "--timeout", "300ms")
	if status != 1 || !strings.Contains(err, "no peer was found that speaks --profile rfc7574") {
		t.Errorf("a forced profile: %d %s", status, err)
	}
	if left, _ := filepath.Glob("A Film*"); len(left) != 0 {
		t.Errorf("it leaves %v behind", left)
	}
	if err := os.WriteFile("A Film", []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	sentence(t, []string{"get", film}, 1, "-o FILE names another")
}

// A folder of films: one link for each, a line for each, and all of them served. One that can't
// be does not hold up the others.
func TestPublishFolder(t *testing.T) {
	atHome(t)
	dir := tree(t, "readme.txt")
	_, one := newFilm(t, filepath.Join(dir, "one.mp4"), 30_000)
	_, two := newFilm(t, filepath.Join(dir, "two.mkv"), 40_000)
	if err := os.WriteFile(filepath.Join(dir, "still-copying.mp4"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, nil, "publish", dir, "--listen", free, "--dir", t.TempDir(), "--duration", "10s", "--json")
	p.await(t, "two links", func() bool { return strings.Count(p.out.String(), `"event":"swarm"`) == 2 })
	digests := map[string]string{"one": one, "two": two}
	for _, line := range p.out.lines() {
		if !strings.Contains(line, `"event":"swarm"`) {
			continue
		}
		swarm := object(t, line+"\n")
		g := begin(t, nil, "get", "-o", filepath.Join(t.TempDir(), "copy"), "--listen", free, "--json", text(t, swarm, "link"))
		if status := g.end(t, patience); status != 0 || g.event(t, "done")["sha256"] != digests[text(t, swarm, "title")] {
			t.Errorf("%v: exit status %d, %s", swarm["title"], status, g.out)
		}
	}
	if log := p.err.String(); !strings.Contains(log, "still-copying.mp4: the file is empty") || !strings.Contains(log, "it is left out") {
		t.Errorf("of the empty film it says %q", log)
	}
	people := begin(t, nil, "publish", dir, "--listen", free, "--dir", t.TempDir())
	people.say(t, "Ctrl-C ends it.")
	if words := people.out.String(); strings.Count(words, "ppsp:film/") != 2 || !strings.Contains(words, "No --tracker was named: ") {
		t.Errorf("for people it prints %q", words)
	}
}

// --duration is the end, and no failure.
func TestPublishEndsAfterItsDuration(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "film.mp4")
	newFilm(t, path, 5000)
	stream := filepath.Join(dir, "one.ts")
	if err := os.WriteFile(stream, media.Channel, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{"film": {path}, "live": {"--live", stream}} {
		args = append([]string{"publish", "--listen", free, "--dir", t.TempDir(), "--duration", "300ms"}, args...)
		if status, out, err := once(t, args...); status != 0 {
			t.Errorf("%s: exit status %d: %s%s", name, status, out, err)
		}
	}
}

// The end of the standard input is the end of the program; the key stays.
func TestPublishStandardInput(t *testing.T) {
	home := atHome(t)
	key := filepath.Join(home, "my.key")
	args := []string{"publish", "-", "--listen", free, "--key", key, "--title", "Pipe", "--tracker", "http://127.0.0.1:9/", "--json"}
	var links []string
	for range 2 {
		p := begin(t, bytes.NewReader(media.Channel), args...)
		if status := p.end(t, patience); status != 0 {
			t.Fatalf("exit status %d: %s%s", status, p.out, p.err)
		}
		swarm := p.event(t, "swarm")
		if swarm["kind"] != "live" || swarm["title"] != "Pipe" || swarm["chunk_size"] != 1316.0 || swarm["signature"] != "ecdsap256sha256" || swarm["integrity"] != "unified" {
			t.Errorf("the swarm is %v", swarm)
		}
		links = append(links, text(t, swarm, "link"))
	}
	if links[0] != links[1] {
		t.Errorf("with one key the links are %s and %s", links[0], links[1])
	}
	if info, err := os.Stat(key); err != nil || info.Mode() != 0o600 {
		t.Errorf("the key file has mode %v, error %v", info.Mode(), err)
	}
	for in, words := range map[string]string{
		strings.Repeat("no transport stream ", 100_000): "make one with ffmpeg -i INPUT -c copy -f mpegts -",
		"": "the input ended before its first byte: look at what the program said that should make it",
	} {
		p := begin(t, strings.NewReader(in), args...)
		if status := p.end(t, patience); status != 1 || !strings.Contains(p.err.String(), words) {
			t.Errorf("of %d bytes of noise: exit status %d, it says %q", len(in), status, p.err)
		}
		if p.out.String() != "" {
			t.Errorf("it prints a link that leads nowhere: %s", p.out)
		}
	}
}

// A channel for members only is not opened by an option that was forgotten.
func TestClosedChannelStaysClosed(t *testing.T) {
	home := atHome(t)
	publish := func(args ...string) (status int, out, err string) {
		p := begin(t, bytes.NewReader(media.Channel), append([]string{"publish", "-", "--listen", free, "--tracker", "http://127.0.0.1:9/", "--dir", home, "--json"}, args...)...)
		return p.end(t, patience), p.out.String(), p.err.String()
	}
	if status, out, err := publish("--closed"); status != 0 || !strings.Contains(out, "closed=") {
		t.Fatalf("%d %s%s", status, out, err)
	}
	if status, out, err := publish(); status != 2 || out != "" || !strings.Contains(err, "is of a channel for members only; add --closed, or name another file with --key") {
		t.Errorf("opened: %d %s%s", status, out, err)
	}
	if status, _, err := publish("--closed"); status != 0 {
		t.Errorf("closed again: %d %s", status, err)
	}
	if status, _, err := publish("--key", filepath.Join(home, "open.key")); status != 0 {
		t.Errorf("another key: %d %s", status, err)
	}
}

// A recording is told with its rate, and its key lies in the state's folder.
func TestPublishRecording(t *testing.T) {
	home := atHome(t)
	stream := filepath.Join(home, "News.ts")
	if err := os.WriteFile(stream, media.Channel, 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, nil, "publish", "--live", stream, "--listen", free, "--json")
	link, err := ppsp.ParseLink(text(t, p.event(t, "swarm"), "link"))
	if err != nil || link.Title != "News" || link.Rate < 100e3 || link.Rate > 400e3 {
		t.Errorf("the link is %+v, error %v; want the file's name and rate", link, err)
	}
	if _, err := os.Stat(filepath.Join(home, "publisher", "channel.key")); err != nil {
		t.Errorf("the key is not in the folder of the state: %v", err)
	}
	p.stop()
	if status := p.end(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
