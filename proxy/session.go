package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/proxy/membership"
)

// errEnded says that a session ended while someone was reading from it.
var errEnded = errors.New("the session was ended")

// content is what differs between the session of a channel and that of a film.
type content interface {
	// config returns what the engine is made with.
	config() swarm.Config
	// event is called on the engine's goroutine.
	event(swarm.Event)
	// attach is called once, when the swarm is joined.
	attach(ctx context.Context, s *node.Swarm)
	// buffered returns how much lies ready ahead of the screens, and whether they are fed.
	buffered(now time.Time) buffering
	// close ends all readers.
	close(error)
}

// buffering is how far a session's content has come.
type buffering struct {
	seconds float64
	ready   bool // a screen that asks now is served
	starved bool // screens wait
	want    float64
	codecs  Codecs
	whole   string // why it can't be had in fragmented MP4, empty for nothing known
}

// session fetches one channel or film while it is being watched, for all screens together.
type session struct {
	gateway *Gateway
	log     zerolog.Logger
	id      string
	channel string
	link    ppsp.Link
	opened  chan struct{} // closed when content is set, or err
	ended   chan struct{} // closed when the gateway has forgotten the session
	content content       // set before opened is closed, as err is
	err     error

	mu       sync.Mutex
	viewers  int                  // streams that are being read
	polling  map[string]time.Time // players that fetch segments, and when they last did
	idleFrom time.Time
	over     bool
	cancel   context.CancelFunc
	member   *membership.Member
	last     measurement
	shown    Session
	failed   error     // why nothing will come
	lonely   time.Time // since when no peer has answered, zero while one does
	told     bool      // … which was logged
	silent   bool      // no tracker answers, which was logged
	differs  membership.Mismatch
}

// measurement is what rates are computed from.
type measurement struct {
	at       time.Time
	down, up uint64
}

func newSession(g *Gateway, id, channel string, l ppsp.Link) *session {
	return &session{
		gateway: g, id: id, channel: channel, link: l,
		log:    g.log.With().Str("swarm", l.SwarmID.Short()).Str("title", l.Title).Logger(),
		opened: make(chan struct{}), ended: make(chan struct{}), idleFrom: time.Now(),
		shown: Session{ID: id, Channel: channel, State: StateFinding, Text: "Finding peers"},
	}
}

// view counts a viewer; false when the session is over.
func (s *session) view() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	s.viewers++
	s.shown.Viewers = s.watching()
	return true
}

// release undoes a view.
func (s *session) release() {
	s.mu.Lock()
	s.viewers--
	s.idleFrom = time.Now()
	s.shown.Viewers = s.watching()
	s.mu.Unlock()
	s.gateway.notify.tick()
}

// idleSince returns for how long nobody has watched.
func (s *session) idleSince(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropPolling(now)
	if s.watching() > 0 {
		return 0
	}
	return now.Sub(s.idleFrom)
}

// stop ends the session; run returns soon.
func (s *session) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.cancel != nil {
		s.cancel()
	}
}

// run fetches until the session is stopped or ctx ends.
func (s *session) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.gateway.remove(s)
	s.mu.Lock()
	if s.cancel = cancel; s.over {
		cancel()
	}
	s.mu.Unlock()
	s.log.Info().Msg("session starts")
	err := s.fetch(ctx)
	if err == nil {
		err = s.failure()
	}
	if err != nil {
		s.log.Error().Err(err).Msg("session failed")
	} else {
		s.log.Info().Msg("session ends")
	}
	s.stop()
	if err == nil {
		err = errEnded
	}
	if s.content != nil {
		s.content.close(err)
	} else {
		s.settle(nil, err)
	}
}

