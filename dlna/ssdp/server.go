package ssdp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/lan"
)

// DefaultInterval lies between two announcements. It is far below DefaultMaxAge, so that
// a television set that misses a few still lists the server.
const DefaultInterval = 2 * time.Minute

// pollInterval is how often the interfaces are looked at.
const pollInterval = 2 * time.Second

// maxLinks bounds the interfaces that are served.
const maxLinks = 32

// Config is what a Server needs. Device, Location and Interfaces must be set.
type Config struct {
	Device     Device
	Location   func(own netip.Addr) string                    // URL of the description, by own address
	Interfaces func() ([]lan.Interface, []lan.Problem, error) // those to be served, asked every few seconds
	MayAsk     func(netip.Addr) bool                          // who gets an answer; everybody if nil
	Listen     func(i lan.Interface, six bool) (Conn, error)  // the function Listen if nil
	Interval   time.Duration                                  // between announcements, DefaultInterval if 0
	Logger     zerolog.Logger
}

func (c *Config) mayAsk(a netip.Addr) bool { return c.MayAsk == nil || c.MayAsk(a) }

// period is the time to the next announcement, up to a tenth shorter than the interval so
// that servers don't keep in step.
func (c *Config) period() time.Duration {
	interval := c.Interval
	if interval <= 0 {
		interval = DefaultInterval
	}
	return interval - rand.N(interval/10+1)
}

// Status is how discovery stands on one interface.
type Status struct {
	Interface string
	Address   netip.Addr // announced there; invalid if there is none
	Problem   string     // one sentence; empty if all is well
}

// Server announces one device. Its methods may be called by many goroutines.
type Server struct {
	config Config

	mu     sync.Mutex
	status map[string]Status
	hushed map[string]string // what is wrong with IPv6, by interface
}

// New makes a Server; Run starts it.
func New(c Config) *Server {
	if c.Listen == nil {
		c.Listen = Listen
	}
	return &Server{config: c, status: make(map[string]Status), hushed: make(map[string]string)}
}

// Status tells how every interface fares, by name.
func (s *Server) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.status), func(a, b Status) int { return cmp.Compare(a.Interface, b.Interface) })
}

// running is a link at work. Its fields but done belong to Run.
type running struct {
	link *link
	stop context.CancelCauseFunc
	done chan struct{}
}

// place is where a link is at work: on an interface, for one family of addresses.
type place struct {
	index int
	name  string
	six   bool
}

// Run announces the device and answers searches until ctx ends; then it takes leave on
// every interface and returns nil. What fails meanwhile is told by Status and the log,
// and tried again.
func (s *Server) Run(ctx context.Context) error {
	links := make(map[place]*running)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for afresh := true; ; afresh = false {
		s.follow(ctx, links, afresh)
		select {
		case <-ctx.Done():
			for _, r := range links {
				<-r.done
				r.stop(nil)
			}
			return nil
		case <-tick.C:
		}
	}
}

// follow ends the links whose interface is no longer as it was and starts those that are
// missing.
func (s *Server) follow(ctx context.Context, links map[place]*running, afresh bool) {
	picked, problems, err := s.config.Interfaces()
	if err != nil {
		s.report(Status{Problem: fmt.Sprintf("can't see the network interfaces: %v; TVs can't find this server on new ones", err)})
		return
	}
	picked = picked[:min(len(picked), maxLinks)]
	want := families(picked)
	moved := make(map[place]bool)
	for at, r := range links {
		now, there := want[at]
		if there && still(r.link.voices, now) {
			r.link.ifi.Store(&now) // who asks from another of its networks is told of that
		} else {
			moved[at] = there
			r.stop(errGone)
			<-r.done
		}
		select {
		case <-r.done:
			r.stop(nil)
			delete(links, at)
		default:
		}
	}
	s.keepStatus(picked, problems)
	for _, ifi := range picked {
		for _, six := range []bool{false, true} {
			at := place{ifi.Index, ifi.Name, six}
			if family, ok := want[at]; ok && links[at] == nil {
				_, four := want[place{ifi.Index, ifi.Name, false}]
				s.start(ctx, links, at, family, afresh || moved[at], six && four)
			}
		}
	}
}

