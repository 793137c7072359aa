// Package gena tells subscribers of a service when its state variables change (UPnP Device
// Architecture 1.1, 4).
//
// A subscription is asked for by HTTP and lasts until it is given back, expires or can't be
// delivered to. Callbacks go to the network of the subscriber alone, so that nobody can make
// the gateway send requests elsewhere (CallStranger, CVE-2020-12695).
package gena

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anacrolix/dms/upnp"
	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/lan"
)

const (
	// maxSubscribers bounds the subscriptions to one service.
	maxSubscribers = 64
	// maxPerHost bounds those of one host; a further one displaces its oldest, which the
	// host has most likely forgotten.
	maxPerHost = 8
	// maxFailures in a row end a subscription.
	maxFailures = 3
	// moderation lies between two events to a subscriber (ContentDirectory:1, 2.5.20:
	// "moderated at a maximum rate of 0.2 seconds").
	moderation = 200 * time.Millisecond
	// maxPairs bounds the pairs of a variable in one event. Subscribers learn of further changes
	// by the other variables.
	maxPairs = 100
	// initialDelay lies between the answer to SUBSCRIBE and the initial event: a subscriber that
	// reads both at once may take the event for one of a subscription that it does not know.
	initialDelay = 50 * time.Millisecond
	// retryAfter lies between a failed event and the next, times the failures so far.
	retryAfter = 2 * time.Second
)

// Publisher sends the evented variables of one service. It is an http.Handler for the event
// subscription URL; Run delivers. Its methods may be called by many goroutines.
type Publisher struct {
	service string
	guard   *lan.Guard
	product string
	post    post
	log     zerolog.Logger
	kick    chan struct{}

	mu          sync.Mutex
	variables   []variable
	version     uint64 // of the newest change
	subscribers []*subscriber
}

type variable struct {
	name, value string
	version     uint64
	pairs       []pair // instead of a value
}

// pair is a part of a variable that changes by itself.
type pair struct {
	key, value string
	version    uint64
}

// subscriber is one subscription. The lock of the Publisher guards it.
type subscriber struct {
	sid       string
	host      netip.Addr
	callbacks []string
	expires   time.Time
	sequence  uint32    // of the next event (UDA 1.1, 4.3.1)
	seen      uint64    // version up to which events were delivered
	ready     bool      // the answer to SUBSCRIBE is on its way
	busy      bool      // an event is being delivered
	notBefore time.Time // of the next event
	failures  int       // in a row
}

// New makes a publisher for the service of that name. product is the SERVER header.
func New(service, product string, guard *lan.Guard, log zerolog.Logger) *Publisher {
	return &Publisher{
		service: service, product: product, guard: guard, log: log,
		post: newPost(nil), kick: make(chan struct{}, 1),
	}
}

// Through makes events go through connections that dial opens, instead of the system's. It is
// called before Run.
func (p *Publisher) Through(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	p.post = newPost(dial)
}

// Set gives a variable its value. Variables are sent in the order in which they were first
// set; those set before the first subscription make up its initial event.
func (p *Publisher) Set(name, value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.variables, func(v variable) bool { return v.name == name })
	if i < 0 {
		i = len(p.variables)
		p.variables = append(p.variables, variable{name: name})
	} else if p.variables[i].value == value {
		return
	}
	p.version++
	p.variables[i].value, p.variables[i].version = value, p.version
	p.wake()
}

// SetPairs gives a variable a value that consists of pairs, as ContainerUpdateIDs does. An event has
// those alone that have changed since the last to the same subscriber, the first of them where they
// are too many.
func (p *Publisher) SetPairs(name string, pairs [][2]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.variables, func(v variable) bool { return v.name == name })
	if i < 0 {
		i = len(p.variables)
		p.version++
		p.variables = append(p.variables, variable{name: name, version: p.version})
	}
	v := &p.variables[i]
	before := make(map[string]pair, len(v.pairs))
	for _, old := range v.pairs {
		before[old.key] = old
	}
	v.pairs = v.pairs[:0]
	changed := false
	for _, now := range pairs {
		old, known := before[now[0]]
		if !known || old.value != now[1] {
			if !changed {
				p.version++
			}
			changed, old = true, pair{now[0], now[1], p.version}
		}
		v.pairs = append(v.pairs, old)
	}
	if changed {
		v.version = p.version
		p.wake()
	}
}