// failure returns why the session gave up, nil if it did not.
func (s *session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// ending returns why a screen's stream has ended.
func (s *session) ending() error { return cmp.Or(s.failure(), errEnded) }

// settle lets all who wait in open go on.
func (s *session) settle(c content, err error) {
	s.content, s.err = c, err
	close(s.opened)
}

// fetch opens the content and takes part in the swarm.
func (s *session) fetch(ctx context.Context) error {
	var c content
	var err error
	if s.link.Metadata.Kind() == ppsp.Live {
		c = newChannel(s)
	} else {
		c, err = newFilm(ctx, s)
	}
	if err != nil {
		return err
	}
	member, err := membership.Join(membership.Config{
		Node: s.gateway.cfg.Node, Swarm: c.config(), Link: s.link, Given: s.gateway.given[s.channel], Trackers: s.gateway.cfg.Trackers, Credential: s.gateway.cfg.Credential,
		Events: func(e swarm.Event) { s.event(c, e) }, Logger: s.log,
	})
	if err != nil {
		c.close(err)
		return err
	}
	c.attach(ctx, member.Swarm())
	s.mu.Lock()
	s.member = member
	s.mu.Unlock()
	s.settle(c, nil)
	return member.Run(ctx)
}

// event logs what an owner would want to know and hands e on.
func (s *session) event(c content, e swarm.Event) {
	s.differs.Note(e)
	switch e.Kind {
	case swarm.EventPeerUp:
		s.gateway.look()
		s.log.Debug().Stringer("peer", e.Peer).Msg("peer connected")
	case swarm.EventPeerDown:
		s.log.Debug().Stringer("peer", e.Peer).Str("reason", e.Reason).Msg("peer gone")
	case swarm.EventBan:
		s.log.Warn().Stringer("peer", e.Peer).Str("reason", e.Reason).Msg("peer shut out")
	case swarm.EventStoreFailed:
		s.log.Error().Str("reason", e.Reason).Msg("the content can't be stored")
	}
	c.event(e)
}

// open waits until the content can be read from.
func (s *session) open(ctx context.Context) error {
	select {
	case <-s.opened:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) status() Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown
}

// measure takes the session's numbers, once a second.
func (s *session) measure(now time.Time) {
	select {
	case <-s.opened:
	default:
		return
	}
	s.mu.Lock()
	member := s.member
	s.mu.Unlock()
	if s.content == nil || member == nil {
		return
	}
	stats, err := member.Swarm().Stats()
	if err != nil {
		return
	}
	b := s.content.buffered(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	peers := 0
	for _, p := range stats.Peers {
		if p.Established {
			peers++
		}
	}
	if span := now.Sub(s.last.at).Seconds(); span > 0.5 {
		if !s.last.at.IsZero() {
			s.shown.DownBps = int64(float64(stats.Counters.BytesReceived-s.last.down) * 8 / span)
			s.shown.UpBps = int64(float64(stats.Counters.BytesSent-s.last.up) * 8 / span)
		}
		s.gateway.record.add(stats.Counters.BytesReceived-s.last.down, stats.Counters.BytesSent-s.last.up)
		s.last = measurement{now, stats.Counters.BytesReceived, stats.Counters.BytesSent}
	}
	s.shown.Peers = peers
	s.shown.Codecs, s.shown.NoFragments = b.codecs, b.whole
	s.shown.BufferS = math.Round(b.seconds*10) / 10
	others := stats.Connecting + stats.Unconnected
	trouble := s.outage(member, now, peers+others == 0)
	s.shown.State, s.shown.Text = describe(b, peers, others, trouble, s.watching())
	if s.alone(now, peers > 0 || stats.Counters.ChunksReceived > 0) && !b.ready && (trouble == "" || s.shown.State != StateFinding) {
		s.shown.Text += ": nobody answers, is the publisher running?"
	}
	s.shown.Error = ""
	if words := s.differs.Why(); s.differs.Unopposed() && !b.ready && stats.Counters.ChunksReceived == 0 {
		s.shown.State, s.shown.Text = StateFailed, "Nothing that the peers send fits the link"
		s.shown.Error = words
		if s.differs.Hopeless(now) {
			s.failed, s.over = fmt.Errorf("swarm %s: nothing that the peers send fits the link; %s", s.link.SwarmID.Short(), words), true
			s.cancel()
		}
	}
}

// outageAfter is for how long no tracker answers before those are told who have peers.
const outageAfter = 10 * time.Second

// outage notes in s.shown that no tracker answers, and says so in words; empty while one does. Without
// anybody else to turn to it is told at once. The caller holds mu.
func (s *session) outage(member *membership.Member, now time.Time, alone bool) string {
	o, out := member.Outage()
	silent := out && now.Sub(o.Since) > outageAfter
	switch {
	case silent && !s.silent:
		s.log.Warn().Msgf("%s; going on with %s", o.Told(), plural(s.shown.Peers, "known peer"))
	case s.silent && !out:
		s.log.Info().Msg("a tracker answers again")
	}
	if s.silent = silent; !silent && !(out && alone) {
		s.shown.Outage = membership.Outage{}
		return ""
	}
	s.shown.Outage = o
	return o.Told()
}

// lonelyAfter is for how long nobody answers before that is told.
const lonelyAfter = 20 * time.Second

// alone tells whether nobody has answered for long. The caller holds mu.
func (s *session) alone(now time.Time, company bool) bool {
	switch {
	case company:
		s.lonely = time.Time{}
	case s.lonely.IsZero():
		s.lonely = now
	case now.Sub(s.lonely) > lonelyAfter:
		if !s.told {
			s.told = true
			s.log.Warn().Msg("nobody answers: is the publisher running? Peers that have no such swarm are silent, as are those that have it by other metadata " +
				"than the link says: copy the link again from who publishes it")
		}
		return true
	}
	return false
}

// describe says in words where a session stands.
func describe(b buffering, peers, others int, trouble string, viewers int) (State, string) {
	state, text := StateBuffering, fmt.Sprintf("Buffering %.1f of %.0f s", b.seconds, b.want)
	switch {
	case b.ready && !b.starved && viewers == 0:
		state, text = StateIdle, "Ready, nobody is watching"
	case b.ready && !b.starved:
		state, text = StatePlaying, "Playing"
	case peers == 0 && others == 0 && trouble != "":
		return StateFinding, "Finding peers: " + trouble
	case peers == 0 && others == 0:
		return StateFinding, "Finding peers"
	case peers == 0:
		state, text = StateConnecting, fmt.Sprintf("Connecting to %s", plural(others, "peer"))
	case b.ready:
		state, text = StateStalled, fmt.Sprintf("Waiting for %s", plural(peers, "peer"))
	}
	switch {
	case trouble == "":
	case peers > 0:
		text += fmt.Sprintf("; %s, going on with %s", trouble, plural(peers, "known peer"))
	default:
		text += "; " + trouble
	}
	return state, text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// viewer is a reader that counts as a viewer until it is closed.
type viewer struct {
	io.ReadCloser
	once    sync.Once
	release func()
}

// Close ends the reading; calls after the first do nothing.
func (v *viewer) Close() error {
	err := v.ReadCloser.Close()
	v.once.Do(v.release)
	return err
}
