package renderer

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/dlna/renderer/finder"
)

const (
	// interestLasts is how long a look at the list counts.
	interestLasts = 3 * time.Second
	// Times between two questions to a renderer, by what it does and whether somebody looks.
	pollWatched = time.Second      // it plays
	pollActive  = 10 * time.Second // it plays
	pollLooked  = 5 * time.Second  // it does not play, and sends no events
	pollIdle    = time.Minute
	// pollAgain is the time after a question without an answer.
	pollAgain = time.Second
	// pollTimeout bounds a question.
	pollTimeout = 2 * time.Second
	// maxFailures in a row mean that it has gone.
	maxFailures = 3
	// streamSilence is how long one that holds a stream of ours may say nothing: some do nothing
	// else while a channel opens, which takes up to media.DefaultPatience. playSilence is the same
	// for one that was seen playing it: who then vanishes is to give the stream back soon.
	streamSilence = 40 * time.Second
	playSilence   = 15 * time.Second
	// meetTries and meetAgain say how often a description is tried; then the renderer is
	// forgotten for forgetFor, so that one that can't be read costs little.
	meetTries = 3
	meetAgain = 2 * time.Second
	forgetFor = time.Minute
	// startLasts is how long a renderer that was told to play may say that it is stopped.
	startLasts = 15 * time.Second
	// turnover is how long it may go on telling of what it played before.
	turnover = 700 * time.Millisecond
)

// device is a renderer that is followed. The controller's lock may be held when mu is taken, never the
// other way round.
type device struct {
	controller *Controller
	id, udn    string
	leave      context.CancelFunc
	leaving    bool             // it has gone or said so; run is about to end. The controller's lock guards it
	back       *finder.Sighting // it was heard of since then. The controller's lock guards it
	acting     chan struct{}    // holds a token while an action runs
	kick       chan struct{}
	streams    streams

	mu       sync.Mutex
	sighting finder.Sighting
	other    *finder.Sighting // it was seen at another address
	expires  time.Time
	endpoint *endpoint // nil until met
	seen     status
	failures int
	polled   time.Time
	stale    bool    // something has changed since it was asked
	heard    [2]bool // events of AVTransport, RenderingControl are subscribed to
}

// status is what is known of a renderer.
type status struct {
	state    State
	channel  string // what of ours it plays
	url      string // of that
	live     bool
	starting time.Time // when it was told to play, until it does
	position time.Duration
	at       time.Time // when it was there
	duration time.Duration
	volume   int
}

func newDevice(c *Controller, s finder.Sighting) *device {
	return &device{
		controller: c, id: idOf(s.UDN), udn: s.UDN, sighting: s, expires: time.Now().Add(s.Age),
		acting: make(chan struct{}, 1), kick: make(chan struct{}, 1), seen: status{state: Idle, volume: UnknownVolume},
	}
}

// host returns the address at which it was seen, without a zone.
func (d *device) host() netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sighting.Host.WithZone("")
}

func (d *device) met() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.endpoint != nil
}

// sighted notes that the renderer was heard of again.
func (d *device) sighted(s finder.Sighting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.Location == d.sighting.Location {
		d.expires, d.failures = time.Now().Add(s.Age), 0
		return
	}
	d.other = &s
	d.wake()
}

// wake has run look around.
func (d *device) wake() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// snapshot returns the renderer as it is, if it has been met.
func (d *device) snapshot(now time.Time) (Renderer, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.endpoint == nil {
		return Renderer{}, false
	}
	r := Renderer{
		ID: d.id, Name: d.endpoint.about.Name, Model: d.endpoint.about.Model, State: d.seen.state, Channel: d.seen.channel,
		Position: d.seen.position, Duration: d.seen.duration, Volume: d.seen.volume,
	}
	if r.State == Playing && !d.seen.at.IsZero() {
		r.Position += now.Sub(d.seen.at)
	}
	if r.Duration > 0 {
		r.Position = min(r.Position, r.Duration)
	}
	return r, true
}

