package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/proxy"
)

// benchCommand measures what the README quotes.
type benchCommand struct {
	Gateway  benchGateway  `cmd:"" help:"Measure a gateway with one viewer of a live channel: start-up, memory, processor, size."`
	Tracker  benchTracker  `cmd:"" help:"Load a tracker with the requests of many peers: requests per processor second, delay, memory."`
	DLNA     benchDLNA     `cmd:"" name:"dlna" help:"Measure the gateway as a media server beside minidlna: discovery, browsing, films, memory."`
	Web      benchWeb      `cmd:"" help:"Let many viewers watch one live channel over HTTP: processor, memory, stalls, who stops reading."`
	Transfer benchTransfer `cmd:"" help:"Measure a film on its way from one process to another over loopback: processor, memory, rate."`
}

// benchGateway runs a gateway as a process of its own beside a tracker and a publisher in
// this one, and watches the demo's channel through it.
type benchGateway struct {
	Duration time.Duration `help:"How long is watched. Default: ${default}." default:"20s" placeholder:"D"`
	JSON     bool          `name:"json" help:"Print one JSON object a line for programs."`
}

// gatewayFigures is what benchGateway prints.
type gatewayFigures struct {
	StartupMS     int64   `json:"startup_ms"`      // from starting the process to the page's answer
	FirstByteMS   int64   `json:"first_byte_ms"`   // from asking for the channel to its first byte, the swarm cold
	RSSMB         float64 `json:"rss_mb"`          // resident, at the end
	PeakMB        float64 `json:"peak_rss_mb"`     // resident, at most
	CPUPercent    float64 `json:"cpu_percent"`     // of one core, while watching
	StreamKbps    float64 `json:"stream_kbit_s"`   // that the viewer got
	BinaryMB      float64 `json:"binary_mb"`       // as it is on the disk
	WatchedSecond float64 `json:"watched_seconds"` //
}

// Run carries the command out.
func (b *benchGateway) Run(ctx context.Context, c console) error {
	out := newPrinter(c, b.JSON)
	dir, err := os.MkdirTemp("", "swarmgate-bench-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	log := zerolog.Nop()
	t, err := openTracker(loopback, tracker.ServerConfig{Logger: log})
	if err != nil {
		return err
	}
	p, err := openStudio(ctx, filepath.Join(dir, "publisher"), t.url(), log)
	if err != nil {
		return err
	}
	defer p.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return t.Run(ctx) })
	parts.Go(func() error { return p.peering.Run(ctx) })
	p.peering.await(ctx)
	parts.Go(func() error { return p.live.Run(ctx) })
	parts.Go(func() error { return p.film.Run(ctx) })
	figures, err := b.measure(ctx, dir, p)
	cancel()
	if err := errors.Join(err, parts.Wait()); err != nil {
		return err
	}
	fields, err := asMap(figures)
	if err != nil {
		return err
	}
	out.event("result", fields)
	out.say("start-up to the page's answer       %d ms", figures.StartupMS)
	out.say("request to first byte, cold swarm   %d ms", figures.FirstByteMS)
	out.say("resident memory, end / peak         %.1f / %.1f MB", figures.RSSMB, figures.PeakMB)
	out.say("processor, one viewer of %3.0f kbit/s  %.2f %% of one core", figures.StreamKbps, figures.CPUPercent)
	out.say("size of the program                 %.1f MB", figures.BinaryMB)
	return nil
}

