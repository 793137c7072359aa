// Package finder hears of the media renderers of a home: it searches for them on every
// interface, over IPv4 and IPv6, and listens to what they announce (UPnP Device Architecture
// 1.1, 1).
//
// What it tells are claims of whoever sent the datagram. That the address in a LOCATION is
// the sender's own is checked here; all else is for who fetches the description.
package finder

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/dlna/lan"
)

const (
	// Interval lies between two searches. Between them announcements are heard.
	Interval = 30 * time.Second
	// pollInterval is how often the interfaces are looked at.
	pollInterval = 2 * time.Second
	// maxLinks bounds the interfaces that are used.
	maxLinks = 32
	// perSecond bounds the messages that are read from one socket, so that a host that shouts
	// costs little; devices repeat themselves.
	perSecond = 200
)

// repeats are the times after which a search at the start of a link is sent, since
// datagrams get lost (UDA 1.1, 1.3.2).
var repeats = []time.Duration{0, 300 * time.Millisecond, 1500 * time.Millisecond}

// Sighting is a renderer that was heard of.
type Sighting struct {
	UDN       string // "uuid:…", in lower case
	Farewell  bool   // it says that it goes; then the fields below but From mean nothing
	Location  string // of its description: an http URL with the address of From, or, over IPv6, of its network
	Host      netip.Addr
	Age       time.Duration // how long this may be believed
	From      netip.Addr    // who sent it
	Interface string
}

// Config is what a Finder needs. Interfaces must be set.
type Config struct {
	Interfaces func() ([]lan.Interface, []lan.Problem, error) // those on which to search
	Guard      *lan.Guard                                     // who belongs to the home; a new one if nil
	Listen     func(lan.Interface) ([]Conn, error)            // the function Listen if nil
	Logger     zerolog.Logger
}

// Conn is a socket on one interface that searches, or hears announcements, or both.
type Conn interface {
	Read(b []byte) (n int, from netip.AddrPort, err error)
	Search() error // a no-op on a socket that only hears
	Close() error  // ends a waiting Read
}

// Finder searches and listens. New makes it, Run works.
type Finder struct {
	config Config
	again  chan struct{}
}

// New makes a Finder.
func New(c Config) *Finder {
	if c.Listen == nil {
		c.Listen = Listen
	}
	if c.Guard == nil {
		c.Guard = &lan.Guard{}
	}
	return &Finder{config: c, again: make(chan struct{}, 1)}
}

// Search has Run search at once. It may be called by any goroutine and never waits.
func (f *Finder) Search() {
	select {
	case f.again <- struct{}{}:
	default:
	}
}

// running is an interface in use. It belongs to Run.
type running struct {
	ifi     lan.Interface
	conns   []Conn
	readers sync.WaitGroup
	due     []time.Time // of searches
	failed  atomic.Bool // a socket can't be read any more
}

func (r *running) close() {
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.readers.Wait()
}

// Run hands what it hears to out until ctx ends, then returns nil. Interfaces that come and
// go are followed; one that can't be used is passed over.
func (f *Finder) Run(ctx context.Context, out chan<- Sighting) error {
	ctx, cancel := context.WithCancel(ctx)
	links := make(map[int]*running)
	defer func() {
		cancel() // a reader that hands over does not wait for ever
		for _, l := range links {
			l.close()
		}
	}()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		f.follow(ctx, links, out)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-f.again:
			for _, l := range links {
				l.due = append([]time.Time{time.Now()}, l.due...)
			}
		case <-time.After(f.searchDue(links)):
		}
		for _, l := range links {
			f.search(l, time.Now())
		}
	}
}

// searchDue searches where it is time, and returns how long until the next search is due.
func (f *Finder) searchDue(links map[int]*running) time.Duration {
	now, wait := time.Now(), Interval
	for _, l := range links {
		f.search(l, now)
		if len(l.due) > 0 {
			wait = min(wait, l.due[0].Sub(now))
		}
	}
	return wait
}

func (f *Finder) search(l *running, now time.Time) {
	if len(l.due) == 0 || l.due[0].After(now) {
		return
	}
	l.due = slices.DeleteFunc(l.due, func(t time.Time) bool { return !t.After(now) })
	if len(l.due) == 0 {
		l.due = append(l.due, now.Add(Interval))
	}
	for _, c := range l.conns {
		if err := c.Search(); err != nil {
			f.config.Logger.Debug().Err(err).Str("interface", l.ifi.Name).Msg("search for TVs not sent")
		}
	}
}

