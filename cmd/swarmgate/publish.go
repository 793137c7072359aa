package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/ingest"
	"github.com/swarmgate/swarmgate/proxy/members"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
	"github.com/swarmgate/swarmgate/proxy/publish"
	"github.com/swarmgate/swarmgate/proxy/state"
)

// publishCommand makes swarms of files or of a live input, and serves them.
type publishCommand struct {
	Path               string       `arg:"" help:"A film, a folder of films, or - for a transport stream on standard input, which is published live."`
	Live               bool         `help:"Publish the transport stream in PATH live, in real time."`
	Tracker            []trackerURL `help:"Tracker to announce at; may repeat, and each that follows is for when those before it fail. Several equals stand in one, with spaces between." placeholder:"URL"`
	Title              string       `help:"Title of the film or channel. Default: the file's name." placeholder:"TEXT"`
	Key                string       `help:"Private key of the channel, made when the file is missing. Default: channel.key in --dir." placeholder:"FILE" type:"path"`
	Dir                string       `help:"Folder for state. Default: the user's." placeholder:"DIR" type:"path"`
	Signature          string       `help:"Live signature for a new key: rsasha1, rsasha256, ecdsap256sha256, ecdsap384sha384, ed25519. Default: ecdsap256sha256." placeholder:"NAME"`
	ChunksPerSignature uint64       `help:"Chunks that one live signature covers, a power of two. Default: about 0.2 s of the stream." placeholder:"N"`
	Rate               config.Rate  `help:"Rate of the live stream, for the link. Default: measured where the input is a file." placeholder:"RATE"`
	Record             string       `help:"Keep the live stream in this new file; when the input ends, it is published as a film, and its link is printed." placeholder:"FILE" type:"path"`
	Duration           span         `help:"Stop after serving for this time." placeholder:"D"`
	Closed             bool         `help:"Only members take part, over DTLS: those whom swarmgate members add gave a certificate."`
	MemberCA           string       `name:"member-ca" help:"Authority of membership certificates, made when the file is missing: of a closed swarm, members.pem in --dir by default; of an open one, peers name each other on the Internet by them." placeholder:"FILE" type:"path"`
	Authority          string       `help:"Public key of the trackers' membership authority, which swarmgate tracker --member-ca prints: of an open swarm, peers name each other on the Internet by certificates of the trackers." placeholder:"KEY"`
	metadataFlags
	profileFlags
	peerFlags
	logFlags

	authority  *member.Authority   // of membership certificates, nil for none
	trackerKey member.AuthorityKey // of the trackers', zero for none
}

// maxFilms bounds how many films of a folder are published.
const maxFilms = 1000

// Run carries the command out.
func (p *publishCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, p.JSON)
	log := p.logger(out, zerolog.InfoLevel)
	plan, err := p.plan(log) // before a folder is made for nothing, or another publisher's is found in use
	if err != nil {
		return err
	}
	dir, err := stateFolder(p.Dir, "publisher")
	if err != nil {
		return err
	}
	store, err := openState(dir, log)
	if err != nil {
		return err
	}
	defer store.Close()
	peering, err := openPeering("", p.peerFlags, store.PeerID(), log)
	if err != nil {
		return err
	}
	defer peering.node.Close() // a second time where it was run
	peering.trackers.Known = store
	peering.nat.Remember(dir)
	if err := p.enroll(dir); err != nil {
		return err
	}
	swarms, err := p.open(ctx, plan, c.in, dir, store, peering, out, log)
	if err != nil {
		return err
	}
	if p.Duration > 0 { // of the serving: hashing takes as long as it takes
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(p.Duration))
		defer cancel()
	}
	return p.serve(ctx, swarms, peering, out, log)
}

// enroll opens the authority of membership certificates.
func (p *publishCommand) enroll(dir string) (err error) {
	switch {
	case p.Authority != "" && (p.Closed || p.MemberCA != ""):
		return wrongUsage("--authority is for open swarms whose trackers give out certificates; leave it out, or --closed and --member-ca")
	case p.Authority != "" && len(p.Tracker) == 0:
		return wrongUsage("--authority is of no use without --tracker: the tracker gives out the certificates")
	case p.Authority != "":
		if p.trackerKey, err = member.ParseAuthorityKey(p.Authority); err != nil {
			return usageError{fmt.Errorf("--authority: %w", err)}
		}
		return nil
	case p.MemberCA != "":
	case !p.Closed:
		return nil
	default:
		p.MemberCA = filepath.Join(dir, authorityFile)
	}
	p.authority, err = members.OpenAuthority(p.MemberCA)
	return err
}

// revokedCheck is how often a publisher looks who is a member no more.
const revokedCheck = 5 * time.Second

// expel shuts out who is a member no more, until ctx ends.
func (p *publishCommand) expel(ctx context.Context, n *node.Node, log zerolog.Logger) {
	if p.authority == nil {
		return
	}
	members.Follow(ctx, p.MemberCA, revokedCheck, func(id member.ID, until time.Time) error {
		log.Info().Str("member", id).Msg("the membership was taken back")
		return n.Revoke(id, until)
	}, func(err error) { log.Error().Err(err).Msg("closed swarm") })
}

