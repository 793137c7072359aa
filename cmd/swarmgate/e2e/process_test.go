//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// endTime is what the program has to end in after SIGTERM.
const endTime = 5 * time.Second

// process is a program that a test runs beside itself. It is ended with the test.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	started time.Time
	exited  chan struct{} // closed when it is gone
	status  int           // after exited

	mu     sync.Mutex
	out    bytes.Buffer
	err    bytes.Buffer
	change chan struct{} // closed at the next output
}

// start runs a program. In a namespace the words begin with those of node.in.
func start(t *testing.T, words ...string) *process {
	t.Helper()
	p := prepare(t, words...)
	p.launch()
	return p
}

// prepare makes a process that is not started yet.
func prepare(t *testing.T, words ...string) *process {
	t.Helper()
	need(t, words[0])
	p := &process{t: t, cmd: exec.Command(words[0], words[1:]...), exited: make(chan struct{}), change: make(chan struct{})}
	p.cmd.Stdout = &capture{p, &p.out}
	p.cmd.Stderr = &capture{p, &p.err}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	p.cmd.WaitDelay = time.Second
	return p
}

// launch starts it, and sees to its end.
func (p *process) launch() {
	p.t.Helper()
	words := strings.Join(p.cmd.Args, " ")
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", words, err)
	}
	go func() {
		_ = p.cmd.Wait()
		p.status = p.cmd.ProcessState.ExitCode()
		close(p.exited)
	}()
	p.t.Cleanup(func() {
		p.kill()
		if p.t.Failed() {
			p.t.Logf("%s\nstandard output:\n%s\nstandard error:\n%s", words, tail(p.output()), tail(p.log()))
		}
	})
}

// run starts the program under test.
func run(t *testing.T, args ...string) *process {
	t.Helper()
	return start(t, append([]string{swarmgate}, args...)...)
}

// capture keeps what a process writes.
type capture struct {
	p  *process
	to *bytes.Buffer
}

func (c *capture) Write(b []byte) (int, error) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.to.Write(b)
	close(c.p.change)
	c.p.change = make(chan struct{})
	return len(b), nil
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err.String()
}

// await waits until what was written fulfils a condition.
func (p *process) await(what string, limit time.Duration, fulfilled func() bool) {
	p.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		p.mu.Lock()
		change := p.change
		p.mu.Unlock()
		if fulfilled() {
			return
		}
		select {
		case <-change:
		case <-p.exited:
			if !fulfilled() {
				p.t.Fatalf("ended with status %d before %s", p.status, what)
			}
			return
		case <-timer.C:
			p.t.Fatalf("no %s within %s", what, limit)
		}
	}
}

// event waits for a line of --json with this event, and the fields that match holds.
func (p *process) event(name string, limit time.Duration, match func(map[string]any) bool) map[string]any {
	p.t.Helper()
	var found map[string]any
	p.await("event "+name, limit, func() bool {
		found = nil
		for _, e := range p.events(name) {
			if match == nil || match(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// events returns the lines of --json with this event so far.
func (p *process) events(name string) []map[string]any {
	var list []map[string]any
	lines := bufio.NewScanner(strings.NewReader(p.output()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e map[string]any
		if json.Unmarshal(lines.Bytes(), &e) == nil && e["event"] == name {
			list = append(list, e)
		}
	}
	return list
}

// logged waits for a line of the log that holds all the words.
func (p *process) logged(limit time.Duration, words ...string) {
	p.t.Helper()
	p.await("log line with "+strings.Join(words, ", "), limit, func() bool {
		for line := range strings.Lines(p.log()) {
			holds := true
			for _, w := range words {
				holds = holds && strings.Contains(line, w)
			}
			if holds {
				return true
			}
		}
		return false
	})
}

// end sends SIGTERM and expects a clean end in time.
func (p *process) end() {
	p.t.Helper()
	began := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		if p.status != 0 {
			p.t.Errorf("ended with status %d, want 0", p.status)
		}
	case <-time.After(endTime):
		p.t.Errorf("still there %s after SIGTERM", time.Since(began).Round(time.Millisecond))
		p.kill()
	}
}

// kill ends the process and what it started, without asking.
func (p *process) kill() {
	select {
	case <-p.exited:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.exited
	}
}

// exit waits for the end and returns the exit status.
func (p *process) exit(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(limit):
		p.t.Fatalf("still running after %s", limit)
	}
	return p.status
}

// command runs a tool to its end and returns its standard output.
func command(t *testing.T, limit time.Duration, words ...string) []byte {
	t.Helper()
	out, err := attempt(t, limit, words...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// attempt runs a tool that may fail.
func attempt(t *testing.T, limit time.Duration, words ...string) ([]byte, error) {
	t.Helper()
	need(t, words[0])
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.WaitDelay = time.Second
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return out, errors.New(strings.Join(words, " ") + ": " + err.Error() + "\n" + tail(complaint.String()))
	}
	return out, nil
}

// need fails the test when a tool is missing.
func need(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Fatalf("%s is missing: install the packages of .ci/packages.txt", tool)
	}
}

// tail returns the end of a long text, and nothing of what is none.
func tail(s string) string {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return fmt.Sprintf("%d bytes", len(s))
	}
	const most = 6000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}
