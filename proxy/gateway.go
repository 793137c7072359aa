package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/proxy/members"
	"github.com/swarmgate/swarmgate/proxy/membership"
	"github.com/swarmgate/swarmgate/proxy/viewing"
)

// Config is what a Gateway is made of.
type Config struct {
	Node     *node.Node
	Trackers membership.Trackers
	Catalog  Catalog      // what people added; nil keeps it in memory only
	Viewings ViewingStore // what people watched and like; nil keeps it in memory only
	Links    []ppsp.Link
	FilmDir  string // folder for the bytes of films; it exists

	Bans       BanStore           // who is shut out; nil keeps it in memory only
	Members    *members.Registry  // who may take part in closed swarms of ours; nil for none
	Credential *member.Credential // our own membership of closed swarms; nil for none

	LiveBuffer  int64         // bytes of memory for each channel being watched, 0 for DefaultLiveBuffer
	FilmSpace   int64         // bytes of FilmDir that films may take, 0 for no limit
	KeepWarm    time.Duration // a session goes on this long after its last viewer, 0 for DefaultKeepWarm
	MaxSessions int           // 0 for DefaultMaxSessions
	FFmpeg      string        // path of ffmpeg, which converts channels for browsers; empty for none
	Logger      zerolog.Logger
}

// Defaults and bounds of a Gateway.
const (
	DefaultLiveBuffer  = 32 << 20
	DefaultKeepWarm    = 60 * time.Second
	DefaultMaxSessions = 16
	MaxItems           = 10000 // channels and films of the catalog
)

// Gateway is the gateway of one home. Its methods may be called from any goroutine while
// Run is at work.
type Gateway struct {
	cfg     Config
	log     zerolog.Logger
	spawn   chan func(context.Context)
	ended   chan struct{} // closed when Run has returned
	stir    chan struct{} // asks Run to look at the sessions now
	notify  broadcast
	keeping sync.Mutex // of the bans: one writes them at a time
	banned  uint64     // node.BanChanges that are kept; guarded by keeping

	unkept    bool // the last try failed; Run's goroutine
	unwatched bool // the last try to write unwritten failed; Run's goroutine

	fragmenting chan struct{} // places for channels in fragmented MP4
	convert     chan struct{} // places for channels that ffmpeg converts

	onAir onAir

	record record

	breaks atomic.Uint64 // no channel that is opened anew has a lower number of a discontinuity

	mu       sync.Mutex
	items    []Item
	links    map[string]ppsp.Link
	given    map[string]bool     // Item.IDs that Config.Links has; it never changes
	sessions map[string]*session // by Item.ID
	order    []string            // of sessions, oldest first
	changes  uint32
	serial   int

	diary     diaryLog
	viewings  map[string]viewing.Record // by Item.ID, at most maxViewings
	unwritten map[string]viewing.Record // those that are not on the disk yet
	beside    besideFilms               // subtitles in FilmDir; Run's goroutine
}

// New makes a gateway and reads the catalog. Nothing runs before Run.
func New(cfg Config) (*Gateway, error) {
	if cfg.LiveBuffer == 0 {
		cfg.LiveBuffer = DefaultLiveBuffer
	}
	if cfg.KeepWarm == 0 {
		cfg.KeepWarm = DefaultKeepWarm
	}
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = DefaultMaxSessions
	}
	g := &Gateway{
		cfg: cfg, log: cfg.Logger, spawn: make(chan func(context.Context)), ended: make(chan struct{}), stir: make(chan struct{}, 1), fragmenting: make(chan struct{}, maxLowLatency), convert: make(chan struct{}, maxConversions),
		links: map[string]ppsp.Link{}, given: map[string]bool{}, sessions: map[string]*session{}, changes: 1,
	}
	g.record.Since = time.Now()
	var saved []ppsp.Link
	if cfg.Catalog != nil {
		var err error
		if saved, err = cfg.Catalog.Links(); err != nil {
			return nil, fmt.Errorf("read the catalog: %w", err)
		}
	}
	if err := errors.Join(g.restoreBans(), g.restoreViewings()); err != nil {
		return nil, err
	}
	for _, l := range slices.Concat(cfg.Links, saved, cfg.Links) { // the configuration comes first, and has the last word
		g.put(l)
	}
	for _, l := range cfg.Links {
		g.given[ItemID(l.SwarmID)] = true
	}
	g.lookBeside()
	return g, nil
}