// swarmService is a film or a stream that is being published.
type swarmService interface {
	Link() ppsp.Link
	Run(ctx context.Context) error
}

// open prepares what PATH names.
func (p *publishCommand) open(ctx context.Context, plan publishPlan, in io.Reader, dir string, s *state.State, peering *peering, out *printer, log zerolog.Logger) ([]swarmService, error) {
	if p.streams() {
		live, err := p.openLive(ctx, plan, in, dir, s, peering, log)
		if err != nil {
			return nil, err
		}
		return []swarmService{&broadcast{Live: live, p: p, dir: dir, peering: peering, out: out, log: log}}, nil
	}
	swarms, err := p.openFilms(ctx, plan.films, plan.meta, dir, peering, out, log)
	out.keep("", false)
	return swarms, err
}

// openFilms prepares films. One of a folder that can't be published is left out.
func (p *publishCommand) openFilms(ctx context.Context, paths []string, meta ppsp.Metadata, dir string, peering *peering, out *printer, log zerolog.Logger) ([]swarmService, error) {
	var swarms []swarmService
	for _, path := range paths {
		film, err := publish.OpenFilm(ctx, publish.FilmConfig{
			Path: path, Metadata: meta, Title: p.Title, Group: folderOf(p.Path, path), Trackers: p.trackers(), Contacts: p.contacts(peering.node), StateDir: dir,
			Node: peering.node, Tracking: peering.trackers, Authority: p.authority, TrackerKey: p.trackerKey, Closed: p.Closed, Profile: swarm.Profile(p.Profile), Logger: log,
			Progress: func(done, total int64) {
				out.keep(fmt.Sprintf("Hashing %s: %d %%", filepath.Base(path), 100*done/max(total, 1)), false)
			},
		})
		switch {
		case err == nil:
			swarms = append(swarms, film)
		case ctx.Err() != nil || len(paths) == 1:
			return nil, err
		case errors.Is(err, node.ErrJoined):
			log.Warn().Str("file", path).Msg("the folder has this very film under another name, too: it is published once")
		default:
			log.Error().Msg(oneLine(err) + "; it is left out")
		}
	}
	if len(swarms) == 0 {
		return nil, fmt.Errorf("publish %s: none of its %d films can be published", p.Path, len(paths))
	}
	return swarms, nil
}

// openLive prepares the live input.
func (p *publishCommand) openLive(ctx context.Context, plan publishPlan, in io.Reader, dir string, s *state.State, peering *peering, log zerolog.Logger) (*publish.Live, error) {
	if p.Key == "" {
		p.Key = filepath.Join(dir, "channel.key")
	}
	if _, err := readKey(p.Key); err != nil { // known before an encoder speaks
		return nil, err
	}
	source, err := p.source(in, log)
	if err != nil {
		return nil, err
	}
	if err := source.Look(ctx, inputPatience); err != nil {
		return nil, fmt.Errorf("publish %s: %w", p.Path, err)
	}
	live, err := p.openChannel(s, peering, plan.meta, plan.meta.Signature, source, log)
	if err != nil {
		source.Stop()
	}
	return live, err
}

// inputPatience is how long a live input may be silent before the link is printed all the same.
const inputPatience = 2 * time.Second

// openChannel makes a channel of the live input.
func (p *publishCommand) openChannel(s *state.State, peering *peering, meta ppsp.Metadata, algorithm ppsp.Signature, source publish.Source, log zerolog.Logger) (*publish.Live, error) {
	key, fresh, err := openKey(p.Key, algorithm)
	switch {
	case err != nil:
		return nil, err
	case p.Signature != "" && key.Algorithm() != algorithm:
		return nil, wrongUsage("--signature %s: key %s is of %s; leave --signature out, or name another file with --key", algorithm, p.Key, key.Algorithm())
	}
	if err := stayClosed(s, key.SwarmID(), p.Closed, p.Key); err != nil {
		return nil, err
	}
	if !fresh {
		if err := goOn(s, key.SwarmID(), meta, time.Now()); err != nil {
			return nil, err
		}
	}
	if p.Title == "" {
		p.Title = "Live"
		if p.Path != "-" {
			p.Title = strings.TrimSuffix(filepath.Base(p.Path), filepath.Ext(p.Path))
		}
	}
	return publish.OpenLive(publish.LiveConfig{
		Source: source, Key: key, Numbers: s, Metadata: meta, Title: p.Title, Rate: int64(p.Rate),
		Trackers: p.trackers(), Contacts: p.contacts(peering.node), ChunksPerSignature: p.ChunksPerSignature, Record: p.Record,
		Node: peering.node, Tracking: peering.trackers, Authority: p.authority, TrackerKey: p.trackerKey, Closed: p.Closed, Profile: swarm.Profile(p.Profile), Logger: log,
	})
}

