package main

import (
	"context"
	"errors"
	"strings"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	deviceprofile "github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/logbook"
)

// runCommand is the gateway of a home. What is not given as a flag comes from the
// environment, the configuration file, or the defaults.
type runCommand struct {
	Config    string   `help:"Configuration file. Default: /etc/swarmgate/swarmgate.toml for root, ~/.config/swarmgate/swarmgate.toml for others, if it is there." placeholder:"FILE" type:"path"`
	HTTP      address  `name:"http" help:"Address of the page, the API and the streams. Default: :8088." placeholder:"ADDR"`
	Dir       string   `help:"Folder for state and films. Default: /var/lib/swarmgate for root, ~/.local/state/swarmgate for others." placeholder:"DIR" type:"path"`
	Name      string   `help:"Name under which TVs list this gateway. Default: Swarmgate (name of this machine)." placeholder:"NAME"`
	Interface []string `help:"Network interface on which TVs find it; may repeat. Default: all that can do multicast." placeholder:"NAME"`
	NoDLNA    bool     `name:"no-dlna" help:"Be no media server for TVs."`
	MemberCA  string   `name:"member-ca" help:"Authority by which swarmgate members add issues certificates, made when the file is missing. Default: members.pem in --dir." placeholder:"FILE" type:"path"`
	memberFlags
	peerFlags
	logFlags
}

// settings reads the configuration and lays the flags over it.
func (r *runCommand) settings(around config.Surroundings) (*config.Settings, error) {
	s, err := config.Load(r.Config, around)
	if err != nil {
		_, err = config.Check(r.Config, around)
		return nil, firstMistake(err, r.Config)
	}
	flags := []struct{ flag, key, text string }{
		{"--http", "http.listen", string(r.HTTP)},
		{"--dir", "dir", r.Dir},
		{"--name", "dlna.name", r.Name},
		{"--interface", "dlna.interfaces", strings.Join(r.Interface, ",")},
		{"--listen", "peer.listen", string(r.Listen)},
		{"--stun", "peer.stun", strings.Join(r.Stun, ",")},
		{"--log-level", "log.level", string(r.LogLevel)},
		{"--log-format", "log.format", string(r.LogFormat)},
		{"--no-dlna", "dlna.enabled", unless(r.NoDLNA)},
		{"--no-nat", "peer.nat", unless(r.NoNAT)},
		{"--no-local", "peer.local", unless(r.NoLocal)},
		{"--dht", "peer.dht", when(r.DHT)},
		{"--dht-node", "peer.dht_nodes", strings.Join(addresses(r.DHTNode), ",")},
		{"--offload", "peer.offload", r.Offload},
		{"--tracker-auth", "peer.tracker_auth", r.TrackerAuth},
		{"--member-ca", "members.authority", r.MemberCA},
		{"--member-cert", "members.certificate", r.MemberCert},
		{"--member-key", "members.key", r.MemberKey},
	}
	if r.Upload != 0 {
		flags = append(flags, struct{ flag, key, text string }{"--upload", "peer.upload", r.Upload.String()})
	}
	for _, f := range flags {
		if f.text == "" {
			continue
		}
		if err := s.Set(f.key, f.text); err != nil {
			return nil, wrongUsage("%s: %w", f.flag, err)
		}
	}
	if err := s.TakeChosen(); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, firstMistake(err, r.Config)
	}
	return s, nil
}

// noTVs points out networks that are named for a media server that is switched off.
func noTVs(off bool, interfaces []string, log zerolog.Logger) {
	if off && len(interfaces) > 0 {
		log.Warn().Strs("interface", interfaces).Msg("--interface has no effect beside --no-dlna, which switches the media server off")
	}
}

// unless writes the setting that a flag of the form --no-x switches off.
func unless(off bool) string {
	if off {
		return "false"
	}
	return ""
}

// when writes the setting that a flag of the form --x switches on.
func when(on bool) string {
	if on {
		return "true"
	}
	return ""
}

// switchedOff says what switched the media server off.
func switchedOff(by config.Origin) string {
	switch by {
	case config.FromFile:
		return "enabled = false under [dlna] in the configuration"
	case config.FromEnv:
		return "the environment variable SWARMGATE_DLNA_ENABLED"
	}
	return "--no-dlna"
}