// Run owns the sessions: it starts them when they are asked for, and returns when ctx has
// ended and all of them have.
func (g *Gateway) Run(ctx context.Context) error {
	var sessions sync.WaitGroup
	defer close(g.ended)
	defer g.noteBans()
	defer g.keepViewings(true)
	defer sessions.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case start := <-g.spawn:
			sessions.Go(func() { start(ctx) })
		case now := <-tick.C:
			g.refresh(now)
		case <-g.stir:
			g.refresh(time.Now())
		}
	}
}

// look asks for a refresh before its time: something has changed that people wait for.
func (g *Gateway) look() {
	select {
	case g.stir <- struct{}{}:
	default: // asked already
	}
}

// refresh takes the numbers of all sessions and ends those that nobody has watched for long.
func (g *Gateway) refresh(now time.Time) {
	for _, s := range g.active() {
		s.measure(now)
		g.noteCodecs(s.channel, s.status().Codecs)
		g.noteOnAir(s)
		if s.idleSince(now) > g.cfg.KeepWarm {
			s.stop()
		}
	}
	g.record.sample(now, g.Sessions())
	g.noteBans()
	g.keepViewings(false)
	g.lookBeside()
	g.notify.tick()
}

// active returns the sessions, oldest first.
func (g *Gateway) active() []*session {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]*session, 0, len(g.order))
	for _, id := range g.order {
		list = append(list, g.sessions[id])
	}
	return list
}

// Sessions returns what is being watched, or was until lately, oldest first.
func (g *Gateway) Sessions() []Session {
	active := g.active()
	list := make([]Session, 0, len(active))
	for _, s := range active {
		list = append(list, s.status())
	}
	return list
}

// Subscribe returns a channel that has a value after every change of the catalog or of a
// session, and once a second while sessions are open. Values that are not taken in time
// become one. It is closed when ctx has ended.
func (g *Gateway) Subscribe(ctx context.Context) <-chan struct{} { return g.notify.subscribe(ctx) }

// acquire returns the session of an item, starting it if need be, with one viewer more.
// Every acquire is followed by a release. A session that is winding up is waited for, so
// that there are never two of one item.
func (g *Gateway) acquire(ctx context.Context, id string, kind ppsp.Kind) (*session, error) {
	for {
		s, fresh, err := g.viewed(id, kind)
		switch {
		case err != nil:
			return nil, err
		case fresh:
			return g.begin(ctx, s)
		case s.view():
			return s, nil
		}
		select {
		case <-s.ended:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// begin lets Run start a session.
func (g *Gateway) begin(ctx context.Context, s *session) (*session, error) {
	var err error
	select {
	case g.spawn <- s.run:
		return s, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-g.ended:
		err = errors.New("the gateway is shutting down")
	}
	s.stop()
	s.settle(nil, err)
	g.remove(s)
	return nil, err
}

// viewed finds or makes the session of an item; a fresh one has its viewer.
func (g *Gateway) viewed(id string, kind ppsp.Kind) (s *session, fresh bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	link, ok := g.links[id]
	if !ok || link.Metadata.Kind() != kind {
		return nil, false, ErrNotFound
	}
	if s := g.sessions[id]; s != nil {
		return s, false, nil
	}
	if len(g.sessions) >= g.cfg.MaxSessions {
		return nil, false, ErrBusy
	}
	g.serial++
	s = newSession(g, fmt.Sprintf("s%d", g.serial), id, link)
	s.view()
	g.sessions[id] = s
	g.order = append(g.order, id)
	return s, true, nil
}

// remove forgets a session that has ended.
func (g *Gateway) remove(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s.channel)
	g.order = slices.DeleteFunc(g.order, func(id string) bool { return id == s.channel })
	close(s.ended)
	g.notify.tick()
}
