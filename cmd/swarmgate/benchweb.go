package main

import (
	"bufio"
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/media"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
	"github.com/swarmgate/swarmgate/proxy/publish"
)

// benchWeb runs a gateway as a process of its own, and many viewers of one live channel in this
// one: most read, one stops reading, one goes without a word.
type benchWeb struct {
	Viewers  int           `help:"Viewers over HTTP at once. Default: ${default}." default:"50" placeholder:"N"`
	Rate     config.Rate   `help:"Rate of the channel. Default: ${default}." default:"8Mbit/s" placeholder:"RATE"`
	Duration time.Duration `help:"How long is measured. Default: ${default}." default:"30s" placeholder:"D"`
	JSON     bool          `name:"json" help:"Print one JSON object a line for programs."`
}

// webFigures is what benchWeb prints.
type webFigures struct {
	Viewers      int     `json:"viewers"`
	StreamKbps   float64 `json:"stream_kbit_s"`     // that a viewer got, on average
	CPUPerGB     float64 `json:"cpu_s_per_gb"`      // of the gateway, swarm and all, for 1 GB sent to viewers
	RSSMB        float64 `json:"rss_mb"`            // resident, at the end
	PeakMB       float64 `json:"peak_rss_mb"`       // resident, at most
	LongestGapMS float64 `json:"longest_gap_ms"`    // in which a viewer who reads got nothing
	DroppedS     float64 `json:"stuck_dropped_s"`   // until who stopped reading was dropped; 0 when he was not
	FirstByteMS  float64 `json:"first_byte_ms_p50"` // request to first bytes, warm, median
}

const (
	maxBenchViewers = 200
	minBenchTime    = 15 * time.Second // who stops reading is dropped within it
)

// Run carries the command out.
func (b *benchWeb) Run(ctx context.Context, c console) error {
	if b.Viewers < 1 || b.Viewers > maxBenchViewers || b.Duration < minBenchTime || b.Rate < 1_000_000 {
		return wrongUsage("--viewers 1 to %d, --rate at least 1Mbit/s, --duration at least %s", maxBenchViewers, minBenchTime)
	}
	out := newPrinter(c, b.JSON)
	dir, err := os.MkdirTemp("", "swarmgate-bench-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	f, err := b.measure(ctx, dir)
	if err != nil {
		return err
	}
	fields, err := asMap(f)
	if err != nil {
		return err
	}
	out.event("result", fields)
	out.say("%-46s %10s %10s", fmt.Sprintf("%d viewers of one channel of %.1f Mbit/s", f.Viewers, f.StreamKbps/1000), "", "goal")
	for _, row := range [][3]string{
		{"processor for 1 GB sent", fmt.Sprintf("%.2f s", f.CPUPerGB), "≤ 0.45 s"},
		{"resident memory, end", fmt.Sprintf("%.1f MB", f.RSSMB), ""},
		{"resident memory, at most", fmt.Sprintf("%.1f MB", f.PeakMB), "≤ 64 MB"},
		{"longest time in which a viewer got nothing", fmt.Sprintf("%.0f ms", f.LongestGapMS), ""},
		{"who stops reading is dropped after", fmt.Sprintf("%.1f s", f.DroppedS), "≤ 10 s"},
		{"request to first bytes, median", fmt.Sprintf("%.1f ms", f.FirstByteMS), ""},
	} {
		out.say("%-46s %10s %10s", row[0], row[1], row[2])
	}
	return nil
}

// measure publishes the channel and lets a gateway hand it out.
func (b *benchWeb) measure(ctx context.Context, dir string) (f webFigures, err error) {
	t, err := openTracker(loopback, tracker.ServerConfig{Logger: zerolog.Nop()})
	if err != nil {
		return f, err
	}
	store, err := openState(filepath.Join(dir, "publisher"), zerolog.Nop())
	if err != nil {
		return f, err
	}
	defer store.Close()
	peering, err := openPeering(loopback, peerFlags{}, store.PeerID(), zerolog.Nop())
	if err != nil {
		return f, err
	}
	defer peering.node.Close()
	key, err := livesig.Generate(ppsp.ECDSAP256SHA256, crand.Reader)
	if err != nil {
		return f, err
	}
	loop, err := mpegts.NewLoop(media.Channel)
	if err != nil {
		return f, err
	}
	live, err := publish.OpenLive(publish.LiveConfig{
		Source: padded{loop, int(b.Rate) / (len(media.Channel) * 8 / int(media.Duration/time.Second))}, Key: key, Numbers: store, Title: "Bench", Trackers: []string{t.url()},
		Rate: int64(b.Rate), Node: peering.node, Tracking: peering.trackers, Logger: zerolog.Nop(),
	})
	if err != nil {
		return f, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return t.Run(ctx) })
	parts.Go(func() error { return peering.Run(ctx) })
	peering.await(ctx)
	parts.Go(func() error { return live.Run(ctx) })
	err = b.watch(ctx, dir, live.Link(), &f)
	cancel()
	return f, errors.Join(err, parts.Wait())
}

// padded is the demo's clip with packets that no player looks at behind each of its own, so many
// that it has another rate.
type padded struct {
	loop  *mpegts.Loop
	times int // packets for each of the clip
}

// paddingPID carries what no table names.
const paddingPID = 0x1ff0

