package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/store"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

// getCommand fetches a film into a file, where it resumes what an earlier run began, or
// writes a live channel into one, until it is stopped.
type getCommand struct {
	Link      string          `arg:"" help:"The link (ppsp:…)."`
	Output    string          `short:"o" help:"File to write; - writes to standard output when all is there. Default: named after the title." placeholder:"FILE"`
	Peer      []address       `help:"Peer to ask, beside those that tracker and link name; may repeat." placeholder:"HOST:PORT"`
	Tracker   []trackerURL    `help:"Tracker to ask before those of the link; may repeat." placeholder:"URL"`
	Timeout   span            `help:"Give up after this time." placeholder:"D"`
	Duration  span            `help:"Stop after this time, of a live channel, which has no end." placeholder:"D"`
	Seed      config.Duration `help:"Stay so long afterwards and serve others." placeholder:"D"`
	LimitDown config.Rate     `help:"Most of a film that is fetched in a second, as 5Mbit/s. Default: no limit." placeholder:"RATE"`
	profileFlags
	memberFlags
	peerFlags
	logFlags

	unnamed bool // the output is named after the title
}

// Help is what get --help says beside the flags.
func (getCommand) Help() string {
	return "While a film is being fetched it is called FILE.part, and FILE.swarmgate beside it holds its hash tree and what is there already: " +
		"started again, the same command goes on from both. FILE.swarmgate stays afterwards, so that the film need not be hashed again " +
		"to serve it with --seed; it may be deleted."
}

// download is a film on its way into a file.
type download struct {
	link   ppsp.Link
	file   *store.File
	member *membership.Member
	out    *printer

	credential *member.Credential // of closed swarms
	log        zerolog.Logger

	mu      sync.Mutex
	done    chan error // has a value when complete, or when nothing more will come
	savedAt time.Time
	saves   sync.WaitGroup
	saving  bool
	began   time.Time
	whole   bool // all was there before, and only has to be checked
	differs membership.Mismatch
	took    time.Duration                   // until all was there
	finish  func(ctx context.Context) error // tells what was fetched, nil for nothing to do
}

// Run carries the command out.
func (g *getCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, g.JSON)
	if g.Output == "-" && !g.JSON {
		out = newPrinter(console{out: c.err, err: c.err}, false)
	}
	err := g.fetch(ctx, c, out)
	out.leave()
	if err != nil {
		out.event("failed", map[string]any{"error": oneLine(err)})
	}
	return err
}

func (g *getCommand) fetch(ctx context.Context, c console, out *printer) error {
	log := g.logger(out, zerolog.WarnLevel)
	link, err := ppsp.ParseLink(g.Link)
	if err != nil {
		return usageError{err}
	}
	if link.Metadata.Kind() == ppsp.Film && link.Integrity == ppsp.IntegrityNone && link.Length == 0 {
		return wrongUsage("swarm %s: without integrity protection nothing but the link can tell the length of the film; take a link with the parameter len", link.SwarmID.Short())
	}
	credential, err := g.credential()
	if err != nil {
		return err
	}
	if link.Closed && credential == nil {
		return wrongUsage("the swarm is closed: name the membership certificate that its publisher gave you with --member-cert FILE --member-key FILE")
	}
	if swarm.Profile(g.Profile) == swarm.ProfileDraft10 {
		if err := swarm.Draft10Fits(link.Metadata); err != nil {
			return wrongUsage("--profile draft10: %w; leave --profile out, or ask the publisher to publish it with --profile draft10", err)
		}
	}
	if g.LimitDown != 0 && g.LimitDown < config.MinUpload {
		return wrongUsage("--limit-down %s is too little; write at least %s", g.LimitDown, config.MinUpload)
	}
	if g.unnamed = g.Output == ""; g.unnamed {
		g.Output = fileName(link)
	}
	for _, p := range g.Peer {
		link.Peers = append(link.Peers, string(p))
	}
	g.addTrackers(&link)
	if len(link.Peers) == 0 && len(link.Trackers) == 0 && g.alone() {
		return wrongUsage("the link names neither tracker nor peer; name one with --peer HOST:PORT or --tracker URL, or leave out --no-local")
	}
	if link.Metadata.Kind() == ppsp.Live {
		return g.record(ctx, c, out, link, credential, log)
	}
	if g.Duration > 0 {
		return wrongUsage("--duration is for live channels, and a film has an end; leave it out, or take --timeout to give up after a time")
	}
	path, finish, err := g.target()
	if err != nil {
		return err
	}
	defer finish()
	file, err := store.OpenFile(ctx, path, link.Metadata)
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%w; -o FILE names another", err)
	}
	if err != nil {
		return err
	}
	g.tellOutput(out)
	if notice := file.Notice(); notice != nil {
		log.Warn().Err(notice).Msg("starting anew")
	}
	d := &download{link: link, file: file, credential: credential, out: out, log: log, done: make(chan error, 1), began: time.Now()}
	d.finish = func(ctx context.Context) error { return g.finish(ctx, c, d, path) }
	if err := d.run(ctx, g); err != nil {
		if closed := file.Abandon(); closed != nil {
			log.Debug().Err(closed).Msg("film could not be closed cleanly") // most likely for the same reason
		}
		return err
	}
	return file.Close()
}

