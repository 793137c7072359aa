package tracker

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// membership is what Run knows of our place at the tracker.
type membership struct {
	joined    bool
	unsure    bool // a CONNECT was broken off by the end of ctx
	mode      Mode
	addresses []Address // as last sent

	asked      time.Time // when the latest request was made
	nextFind   time.Time
	nextReport time.Time
	barren     int // empty peer lists in a row
	failures   int // failed requests in a row
	timeout    time.Duration
}

// step makes the one request that is most due, if any is, and returns how long to wait
// before the next step.
func (a *Announcer) step(ctx context.Context, m *membership) time.Duration {
	err := a.request(ctx, m)
	switch {
	case ctx.Err() != nil:
		return 0
	case Forgotten(err) && m.joined:
		a.config.Logger.Debug().Msg("tracker: it has forgotten us, joining again")
		m.joined = false
		a.note(func(s *AnnouncerStatus) { s.Joined = false })
		return 0
	case err != nil:
		m.failures++
		a.failed(m.failures, err)
		return backoff(m.failures)
	}
	if m.failures >= loudFailures {
		a.config.Logger.Info().Msg("tracker: it answers again")
	}
	m.failures = 0
	a.note(func(s *AnnouncerStatus) { s.Joined, s.Err = m.joined, nil })
	next := m.nextReport
	if m.nextFind.Before(next) {
		next = m.nextFind
	}
	return time.Until(next)
}

// loudFailures is how many requests in a row must fail until a household reads of it.
const loudFailures = 3

func (a *Announcer) failed(n int, err error) {
	if n == loudFailures {
		a.config.Logger.Warn().Err(err).Msg("tracker: no success, trying again; peers already known are not affected")
	} else {
		a.config.Logger.Debug().Err(err).Int("failures", n).Msg("tracker: request failed")
	}
	a.note(func(s *AnnouncerStatus) { s.Err = err })
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
	case !now.Before(m.nextReport):
		m.asked = now
		return a.report(ctx, m)
	case now.Before(m.nextFind):
		return nil
	case wanted == 0:
		m.barren = 0
		m.nextFind = now.Add(jitter(a.config.FindInterval))
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
		num = &PeerNum{PeerCount: Number(wanted)}
	}
	answer, err := a.config.Client.Connect(ctx, []SwarmAction{Join(a.config.Swarm, mode)}, addresses, num)
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

func (a *Announcer) report(ctx context.Context, m *membership) error {
	var stats []StreamStats
	if a.config.Stats != nil {
		s := a.config.Stats()
		s.SwarmID = a.config.Swarm.String()
		stats = []StreamStats{s}
	}
	answer, err := a.config.Client.StatReport(ctx, stats...)
	if err != nil {
		return err
	}
	if swarm, _ := answer.Of(a.config.Swarm); swarm.Failed {
		return &Error{Code: ForbiddenAction}
	}
	a.reported(m, answer)
	return nil
}

func (a *Announcer) find(ctx context.Context, m *membership, wanted int) error {
	answer, err := a.config.Client.Find(ctx, a.config.Swarm, &PeerNum{PeerCount: Number(wanted)})
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

// minReportInterval bounds what a tracker can make us do.
const minReportInterval = time.Second

// reported sets the time of the next report: three fit into the track timer, so that one
// may get lost.
func (a *Announcer) reported(m *membership, answer *Answer) {
	if answer.TrackTimeout > 0 {
		m.timeout = answer.TrackTimeout
	}
	interval := a.config.ReportInterval
	if m.timeout > 0 {
		interval = max(min(interval, m.timeout/3), minReportInterval)
	}
	m.nextReport = time.Now().Add(jitter(interval))
}

// deliver hands a list on and sets the time of the next FIND. While a swarm seems empty,
// the first of its other members is probably just starting, so we look again sooner.
func (a *Announcer) deliver(m *membership, peers []Peer, wanted int) {
	a.note(func(s *AnnouncerStatus) { s.Listed = len(peers) })
	interval := a.config.FindInterval
	if len(peers) > 0 {
		m.barren = 0
		a.config.Peers(peers)
	} else if wanted > 0 {
		interval = min(interval, barrenInterval<<min(m.barren, 10))
		m.barren++
	}
	m.nextFind = time.Now().Add(jitter(interval))
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