// Run carries the command out.
func (r *runCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, r.JSON)
	s, err := r.settings(config.Here())
	if err != nil {
		return err
	}
	// A network that the configuration names may come later; who names one by hand has it now.
	if err := knownInterfaces(r.Interface); err != nil {
		return err
	}
	book := &logbook.Book{}
	log := logFlags{LogLevel: s.Log.Level, LogFormat: s.Log.Format}.logger(out, zerolog.InfoLevel, book)
	for _, notice := range s.Notices {
		log.Warn().Msg(notice)
	}
	noTVs(r.NoDLNA, r.Interface, log)
	credential, err := memberFlags{s.Members.Certificate, s.Members.Key}.credential()
	if err != nil {
		return err
	}
	h, closeState, err := openConfigured(s, credential, out, log, book)
	if err != nil {
		return err
	}
	return errors.Join(r.serve(ctx, h), closeState())
}

// openConfigured opens a gateway as its configuration says.
func openConfigured(s *config.Settings, credential *member.Credential, out *printer, log zerolog.Logger, book *logbook.Book) (*home, func() error, error) {
	profiles, err := deviceprofile.Load(s.DLNA.Profiles)
	if err != nil {
		return nil, nil, err
	}
	page, err := listenHTTP(s.HTTP.Listen.String()) // first: where it can't be, no folder is made
	if err != nil {
		return nil, nil, err
	}
	dir := s.StateDir()
	store, err := openState(dir, log)
	if err != nil {
		return nil, nil, errors.Join(err, page.Close())
	}
	flags := peerFlags{Listen: address(s.Peer.Listen.String()), NoNAT: !s.Peer.NAT, NoLocal: !s.Peer.Local, Upload: s.Peer.Upload, Offload: string(s.Peer.Offload), TrackerAuth: s.Peer.TrackerAuth}
	flags.DHT = s.Peer.DHT
	for _, node := range s.Peer.DHTNodes {
		flags.DHTNode = append(flags.DHTNode, address(node.String()))
	}
	for _, server := range s.Peer.STUN {
		flags.Stun = append(flags.Stun, server.String())
	}
	peering, err := openPeering("", flags, store.PeerID(), log)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close(), page.Close())
	}
	peering.trackers.Known = store
	peering.nat.Remember(dir)
	h, err := openHome(homeConfig{
		dir: dir, name: s.DLNA.Name, http: page, dlna: s.DLNA.Enabled, noDLNA: switchedOff(s.Origin("dlna.enabled")), interfaces: s.DLNA.Interfaces, announced: s.DLNA, profiles: profiles, reach: s.HTTP, access: s.Access, guide: s.Guide, tuner: s.HDHR,
		ffmpeg: s.FFmpeg,
		links:  s.Swarms(), liveBuffer: int64(s.Buffer.Live), filmSpace: int64(s.Buffer.Films), filmDir: s.FilmDir(),
		keepWarm: s.Buffer.KeepWarm, sessions: s.Buffer.Sessions,
		memberCA: s.Members.Authority, credential: credential, peering: peering, state: store, out: out, log: log, book: book, settings: config.NewOwner(s),
	})
	if err != nil {
		return nil, nil, errors.Join(err, peering.node.Close(), store.Close(), page.Close())
	}
	return h, store.Close, nil
}

// serve runs the gateway until ctx ends: its socket last, so that farewells still go out.
func (r *runCommand) serve(ctx context.Context, h *home) error {
	sockets, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
	defer closeSockets()
	var below errgroup.Group
	below.Go(func() error { return h.cfg.peering.Run(sockets) })
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return h.Run(ctx) })
	parts.Go(func() error { h.cfg.peering.report(ctx, h.cfg.out, h.cfg.log); return nil })
	parts.Go(func() error {
		r.greet(ctx, h)
		h.show(ctx)
		return nil
	})
	err := parts.Wait()
	closeSockets()
	err = errors.Join(err, below.Wait())
	h.cfg.out.keep("Stopped.", true)
	return err
}

// greet prints what to open.
func (r *runCommand) greet(ctx context.Context, h *home) {
	h.cfg.out.event("ready", map[string]any{"page": h.page(), "m3u": h.m3u(), "device": h.device()})
	h.cfg.out.say("Swarmgate is running.\n")
	h.cfg.out.say("  In a browser   %s", h.page())
	if h.dlna != nil {
		h.cfg.out.say("  On a TV        %s (%s)", h.device(), settled(ctx, h))
	}
	h.cfg.out.say("  In a player    %s\n", h.m3u())
	if len(h.gateway.Items()) == 0 {
		h.cfg.out.say("There are no channels yet: add a link on the page, or in the configuration.\n")
	}
}
