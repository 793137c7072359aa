package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/swarmgate/swarmgate/dlna"
	deviceprofile "github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/guide"
	"github.com/swarmgate/swarmgate/proxy/logbook"
	"github.com/swarmgate/swarmgate/proxy/members"
	"github.com/swarmgate/swarmgate/proxy/membership"
	"github.com/swarmgate/swarmgate/proxy/state"
	"github.com/swarmgate/swarmgate/proxy/transcode"
	"github.com/swarmgate/swarmgate/web"
)

// homeConfig says what a gateway shows and how; demo and run fill it in.
type homeConfig struct {
	dir        string       // of state and films; it exists
	name       string       // empty for "Swarmgate (host)"
	http       net.Listener // of the page; openHome takes it over
	dlna       bool
	noDLNA     string // what switched the media server off
	interfaces []string
	profiles   *deviceprofile.Set // what TVs want; nil for those that come with the program
	announced  config.DLNA        // how TVs find it and are served, beyond that; the zero value by default
	reach      config.HTTP        // under which names and by whom the page is reached
	access     config.Access
	guide      config.Guide
	ffmpeg     string // where it is, "off", or nothing to look for it
	tuner      config.HDHR
	links      []ppsp.Link
	liveBuffer int64 // bytes
	filmSpace  int64 // bytes
	filmDir    string
	keepWarm   config.Duration
	sessions   int
	memberCA   string             // file of the authority, empty for the one in dir
	credential *member.Credential // our own, nil for none
	peering    *peering
	state      *state.State
	out        *printer
	log        zerolog.Logger
	book       *logbook.Book // what log writes, for the page
	settings   web.Settings  // nil for none that can be changed
}

// home is a gateway as it stands in a house: the swarms on one side, the page and the
// media server on the other.
type home struct {
	cfg      homeConfig
	gateway  *proxy.Gateway
	listener net.Listener
	https    net.Listener // nil for none
	server   *http.Server
	dlna     *dlna.Server // nil when it is switched off or can't work
	noDLNA   string       // why, one sentence
	guide    *guide.Guide
	tuner    web.Tuner
}

// shutdownTime bounds the end of the HTTP server.
const shutdownTime = 2 * time.Second

// openHome opens everything, and nothing runs yet. After an error the caller closes what it gave.
func openHome(c homeConfig) (*home, error) {
	if c.name == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			host = "home"
		}
		c.name = "Swarmgate (" + host + ")"
	}
	if c.filmDir == "" {
		c.filmDir = filepath.Join(c.dir, "films")
	}
	if err := makeFolder(c.filmDir); err != nil {
		return nil, err
	}
	if c.memberCA == "" {
		c.memberCA = filepath.Join(c.dir, authorityFile)
	}
	// Made by the gateway, it is a file that the gateway can read, whoever publishes with it.
	if _, err := members.OpenAuthority(c.memberCA); err != nil {
		c.log.Error().Err(err).Msg("no membership certificates can be issued; all else works")
	}
	converter, err := transcode.Find(c.ffmpeg)
	if err != nil {
		return nil, err
	}
	registry := members.New(members.Config{File: c.memberCA, Store: c.state, Expelled: c.peering.node.Revoke})
	gateway, err := proxy.New(proxy.Config{
		Bans: c.state, Viewings: c.state, Members: registry, Credential: c.credential,
		Node: c.peering.node, Trackers: c.peering.trackers, Catalog: c.state, Links: c.links,
		FilmDir: c.filmDir, LiveBuffer: c.liveBuffer, FilmSpace: c.filmSpace, Logger: c.log,
		KeepWarm: time.Duration(c.keepWarm), MaxSessions: c.sessions, FFmpeg: converter,
	})
	if err != nil {
		return nil, err
	}
	h := &home{cfg: c, gateway: gateway, listener: c.http}
	h.openOutputs()
	mounts := map[string]http.Handler{}
	h.noDLNA = fmt.Sprintf("The media server for TVs is switched off, by %s; switch it on to watch on a TV.", c.noDLNA)
	if c.dlna {
		h.openDLNA(mounts)
	}
	token, err := ownerToken(c.dir)
	if err != nil {
		return nil, err
	}
	access, err := h.access()
	if err != nil {
		return nil, err
	}
	page := web.New(web.Config{
		Gateway: gateway, Security: gateway, OwnerToken: token, Name: c.name, Version: version, Logger: c.log, Mounts: mounts, Discovery: h.tvs, Renderers: h.renderers(), Guide: h.guide, Tuner: h.tuner, Doctor: h.examine,
		Names: c.reach.Names, Clients: ranges(c.reach.Clients), Proxies: ranges(c.reach.Proxies), Base: c.reach.Base, Access: access,
		Network: c.peering.network, Log: c.book, Settings: c.settings,
		Listen: netip.AddrPortFrom(h.address(), h.port()),
	})
	h.server = web.HTTPServer(page.Handler(), c.log)
	h.server.ErrorLog = errorLog(c.log)
	if h.https, err = h.openHTTPS(); err != nil {
		return nil, err
	}
	return h, nil
}

