// Package neighbours finds peers on the networks of this machine by multicast: the sockets and the clock
// of ppsp/localpeers.
package neighbours

import (
	"context"
	crand "crypto/rand"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/localpeers"
)

// Config configures a Service.
type Config struct {
	Addr   netip.AddrPort // of the peer protocol's socket
	Logger zerolog.Logger
}

// Service announces our swarms on the networks of this machine and hears of those who are in them, too.
type Service struct {
	cfg   Config
	asks  chan func()
	heard chan datagram
	done  chan struct{} // closed when Run has returned

	// Of Run's goroutine.
	directory *localpeers.Directory
	seekers   []*seeker // in the order in which they came
	links     []*link
	readers   sync.WaitGroup
	began     time.Time
}

// seeker is who wants to know of the peers of a swarm.
type seeker struct {
	swarm ppsp.SwarmID
	found func([]netip.AddrPort)
}

type datagram struct {
	from netip.Addr
	b    []byte
}

// rescan is how often the interfaces are looked at.
const rescan = 15 * time.Second

// New returns a service. It starts nothing.
func New(c Config) *Service {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	return &Service{
		cfg: c, asks: make(chan func()), heard: make(chan datagram, 16), done: make(chan struct{}),
		directory: localpeers.NewDirectory(rand.New(rand.NewChaCha8(seed))), began: time.Now(),
	}
}

// Public says that a listener does not learn from the announcements in which swarms we are.
func (s *Service) Public() bool { return false }

// Find announces that we are in the swarm, and hands on who else is, until ctx ends. found is called by
// the service, and must return soon. Beyond localpeers.MaxSwarms a swarm waits until another is left.
func (s *Service) Find(ctx context.Context, id ppsp.SwarmID, found func([]netip.AddrPort)) {
	who := &seeker{id, found}
	if !s.ask(ctx, func() { s.join(who) }) {
		return
	}
	<-ctx.Done()
	s.ask(context.WithoutCancel(ctx), func() { s.leave(who) })
}

func (s *Service) join(who *seeker) {
	s.seekers = append(s.seekers, who)
	s.directory.Join(s.now(), who.swarm)
}

// leave takes one out, and its swarm if nobody else seeks there; then another swarm has room.
func (s *Service) leave(who *seeker) {
	s.seekers = slices.DeleteFunc(s.seekers, func(other *seeker) bool { return other == who })
	if slices.ContainsFunc(s.seekers, func(other *seeker) bool { return other.swarm == who.swarm }) {
		return
	}
	s.directory.Leave(who.swarm)
	for _, other := range s.seekers {
		if !s.directory.Join(s.now(), other.swarm) {
			return
		}
	}
}

// ask lets Run carry out f; false if it did not.
func (s *Service) ask(ctx context.Context, f func()) bool {
	ran := make(chan struct{})
	select {
	case s.asks <- func() { f(); close(ran) }:
		<-ran
		return true
	case <-s.done:
	case <-ctx.Done():
	}
	return false
}

func (s *Service) now() int64 { return int64(time.Since(s.began)) }

// Run announces and listens until ctx ends. It must not be called twice.
func (s *Service) Run(ctx context.Context) error {
	defer close(s.done)
	ctx, cancel := context.WithCancel(ctx)
	defer s.readers.Wait()
	defer s.closeAll()
	defer cancel()
	s.look(ctx)
	scan := time.NewTicker(rescan)
	defer scan.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(s.wait())
		select {
		case <-ctx.Done():
			return nil
		case f := <-s.asks:
			f()
		case d := <-s.heard:
			s.hear(d)
		case <-scan.C:
			s.look(ctx)
		case <-timer.C:
			s.announce()
		}
	}
}

// wait returns how long to wait until the next announcement.
func (s *Service) wait() time.Duration {
	at, ok := s.directory.Next()
	if !ok {
		return time.Hour
	}
	return max(0, time.Duration(at-s.now()))
}

// announce tells all networks what we are in.
func (s *Service) announce() {
	if _, ok := s.directory.Next(); !ok {
		return
	}
	for _, l := range s.links {
		for _, from := range l.addrs {
			for _, b := range s.directory.Compose(from, s.cfg.Addr.Port()) {
				if err := l.send(b, from); err != nil {
					s.cfg.Logger.Debug().Err(err).Str("interface", l.nic.Name).Stringer("from", from).Msg("peers of this network: not announced")
				}
			}
		}
	}
	s.directory.Announced(s.now())
}

// hear hands on who is in a swarm of ours.
func (s *Service) hear(d datagram) {
	found, err := s.directory.Hear(s.now(), d.from, d.b, s.own)
	if err != nil {
		s.cfg.Logger.Debug().Err(err).Stringer("from", d.from).Msg("peers of this network")
	}
	for _, f := range found {
		s.cfg.Logger.Debug().Stringer("peer", f.Addr).Str("swarm", f.Swarm.Short()).Msg("a peer on this network")
		for _, who := range s.seekers {
			if who.swarm == f.Swarm {
				who.found([]netip.AddrPort{f.Addr})
			}
		}
	}
}

// own tells whether we are there ourselves.
func (s *Service) own(at netip.AddrPort) bool {
	if at.Port() != s.cfg.Addr.Port() {
		return false
	}
	for _, l := range s.links {
		if slices.Contains(l.addrs, at.Addr()) {
			return true
		}
	}
	return false
}

// look opens what has come and closes what is gone.
func (s *Service) look(ctx context.Context) {
	now := places(s.cfg.Addr.Addr(), net.Interfaces, (*net.Interface).Addrs)
	changed := false
	s.links = slices.DeleteFunc(s.links, func(l *link) bool {
		if slices.ContainsFunc(now, l.same) {
			return false
		}
		_ = l.conn.Close()
		changed = true
		return true
	})
	for _, p := range now {
		if slices.ContainsFunc(s.links, func(l *link) bool { return l.same(p) }) {
			continue
		}
		l, err := open(p)
		if err != nil {
			s.cfg.Logger.Debug().Err(err).Str("interface", p.nic.Name).Msg("peers of this network: no multicast")
			continue
		}
		s.links = append(s.links, l)
		changed = true
		s.readers.Go(func() { s.read(ctx, l) })
	}
	if changed {
		s.directory.Moved(s.now())
	}
}

// read hands datagrams to Run until the link is closed.
func (s *Service) read(ctx context.Context, l *link) {
	b := make([]byte, localpeers.MaxDatagram+1)
	for {
		n, from, err := l.read(b)
		if err != nil {
			return
		}
		select {
		case s.heard <- datagram{from, slices.Clone(b[:n])}:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) closeAll() {
	for _, l := range s.links {
		_ = l.conn.Close()
	}
}