// run follows the renderer until ctx ends or it has gone.
func (d *device) run(ctx context.Context) {
	defer d.streams.cut() // whoever vanishes gives back what it had
	if !d.introduce(ctx) {
		return
	}
	var seen progress
	defer d.progress(&seen, true)
	var s subscriptions
	defer func() { s.cancel(context.WithoutCancel(ctx)) }()
	log := d.controller.config.Logger
	log.Info().Str("name", d.endpoint.about.Name).Str("model", d.endpoint.about.Model).Stringer("host", d.host()).Msg("a TV or speaker was found")
	defer func() { log.Info().Str("name", d.endpoint.about.Name).Msg("a TV or speaker has gone") }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.kick:
		case <-timer.C:
		}
		if !d.attend(ctx, &s) || ctx.Err() != nil {
			d.controller.depart(d)
			return
		}
		d.progress(&seen, false)
		timer.Reset(d.wait(time.Now(), s.next()))
	}
}

// introduce fetches the description. If that can't be had, the renderer stays unlisted for a
// while.
func (d *device) introduce(ctx context.Context) bool {
	for try := range meetTries {
		d.mu.Lock()
		s := d.sighting
		if d.other != nil {
			s = *d.other
		}
		d.mu.Unlock()
		e, err := d.controller.config.meet(ctx, s)
		if err == nil {
			d.settle(s, e)
			return true
		}
		d.controller.config.Logger.Debug().Err(err).Str("location", s.Location).Msg("description of a TV not read")
		if !pause(ctx, meetAgain<<try) {
			return false
		}
	}
	pause(ctx, forgetFor)
	return false
}

// settle takes an endpoint into use.
func (d *device) settle(s finder.Sighting, e *endpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sighting, d.endpoint, d.other = s, e, nil
	d.expires = time.Now().Add(s.Age)
	d.failures, d.polled = 0, time.Time{}
}

// attend does what is due, and tells whether the renderer is still there.
func (d *device) attend(ctx context.Context, s *subscriptions) bool {
	now := time.Now()
	watched := d.controller.watched(now)
	d.mu.Lock()
	due := d.stale || d.polled.IsZero() || d.dueIn(now, watched) <= 0
	other := d.other
	d.mu.Unlock()
	if other != nil {
		d.consider(ctx, *other, s)
	} else if due {
		d.poll(ctx)
	}
	d.mu.Lock()
	limit := maxFailures
	if now.After(d.expires) {
		limit = 1
	}
	gone, answers := d.failures >= limit && !d.holds(now), d.failures == 0
	d.mu.Unlock()
	if !gone && answers && ctx.Err() == nil {
		s.keep(ctx, d)
	}
	return !gone
}

// holds tells whether the renderer is silent because it waits for a stream. The caller holds mu.
func (d *device) holds(now time.Time) bool {
	opened, open := d.streams.newest(d.sighting.Host)
	if sign := d.endpoint.sign.at(); sign.After(opened) {
		opened = sign
	}
	limit := streamSilence
	if d.seen.state == Playing || d.seen.state == Paused {
		limit = playSilence
	}
	return open && now.Sub(opened) < limit
}

// consider looks at another address of the renderer. It has moved if it does not answer at
// the old one; or it has several, of which one of IPv4 is preferred.
func (d *device) consider(ctx context.Context, other finder.Sighting, s *subscriptions) {
	d.mu.Lock()
	d.other = nil
	old := d.sighting
	d.mu.Unlock()
	better := other.Host.Is4() && old.Host.Is6()
	if !better && d.poll(ctx) {
		return
	}
	if e, err := d.controller.config.meet(ctx, other); err == nil {
		s.cancel(ctx)
		d.settle(other, e)
		d.poll(ctx)
	}
}

// wait returns how long run may sleep.
func (d *device) wait(now, subscription time.Time) time.Duration {
	watched := d.controller.watched(now)
	d.mu.Lock()
	defer d.mu.Unlock()
	wait := d.dueIn(now, watched)
	if d.stale {
		wait = 0
	}
	if !subscription.IsZero() {
		wait = min(wait, subscription.Sub(now))
	}
	return max(wait, 10*time.Millisecond)
}

// dueIn returns the time to the next question. The caller holds mu.
func (d *device) dueIn(now time.Time, watched bool) time.Duration {
	period := pollIdle
	switch {
	case d.failures > 0:
		period = pollAgain
	case d.seen.state.active() && (watched || time.Since(d.seen.starting) < startLasts):
		period = pollWatched
	case d.seen.state.active():
		period = pollActive
	case watched && !d.heard[0]:
		period = pollLooked
	}
	return min(d.polled.Add(period).Sub(now), max(d.expires.Sub(now), pollAgain-now.Sub(d.polled)))
}

// pause waits, and tells whether ctx still holds.
func pause(ctx context.Context, t time.Duration) bool {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