// families returns the interfaces by family, where they have addresses of it to be announced.
func families(picked []lan.Interface) map[place]lan.Interface {
	want := make(map[place]lan.Interface)
	for _, ifi := range picked {
		four, six := ifi.Families()
		if len(voices(four)) > 0 {
			want[place{ifi.Index, ifi.Name, false}] = four
		}
		if len(voices(six)) > 0 {
			want[place{ifi.Index, ifi.Name, true}] = six
		}
	}
	return want
}

func (s *Server) start(ctx context.Context, links map[place]*running, at place, ifi lan.Interface, afresh, beside bool) {
	if ctx.Err() != nil {
		return
	}
	l := &link{config: &s.config, voices: voices(ifi)}
	l.ifi.Store(&ifi)
	l.status = s.teller(at, l.voices[len(l.voices)-1].own, beside)
	conn, err := s.config.Listen(ifi, at.six)
	if err != nil {
		l.status(err)
		return
	}
	l.conn = conn
	linkCtx, stop := context.WithCancelCause(ctx)
	r := &running{link: l, stop: stop, done: make(chan struct{})}
	links[at] = r
	go func() {
		defer close(r.done)
		if err := l.run(linkCtx, afresh); err != nil {
			l.status(err)
		}
	}()
}

// teller returns what a link reports by. An interface is known by what becomes of its IPv4;
// that of IPv6, which most television sets don't speak, is a matter of the log, unless
// there is no other.
func (s *Server) teller(at place, own netip.Addr, beside bool) func(error) {
	return func(err error) {
		if beside {
			s.hush(at.name, err)
			return
		}
		st := Status{Interface: at.name, Address: own}
		if err != nil {
			st.Problem = fmt.Sprintf("no multicast on %s: %v; TVs can't find this server there; %s", at.name, err, remedy(err))
		}
		s.report(st)
	}
}

// hush logs what is wrong with IPv6 on an interface once.
func (s *Server) hush(name string, err error) {
	now := ""
	if err != nil {
		now = err.Error()
	}
	s.mu.Lock()
	before := s.hushed[name]
	s.hushed[name] = now
	s.mu.Unlock()
	if err != nil && now != before {
		s.config.Logger.Info().Err(err).Str("interface", name).Msg("not announced over IPv6 there; over IPv4 it is")
	}
}

// keepStatus forgets the interfaces that are gone and notes those that can't be had.
func (s *Server) keepStatus(want []lan.Interface, problems []lan.Problem) {
	s.mu.Lock()
	maps.DeleteFunc(s.status, func(name string, _ Status) bool {
		return !slices.ContainsFunc(want, func(i lan.Interface) bool { return i.Name == name }) &&
			!slices.ContainsFunc(problems, func(p lan.Problem) bool { return p.Interface == name }) &&
			(name != "" || len(want) > 0)
	})
	s.mu.Unlock()
	for _, p := range problems {
		s.report(Status{Interface: p.Interface, Problem: fmt.Sprintf(
			"no multicast on %s: %s; TVs can't find this server there; `ip -br address` lists what this machine has", p.Interface, p.Reason)})
	}
	if len(want) == 0 && len(problems) == 0 {
		s.report(Status{Problem: "no network interface of a home is up with an address; TVs can't find this server; " +
			"connect this machine to the network, or name an interface with --interface"})
	}
}

// report notes a status and logs it when it is news.
func (s *Server) report(now Status) {
	s.mu.Lock()
	before, known := s.status[now.Interface]
	s.status[now.Interface] = now
	s.mu.Unlock()
	switch {
	case known && before == now:
	case now.Problem != "":
		s.config.Logger.Warn().Str("interface", now.Interface).Msg(now.Problem)
	default:
		s.config.Logger.Info().Str("interface", now.Interface).Stringer("address", now.Address).Msg("TVs can find this server here")
	}
}

// Err joins the problems of all interfaces, nil if there are none.
func (s *Server) Err() error {
	var errs []error
	for _, st := range s.Status() {
		if st.Problem != "" {
			errs = append(errs, errors.New(st.Problem))
		}
	}
	return errors.Join(errs...)
}
