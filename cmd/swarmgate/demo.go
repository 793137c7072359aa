package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/media"
	"github.com/swarmgate/swarmgate/dlna/lan"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/logbook"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
	"github.com/swarmgate/swarmgate/proxy/publish"
	"github.com/swarmgate/swarmgate/proxy/state"
)

// demoCommand starts a tracker, a publisher with a channel and a film, and a gateway, each
// with a socket of its own, as they would stand in three places.
type demoCommand struct {
	HTTP      address  `name:"http" help:"Address of the page. Default 127.0.0.1:8088, or :8088 when TVs of a network are to find it." placeholder:"ADDR"`
	Dir       string   `help:"Folder for state and films. Default: a temporary one." placeholder:"DIR" type:"path"`
	Name      string   `help:"Name under which TVs list this gateway. Default: Swarmgate (host)." placeholder:"NAME"`
	Interface []string `help:"Network interface on which TVs find it; may repeat." placeholder:"NAME"`
	NoDLNA    bool     `name:"no-dlna" help:"Be no media server for TVs."`
	logFlags
}

const loopback = "127.0.0.1:0"

// Run carries the command out.
func (d *demoCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, d.JSON)
	if err := knownInterfaces(d.Interface); err != nil {
		return err
	}
	book := &logbook.Book{}
	log := d.logger(out, zerolog.WarnLevel, book)
	noTVs(d.NoDLNA, d.Interface, log)
	dir, remove, err := demoFolder(d.Dir)
	if err != nil {
		return err
	}
	defer remove()
	t, err := openTracker(loopback, tracker.ServerConfig{Logger: log})
	if err != nil {
		return err
	}
	defer t.listener.Close() // a second time where it was run
	p, err := openStudio(ctx, filepath.Join(dir, "publisher"), t.url(), log.With().Str("part", "publisher").Logger())
	if err != nil {
		return err
	}
	defer p.close()
	h, store, err := d.openHome(dir, p.links(), out, log, book)
	if err != nil {
		return err
	}
	defer store.Close()
	return d.serve(ctx, t, p, h, out)
}

// openHome opens the gateway with the publisher's links in its catalog.
func (d *demoCommand) openHome(dir string, links []ppsp.Link, out *printer, log zerolog.Logger, book *logbook.Book) (*home, *state.State, error) {
	addr := string(d.HTTP)
	if addr == "" {
		addr = "127.0.0.1:8088"
		if !d.NoDLNA && onLAN(d.Interface) {
			addr = ":8088"
		}
	}
	page, err := listenHTTP(addr)
	if err != nil {
		return nil, nil, err
	}
	own := filepath.Join(dir, "gateway")
	store, err := openState(own, log)
	if err != nil {
		return nil, nil, errors.Join(err, page.Close())
	}
	peering, err := openPeering(loopback, peerFlags{}, store.PeerID(), log)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close(), page.Close())
	}
	peering.trackers.Known = store
	h, err := openHome(homeConfig{
		dir: own, name: d.Name, http: page, dlna: !d.NoDLNA, noDLNA: switchedOff(config.FromFlag), interfaces: d.Interface,
		links: links, peering: peering, state: store, out: out, log: log, book: book,
	})
	if err != nil {
		return nil, nil, errors.Join(err, peering.node.Close(), store.Close(), page.Close())
	}
	return h, store, nil
}

// serve runs all three until ctx ends: sockets last, so that farewells still go out.
func (d *demoCommand) serve(ctx context.Context, t *trackerService, p *studio, h *home, out *printer) error {
	sockets, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
	defer closeSockets()
	var below errgroup.Group
	below.Go(func() error { return t.Run(sockets) })
	below.Go(func() error { return p.peering.Run(sockets) })
	below.Go(func() error { return h.cfg.peering.Run(sockets) })
	p.peering.await(ctx)
	h.cfg.peering.await(ctx)

	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return p.live.Run(ctx) })
	parts.Go(func() error { return p.film.Run(ctx) })
	parts.Go(func() error { return h.Run(ctx) })
	parts.Go(func() error {
		d.greet(ctx, t, p, h, out)
		h.show(ctx)
		return nil
	})
	err := parts.Wait()
	closeSockets()
	err = errors.Join(err, below.Wait())
	out.keep("Stopped.", true)
	return err
}

// greet prints what to open.
func (d *demoCommand) greet(ctx context.Context, t *trackerService, p *studio, h *home, out *printer) {
	words := settled(ctx, h)
	links := []string{}
	for _, l := range p.links() {
		links = append(links, l.String())
	}
	out.event("ready", map[string]any{"page": h.page(), "m3u": h.m3u(), "tracker": t.url(), "device": h.device(), "links": links})
	out.say("Swarmgate demo: a tracker, a publisher and a gateway on this machine.\n")
	out.say("  In a browser   %s", h.page())
	if h.dlna != nil {
		out.say("  On a TV        %s (%s)", h.device(), words)
	}
	out.say("  In a player    %s\n", h.m3u())
	out.say("Ctrl-C ends it.\n")
}