// since returns what an event tells of a variable to who has seen it up to a version.
func (v *variable) since(seen uint64) string {
	if v.pairs == nil {
		return v.value
	}
	var b strings.Builder
	told := 0
	for _, pair := range v.pairs {
		if pair.version <= seen || told == maxPairs {
			continue
		}
		if told++; told > 1 {
			b.WriteByte(',')
		}
		b.WriteString(pair.key + "," + pair.value)
	}
	return b.String()
}

// Subscribers returns how many subscriptions there are.
func (p *Publisher) Subscribers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(time.Now())
	return len(p.subscribers)
}

// wake makes Run look for what is due.
func (p *Publisher) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// Run delivers events until ctx ends.
func (p *Publisher) Run(ctx context.Context) error {
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.kick:
		case <-timer.C:
		}
		events, wake := p.due(time.Now())
		for _, e := range events {
			deliveries.Go(func() { p.deliver(ctx, e) })
		}
		timer.Reset(wake)
	}
}

// event is a message to one subscriber.
type event struct {
	to       *subscriber
	headers  [][2]string
	urls     []string
	body     []byte
	versions uint64 // what the subscriber will have seen
}

// due takes the events whose time has come and returns after which time to ask again. What
// it takes is busy until deliver has ended.
func (p *Publisher) due(now time.Time) (events []event, wake time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(now)
	wake = maxTimeout
	for _, s := range p.subscribers {
		wake = min(wake, s.expires.Sub(now))
		if !s.ready || s.busy || s.seen == p.version {
			continue
		}
		if wait := s.notBefore.Sub(now); wait > 0 {
			wake = min(wake, wait)
			continue
		}
		e, err := p.event(s)
		if err != nil {
			p.log.Error().Err(err).Str("service", p.service).Msg("event not written")
			s.seen = p.version
			continue
		}
		s.busy = true
		events = append(events, e)
	}
	return events, max(wake, time.Millisecond)
}

// event writes down the variables that the subscriber has not seen.
func (p *Publisher) event(s *subscriber) (event, error) {
	var changed []upnp.Property
	for _, v := range p.variables {
		if v.version > s.seen {
			property := upnp.Property{Variable: upnp.Variable{Value: v.since(s.seen)}}
			property.Variable.XMLName.Local = v.name
			changed = append(changed, property)
		}
	}
	body, err := propertySet(changed)
	e := event{to: s, urls: s.callbacks, body: body, versions: p.version, headers: [][2]string{
		{"CONTENT-TYPE", `text/xml; charset="utf-8"`},
		{"NT", "upnp:event"},
		{"NTS", "upnp:propchange"},
		{"SID", s.sid},
		{"SEQ", fmt.Sprint(s.sequence)},
	}}
	return e, err
}

// deliver sends an event to the first callback that takes it.
func (p *Publisher) deliver(ctx context.Context, e event) {
	var code int
	var err error
	for _, url := range e.urls {
		if code, err = p.post(ctx, url, e.headers, e.body); err == nil {
			break
		}
	}
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.wake()
	s, now := e.to, time.Now()
	s.busy = false
	switch {
	case err == nil && code == statusUnknownSID:
		p.remove(s) // the subscriber has forgotten it
	case err == nil:
		s.seen, s.failures, s.notBefore = e.versions, 0, now.Add(moderation)
		// What was not delivered is in the next event: no gap tells of a loss that is none.
		if s.sequence++; s.sequence == 0 {
			s.sequence = 1 // UDA 1.1, 4.3.1: it wraps to 1, 0 is the initial event alone
		}
	default:
		s.failures++
		s.notBefore = now.Add(time.Duration(s.failures) * retryAfter)
		p.log.Debug().Err(err).Str("service", p.service).Stringer("host", s.host).Msg("event not delivered")
		if s.failures == maxFailures {
			p.remove(s)
		}
	}
}

// expire removes the subscriptions that were not renewed in time.
func (p *Publisher) expire(now time.Time) {
	p.subscribers = slices.DeleteFunc(p.subscribers, func(s *subscriber) bool { return !now.Before(s.expires) })
}

func (p *Publisher) remove(gone *subscriber) bool {
	before := len(p.subscribers)
	p.subscribers = slices.DeleteFunc(p.subscribers, func(s *subscriber) bool { return s == gone })
	return len(p.subscribers) < before
}