// openDLNA adds the media server. What stands in its way is told, and the rest goes on.
func (h *home) openDLNA(mounts map[string]http.Handler) {
	c := h.cfg
	server, err := dlna.New(dlna.Config{
		Name: c.name, UDN: "uuid:" + strings.TrimPrefix(c.state.DeviceUUID(), "uuid:"), Version: version,
		Interfaces: c.interfaces, HTTPPort: h.port(), HTTPAddress: h.address(), Library: h.gateway, Guide: h.guide, Language: string(c.announced.Language), Profiles: c.profiles, Logger: c.log,
		DenyInterfaces: c.announced.DenyInterfaces, Networks: ranges(c.announced.Networks), DenyNetworks: ranges(c.announced.DenyNetworks),
		AnnounceInterval: time.Duration(c.announced.Announce), MaxAge: time.Duration(c.announced.MaxAge),
		Patience: time.Duration(c.announced.Patience), MaxStreams: c.announced.Streams,
	})
	if err != nil {
		c.log.Error().Err(err).Msg("TVs can't find this gateway; the page and players work")
		h.noDLNA = fmt.Sprintf("TVs can't find this gateway: %v.", err)
		return
	}
	h.dlna = server
	mounts[dlna.Root] = server.Handler()
}

func ranges(networks []config.Network) []netip.Prefix {
	list := make([]netip.Prefix, len(networks))
	for i, n := range networks {
		list[i] = n.Prefix
	}
	return list
}

// port is the TCP port in use.
func (h *home) port() uint16 {
	a, err := netip.ParseAddrPort(h.listener.Addr().String())
	if err != nil {
		return 0
	}
	return a.Port()
}

// address is the address of the HTTP in use, unspecified for all.
func (h *home) address() netip.Addr {
	a, err := netip.ParseAddrPort(h.listener.Addr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

// Run serves until ctx ends or something fails that nothing works without.
func (h *home) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.gateway.Run(ctx) })
	group.Go(func() error { returnMemory(ctx); return nil })
	group.Go(func() error { return h.guide.Run(ctx) })
	group.Go(func() error { h.runTuner(ctx); return nil })
	group.Go(func() error { // also of those that an earlier process of ours removed
		members.Follow(ctx, h.cfg.memberCA, revokedCheck, h.cfg.peering.node.Revoke, func(err error) { h.cfg.log.Error().Err(err).Msg("closed swarms") })
		return nil
	})
	group.Go(func() error {
		if err := h.server.Serve(h.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("HTTP: %w", err)
		}
		return nil
	})
	if h.https != nil {
		group.Go(func() error {
			if err := h.server.Serve(h.https); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("HTTPS: %w", err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if err := h.server.Shutdown(end); err != nil {
			return h.server.Close()
		}
		return nil
	})
	if h.dlna != nil {
		group.Go(func() error {
			if err := h.dlna.Run(ctx); err != nil {
				h.cfg.log.Error().Err(err).Msg("TVs can't find this gateway; the page and players work")
			}
			return nil
		})
	}
	return group.Wait()
}

// page is the address of the page for a browser on this machine.
func (h *home) page() string {
	a, err := netip.ParseAddrPort(h.listener.Addr().String())
	if err != nil || a.Addr().IsUnspecified() || a.Addr() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		return "http://localhost:" + strconv.Itoa(int(h.port())) + "/"
	}
	return "http://" + a.String() + "/"
}

