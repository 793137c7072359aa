package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/store"
)

// process is the program in a process of its own.
type process struct {
	*exec.Cmd
	err   *noise
	lines sync.WaitGroup

	ready chan string   // has the page's address
	began chan struct{} // closed with the first progress
	done  chan struct{} // closed when all is there

	mu    sync.Mutex
	first int    // bytes that progress told first, -1 none
	last  string // line
}

// spawn starts the program. It is killed at the end of the test at the latest.
func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), os.Args[0], args...), err: newNoise(), first: -1, ready: make(chan string, 1), began: make(chan struct{}), done: make(chan struct{})}
	p.Env = append(os.Environ(), asProgram+"=1")
	p.Stderr = p.err
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.lines.Go(func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			p.told(in.Bytes())
		}
	})
	return p
}

func (p *process) told(line []byte) {
	var e struct {
		Event string
		Bytes int
		Page  string
	}
	if json.Unmarshal(line, &e) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = string(line)
	switch e.Event {
	case "ready":
		p.ready <- e.Page
	case "progress":
		if p.first < 0 {
			p.first = e.Bytes
			close(p.began)
		}
	case "done":
		close(p.done)
	}
}

// await waits for began or done.
func (p *process) await(t *testing.T, what <-chan struct{}) {
	t.Helper()
	select {
	case <-what:
	case <-time.After(patience):
		p.mu.Lock()
		defer p.mu.Unlock()
		t.Fatalf("the program does not come so far: %s%s", p.last, p.err)
	}
}

// wait waits for the end and returns the exit status, -1 for killed.
func (p *process) wait() int {
	p.lines.Wait()
	_ = p.Wait() // told by the status
	return p.ProcessState.ExitCode()
}

// flipIn inverts a bit of the file, at one of the bytes that are not zero, and keeps its time.
func flipIn(t *testing.T, path string, random *rand.Rand) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		return // not there yet
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	for range 1000 {
		at := random.Int64N(max(info.Size(), 1))
		if _, err := f.ReadAt(b, at); err != nil || b[0] == 0 {
			continue
		}
		b[0] ^= 1 << random.IntN(8)
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
		break
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// A downloading node is killed at 20 random moments, and after each a bit of what it left on
// the disk flips. Each time it goes on where it was. Meanwhile another peer fetches from it
// alone, and would shut it out for a single chunk that is not right. In the end both have the
// film.
func TestKilledDownload(t *testing.T) {
	atHome(t)
	const (
		length = 24 << 20
		kills  = 20
	)
	dir := t.TempDir()
	path, to := filepath.Join(dir, "film.mp4"), filepath.Join(dir, "copy.mp4")
	content, digest := newFilm(t, path, length)
	publish := func(upload string) string {
		p := begin(t, nil, "publish", path, "--listen", free, "--upload", upload, "--dir", filepath.Join(t.TempDir(), "state"), "--json")
		return text(t, p.event(t, "swarm"), "link")
	}
	slow, fast := publish("24Mbit/s"), publish("unlimited")
	here, there := reserveUDP(t), reserveUDP(t)
	watcher := begin(t, nil, "get", "-o", filepath.Join(dir, "second.mp4"), "--listen", there, "--json", "--peer", here, strings.Split(slow, "&peer=")[0])

	random := seeded(t)
	resumed := 0 // bytes, the most that a run began with
	for n := range kills {
		p := spawn(t, "get", "-o", to, "--listen", here, "--json", "--peer", there, slow)
		p.await(t, p.began)
		time.Sleep(time.Duration(random.Int64N(int64(900 * time.Millisecond))))
		_ = p.Process.Kill()
		if status := p.wait(); status != -1 {
			t.Fatalf("run %d ended by itself with exit status %d: %s", n, status, p.err)
		}
		// What lay on the disk once stays there, but for what the bits cost.
		if p.first < resumed/2 && resumed > 4<<20 {
			t.Errorf("run %d begins with %d bytes, an earlier one began with %d: %s", n, p.first, resumed, p.err)
		}
		resumed = max(resumed, p.first)
		if _, err := os.Stat(to); err == nil {
			t.Fatalf("run %d: half a film lies under its name", n)
		}
		flipIn(t, to+[]string{store.PartSuffix, store.SidecarSuffix}[n%2], random)
	}
	if resumed < 2<<20 {
		t.Errorf("after %d runs there are only %d bytes", kills, resumed)
	}
	p := spawn(t, "get", "-o", to, "--listen", here, "--json", "--seed", "1m", "--peer", there, fast)
	if status := watcher.end(t, 2*patience); status != 0 {
		t.Errorf("the peer that fetched from the killed one: exit status %d: %s", status, watcher.err)
	}
	p.await(t, p.done)
	_ = p.Process.Signal(os.Interrupt)
	if status := p.wait(); status != 0 {
		t.Errorf("the last run: exit status %d: %s", status, p.err)
	}
	t.Logf("%d bytes were there before the last run", resumed)
	if words := watcher.err.String(); strings.Contains(words, "shut out") {
		t.Errorf("it was given what was not verified: %s", words)
	}
	for _, name := range []string{to, filepath.Join(dir, "second.mp4")} {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s is another file than %s, error %v", name, digest, err)
		}
	}
}

// A bit flips in a film that was fetched, or in its sidecar: the next run finds it, and fetches
// what it has to.
func TestFlippedBit(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path, to := filepath.Join(dir, "film.mp4"), filepath.Join(dir, "copy.mp4")
	content, _ := newFilm(t, path, 2_000_000)
	p := begin(t, nil, "publish", path, "--listen", free, "--dir", filepath.Join(dir, "state"), "--json")
	link := text(t, p.event(t, "swarm"), "link")
	random := seeded(t)
	for n := range 9 {
		if n > 0 {
			flipIn(t, to+[]string{"", store.SidecarSuffix}[n%2], random)
		}
		g := begin(t, nil, "get", "-o", to, "--listen", free, "--json", link)
		if status := g.end(t, patience); status != 0 {
			t.Fatalf("run %d: exit status %d: %s", n, status, g.err)
		}
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("run %d: another file, error %v", n, err)
		}
	}
}

// seedVariable names the environment variable that repeats the moments of a run that failed.
const seedVariable = "SWARMGATE_TEST_SEED"

// seeded returns random numbers that differ from run to run; the log tells how to repeat them.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("repeat with %s=%d", seedVariable, seed)
	return rand.New(rand.NewPCG(seed, 1))
}
