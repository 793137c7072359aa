package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/media"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/proxy/publish"
)

// benchDLNA measures the gateway as a media server, and minidlna beside it where it is
// installed. Both run in a network namespace of their own, which takes root.
type benchDLNA struct {
	Items  int       `help:"Channels that are listed. Default: ${default}." default:"1000" placeholder:"N"`
	Film   byteCount `help:"Size of the film that is played. Default: ${default}." default:"512MB" placeholder:"SIZE"`
	Reads  int       `help:"How often the film is played for the processor's figure, of which the median counts. Default: ${default}." default:"7" placeholder:"N"`
	Dir    string    `help:"Folder for what is made meanwhile; it takes three times the film. Default: that of the system for such things." placeholder:"DIR" type:"path"`
	Alone  bool      `help:"Leave minidlna out."`
	Inside string    `hidden:"" placeholder:"WHY" help:"Why the network is that of this machine, or that it is not."`
	JSON   bool      `name:"json" help:"Print one JSON object a line for programs."`
}

// benchItems bounds what is listed: a catalog holds no more.
const benchItems = 9000

// dlnaFigures is what benchDLNA prints.
type dlnaFigures struct {
	serverFigures
	ChannelColdS  float64        `json:"channel_cold_s"`     // request to first bytes, nobody watches yet
	ChannelWarmMS float64        `json:"channel_warm_ms"`    // the same while somebody does
	MiniDLNA      *serverFigures `json:"minidlna,omitempty"` // nil where it was left out
	LeftOut       string         `json:"left_out,omitempty"` // what was not measured, and why
}

// Run carries the command out.
func (b *benchDLNA) Run(ctx context.Context, c console) error {
	if b.Items < 1 || b.Items > benchItems {
		return wrongUsage("--items %d: list 1 to %d", b.Items, benchItems)
	}
	if b.Reads < 1 || b.Film < 1<<20 {
		return wrongUsage("--film and --reads: play a film of at least 1MB at least once")
	}
	if b.Inside == "" {
		if done, err := b.inNamespace(ctx, c); done {
			return err
		}
	}
	if b.Inside == ownNetwork {
		if err := raiseLoopback(); err != nil {
			return err
		}
	}
	out := newPrinter(c, b.JSON)
	dir, err := os.MkdirTemp(b.Dir, "swarmgate-bench-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	f, err := b.measure(ctx, dir)
	if err != nil {
		return err
	}
	if b.Inside != "" && b.Inside != ownNetwork {
		f.LeftOut = strings.TrimPrefix(f.LeftOut+"; "+b.Inside, "; ")
	}
	fields, err := asMap(f)
	if err != nil {
		return err
	}
	out.event("result", fields)
	f.print(out.say)
	return nil
}

// ownNetwork is --inside of a process whose network is its own.
const ownNetwork = "own"

// measure publishes, and lets the gateway and minidlna show it, one after the other.
func (b *benchDLNA) measure(ctx context.Context, dir string) (f dlnaFigures, err error) {
	log := zerolog.Nop()
	t, err := openTracker(loopback, tracker.ServerConfig{Logger: log})
	if err != nil {
		return f, err
	}
	studioDir := filepath.Join(dir, "publisher")
	p, err := openStudio(ctx, studioDir, t.url(), log)
	if err != nil {
		return f, err
	}
	defer p.close()
	path := filepath.Join(dir, "big.mp4")
	if err := longFilm(path, int64(b.Film)); err != nil {
		return f, err
	}
	big, err := publish.OpenFilm(ctx, publish.FilmConfig{
		Path: path, Title: "A Long Film", Trackers: []string{t.url()}, StateDir: studioDir, Node: p.peering.node, Tracking: p.peering.trackers, Logger: log,
	})
	if err != nil {
		return f, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return t.Run(ctx) })
	parts.Go(func() error { return p.peering.Run(ctx) })
	p.peering.await(ctx)
	parts.Go(func() error { return p.live.Run(ctx) })
	parts.Go(func() error { return p.film.Run(ctx) })
	parts.Go(func() error { return big.Run(ctx) })
	links := append(madeUpChannels(b.Items-1), p.live.Link(), big.Link())
	err = b.gateway(ctx, dir, links, p.live.Link(), big.Link(), &f)
	cancel()
	if err := errors.Join(err, parts.Wait()); err != nil {
		return f, err
	}
	return f, b.miniDLNA(context.WithoutCancel(ctx), dir, path, &f)
}

// miniDLNA measures minidlna, or says why not.
func (b *benchDLNA) miniDLNA(ctx context.Context, dir, film string, f *dlnaFigures) error {
	daemon, err := exec.LookPath("minidlnad")
	switch {
	case b.Alone:
		f.LeftOut = "minidlna, by --alone"
		return nil
	case err != nil:
		f.LeftOut = "minidlna, which is not installed (Debian: apt install minidlna)"
		return nil
	case b.Inside != ownNetwork:
		f.LeftOut = "minidlna, which would be announced to the home"
		return nil
	}
	m, err := b.runMiniDLNA(ctx, daemon, filepath.Join(dir, "minidlna"), film)
	if err != nil {
		return fmt.Errorf("measure minidlna: %w", err)
	}
	f.MiniDLNA = &m
	return nil
}

