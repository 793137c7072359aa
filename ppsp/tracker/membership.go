package tracker

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rs/zerolog"
)

// membership is what Run knows of our place at a tracker.
type membership struct {
	client    *Client
	joined    bool
	unsure    bool // a CONNECT was broken off by the end of ctx
	mode      Mode
	addresses []Address // as last sent

	asked      time.Time // when the latest request was made
	nextFind   time.Time
	nextReport time.Time
	nextReturn time.Time // when a tracker of a better tier is tried
	returns    int       // … how often in a row that failed
	told       condition // with the latest report
	reportedAt time.Time
	barren     int // empty peer lists in a row
	failures   int // failed requests in a row
	timeout    time.Duration
}

// step makes the one request that is most due, if any is, and returns how long to wait
// before the next step.
func (a *Announcer) step(ctx context.Context, l *ladder, m *membership) time.Duration {
	if m.joined && l.lowered() && !time.Now().Before(m.nextReturn) {
		a.goBack(ctx, l, m)
	}
	err := a.request(ctx, m)
	switch {
	case ctx.Err() != nil:
		return 0
	case Forgotten(err) && m.joined:
		a.logger(m).Debug().Msg("tracker: it has forgotten us, joining again")
		m.joined = false
		a.note(func(s *AnnouncerStatus) { s.Joined = false })
		return 0
	case err != nil:
		return a.failed(l, m, err)
	}
	if m.failures >= l.loud() {
		a.logger(m).Info().Msg("tracker: it answers again")
	}
	m.failures = 0
	l.works()
	a.note(func(s *AnnouncerStatus) {
		s.Joined, s.Err, s.Tracker, s.Since = m.joined, nil, m.client.URL(), time.Time{}
	})
	next := m.nextReport
	if m.nextFind.Before(next) {
		next = m.nextFind
	}
	if l.lowered() && m.nextReturn.Before(next) {
		next = m.nextReturn
	}
	return time.Until(next)
}

func (a *Announcer) logger(m *membership) *zerolog.Logger {
	log := a.config.Logger.With().Str("tracker", m.client.URL()).Logger()
	return &log
}

// failed goes on to the next tracker and returns how long to wait before it is asked: not at all,
// until all have failed.
func (a *Announcer) failed(l *ladder, m *membership, err error) time.Duration {
	m.failures++
	if m.failures == l.loud() {
		a.logger(m).Warn().Err(err).Msg("tracker: no success, trying again; peers already known are not affected")
	} else {
		a.logger(m).Debug().Err(err).Int("failures", m.failures).Msg("tracker: request failed")
	}
	a.note(func(s *AnnouncerStatus) {
		s.Err, s.Tracker = err, m.client.URL()
		if s.Since.IsZero() {
			s.Since = time.Now()
		}
	})
	more := l.next()
	if next := l.current(); next != m.client {
		// Where we were listed we are forgotten by the track timer.
		*m = membership{client: next, failures: m.failures, asked: m.asked}
		if l.lowered() {
			m.nextReturn = time.Now().Add(backoff(1))
		}
		a.note(func(s *AnnouncerStatus) { s.Joined = false })
	}
	if more {
		return 0
	}
	return backoff((m.failures + l.length() - 1) / l.length())
}

// goBack tries a tracker of a better tier, and moves there if it answers.
func (a *Announcer) goBack(ctx context.Context, l *ladder, m *membership) {
	m.returns++
	place := l.better(m.returns)
	to := membership{client: l.at(place)}
	err := a.connect(ctx, &to, a.config.Mode(), best(a.config.Addresses()), min(max(a.config.Wanted(), 0), MaxPeers))
	if err != nil {
		if to.unsure { // ctx has ended, and both may list us
			a.leave(ctx, &to)
		}
		m.nextReturn = time.Now().Add(backoff(m.returns))
		return
	}
	a.leave(ctx, m)
	a.logger(&to).Info().Msg("tracker: it answers again")
	to.asked = time.Now()
	*m = to
	l.take(place)
	if l.lowered() {
		m.nextReturn = time.Now().Add(backoff(1))
	}
}

// request makes the most important request that is due.
func (a *Announcer) request(ctx context.Context, m *membership) error {
	now := time.Now()
	mode, addresses := a.config.Mode(), best(a.config.Addresses())
	wanted := min(max(a.config.Wanted(), 0), MaxPeers)
	switch {
	case !m.joined || mode != m.mode || !slices.Equal(addresses, m.addresses):
		m.asked = now
		return a.connect(ctx, m, mode, addresses, wanted)
	case !now.Before(m.nextReport) || a.changed(m, now):
		m.asked = now
		return a.report(ctx, m)
	case now.Before(m.nextFind):
		return nil
	case wanted == 0:
		m.barren = 0
		m.nextFind = now.Add(jitter(a.findInterval()))
		return nil
	}
	m.asked = now
	return a.find(ctx, m, wanted)
}

// errNotJoined is a successful CONNECT whose one action failed.
var errNotJoined = errors.New("the tracker did not let us into the swarm; is it full?")

func (a *Announcer) connect(ctx context.Context, m *membership, mode Mode, addresses []Address, wanted int) error {
	var num *PeerNum
	if mode == Leech || wanted > 0 {
		num = a.about(wanted)
	}
	answer, err := m.client.Connect(ctx, []SwarmAction{Join(a.config.Swarm, mode)}, addresses, num)
	if err != nil {
		m.unsure = ctx.Err() != nil
		return err
	}
	swarm, _ := answer.Of(a.config.Swarm)
	if swarm.Failed {
		return errNotJoined
	}
	m.joined, m.mode, m.addresses = true, mode, addresses
	a.reported(m, answer)
	a.deliver(m, swarm.Peers, wanted)
	return nil
}

func (a *Announcer) find(ctx context.Context, m *membership, wanted int) error {
	answer, err := m.client.Find(ctx, a.config.Swarm, a.about(wanted))
	if err != nil {
		return err
	}
	swarm, _ := answer.Of(a.config.Swarm)
	if swarm.Failed {
		return &Error{Code: ForbiddenAction}
	}
	a.deliver(m, swarm.Peers, wanted)
	return nil
}

// deliver hands a list on and sets the time of the next FIND. While a swarm seems empty,
// the first of its other members is probably just starting, so we look again sooner.
func (a *Announcer) deliver(m *membership, peers []Peer, wanted int) {
	a.note(func(s *AnnouncerStatus) { s.Listed = len(peers) })
	interval := a.findInterval()
	if len(peers) > 0 {
		m.barren = 0
		a.config.Peers(peers)
	} else if wanted > 0 {
		interval = min(interval, barrenInterval<<min(m.barren, 10))
		m.barren++
	}
	m.nextFind = time.Now().Add(jitter(interval))
}

// findInterval is the time between two FINDs.
func (a *Announcer) findInterval() time.Duration {
	if a.config.Eager() {
		return a.config.FindInterval / 2
	}
	return a.config.FindInterval
}

// barrenInterval is the time between the first two FINDs in an empty swarm; it doubles.
const barrenInterval = time.Second

// Bounds of the wait after a failed request.
const (
	minBackoff = 250 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// backoff returns how long to wait after n failures in a row: a random time between half
// and the whole of a bound that doubles.
func backoff(n int) time.Duration {
	bound := min(minBackoff<<min(n-1, 10), maxBackoff)
	return bound/2 + rand.N(bound/2)
}

// jitter spreads d by a tenth, so that peers that began together don't ask together.
func jitter(d time.Duration) time.Duration {
	return d - d/20 + rand.N(d/10+1)
}
