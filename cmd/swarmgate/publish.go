package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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
	Tracker            []trackerURL `help:"Tracker to announce at; may repeat." placeholder:"URL"`
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
	metadataFlags
	profileFlags
	peerFlags
	logFlags

	authority *member.Authority // of membership certificates, nil for none
}

// maxFilms bounds how many films of a folder are published.
const maxFilms = 1000

// Run carries the command out.
func (p *publishCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, p.JSON)
	log := p.logger(out, zerolog.InfoLevel)
	if err := p.found(); err != nil { // before a folder is made for nothing
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
	if err := p.enroll(dir); err != nil {
		return err
	}
	swarms, err := p.open(ctx, c.in, dir, store, peering, out, log)
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

// suit takes as defaults what the profile can do, and refuses what it can not.
func (p *publishCommand) suit(meta ppsp.Metadata) (ppsp.Metadata, error) {
	if swarm.Profile(p.Profile) != swarm.ProfileDraft10 {
		return meta, nil
	}
	if p.Hash == "" {
		meta.Hash = ppsp.SHA1
	}
	if p.Addressing == "" {
		meta.Addressing = ppsp.ChunkRanges32
	}
	if err := swarm.Draft10Fits(meta); err != nil {
		return meta, wrongUsage("--profile draft10: %w", err)
	}
	return meta, nil
}

// open prepares what PATH names.
func (p *publishCommand) open(ctx context.Context, in io.Reader, dir string, s *state.State, peering *peering, out *printer, log zerolog.Logger) ([]swarmService, error) {
	if p.Live || p.Path == "-" {
		live, err := p.openLive(ctx, in, dir, s, peering, log)
		if err != nil {
			return nil, err
		}
		return []swarmService{&broadcast{Live: live, p: p, dir: dir, peering: peering, out: out, log: log}}, nil
	}
	meta, err := p.film()
	if err == nil {
		err = p.filmOnly()
	}
	if err == nil {
		meta, err = p.suit(meta)
	}
	if err != nil {
		return nil, err
	}
	paths, err := films(p.Path, log)
	if err != nil {
		return nil, err
	}
	if len(paths) > 1 && p.Title != "" {
		return nil, wrongUsage("--title is for one film, and %s has %d, which are called after their files; leave it out", p.Path, len(paths))
	}
	swarms, err := p.openFilms(ctx, paths, meta, dir, peering, out, log)
	out.keep("", false)
	return swarms, err
}

// openFilms prepares films. One of a folder that can't be published is left out.
func (p *publishCommand) openFilms(ctx context.Context, paths []string, meta ppsp.Metadata, dir string, peering *peering, out *printer, log zerolog.Logger) ([]swarmService, error) {
	var swarms []swarmService
	for _, path := range paths {
		film, err := publish.OpenFilm(ctx, publish.FilmConfig{
			Path: path, Metadata: meta, Title: p.Title, Trackers: p.trackers(), Contacts: p.contacts(peering.node), StateDir: dir,
			Node: peering.node, Tracking: peering.trackers, Authority: p.authority, Closed: p.Closed, Profile: swarm.Profile(p.Profile), Logger: log,
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
func (p *publishCommand) openLive(ctx context.Context, in io.Reader, dir string, s *state.State, peering *peering, log zerolog.Logger) (*publish.Live, error) {
	algorithm := ppsp.ECDSAP256SHA256
	var err error
	if p.Signature != "" {
		if algorithm, err = ppsp.ParseSignature(p.Signature); err != nil {
			return nil, usageError{fmt.Errorf("--signature: %w", err)}
		}
	}
	meta, err := p.live(publish.LiveChunkSize)
	if err == nil {
		meta.Signature = algorithm
		meta, err = p.suit(meta)
	}
	if err != nil {
		return nil, err
	}
	if n := p.ChunksPerSignature; n != 0 && (n < 2 || n > swarm.MaxMunro || n&(n-1) != 0) {
		return nil, wrongUsage("--chunks-per-signature %d: take a power of two from 2 to %d", n, swarm.MaxMunro)
	} else if n != 0 && meta.Integrity != ppsp.IntegrityUnified {
		return nil, wrongUsage("--chunks-per-signature %d: integrity method %s knows no such number; leave it out, or take --integrity unified", n, meta.Integrity)
	}
	if meta.Integrity == ppsp.IntegrityNone {
		log.Warn().Msg("without integrity protection any peer can alter the stream: publish so in a closed network only")
	}
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
	live, err := p.openChannel(s, peering, meta, algorithm, source, log)
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
		Node: peering.node, Tracking: peering.trackers, Authority: p.authority, Closed: p.Closed, Profile: swarm.Profile(p.Profile), Logger: log,
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
	if len(p.Tracker) == 0 {
		out.say("No --tracker was named: the link leads to this machine alone.")
	}
	out.say("Serving on UDP %s; Ctrl-C ends it.", peering.node.Addr())
	parts, ctx := errgroup.WithContext(ctx)
	reporting, reported := context.WithCancel(ctx)
	defer reported()
	var left atomic.Int64
	left.Store(int64(len(swarms)))
	for _, s := range swarms {
		parts.Go(func() error {
			if p.Live || p.Path == "-" { // the end of the input is the end of the program
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
	return errors.Join(err, below.Wait())
}

// tellSwarm prints the "swarm" line.
func tellSwarm(out *printer, l ppsp.Link, peering *peering) {
	fields := swarmFields(l)
	fields["listen"] = peering.node.Addr().String()
	out.event("swarm", fields)
}

// filmOnly refuses what a film has no use for.
func (p *publishCommand) filmOnly() error {
	for _, f := range []struct {
		flag string
		set  bool
	}{
		{"--signature", p.Signature != ""},
		{"--chunks-per-signature", p.ChunksPerSignature != 0},
		{"--key", p.Key != ""},
		{"--rate", p.Rate != 0},
		{"--record", p.Record != ""},
	} {
		if f.set {
			return wrongUsage("%s is for live streams, and a film has no use for it; leave it out, or add --live", f.flag)
		}
	}
	return nil
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

// found tells whether there is what PATH names.
func (p *publishCommand) found() error {
	if p.Path == "-" {
		return nil
	}
	_, err := os.Stat(p.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("publish %s: there is no such file or folder; check the path, or give - for standard input", p.Path)
	case err != nil:
		return fmt.Errorf("publish %s: %w; check the path and its rights", p.Path, bare(err))
	}
	return nil
}

// films lists what is published: the file, or the media files of the folder and those below.
// Folders that may not be read are passed over, and told.
func films(path string, log zerolog.Logger) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w; check the path and its rights", path, bare(err))
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	list := filmList{root: path, log: log}
	if err := filepath.WalkDir(path, list.visit); err != nil {
		return nil, fmt.Errorf("publish %s: %w", path, bare(err))
	}
	if len(list.found) == 0 {
		return nil, fmt.Errorf("publish %s: there is no film in the folder, nor below it; name one that has files ending in .mp4, .mkv, .ts, .webm or the like", path)
	}
	slices.Sort(list.found)
	return list.found, nil
}

// filmList gathers the films of a folder.
type filmList struct {
	root  string
	log   zerolog.Logger
	found []string
}

// visit is called for each thing in the folder.
func (l *filmList) visit(name string, d fs.DirEntry, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission) && name != l.root:
		l.log.Warn().Str("folder", name).Msg("this folder may not be read, so its films are not published")
		return nil
	case errors.Is(err, fs.ErrNotExist) && name != l.root: // it went away meanwhile
		return nil
	case err != nil:
		return err
	case strings.HasPrefix(d.Name(), ".") && d.IsDir() && name != l.root:
		return fs.SkipDir
	case !d.Type().IsRegular() || !strings.HasPrefix(publish.MediaType(name), "video/"):
		return nil
	case len(l.found) == maxFilms:
		return fmt.Errorf("the folder has more than %d films; publish its parts", maxFilms)
	}
	l.found = append(l.found, name)
	return nil
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
		return nil, errors.Join(fmt.Errorf("publish %s live: it is a pipe, so write cat %[1]s | swarmgate publish -", p.Path), f.Close())
	}
	return ingest.New(f, ingest.Options{Paced: true, Alarm: alarm}), nil
}

// openStream opens the recording that is published live.
func openStream(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("publish %s live: %w; check the path, or give - for standard input", path, bare(err))
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return nil, wrongUsage("publish %s live: it is a folder; name one transport stream, or - for standard input", path)
	}
	return f, nil
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