// longFilm writes a film that plays 24 s and takes as many bytes as asked: what players need
// not read fills it up. The bytes don't compress.
func longFilm(path string, size int64) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	rest := max(size-int64(len(media.Film)), 16)
	header := []byte{0, 0, 0, 1, 'f', 'r', 'e', 'e', byte(rest >> 56), byte(rest >> 48), byte(rest >> 40), byte(rest >> 32), byte(rest >> 24), byte(rest >> 16), byte(rest >> 8), byte(rest)}
	if _, err := file.Write(append(append([]byte(nil), media.Film...), header...)); err != nil {
		return err
	}
	noise := rand.NewChaCha8([32]byte{7})
	block := make([]byte, 1<<20)
	for left := rest - int64(len(header)); left > 0; left -= int64(len(block)) {
		_, _ = noise.Read(block) // never fails
		if _, err := file.Write(block[:min(left, int64(len(block)))]); err != nil {
			return err
		}
	}
	return nil
}

// madeUpChannels are links of channels that nobody publishes.
func madeUpChannels(n int) []ppsp.Link {
	list := make([]ppsp.Link, 0, n)
	for i := range n {
		x := sha256.Sum256(fmt.Appendf(nil, "channel %d x", i))
		y := sha256.Sum256(fmt.Appendf(nil, "channel %d y", i))
		id := ppsp.SwarmID(append(append([]byte{byte(ppsp.ECDSAP256SHA256)}, x[:]...), y[:]...))
		list = append(list, ppsp.Link{Metadata: ppsp.LiveDefaults(id), Kind: ppsp.Live, Title: fmt.Sprintf("Channel %04d", i+1), Group: fmt.Sprintf("Group %d", i%20+1), Rate: 4e6})
	}
	return list
}

// print writes the table.
func (f *dlnaFigures) print(say func(string, ...any)) {
	other := f.MiniDLNA
	cell := func(form string, of func(*serverFigures) float64) string {
		if other == nil {
			return "-"
		}
		return fmt.Sprintf(form, of(other))
	}
	say("%-42s %12s %12s %12s", "", "swarmgate", "minidlna", "goal")
	for _, row := range []struct {
		name, form, goal string
		of               func(*serverFigures) float64
	}{
		{"start to the first SSDP answer", "%.2f s", "≤ 0.3 s", func(s *serverFigures) float64 { return s.FirstAnswerS }},
		{"M-SEARCH, median", "%.1f ms", "≤ 20 ms", func(s *serverFigures) float64 { return s.SearchMedianMS }},
		{"M-SEARCH, 90th percentile", "%.1f ms", "", func(s *serverFigures) float64 { return s.SearchP90MS }},
		{fmt.Sprintf("Browse of %d items, median", f.Items), "%.1f ms", "≤ 3 ms", func(s *serverFigures) float64 { return s.BrowseMedianMS }},
		{fmt.Sprintf("Browse of %d items, 90th percentile", f.Items), "%.1f ms", "≤ 8 ms", func(s *serverFigures) float64 { return s.BrowseP90MS }},
		{"processor for 1 GB of film, median", "%.2f s", "≤ 0.3 s", func(s *serverFigures) float64 { return s.CPUPerGB }},
		{"the same, waking a player on this machine", "%.2f s", "", func(s *serverFigures) float64 { return s.CPUPerGBWaking }},
		{"resident memory, nobody watches", "%.1f MB", "≤ 25 MB", func(s *serverFigures) float64 { return s.RSSIdleMB }},
		{"resident memory, four films at most", "%.1f MB", "≤ 40 MB", func(s *serverFigures) float64 { return s.RSSStreamsMB }},
	} {
		say("%-42s %12s %12s %12s", row.name, fmt.Sprintf(row.form, row.of(&f.serverFigures)), cell(row.form, row.of), row.goal)
	}
	say("%-42s %12s %12s %12s", "channel asked for, first bytes, cold", fmt.Sprintf("%.2f s", f.ChannelColdS), "-", "")
	say("%-42s %12s %12s %12s", "channel asked for, first bytes, warm", fmt.Sprintf("%.1f ms", f.ChannelWarmMS), "-", "≤ 500 ms")
	if f.LeftOut != "" {
		say("Left out: %s.", f.LeftOut)
	}
}

// benchPause is how long a server is left alone before its memory at rest is read.
const benchPause = 6 * time.Second

// benchBreath is how long a server is given to end what belongs to a film that was played.
const benchBreath = 300 * time.Millisecond