// settled waits a moment until the media server knows its networks, and tells of them.
func settled(ctx context.Context, h *home) string {
	deadline := time.NewTimer(300 * time.Millisecond)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for h.dlna != nil && len(h.dlna.Status()) == 0 {
		select {
		case <-ctx.Done():
			return ""
		case <-deadline.C:
			return h.discovery()
		case <-tick.C:
		}
	}
	return h.discovery()
}

// demoFolder returns the folder for state; a temporary one is removed by the function.
func demoFolder(dir string) (string, func(), error) {
	if dir != "" {
		return dir, func() {}, makeFolder(dir)
	}
	dir, err := os.MkdirTemp("", "swarmgate-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w; choose one with --dir", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// knownInterfaces refuses names that no network of this machine has.
func knownInterfaces(names []string) error {
	all, err := lan.List()
	if err != nil || len(names) == 0 {
		return nil //nolint:nilerr // the media server tells it
	}
	var there []string
	for _, i := range all {
		there = append(there, i.Name)
	}
	for _, name := range names {
		if !slices.Contains(there, name) && !strings.ContainsAny(name, "*?[") {
			return wrongUsage("--interface %s: this machine has no such network; it has %s", name, list(there))
		}
	}
	return nil
}

// onLAN tells whether there is a network on which TVs could be.
func onLAN(names []string) bool {
	all, err := lan.List()
	if err != nil {
		return false
	}
	picked, _ := lan.Selection{Allow: names}.Pick(all)
	return slices.ContainsFunc(picked, func(i lan.Interface) bool { return i.Flags&net.FlagLoopback == 0 })
}

// studio is the demo's publisher.
type studio struct {
	peering *peering
	state   *state.State
	live    *publish.Live
	film    *publish.Film
}

// openStudio publishes the bundled clip as a channel and the bundled film.
func openStudio(ctx context.Context, dir, trackerURL string, log zerolog.Logger) (*studio, error) {
	store, err := openState(dir, log)
	if err != nil {
		return nil, err
	}
	s := &studio{state: store}
	if s.peering, err = openPeering(loopback, peerFlags{}, store.PeerID(), log); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if err := s.publish(ctx, dir, []string{trackerURL}, log); err != nil {
		return nil, errors.Join(err, s.peering.node.Close(), store.Close())
	}
	return s, nil
}

func (s *studio) publish(ctx context.Context, dir string, trackers []string, log zerolog.Logger) error {
	key, fresh, err := openKey(filepath.Join(dir, "channel.key"), ppsp.ECDSAP256SHA256)
	if err != nil {
		return err
	}
	if !fresh {
		if err := goOn(s.state, key.SwarmID(), ppsp.Metadata{Addressing: ppsp.ChunkRanges64}, time.Now()); err != nil {
			return err
		}
	}
	loop, err := mpegts.NewLoop(media.Channel)
	if err != nil {
		return fmt.Errorf("the bundled clip: %w", err)
	}
	s.live, err = publish.OpenLive(publish.LiveConfig{
		Source: clip{loop}, Key: key, Numbers: s.state, Title: "Swarmgate One", Trackers: trackers,
		Rate: int64(len(media.Channel)) * 8 / int64(media.Duration/time.Second),
		Node: s.peering.node, Tracking: s.peering.trackers, Logger: log,
	})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "film.mp4")
	if err := writeFilm(path, media.Film); err != nil {
		return err
	}
	s.film, err = publish.OpenFilm(ctx, publish.FilmConfig{
		Path: path, Title: "A Film in Twenty-Four Seconds", Trackers: trackers, StateDir: dir,
		Node: s.peering.node, Tracking: s.peering.trackers, Logger: log,
	})
	return err
}

// links returns what is published.
func (s *studio) links() []ppsp.Link { return []ppsp.Link{s.live.Link(), s.film.Link()} }

// close frees what was opened, whether or not it was run.
func (s *studio) close() {
	_ = s.peering.node.Close()
	_ = s.state.Close()
}

// clip is the bundled clip as a live input.
type clip struct{ *mpegts.Loop }

// Run plays the clip in real time.
func (c clip) Run(ctx context.Context, emit func([]byte) error) error {
	return c.Loop.Run(ctx, time.Now, emit)
}

// writeFilm writes the bundled film unless it is there already.
func writeFilm(path string, b []byte) error {
	if info, err := os.Stat(path); err == nil && info.Size() == int64(len(b)) {
		return nil
	}
	if err := os.WriteFile(path, b, 0o640); err != nil {
		return fmt.Errorf("write the bundled film: %w", err)
	}
	return nil
}
