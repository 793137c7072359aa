package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// benchTracker loads a tracker, a process of its own, with the peers of many swarms over
// keep-alive connections, and counts every answer but a success as a failure.
type benchTracker struct {
	Peers       int           `help:"Peers. Default: ${default}." default:"100000" placeholder:"N"`
	Swarms      int           `help:"Swarms. Default: ${default}." default:"1000" placeholder:"N"`
	Connections int           `help:"Connections. Default: ${default}." default:"64" placeholder:"N"`
	Duration    time.Duration `help:"How long each of the two parts lasts, at full and at half load. Default: ${default}." default:"10s" placeholder:"D"`
	Registry    string        `help:"Registry of the tracker, as of swarmgate tracker. Default: memory." placeholder:"NAME"`
	JSON        bool          `name:"json" help:"Print one JSON object a line for programs."`
}

// trackerFigures is what benchTracker prints; a MB is 10⁶ bytes.
type trackerFigures struct {
	Peers        int     `json:"peers"`
	Swarms       int     `json:"swarms"`
	PerCPUSecond float64 `json:"requests_per_cpu_s"` // of the server, user and system, at full load
	PerSecond    float64 `json:"requests_per_s"`     // at full load
	HalfLoad     float64 `json:"half_load_per_s"`    // asked for; in truth it may be less
	P50          float64 `json:"p50_ms"`             // at half load, from when a request was due
	P99          float64 `json:"p99_ms"`
	BaseMB       float64 `json:"base_rss_mb"` // of the server with all connections and hardly a peer
	RSSMB        float64 `json:"rss_mb"`      // resident at the end
	PeakMB       float64 `json:"peak_rss_mb"`
	BytesPeer    float64 `json:"bytes_per_peer"` // of the peak, beyond the base
	Requests     int     `json:"requests"`
	Failures     int     `json:"failures"`
	FirstFailure string  `json:"first_failure,omitempty"`
}

// mix is how often each kind of request comes: 1 CONNECT, 4 FIND, 15 STAT_REPORT.
const mix = 20

// warmSwarms have two peers each before the base is measured.
const warmSwarms = 100

// Run carries the command out.
func (b *benchTracker) Run(ctx context.Context, c console) (err error) {
	out := newPrinter(c, b.JSON)
	if b.Swarms < 1 || b.Peers < 2*b.Swarms || b.Swarms < warmSwarms || b.Connections < 1 {
		return wrongUsage("it takes %d swarms or more, two peers in each, and a connection", warmSwarms)
	}
	dir, err := os.MkdirTemp("", "swarmgate-bench-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	pid, address, end, err := b.start(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	f, err := b.measure(ctx, pid, address)
	if err != nil {
		return err
	}
	fields, err := asMap(f)
	if err != nil {
		return err
	}
	out.event("result", fields)
	out.say("%d peers in %d swarms, %d connections, 1 CONNECT : 4 FIND : 15 STAT_REPORT", f.Peers, f.Swarms, b.Connections)
	out.say("requests, and failures             %d, %d", f.Requests, f.Failures)
	out.say("requests per server CPU second     %.0f", f.PerCPUSecond)
	out.say("requests per second                %.0f", f.PerSecond)
	out.say("p50, p99 at %6.0f per second      %.2f ms, %.2f ms", f.HalfLoad, f.P50, f.P99)
	out.say("memory: base, end, peak            %.1f, %.1f, %.1f MB", f.BaseMB, f.RSSMB, f.PeakMB)
	out.say("bytes a peer, of the peak          %.0f", f.BytesPeer)
	if f.Failures > 0 {
		return fmt.Errorf("%d of %d requests failed; the first: %s", f.Failures, f.Requests, f.FirstFailure)
	}
	return nil
}

// start runs the tracker.
func (b *benchTracker) start(ctx context.Context, dir string) (pid int, address string, end func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, "", nil, err
	}
	args := []string{"tracker", "--http", "--listen", loopback, "--track-timeout", "1h", "--dir", dir, "--json", "--log-level", "error"}
	if b.Registry != "" {
		args = append(args, "--registry", b.Registry)
	}
	child := exec.CommandContext(ctx, self, args...)
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = 5 * time.Second
	child.Stderr = os.Stderr
	lines, err := child.StdoutPipe()
	if err != nil {
		return 0, "", nil, err
	}
	if err := child.Start(); err != nil {
		return 0, "", nil, err
	}
	var reading sync.WaitGroup
	end = func() error {
		_ = child.Process.Signal(syscall.SIGTERM)
		reading.Wait()
		return child.Wait()
	}
	url, err := readyField(lines, "url", &reading)
	if err != nil {
		return 0, "", nil, errors.Join(err, end())
	}
	return child.Process.Pid, url[len("http://") : len(url)-1], end, nil
}

