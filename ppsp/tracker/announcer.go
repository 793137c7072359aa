package tracker

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Intervals of an Announcer that is not told otherwise.
const (
	DefaultFindInterval   = 10 * time.Second
	DefaultReportInterval = 40 * time.Second // a third of DefaultTrackTimeout
)

// AnnouncerConfig configures an Announcer. Tiers and Swarm are needed; the functions are
// called from Run's goroutine and must return soon.
type AnnouncerConfig struct {
	// Tiers are the trackers: those of a tier are equals, of which each announcer takes another
	// first, and those of the next tier are for when none of this one answers.
	Tiers [][]*Client
	Swarm ppsp.SwarmID

	Mode      func() Mode        // how we take part now; Leech if nil
	Addresses func() []Address   // all that we have now; none if nil
	Wanted    func() int         // how many further peers are wanted now; DefaultPeers if nil
	Eager     func() bool        // whether FINDs come twice as often: peers reach us only once we know them; false if nil
	Peers     func([]Peer)       // takes each list that is not empty; it may repeat known peers
	Stats     func() StreamStats // statistics to report; SwarmID is filled in; none if nil

	// About tells what we are like, for trackers that choose by it; PeerCount is filled in. Nil says nothing.
	About func() PeerNum

	FindInterval time.Duration // between FINDs while peers are wanted; DefaultFindInterval if zero
	// ReportInterval is the most that lies between STAT_REPORTs. Zero leaves it to the tracker, a third
	// of whose track timer it then is, and DefaultReportInterval where it does not tell that.
	ReportInterval time.Duration

	Logger zerolog.Logger
}

// Announcer keeps this node a member of one swarm at one of its trackers: it joins, reports,
// asks for peers while they are wanted, joins again when the tracker has forgotten it or its
// addresses or mode changed, and leaves. When a tracker fails the next one is taken, and those of
// better tiers are tried again, soon at first and then ever less often, so that a swarm meets at one
// tracker again.
type Announcer struct {
	config AnnouncerConfig
	wake   chan struct{}

	mu     sync.Mutex
	status AnnouncerStatus
}

// AnnouncerStatus is how an Announcer fares.
type AnnouncerStatus struct {
	Joined  bool      // the tracker lists us, as far as we know
	Listed  int       // peers in its latest list
	Err     error     // why the latest request failed, nil if it did not
	Tracker string    // URL of the tracker that this is about
	Since   time.Time // since when none of them has answered; zero while one does
}

// NewAnnouncer returns an announcer. It starts nothing.
func NewAnnouncer(c AnnouncerConfig) *Announcer {
	if c.Mode == nil {
		c.Mode = func() Mode { return Leech }
	}
	if c.Addresses == nil {
		c.Addresses = func() []Address { return nil }
	}
	if c.Wanted == nil {
		c.Wanted = func() int { return DefaultPeers }
	}
	if c.Eager == nil {
		c.Eager = func() bool { return false }
	}
	if c.Peers == nil {
		c.Peers = func([]Peer) {}
	}
	if c.FindInterval <= 0 {
		c.FindInterval = DefaultFindInterval
	}
	c.Logger = c.Logger.With().Str("swarm", c.Swarm.Short()).Logger()
	return &Announcer{config: c, wake: make(chan struct{}, 1)}
}

// Status returns how it fares. Any goroutine may call it.
func (a *Announcer) Status() AnnouncerStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// Update makes Run look again, at once: at changed addresses or mode, and for peers if
// some are wanted. It also ends the wait for a tracker that was down. Calls that come
// faster than minGap are served as one. Any goroutine may call it.
func (a *Announcer) Update() {
	select {
	case a.wake <- struct{}{}:
	default: // one is pending
	}
}

// minGap is the least time between a request and one that Update asks for.
const minGap = 250 * time.Millisecond

// leaveTimeout bounds the LEAVE at the end of Run.
const leaveTimeout = time.Second

// Run works until ctx ends, then leaves the swarm within leaveTimeout and returns nil.
// It must not be called twice.
func (a *Announcer) Run(ctx context.Context) error {
	l := newLadder(a.config.Tiers)
	m := membership{client: l.current()}
	if m.client == nil {
		<-ctx.Done()
		return nil
	}
	a.note(func(s *AnnouncerStatus) { s.Tracker = m.client.URL() })
	for ctx.Err() == nil {
		wait := a.step(ctx, &l, &m)
		if woken := a.sleep(ctx, wait); woken {
			a.pause(ctx, minGap-time.Since(m.asked))
			if m.nextFind = time.Now(); l.lowered() {
				m.nextReturn = m.nextFind
			}
		}
	}
	a.leave(ctx, &m)
	return nil
}

// sleep waits until d has passed, ctx ends or Update is called, and tells the latter.
func (a *Announcer) sleep(ctx context.Context, d time.Duration) (woken bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-a.wake:
		return true
	}
	return false
}

// pause waits until d has passed or ctx ends.
func (a *Announcer) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// leave takes us off the tracker's lists, if we are or may be on one.
func (a *Announcer) leave(ctx context.Context, m *membership) {
	if !m.joined && !m.unsure {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	if err := m.client.Leave(ctx, a.config.Swarm); err != nil {
		a.config.Logger.Debug().Err(err).Msg("tracker: could not leave; it will forget us by itself")
	}
	m.joined, m.unsure = false, false
	a.note(func(s *AnnouncerStatus) { s.Joined = false })
}

func (a *Announcer) note(change func(*AnnouncerStatus)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.status)
}
