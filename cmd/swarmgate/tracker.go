package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/swarmgate/swarmgate/nat/stunserver"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/ppsp/tracker/auth"
	"github.com/swarmgate/swarmgate/proxy/config"
)

// trackerCommand runs a tracker (RFC 7846).
type trackerCommand struct {
	Listen           address         `help:"TCP address; port 0 takes a free one. Default: ${default}." default:"127.0.0.1:7846" placeholder:"HOST:PORT"`
	HTTP             bool            `name:"http" help:"Serve plain HTTP: for a laboratory, or behind a proxy that speaks HTTPS. For this machine alone it is the default."`
	Cert             string          `help:"Certificate chain for HTTPS, PEM. Default: one that the tracker makes for itself, in --dir." placeholder:"FILE" type:"path"`
	Key              string          `help:"Its private key, PEM." placeholder:"FILE" type:"path"`
	Auth             []string        `help:"How peers prove who they are: none, digest, cert, token; with commas between them, any of several. Default: none." placeholder:"WAY"`
	Users            string          `help:"Users for --auth digest, lines of name:password or name:swarmgate:hash, the hash as htdigest writes it, MD5 or SHA-256." placeholder:"FILE" type:"path"`
	Tokens           string          `help:"Tokens for --auth token, one a line." placeholder:"FILE" type:"path"`
	Enrolment        string          `help:"Codes by which peers get a token by themselves, for --auth token: one a line, with how many peers may use it, else one, and for how many days their tokens hold, else without end." placeholder:"FILE" type:"path"`
	ClientCA         string          `name:"client-ca" help:"Authorities of client certificates for --auth cert, PEM." placeholder:"FILE" type:"path"`
	Registry         string          `help:"Where it keeps the peers: memory, or redis://HOST:PORT/N of a Valkey or Redis that several trackers share. Default: ${default}." default:"memory" placeholder:"NAME"`
	RegistryPassword string          `name:"registry-password" help:"File whose first line is the password of the Valkey or Redis, which others can read in a command line." placeholder:"FILE" type:"path"`
	Networks         string          `help:"Table of networks, lines of PREFIX,ASN or a MaxMind DB of autonomous systems: peers get to know those of their own network first." placeholder:"FILE" type:"path"`
	ALTO             []string        `name:"alto" help:"File or URL of an ALTO network map, cost map, or directory of both (RFC 7285); may repeat: peers get to know first those who cost least. It is looked at again each half hour." placeholder:"PLACE"`
	Marks            string          `help:"Table of strong peers, lines of edge or super and a network or peer ID: all get to know those first." placeholder:"FILE" type:"path"`
	TrackTimeout     config.Duration `help:"Silence after which a peer is forgotten. Default: ${default}." default:"2m" placeholder:"D"`
	Stun             []address       `help:"Also answer STUN on this UDP address and the port above, so that peers learn their public addresses. Given twice, with two addresses of this machine and one port, it tells them what their NATs do (RFC 5780). Default: no." placeholder:"HOST:PORT"`
	MemberCA         string          `name:"member-ca" help:"Authority by which members of open swarms get certificates of where they are, made when the file is missing; never the one of a closed swarm. Needs --stun." placeholder:"FILE" type:"path"`
	Certify          config.Duration `name:"certificate-life" help:"How long these hold, 10m to 30 days. Default: ${default}." default:"6h" placeholder:"D"`
	Strict           bool            `help:"Read Table 6 of RFC 7846 to the letter: a peer watches one channel at a time."`
	Behind           []netip.Prefix  `help:"Networks of proxies that speak HTTPS for the tracker: what they say of who asks is believed." placeholder:"PREFIX"`
	BehindBy         string          `name:"behind-by" help:"Header in which they say it: X-Forwarded-For, Forwarded. Default: ${default}." enum:"X-Forwarded-For,Forwarded" default:"X-Forwarded-For" placeholder:"HEADER"`
	Operator         address         `help:"TCP address of the operator's page, API and metrics; elsewhere than on this machine they want the token in owner.token of --dir. Default: ${default}, or a free port." default:"127.0.0.1:7847" placeholder:"HOST:PORT"`
	NoOperator       bool            `help:"No page for the operator."`
	OpenStatus       bool            `help:"Show /status, with addresses of peers, to everyone and not only to this machine."`
	Dir              string          `help:"Folder for state. Default: the user's." placeholder:"DIR" type:"path"`
	logFlags
}