// follow leaves the interfaces that are no longer as they were and takes those that are new.
func (f *Finder) follow(ctx context.Context, links map[int]*running, out chan<- Sighting) {
	want, _, err := f.config.Interfaces()
	if err != nil {
		return // the media server tells of it
	}
	for index, l := range links {
		if l.failed.Load() || !slices.ContainsFunc(want, l.ifi.Equal) { // a link that went down and came back is opened anew
			l.close()
			delete(links, index)
		}
	}
	for _, ifi := range want[:min(len(want), maxLinks)] {
		if links[ifi.Index] != nil {
			continue
		}
		conns, err := f.config.Listen(ifi)
		if err != nil {
			f.config.Logger.Debug().Err(err).Str("interface", ifi.Name).Msg("no search for TVs here")
		}
		if len(conns) == 0 {
			continue
		}
		l := &running{ifi: ifi, conns: conns}
		for _, after := range repeats {
			l.due = append(l.due, time.Now().Add(after))
		}
		for _, c := range conns {
			l.readers.Go(func() {
				if !f.read(ctx, ifi, c, out) {
					l.failed.Store(true)
				}
			})
		}
		links[ifi.Index] = l
	}
}

// read hands over what comes in on a socket until it is closed; false if it fails before.
func (f *Finder) read(ctx context.Context, ifi lan.Interface, c Conn, out chan<- Sighting) bool {
	b := make([]byte, maxDatagram+1)
	var second time.Time
	spent := 0
	for {
		n, from, err := c.Read(b)
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return true
		}
		if err != nil {
			f.config.Logger.Debug().Err(err).Str("interface", ifi.Name).Msg("search for TVs: receive")
			return false
		}
		if now := time.Now(); now.Sub(second) >= time.Second {
			second, spent = now, 0
		}
		if spent++; spent > perSecond {
			continue
		}
		s, ok := f.sighting(ifi, b[:n], from.Addr())
		if !ok {
			continue
		}
		select {
		case out <- s:
		case <-ctx.Done():
			return true
		}
	}
}

// sighting checks what a datagram claims.
func (f *Finder) sighting(ifi lan.Interface, datagram []byte, from netip.Addr) (Sighting, bool) {
	m, err := parse(datagram)
	if err != nil || !f.config.Guard.Local(from) {
		return Sighting{}, false
	}
	s := Sighting{UDN: m.udn, Farewell: m.farewell, Location: m.location, Age: m.age, From: from, Interface: ifi.Name}
	if m.farewell {
		return s, true
	}
	s.Host, err = hostOf(m.location)
	if err != nil || !f.speaksFor(ifi, from, s.Host) {
		f.config.Logger.Debug().Str("location", m.location).Stringer("from", from).Msg("announcement of a TV ignored: its description lies elsewhere")
		return Sighting{}, false
	}
	return s, true
}

var errLocation = errors.New("not an http URL with an address")

// hostOf returns the address in the URL of a description. Names are not looked up: no device
// of a home announces one, and who answers for a name can change from one look to the next.
func hostOf(location string) (netip.Addr, error) {
	u, err := url.Parse(location)
	if err != nil {
		return netip.Addr{}, err
	}
	host, err := netip.ParseAddr(u.Hostname())
	if err != nil || u.Scheme != "http" || u.User != nil || host.IsUnspecified() || host.IsMulticast() {
		return netip.Addr{}, errLocation
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return netip.Addr{}, errLocation
		}
	}
	return host.Unmap(), nil
}

// speaksFor tells whether a sender may name a description on that host: on itself. A device
// that has several addresses of IPv6 may announce from one with another of the same
// interface's networks; programs of this machine may name any address of it.
func (f *Finder) speaksFor(ifi lan.Interface, from, host netip.Addr) bool {
	from, host = from.Unmap().WithZone(""), host.WithZone("")
	if from == host {
		return true
	}
	if own := f.config.Guard.Own(host); own || f.config.Guard.Own(from) {
		return own && f.config.Guard.Own(from)
	}
	return from.Is6() && host.Is6() && slices.ContainsFunc(ifi.Prefixes, func(p netip.Prefix) bool { return p.Contains(host) })
}