// serve runs socket and swarms until ctx ends.
func (p *publishCommand) serve(ctx context.Context, swarms []swarmService, peering *peering, out *printer, log zerolog.Logger) error {
	sockets, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
	defer closeSockets()
	var below errgroup.Group
	below.Go(func() error { return peering.Run(sockets) })
	peering.await(ctx)
	for _, s := range swarms {
		tellSwarm(out, s.Link(), peering)
		if len(swarms) == 1 {
			saySwarm(out, s.Link())
		} else {
			out.say("%s\n  %s", s.Link().Title, s.Link())
		}
	}
	if words := p.reach(peering.node); words != "" {
		out.say("%s", words)
	}
	out.say("Serving on UDP %s; Ctrl-C ends it.", peering.node.Addr())
	serving := ctx
	parts, ctx := errgroup.WithContext(ctx)
	reporting, reported := context.WithCancel(ctx)
	defer reported()
	var left atomic.Int64
	left.Store(int64(len(swarms)))
	for _, s := range swarms {
		parts.Go(func() error {
			if p.streams() { // the end of the input is the end of the program
				defer reported()
			}
			err := s.Run(ctx)
			if err != nil && left.Add(-1) > 0 {
				log.Error().Msg(oneLine(err)) // the other films stay
				return nil
			}
			return err
		})
	}
	parts.Go(func() error { peering.report(reporting, out, log); return nil })
	parts.Go(func() error { p.expel(reporting, peering.node, log); return nil })
	err := parts.Wait()
	closeSockets()
	if err = errors.Join(err, below.Wait()); serving.Err() != nil {
		out.keep("Stopped.", true)
	}
	return err
}

// tellSwarm prints the "swarm" line.
func tellSwarm(out *printer, l ppsp.Link, peering *peering) {
	fields := swarmFields(l)
	fields["listen"] = peering.node.Addr().String()
	out.event("swarm", fields)
}

// reach says where a link that leads not everywhere does lead, nothing for others.
func (p *publishCommand) reach(n *node.Node) string {
	if len(p.Tracker) == 0 {
		return "No --tracker was named: the link leads to this machine alone."
	}
	if len(p.contacts(n)) > 0 {
		return ""
	}
	for _, t := range p.Tracker {
		if !t.here() {
			return ""
		}
	}
	return fmt.Sprintf("The tracker %s is an address of this machine alone, and so is the link: name --tracker by an address that others reach.", p.Tracker[0])
}

// trackers returns the trackers to announce at.
func (p *publishCommand) trackers() []string {
	var urls []string
	for _, u := range p.Tracker {
		urls = append(urls, string(u))
	}
	return urls
}

// contacts is the address that goes into the link: of a node that listens where others
// reach it, and on a port that stays; or where no tracker would lead to this machine at all.
func (p *publishCommand) contacts(n *node.Node) []string {
	a := n.Addr()
	lasting := p.Listen != "" && !strings.HasSuffix(string(p.Listen), ":0") && !a.Addr().IsUnspecified() && !a.Addr().IsLoopback()
	if len(p.Tracker) > 0 && !lasting {
		return nil
	}
	if a.Addr().IsUnspecified() {
		a = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
	}
	return []string{a.String()}
}

// stateFolder returns the folder for state: the one given, or the user's own.
func stateFolder(dir, part string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	// systemd.exec(5), StateDirectory=
	if s, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); s != "" {
		return filepath.Join(s, part), nil
	}
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("folder for state: %w; choose one with --dir", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "swarmgate", part), nil
}

// source opens the live input: a file is paced by its own clock, a pipe by whoever writes.
func (p *publishCommand) source(in io.Reader, log zerolog.Logger) (*ingest.Source, error) {
	alarm := func(a ingest.Alarm) {
		if a.Over {
			log.Info().Dur("silent", a.Silent).Msg("the live input speaks again")
		} else {
			log.Warn().Dur("silent", a.Silent).Msg("the live input is silent: viewers wait")
		}
	}
	if p.Path == "-" {
		return ingest.New(in, ingest.Options{Alarm: alarm}), nil
	}
	f, err := openStream(p.Path)
	if err != nil {
		return nil, err
	}
	if p.Rate == 0 {
		p.Rate = config.Rate(measure(f))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("publish %s: it is a pipe, so write cat %[1]s | swarmgate publish -", p.Path), f.Close())
	}
	return ingest.New(f, ingest.Options{Paced: true, Alarm: alarm}), nil
}

// measured is how much of a file is read to learn its rate, bytes.
const measured = 4 << 20

// measure returns the rate of a transport stream in bits per second, 0 when it does not tell.
func measure(r io.Reader) int64 {
	bus := mpegts.NewBus(measured)
	defer bus.Close()
	_, _ = io.Copy(bus, io.LimitReader(r, measured)) // what can't be read is told when it is published
	return bus.Info().Bitrate
}