// trackerService is a tracker on its socket.
type trackerService struct {
	tracker  *tracker.Server
	server   *http.Server
	listener net.Listener
	https    bool // as the server's TLSConfig says
}

// trackerShutdown bounds the end of the tracker's HTTP server.
const trackerShutdown = 300 * time.Millisecond

// openTracker opens the socket; nothing is served before Run.
func openTracker(listen string, c tracker.ServerConfig) (*trackerService, error) {
	l, err := net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("tracker: %s is in use by another program; end that, or choose another with --listen, port 0 for a free one", listen)
	}
	if err != nil {
		return nil, fmt.Errorf("tracker: listen on %s: %w; choose an address of this machine with --listen", listen, bare(err))
	}
	t := tracker.NewServer(c)
	server := tracker.NewHTTPServer(t)
	server.ErrorLog = errorLog(c.Logger)
	return &trackerService{tracker: t, server: server, listener: tracker.Bound(l)}, nil
}

// url is where the tracker is reached from this machine.
func (t *trackerService) url() string {
	scheme := "http"
	if t.https {
		scheme = "https"
	}
	a, err := netip.ParseAddrPort(t.listener.Addr().String())
	if err != nil || a.Addr().IsUnspecified() {
		return scheme + "://localhost:" + strconv.Itoa(int(a.Port())) + "/"
	}
	return scheme + "://" + a.String() + "/"
}

// Run serves until ctx ends.
func (t *trackerService) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return t.tracker.Run(ctx) })
	group.Go(func() error {
		var err error
		if t.https {
			err = t.server.ServeTLS(t.listener, "", "")
		} else {
			err = t.server.Serve(t.listener)
		}
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("tracker: %w", err)
	})
	group.Go(func() error {
		<-ctx.Done()
		// Answers are short. A connection on which nothing was asked would be waited for.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), trackerShutdown)
		defer cancel()
		if t.server.Shutdown(end) != nil {
			return t.server.Close()
		}
		return nil
	})
	return group.Wait()
}

// Run carries the command out.
func (t *trackerCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, t.JSON)
	log := t.logger(out, zerolog.InfoLevel)
	dir, err := stateFolder(t.Dir, "tracker")
	if err != nil {
		return err
	}
	enrolment, err := t.enrolment(dir)
	if err != nil {
		return err
	}
	checker, ask, err := t.checker(enrolment)
	if err != nil {
		return err
	}
	timeout := time.Duration(t.TrackTimeout)
	memory := tracker.MemoryConfig{TrackTimeout: timeout}
	if memory.Places, err = t.places(); err != nil {
		return err
	}
	if memory.Marks, err = t.marks(); err != nil {
		return err
	}
	costs, err := t.costs(ctx, log)
	if err != nil {
		return err
	}
	if costs != nil {
		memory.Cost = costs.Cost
	}
	cfg := tracker.ServerConfig{TrackTimeout: timeout, OpenStatus: t.OpenStatus, Strict: t.Strict, Logger: log}
	if checker != nil {
		cfg.Authorize = checker.Authorize
	}
	registry, journal, closeRegistry, err := t.registry(dir, memory, log)
	if err != nil {
		return err
	}
	defer closeRegistry()
	cfg.Registry = registry
	if shared, ok := registry.(*tracker.Valkey); ok && enrolment != nil {
		enrolment.Share(shared.Table("enrolled", auth.MaxEnrolled+auth.MaxCodes))
	}
	secure, err := t.secure(dir, out)
	if err != nil {
		return err
	}
	bans, follow, err := t.bans(ctx, dir, &cfg)
	if err != nil {
		return err
	}
	desk, err := t.desk(dir, bans, &cfg)
	if err != nil {
		return err
	}
	stun, err := t.stun()
	if err != nil {
		return err
	}
	if cfg.Issuer, err = t.issuer(stun); err != nil {
		return err
	}
	if stun != nil {
		cfg.STUNPort = stun.Addr().Port()
	}
	service, err := openTracker(string(t.Listen), cfg)
	if err != nil {
		return errors.Join(err, stun.Close())
	}
	if desk != nil {
		if err := desk.open(secure); err != nil {
			return errors.Join(err, service.listener.Close(), stun.Close())
		}
	}
	if secure != nil {
		ask(secure)
	}
	if enrolment != nil {
		enrolment.Banned = cfg.Banned
		service.server.Handler = enrolment.Around(service.server.Handler)
	}
	service.server.Handler = tracker.Behind(t.Behind, t.BehindBy, service.server.Handler)
	service.server.TLSConfig, service.https = secure, secure != nil
	ready := map[string]any{"url": service.url()}
	out.say("Tracker: %s", service.url())
	if stun != nil {
		ready["stun"] = stun.Addr().String()
		out.say("STUN: %s and the port above", stun.Addr())
	}
	if cfg.Issuer != nil {
		ready["authority"] = cfg.Issuer.Offer().Authority
		out.say("Authority: %s (publish with --authority and this)", cfg.Issuer.Offer().Authority)
	}
	if desk != nil {
		ready["operator"] = desk.url()
		out.say("Operator: %s%s", desk.url(), desk.hint)
	}
	out.event("ready", ready)
	out.say("Publish with --tracker %s; Ctrl-C ends it.", service.url())
	defer thrifty()()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return service.Run(ctx) })
	if journal != nil {
		parts.Go(func() error { return journal.Run(ctx) })
	}
	if follow != nil {
		parts.Go(func() error { follow(ctx); return nil })
	}
	if costs != nil {
		parts.Go(func() error { return costs.Run(ctx) })
	}
	if stun != nil {
		parts.Go(func() error { return stun.Run(ctx) })
	}
	if desk != nil {
		parts.Go(func() error { return desk.Run(ctx) })
	}
	return parts.Wait()
}