// addTrackers puts the trackers of the command line before those of the link.
func (g *getCommand) addTrackers(l *ppsp.Link) {
	var tiers []string
	for _, t := range g.Tracker {
		tiers = append(tiers, string(t))
	}
	for _, t := range l.Trackers {
		if !slices.Contains(tiers, t) {
			tiers = append(tiers, t)
		}
	}
	l.Trackers = tiers
}

// named tells whether a tracker stands on the command line.
func (g *getCommand) named(url string) bool {
	return slices.ContainsFunc(g.Tracker, func(t trackerURL) bool { return slices.Contains(strings.Fields(string(t)), url) })
}

// alone tells whether nobody is looked for but those whom the link names.
func (g *getCommand) alone() bool {
	at, err := netip.ParseAddrPort(string(g.Listen))
	return !g.DHT && (g.NoLocal || err == nil && at.Addr().IsLoopback())
}

// tellOutput says what the file is called where that was not given, once it can be written.
func (g *getCommand) tellOutput(out *printer) {
	if g.unnamed {
		out.say("Into %s.", g.Output)
	}
}

// target is the file to fetch into; standard output gets a temporary one.
func (g *getCommand) target() (path string, finish func(), err error) {
	if g.Output != "-" {
		return g.Output, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "swarmgate-get-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	return dir + "/film", func() { _ = os.RemoveAll(dir) }, nil
}

// run fetches until all is there.
func (d *download) run(ctx context.Context, g *getCommand) error {
	if n := d.link.Length; n > 0 {
		if err := d.file.SetSize(n); err != nil {
			return err
		}
	}
	err := g.visit(ctx, membership.Config{
		Link: d.link, Credential: d.credential, Logger: d.log, Events: d.event,
		Swarm: swarm.Config{Meta: d.link.Metadata, Store: d.file, Tree: d.file.Tree(), Have: d.file.Have(), Profile: swarm.Profile(g.Profile)},
	}, d.out, func(ctx context.Context, m *membership.Member) error {
		d.member = m
		if d.whole = d.file.Complete(); d.whole {
			d.finished(nil)
		}
		scrubbing, end := context.WithCancel(ctx)
		var beside sync.WaitGroup
		beside.Go(func() { d.scrub(scrubbing) })
		err := d.follow(ctx, g)
		end()
		beside.Wait()
		return err
	})
	d.saves.Wait()
	return err
}

// follow shows the progress until all is there, or nothing comes any more.
func (d *download) follow(ctx context.Context, g *getCommand) error {
	more, err := d.want(g.LimitDown)
	if err != nil {
		return err
	}
	growth := time.NewTicker(throttleStep)
	defer growth.Stop()
	var limit <-chan time.Time
	if g.Timeout > 0 {
		t := time.NewTimer(time.Duration(g.Timeout))
		defer t.Stop()
		limit = t.C
	}
	lonely := time.NewTimer(lonelyLimit)
	defer lonely.Stop()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	bar := newBar(d.began)
	d.progress(bar, false)
	for {
		select {
		case <-ctx.Done():
			return errors.New("stopped before the film was complete; the same command goes on from here")
		case <-limit:
			return fmt.Errorf("swarm %s: not complete after %s; %s", d.link.SwarmID.Short(), g.Timeout, d.why(g))
		case <-lonely.C:
			if stats, err := d.member.Swarm().Stats(); g.Timeout == 0 && err == nil && connected(stats) == 0 && stats.Counters.ChunksReceived == 0 {
				return fmt.Errorf("swarm %s: nobody answered in %s; %s", d.link.SwarmID.Short(), lonelyLimit, d.why(g))
			}
		case err := <-d.done:
			if err != nil {
				return err
			}
			d.progress(bar, true)
			whole, err := d.settle(ctx)
			if err == nil && whole && d.finish != nil {
				err = d.finish(ctx)
			}
			if err != nil {
				return err
			}
			if whole {
				return d.stay(ctx, time.Duration(g.Seed))
			}
			d.whole = false // it was damaged
		case <-tick.C:
			d.progress(bar, false)
			if err := d.surrender(); err != nil {
				return err
			}
			if d.file.Held() == 0 && d.differs.Hopeless(time.Now()) {
				return fmt.Errorf("swarm %s: nothing that the peers send fits the link; %s", d.link.SwarmID.Short(), d.why(g))
			}
		case now := <-growth.C:
			if err := more(now); err != nil {
				return err
			}
		}
	}
}

// want asks for the film: whole, or, below a rate, for as much of it as more finds due.
func (d *download) want(limit config.Rate) (more func(now time.Time) error, err error) {
	if limit == 0 {
		return func(time.Time) error { return nil }, d.member.Swarm().Want(nil, true)
	}
	t := throttle{rate: bytesPerSecond(limit), chunk: int64(d.link.ChunkSize)}
	more = func(now time.Time) error {
		have := d.file.Have()
		return d.member.Swarm().Want([]chunk.Range{t.window(now, &have)}, false)
	}
	return more, more(time.Now())
}

// lonelyLimit is how long a download without --timeout waits for its first peer.
const lonelyLimit = 2 * time.Minute

// why says what the download waits for.
func (d *download) why(g *getCommand) string {
	if words := d.differs.Why(); words != "" {
		return words
	}
	return g.why(d.link, d.member)
}

// stay serves others for a while.
func (d *download) stay(ctx context.Context, span time.Duration) error {
	if span <= 0 {
		return nil
	}
	d.out.say("Serving others for %s.", span)
	t := time.NewTimer(span)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	return nil
}

// why says what is waited for.
func (g *getCommand) why(l ppsp.Link, m *membership.Member) string {
	stats, err := m.Swarm().Stats()
	if err != nil {
		return err.Error()
	}
	if n := connected(stats); n > 0 {
		return fmt.Sprintf("%s answered", counted(n, "peer"))
	}
	trouble := m.Brief()
	switch forced := swarm.Profile(g.Profile); {
	case trouble != "":
		if o, ok := m.Outage(); ok && o.Problem == membership.NoAnswer {
			trouble += "; is this machine online, and the tracker running? --peer HOST:PORT needs none"
		}
		return "no peer was found: " + trouble
	case l.Closed:
		return "no peer let us in; is the publisher running? If it is, it may be that it does not take this certificate any more: ask who issued it"
	case forced != swarm.ProfileAuto:
		return fmt.Sprintf("no peer was found that speaks --profile %s; is the publisher running? If it is, leave --profile out, or copy the link again from who publishes it", forced)
	}
	return "no peer was found; is the publisher running? Peers that have no such swarm are silent, as are those that have it by another chunk size, " +
		"addressing, hash or integrity method than the link says: copy the link again from who publishes it"
}

// connected counts the peers that have answered.
func connected(stats node.Stats) int {
	n := 0
	for _, p := range stats.Peers {
		if p.Established {
			n++
		}
	}
	return n
}

func (d *download) progress(bar *bar, last bool) {
	stats, err := d.member.Swarm().Stats()
	if err != nil {
		return
	}
	length, _ := d.file.Size()
	bytes := int64(d.file.Held()) * int64(d.link.ChunkSize)
	if length > 0 {
		bytes = min(bytes, length)
	}
	bps, peers := bar.rate(time.Now(), stats.Counters.ChunkBytesReceived), connected(stats)
	d.out.event("progress", map[string]any{"bytes": bytes, "length": length, "rate": bps, "peers": peers})
	if !d.whole {
		d.out.keep(bar.line(bytes, length, bps, peers), last)
	}
}

// event is called on the engine's goroutine.
func (d *download) event(e swarm.Event) {
	d.differs.Note(e)
	switch e.Kind {
	case swarm.EventChunks:
		d.save(false)
	case swarm.EventComplete:
		d.finished(nil)
	case swarm.EventStoreFailed:
		d.finished(errors.New(e.Reason))
	case swarm.EventBan:
		d.log.Warn().Stringer("peer", e.Peer).Str("reason", e.Reason).Msg("peer shut out")
	}
}

// saveEvery is how much of a download a kill may cost.
const saveEvery = 500 * time.Millisecond

// save keeps the sidecar current.
func (d *download) save(now bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.saving || (!now && time.Since(d.savedAt) < saveEvery) {
		return
	}
	d.saving, d.savedAt = true, time.Now()
	point := d.file.Checkpoint()
	d.saves.Go(func() {
		err := point.Save()
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.saving = false; err != nil {
			d.log.Warn().Err(err).Msg("what was fetched could not be noted")
		}
	})
}

// finished tells follow that all is there, or why nothing more will come.
func (d *download) finished(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.took = time.Since(d.began)
	select {
	case d.done <- err:
	default: // it knows
	}
}

// bar draws the progress of a download.
type bar struct {
	began  time.Time
	at     time.Time
	bytes  uint64
	smooth float64
}

func newBar(began time.Time) *bar { return &bar{began: began, at: began} }

// rate returns bytes per second, smoothed over some seconds; moments tell nothing of it.
func (b *bar) rate(now time.Time, bytes uint64) int64 {
	if span := now.Sub(b.at).Seconds(); span > 0.1 || b.smooth == 0 && span > 0 {
		current := float64(bytes-b.bytes) / span
		if b.smooth == 0 {
			b.smooth = current
		}
		b.smooth += (current - b.smooth) / 4
		b.at, b.bytes = now, bytes
	}
	return int64(b.smooth)
}

// line draws: bar, share, rate, peers, time left.
func (b *bar) line(bytes, length, bps int64, peers int) string {
	if length <= 0 {
		return fmt.Sprintf("%s · %s/s · %s", size(bytes), size(bps), counted(peers, "peer"))
	}
	const width = 24
	full := int(bytes * width / length)
	left := "finding peers"
	switch {
	case bytes >= length:
		left = "done"
	case bps > 0:
		left = (time.Duration((length-bytes)/max(bps, 1)) * time.Second).String() + " left"
	case peers > 0:
		left = "waiting"
	}
	return fmt.Sprintf("[%s%s] %3d %% of %s · %s/s · %s · %s", strings.Repeat("█", full), strings.Repeat("░", width-full),
		bytes*100/length, size(length), size(bps), counted(peers, "peer"), left)
}