// measure registers all peers, then runs the mix at full and at half load.
func (b *benchTracker) measure(ctx context.Context, pid int, address string) (f trackerFigures, err error) {
	f.Peers, f.Swarms = b.Peers, b.Swarms
	l, err := dialTracker(ctx, b, address)
	if err != nil {
		return f, err
	}
	defer l.close()
	// Warm: every connection has been used, and each kind of request was served.
	warm := func(peer int) int { return peer%warmSwarms + peer/warmSwarms*b.Swarms }
	l.phase(ctx, 2*warmSwarms, 0, func(n int) int { return warm(n)*kinds + asConnect })
	l.phase(ctx, 100*warmSwarms, 0, func(n int) int {
		request := mixed(n, 2*warmSwarms)
		return warm(request/kinds)*kinds + request%kinds
	})
	if _, f.BaseMB, err = residentMemory(pid); err != nil {
		return f, err
	}
	l.phase(ctx, b.Peers, 0, func(n int) int { return n*kinds + asConnect })
	cpu, err := processorTime(pid)
	if err != nil {
		return f, err
	}
	began, before := time.Now(), l.requests()
	l.phase(ctx, 0, b.Duration, func(n int) int { return mixed(n, b.Peers) })
	took := time.Since(began).Seconds()
	after, err := processorTime(pid)
	if err != nil {
		return f, err
	}
	served := float64(l.requests() - before)
	if served == 0 || after <= cpu {
		n, first := l.failed()
		return f, fmt.Errorf("nothing was served at full load; %d requests failed, the first: %s", n, first)
	}
	f.PerSecond, f.PerCPUSecond = served/took, served/(after-cpu).Seconds()
	f.HalfLoad = f.PerCPUSecond / 2
	times := l.paced(ctx, f.HalfLoad, b.Duration, func(n int) int { return mixed(n, b.Peers) })
	if len(times) > 0 {
		slices.Sort(times)
		at := func(q float64) float64 {
			return float64(times[min(int(q*float64(len(times))), len(times)-1)].Microseconds()) / 1000
		}
		f.P50, f.P99 = at(0.5), at(0.99)
	}
	if f.RSSMB, f.PeakMB, err = residentMemory(pid); err != nil {
		return f, err
	}
	f.BytesPeer = (f.PeakMB - f.BaseMB) * 1e6 / float64(b.Peers)
	f.Requests = l.requests()
	f.Failures, f.FirstFailure = l.failed()
	return f, ctx.Err()
}

// A request is named by a number: that of its peer, and what it is.
const (
	asConnect = iota
	asFind
	asReport
	kinds
)

// mixed returns the nth request of the mix among so many peers.
func mixed(n, peers int) int {
	peer := int(uint64(n) * 2654435761 % uint64(peers))
	switch k := n % mix; {
	case k == 0:
		return peer*kinds + asConnect
	case k <= 4:
		return peer*kinds + asFind
	}
	return peer*kinds + asReport
}

// appendBench writes a request.
func (b *benchTracker) appendBench(buffer []byte, request, n int) []byte {
	peer := request / kinds
	id := benchID(peer)
	swarm := benchSwarm(peer % b.Swarms)
	buffer = append(buffer, `{"PPSPTrackerProtocol":{"version":1,"request_type":"`...)
	switch request % kinds {
	case asConnect:
		buffer = append(buffer, `CONNECT","transaction_id":"`...)
	case asFind:
		buffer = append(buffer, `FIND","transaction_id":"`...)
	default:
		buffer = append(buffer, `STAT_REPORT","transaction_id":"`...)
	}
	buffer = strconv.AppendInt(buffer, int64(n), 10)
	buffer = append(append(append(buffer, `","peer_id":"`...), id...), '"')
	switch request % kinds {
	case asConnect:
		mode := "LEECH"
		if peer < b.Swarms { // the first of each swarm
			mode = "SEEDER"
		}
		buffer = fmt.Appendf(buffer, `,"connect":{"peer_num":{"peer_count":20,"ability_nat":"STUN","concurrent_links":5,"online_time":200,"upload_bandwidth":6000},"peer_addr":[`+
			`{"ip_address":{"address_type":"ipv4","address":"11.%d.%d.%d"},"port":%d,"priority":100,"type":"REFLEXIVE","peer_protocol":"PPSP-PP"}],`+
			`"swarm_action":[{"swarm_id":"%s","action":"JOIN","peer_mode":"%s"}]}}}`, peer>>16&255, peer>>8&255, peer&255, 1024+peer%60000, swarm, mode)
	case asFind:
		buffer = fmt.Appendf(buffer, `,"find":{"swarm_id":"%s","peer_num":{"peer_count":20}}}}`, swarm)
	default:
		buffer = fmt.Appendf(buffer, `,"stat_report":{"type":"STREAM_STATS","stat":[{"swarm_id":"%s","uploaded_bytes":%d,"downloaded_bytes":%d,"available_bandwidth":5000000,"concurrent_links":%d}]}}}`,
			swarm, n*1000, n*1300, peer%30)
	}
	return buffer
}

// benchID is a peer ID: 32 hexadecimal digits that look random.
func benchID(peer int) string {
	x := uint64(peer+1) * 0x9E3779B97F4A7C15
	return fmt.Sprintf("%016x%016x", x, x^0xA5A5A5A5A5A5A5A5)
}

// benchSwarm is a swarm ID of 32 bytes, as of SHA-256.
func benchSwarm(n int) string {
	x := uint64(n+1) * 0xC2B2AE3D27D4EB4F
	return fmt.Sprintf("%016x%016x%016x%016x", x, ^x, x*3, x*5)
}