// measure runs the gateway as a child and watches.
func (b *benchGateway) measure(ctx context.Context, dir string, p *studio) (f gatewayFigures, err error) {
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	info, err := os.Stat(self)
	if err != nil {
		return f, err
	}
	f.BinaryMB = float64(info.Size()) / 1e6
	config := filepath.Join(dir, "swarmgate.toml")
	text := fmt.Sprintf("links = [%q]\ndir = %q\n[http]\nlisten = \"127.0.0.1:0\"\n[peer]\nlisten = \"127.0.0.1:0\"\nnat = false\n[dlna]\nenabled = false\n",
		p.live.Link().String(), filepath.Join(dir, "gateway"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return f, err
	}
	began := time.Now()
	child := exec.CommandContext(ctx, self, "run", "--config", config, "--json", "--log-level", "error")
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = 5 * time.Second
	lines, err := child.StdoutPipe()
	if err != nil {
		return f, err
	}
	if err := child.Start(); err != nil {
		return f, err
	}
	var reading sync.WaitGroup
	defer func() {
		_ = child.Process.Signal(syscall.SIGTERM)
		reading.Wait() // the end of its output
		err = errors.Join(err, child.Wait())
	}()
	page, err := readyPage(lines, &reading)
	if err != nil {
		return f, err
	}
	if err := fetch(ctx, page+"healthz"); err != nil {
		return f, err
	}
	f.StartupMS = time.Since(began).Milliseconds()
	url := page + "live/" + proxy.ItemID(p.live.Link().SwarmID) + ".ts"
	err = b.watch(ctx, url, child.Process.Pid, &f)
	return f, err
}

// watch reads the channel as a viewer would, and the process's counters around it.
func (b *benchGateway) watch(ctx context.Context, url string, pid int, f *gatewayFigures) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	buffer := make([]byte, 64<<10)
	if _, err := io.ReadFull(answer.Body, buffer[:188]); err != nil {
		return err
	}
	f.FirstByteMS = time.Since(began).Milliseconds()
	cpu, err := processorTime(pid)
	if err != nil {
		return err
	}
	from, bytes := time.Now(), 0
	for time.Since(from) < b.Duration {
		n, err := answer.Body.Read(buffer)
		if bytes += n; err != nil {
			return fmt.Errorf("the stream ended: %w", err)
		}
	}
	f.WatchedSecond = time.Since(from).Seconds()
	f.StreamKbps = float64(bytes) * 8 / 1000 / f.WatchedSecond
	after, err := processorTime(pid)
	if err != nil {
		return err
	}
	f.CPUPercent = 100 * (after - cpu).Seconds() / f.WatchedSecond
	f.RSSMB, f.PeakMB, err = residentMemory(pid)
	return err
}

// readyPage waits for the "ready" line of a gateway; what comes after it is read away.
func readyPage(r io.Reader, rest *sync.WaitGroup) (string, error) {
	return readyField(r, "page", rest)
}

// readyField waits for the "ready" line of a child and returns one of its fields; what comes
// after it is read away.
func readyField(r io.Reader, field string, rest *sync.WaitGroup) (string, error) {
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		var line map[string]any
		if json.Unmarshal(scanner.Bytes(), &line) == nil && line["event"] == "ready" {
			rest.Go(func() { _, _ = io.Copy(io.Discard, r) })
			text, _ := line[field].(string)
			return text, nil
		}
	}
	return "", errors.New("the process to be measured did not start")
}

func fetch(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// clockTick is the unit of /proc's processor times on Linux.
const clockTick = 10 * time.Millisecond

// processorTime reads what a process has used so far, from Linux's /proc.
func processorTime(pid int) (time.Duration, error) { return processorTimes(pid, false) }

// familyTime is processorTime with what those of its children have used that have ended.
func familyTime(pid int) (time.Duration, error) { return processorTimes(pid, true) }

func processorTimes(pid int, children bool) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("measured on Linux only: %w", err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	var user, system int64
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, errors.New("/proc has another form than expected")
	}
	_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	if err == nil && children {
		var theirUser, theirSystem int64
		_, err = fmt.Sscan(fields[13]+" "+fields[14], &theirUser, &theirSystem)
		user, system = user+theirUser, system+theirSystem
	}
	return time.Duration(user+system) * clockTick, err
}

// residentMemory reads a process's memory in MB, now and at most.
func residentMemory(pid int) (now, peak float64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("measured on Linux only: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			now = kib * 1024 / 1e6
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
			peak = kib * 1024 / 1e6
		}
	}
	return now, peak, nil
}