// Run plays it in real time.
func (p padded) Run(ctx context.Context, emit func([]byte) error) error {
	noise := rand.NewChaCha8([32]byte{8})
	filler := make([]byte, mpegts.PacketSize*max(p.times-1, 0))
	_, _ = noise.Read(filler) // never fails
	for at := 0; at < len(filler); at += mpegts.PacketSize {
		copy(filler[at:], []byte{0x47, paddingPID >> 8, paddingPID & 0xff, 0x10})
	}
	var out []byte
	return p.loop.Run(ctx, time.Now, func(packets []byte) error {
		out = out[:0]
		for ; len(packets) >= mpegts.PacketSize; packets = packets[mpegts.PacketSize:] {
			out = append(append(out, packets[:mpegts.PacketSize]...), filler...)
		}
		return emit(out)
	})
}

// watch runs the gateway and its viewers.
func (b *benchWeb) watch(ctx context.Context, dir string, link ppsp.Link, f *webFigures) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "swarmgate.toml")
	text := fmt.Sprintf("links = [%q]\ndir = %q\n[http]\nlisten = \"127.0.0.1:0\"\n[peer]\nlisten = \"127.0.0.1:0\"\nnat = false\n[dlna]\nenabled = false\n",
		link.String(), filepath.Join(dir, "gateway"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	child := exec.CommandContext(ctx, self, "run", "--config", file, "--json", "--log-level", "error")
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = 5 * time.Second
	lines, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	var reading sync.WaitGroup
	defer func() {
		_ = child.Process.Signal(syscall.SIGTERM)
		reading.Wait() // the end of its output
		err = errors.Join(err, child.Wait())
	}()
	page, err := readyPage(lines, &reading)
	if err != nil {
		return err
	}
	return b.crowd(ctx, page, "/live/"+proxy.ItemID(link.SwarmID)+".ts", child.Process.Pid, f)
}

// benchSettle is how long viewers are let read before they count.
const benchSettle = 3 * time.Second

// crowd lets the viewers come and reads the figures.
func (b *benchWeb) crowd(ctx context.Context, page, path string, pid int, f *webFigures) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first, err := openViewer(ctx, page, path) // the swarm is cold
	if err != nil {
		return err
	}
	viewers := []*benchViewer{first}
	var firsts []time.Duration
	for len(viewers) < b.Viewers {
		v, err := openViewer(ctx, page, path)
		if err != nil {
			return err
		}
		viewers = append(viewers, v)
		firsts = append(firsts, v.first)
	}
	gone, err := openViewer(ctx, page, path)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	for _, v := range viewers {
		group.Go(v.read)
	}
	time.Sleep(benchSettle)
	_ = gone.conn.Close()
	if _, err := openViewer(ctx, page, path); err != nil { // who reads nothing but the first bytes
		return err
	}
	group.Go(func() { f.DroppedS = dropped(ctx, page, len(viewers)).Seconds() })
	cpu, err := processorTime(pid)
	if err != nil {
		return err
	}
	began, before := time.Now(), total(viewers)
	for _, v := range viewers {
		v.gap.Store(0)
	}
	select {
	case <-time.After(b.Duration):
	case <-ctx.Done():
	}
	sent, took := total(viewers)-before, time.Since(began)
	after, err := processorTime(pid)
	if err != nil {
		return err
	}
	f.RSSMB, f.PeakMB, err = residentMemory(pid)
	cancel()
	group.Wait()
	f.Viewers = len(viewers)
	f.StreamKbps = float64(sent) * 8 / 1000 / took.Seconds() / float64(len(viewers))
	f.CPUPerGB = (after - cpu).Seconds() / (float64(sent) / 1e9)
	for _, v := range viewers {
		f.LongestGapMS = max(f.LongestGapMS, float64(v.gap.Load())/1e6)
	}
	if len(firsts) > 0 {
		f.FirstByteMS = float64(middle(firsts)) / 1e6
	}
	return err
}

func total(viewers []*benchViewer) (n int64) {
	for _, v := range viewers {
		n += v.got.Load()
	}
	return n
}

// benchViewer is one connection that a channel comes over.
type benchViewer struct {
	conn  net.Conn
	first time.Duration // from the request to the first bytes
	got   atomic.Int64  // bytes
	gap   atomic.Int64  // the longest between two reads, ns
}

// openViewer asks for a channel and waits for its first bytes. The connection ends with ctx.
func openViewer(ctx context.Context, page, path string) (*benchViewer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page[:len(page)-1]+path, nil)
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	began := time.Now()
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", request.URL.Port()))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, 4<<10)
	answer, err := http.ReadResponse(in, request) //nolint:bodyclose // it ends with its connection
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New("the channel can't be watched: " + strconv.Itoa(answer.StatusCode))
	}
	if _, err := in.Peek(1); err != nil {
		return nil, err
	}
	return &benchViewer{conn: conn, first: time.Since(began)}, nil
}

// read takes what comes until the connection ends.
func (v *benchViewer) read() {
	buf := make([]byte, 256<<10)
	for last := time.Now(); ; {
		n, err := v.conn.Read(buf)
		now := time.Now()
		if gap := int64(now.Sub(last)); gap > v.gap.Load() {
			v.gap.Store(gap)
		}
		last = now
		v.got.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// dropped waits until the gateway sends fewer streams than it did, and returns how long that took;
// 0 when it did not while ctx lasted. A client that does not read can't see that the other end gave up.
func dropped(ctx context.Context, page string, streams int) time.Duration {
	for began := time.Now(); ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if n, err := streamsOf(ctx, page); err == nil && n <= streams {
			return time.Since(began)
		}
	}
	return 0
}

// streamsOf reads from a gateway's metrics how many streams it sends.
func streamsOf(ctx context.Context, page string) (n int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page+"metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "swarmgate_http_streams %d", &n); err == nil {
			return n, nil
		}
	}
	return 0, errors.New("the gateway does not tell how many streams it sends")
}

// middle is the median.
func middle(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
