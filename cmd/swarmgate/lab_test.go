package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asProgram makes the test binary the program itself, for tests that kill it.
const asProgram = "SWARMGATE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test.
const patience = 20 * time.Second

// free takes a free port on loopback.
const free = "127.0.0.1:0"

// noise is an output that several goroutines write to.
type noise struct {
	mu   sync.Mutex
	b    bytes.Buffer
	news chan struct{}
}

func newNoise() *noise { return &noise{news: make(chan struct{}, 1)} }

func (n *noise) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case n.news <- struct{}{}:
	default:
	}
	return n.b.Write(b)
}

func (n *noise) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

// lines returns the whole lines so far.
func (n *noise) lines() []string {
	s := n.String()
	return strings.Split(s[:strings.LastIndex(s, "\n")+1], "\n")
}

// program is a command line at work in this process.
type program struct {
	out, err *noise
	stop     func() // as SIGTERM does
	status   chan int
	ended    bool
}

// begin starts a command line. It is stopped at the end of the test.
func begin(t *testing.T, in io.Reader, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{out: newNoise(), err: newNoise(), stop: cancel, status: make(chan int, 1)}
	var group sync.WaitGroup
	group.Go(func() { p.status <- run(ctx, args, console{in, p.out, p.err}) })
	t.Cleanup(func() {
		cancel()
		group.Wait()
		if t.Failed() && !p.ended {
			t.Logf("swarmgate %s\n%s%s", strings.Join(args, " "), p.out, p.err)
		}
	})
	return p
}

// end waits for the exit status.
func (p *program) end(t *testing.T, within time.Duration) int {
	t.Helper()
	limit := time.NewTimer(within)
	defer limit.Stop()
	select {
	case status := <-p.status:
		p.ended = true
		return status
	case <-limit.C:
		t.Fatalf("the program goes on after %s", within)
		return -1
	}
}

// event waits for a line of --json of this name.
func (p *program) event(t *testing.T, name string) map[string]any {
	t.Helper()
	var found map[string]any
	p.await(t, "event "+name, func() bool {
		for _, line := range p.out.lines() {
			fields := map[string]any{}
			if json.Unmarshal([]byte(line), &fields) == nil && fields["event"] == name {
				found = fields
				return true
			}
		}
		return false
	})
	return found
}

// say waits until the words stand in the output.
func (p *program) say(t *testing.T, words string) {
	t.Helper()
	p.await(t, fmt.Sprintf("%q", words), func() bool { return strings.Contains(p.out.String()+p.err.String(), words) })
}

func (p *program) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !so() {
		select {
		case <-p.out.news:
		case <-p.err.news:
		case status := <-p.status:
			p.status <- status
			if !so() {
				t.Fatalf("exit status %d before %s; it says %s%s", status, what, p.out, p.err)
			}
		case <-limit.C:
			t.Fatalf("no %s within %s; it says %s%s", what, patience, p.out, p.err)
		}
	}
}

// once runs a command line to its end.
func once(t *testing.T, args ...string) (status int, out, err string) {
	t.Helper()
	p := begin(t, strings.NewReader(""), args...)
	status = p.end(t, patience)
	return status, p.out.String(), p.err.String()
}

// at home makes the folders of the user lie in a folder of the test.
func atHome(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "STATE_DIRECTORY", "TMPDIR"} {
		t.Setenv(name, dir)
	}
	return dir
}

// fields are the sorted names of what an event tells.
func fields(event map[string]any) string {
	var names []string
	for name := range event {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// text returns a field that is one.
func text(t *testing.T, event map[string]any, name string) string {
	t.Helper()
	s, ok := event[name].(string)
	if !ok {
		t.Fatalf("%s of %v is no text", name, event)
	}
	return s
}

// page gets a page.
func page(t *testing.T, url string) (body string, header http.Header) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, error %v", url, r.Status, err)
	}
	return string(b), r.Header
}