// stun opens the STUN server, nil without one.
func (t *trackerCommand) stun() (*stunserver.Server, error) {
	if len(t.Stun) == 0 {
		return nil, nil
	}
	return stunserver.Listen(string(t.Stun[0]), addresses(t.Stun[1:])...)
}

// registry opens what keeps the peers.
func (t *trackerCommand) registry(dir string, memory tracker.MemoryConfig, log zerolog.Logger) (r tracker.Registry, journal *tracker.Journal, end func(), err error) {
	if t.Registry != "memory" {
		password, err := t.registryPassword()
		if err != nil {
			return nil, nil, nil, err
		}
		shared, err := tracker.OpenValkey(tracker.ValkeyConfig{URL: t.Registry, Password: password, TrackTimeout: memory.TrackTimeout, Places: memory.Places, Marks: memory.Marks, Cost: memory.Cost})
		if err != nil {
			return nil, nil, nil, fmt.Errorf("tracker: --registry: %w", err)
		}
		return shared, nil, shared.Close, nil
	}
	own := tracker.NewMemory(memory)
	if journal, err = t.journal(dir, own, log); err != nil {
		return nil, nil, nil, err
	}
	if journal == nil {
		return own, nil, func() {}, nil
	}
	return own, journal, func() {
		if err := journal.Close(); err != nil {
			log.Error().Err(err).Msg("tracker: its journal is not complete")
		}
	}, nil
}

// journal opens what keeps the peers over a restart. Without --dir it can do without.
func (t *trackerCommand) journal(dir string, registry *tracker.Memory, log zerolog.Logger) (*tracker.Journal, error) {
	err := makeFolder(dir)
	var j *tracker.Journal
	if err == nil {
		j, err = tracker.OpenJournal(dir, registry, time.Now(), log)
	}
	if err == nil {
		return j, nil
	}
	if t.Dir == "" {
		log.Warn().Err(err).Msg("peers are not kept over a restart; name a folder of its own with --dir")
		return nil, nil
	}
	return nil, fmt.Errorf("tracker: folder %s: %w; choose another with --dir", dir, bare(err))
}

// Memory of a tracker: little room for garbage beyond what peers take, but never so little that
// it would be collected all the time.
const (
	roomPercent = 12
	roomFloor   = 32 << 20 // bytes to which the percentage applies even if nothing is kept
)

// thrifty makes this process hold what a million peers take rather than twice that, until the
// function that it returns is called. Who sets GOGC has other plans.
func thrifty() (end func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(roomPercent)
	floor := make([]byte, roomFloor) // never touched, so the system has no memory for it
	return func() {
		runtime.KeepAlive(floor)
		debug.SetGCPercent(before)
	}
}