// m3u is the address of the channel list.
func (h *home) m3u() string { return h.page() + "channels.m3u" }

// device is the media server's name, empty when there is none.
func (h *home) device() string {
	if h.dlna == nil {
		return ""
	}
	return h.cfg.name
}

// discovery says in words on which networks TVs find the gateway, and what is in the way.
func (h *home) discovery() string {
	if h.dlna == nil {
		return "off"
	}
	on, not := h.networks()
	trouble := strings.Join(not, "; ")
	switch {
	case len(on) > 0 && trouble == "":
		return "found on " + list(on)
	case len(on) > 0:
		return "found on " + list(on) + "; " + trouble
	case trouble != "":
		return "not found: " + trouble
	}
	return "not found: no network with multicast; name one with --interface"
}

// networks returns the interfaces on which TVs find the gateway, and what is in the way on
// others.
func (h *home) networks() (on, not []string) {
	a, err := netip.ParseAddrPort(h.listener.Addr().String())
	for _, s := range h.dlna.Status() {
		switch {
		case s.Problem != "":
			not = append(not, s.Problem)
		case err == nil && !a.Addr().IsUnspecified() && a.Addr() != s.Address:
			not = append(not, fmt.Sprintf("HTTP is open at %s alone, where TVs on %s can't reach it; start with --http :%d", a.Addr(), s.Interface, a.Port()))
		default:
			on = append(on, s.Interface)
		}
	}
	return on, not
}

// tvs says for the page whether TVs find the gateway.
func (h *home) tvs() web.Discovery {
	if h.dlna == nil {
		return web.Discovery{Problem: h.noDLNA, Off: !h.cfg.dlna}
	}
	on, not := h.networks()
	return web.Discovery{Name: h.device(), FoundOn: on, Problem: strings.Join(not, "; ")}
}

// line is the current state in one line.
func (h *home) line() string {
	var peers, viewers int
	var down int64
	var buffer float64
	var trouble string
	for _, s := range h.gateway.Sessions() {
		if s.Outage != (membership.Outage{}) {
			trouble = " · " + s.Outage.Told()
		}
		peers += s.Peers
		viewers += s.Viewers
		down += s.DownBps
		buffer = max(buffer, s.BufferS)
	}
	return fmt.Sprintf("%s · %s · buffer %.1f s · %s%s", counted(peers, "peer"), rate(down), buffer, counted(viewers, "viewer"), trouble)
}

// show keeps the status line current until ctx ends.
func (h *home) show(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		h.cfg.out.keep(h.line(), false)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// listenHTTP opens the port, and says what to do when it can't.
func listenHTTP(addr string) (net.Listener, error) {
	config := net.ListenConfig{Control: giveUpOnVanished}
	config.SetMultipathTCP(false) // its sockets don't hand the option on
	l, err := config.Listen(context.Background(), "tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("HTTP %s is in use by another program; end that, or choose another port with --http, such as 127.0.0.1:0 for a free one", addr)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("HTTP %s needs rights that this user has not; choose a port above 1023 with --http", addr)
	}
	return nil, fmt.Errorf("HTTP %s: %w; choose an address of this machine with --http, or :PORT for all of them", addr, bare(err))
}

// makeFolder makes a folder that can be written to.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("folder %s can't be made: %w; choose another with --dir", dir, bare(err))
	}
	f, err := os.CreateTemp(dir, ".write-test-*")
	if err != nil {
		return fmt.Errorf("folder %s can't be written to: %w; choose another with --dir", dir, bare(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
