// Package dht finds peers through the Mainline DHT (BEP 5), an engine that exists, as a tracker that nobody runs:
// a swarm is announced and looked up under the SHA-1 of its ID. Whoever takes part in the DHT can see
// who is in which swarm, so it is off by default, and never told of swarms for members alone.
package dht

import (
	"context"
	"crypto/sha1" //nolint:gosec // BEP 5 names by it
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	engine "github.com/anacrolix/dht/v2"
	"github.com/anacrolix/log"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Routers are the nodes that lead into the DHT where none are named.
func Routers() []string {
	return []string{"router.bittorrent.com:6881", "dht.transmissionbt.com:6881", "dht.libtorrent.org:25401"}
}

// Config configures a Service.
type Config struct {
	Listen    netip.Addr    // address of the DHT's socket, which has a free port; all addresses if invalid
	Port      func() uint16 // at which others reach our peer protocol
	Bootstrap []string      // host:port of nodes that lead into the DHT; Routers if empty
	Logger    zerolog.Logger
}

// Service is this machine as a node of the DHT, while Run is at work.
type Service struct {
	cfg    Config
	ready  chan struct{} // closed when server and addr are set
	ended  chan struct{} // closed when Run has returned
	rate   int           // datagrams a second that are sent
	server *engine.Server
	addr   netip.AddrPort
}

// New returns a service. It starts nothing.
func New(c Config) *Service {
	if len(c.Bootstrap) == 0 {
		c.Bootstrap = Routers()
	}
	return &Service{cfg: c, ready: make(chan struct{}), ended: make(chan struct{}), rate: sendRate}
}

// Public says that others learn which swarms we are in.
func (s *Service) Public() bool { return true }

// InfoHash is the name of a swarm in the DHT.
func InfoHash(id ppsp.SwarmID) [20]byte { return sha1.Sum([]byte(id)) } //nolint:gosec // see above

// Addr waits until Run has its socket and returns the socket's address; invalid if ctx ends before, or Run has.
func (s *Service) Addr(ctx context.Context) netip.AddrPort {
	select {
	case <-s.ready:
		return s.addr
	case <-ctx.Done():
	case <-s.ended:
	}
	return netip.AddrPort{}
}

// sendRate is how many datagrams a second we send, and how many at once.
const sendRate = 25

// Run takes part in the DHT until ctx ends. It must not be called twice.
func (s *Service) Run(ctx context.Context) error {
	defer close(s.ended)
	listen := ":0"
	if s.cfg.Listen.IsValid() {
		listen = netip.AddrPortFrom(s.cfg.Listen, 0).String()
	}
	packets, err := net.ListenPacket("udp", listen)
	if err != nil {
		return fmt.Errorf("DHT: %w", err)
	}
	silence()
	conn := &socket{PacketConn: packets}
	if a, ok := packets.LocalAddr().(*net.UDPAddr); ok {
		s.addr = a.AddrPort()
	}
	s.server, err = engine.NewServer(&engine.ServerConfig{
		Conn: conn, StartingNodes: func() ([]engine.Addr, error) { return s.starting(ctx) },
		PeerStore: newStore(time.Now), Store: refusing{}, SendLimiter: rate.NewLimiter(rate.Limit(s.rate), s.rate), Logger: log.Default,
		QueryResendDelay: func() time.Duration {
			if conn.over.Load() {
				return time.Millisecond
			}
			return resend
		},
	})
	if err != nil {
		return errors.Join(fmt.Errorf("DHT: %w", err), packets.Close())
	}
	close(s.ready)
	s.maintain(ctx)
	conn.over.Store(true)
	s.server.Close()
	// Queries under way end when they would be sent again.
	for began := time.Now(); s.server.Stats().OutstandingTransactions > 0 && time.Since(began) < 2*resend; {
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// resend is after what time a query is sent again.
const resend = time.Second

// Times of the table of nodes.
const (
	refresh     = 10 * time.Minute // BEP 5 takes a node for questionable after 15
	refreshSoon = 10 * time.Second // while there is no way in; it doubles
)

// maintain keeps other nodes known until ctx ends.
func (s *Service) maintain(ctx context.Context) {
	soon := refreshSoon
	for {
		if _, err := s.starting(ctx); err == nil || s.server.NumNodes() > 0 { // the engine leaves a goroutine behind where there is no way in
			_, _ = s.server.BootstrapContext(ctx)
		}
		wait := refresh
		if s.server.NumNodes() == 0 {
			wait, soon = soon, min(2*soon, refresh)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// silence keeps the engine from writing to standard error, by whatever comes from the network, through a
// logger that is the same for all of the process.
var silence = sync.OnceFunc(func() { log.Default.SetHandlers(log.DiscardHandler) })

// starting resolves the nodes that lead into the DHT.
func (s *Service) starting(ctx context.Context) ([]engine.Addr, error) {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var addrs []engine.Addr
	for _, b := range s.cfg.Bootstrap {
		host, port, err := net.SplitHostPort(b)
		if err != nil {
			continue
		}
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			s.cfg.Logger.Debug().Err(err).Str("node", b).Msg("DHT: the way in is not known")
			continue
		}
		number, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
		if err != nil {
			continue
		}
		for _, ip := range ips {
			addrs = append(addrs, engine.NewAddr(&net.UDPAddr{IP: ip.Unmap().AsSlice(), Port: number}))
		}
	}
	if len(addrs) == 0 {
		return nil, errors.New("no node is known that leads into the DHT")
	}
	return addrs, nil
}

// Times between two announcements of a swarm.
const (
	firstAgain = 5 * time.Second  // while nobody else was found; it doubles
	regular    = 15 * time.Minute // BEP 5 lets nodes forget after half an hour
)

// Find announces that we are in the swarm, and hands on who else is, until ctx ends.
func (s *Service) Find(ctx context.Context, id ppsp.SwarmID, found func([]netip.AddrPort)) {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return
	case <-s.ended:
		return
	}
	again := firstAgain
	for ctx.Err() == nil {
		n := s.look(ctx, id, found)
		s.cfg.Logger.Debug().Str("swarm", id.Short()).Int("peers", n).Msg("DHT: announced and looked up")
		wait := regular
		if n == 0 {
			wait, again = again, min(2*again, regular)
		}
		timer := time.NewTimer(wait - wait/10 + rand.N(wait/5))
		select {
		case <-ctx.Done():
		case <-s.ended:
			timer.Stop()
			return
		case <-timer.C:
		}
		timer.Stop()
	}
}

// maxFound bounds the peers that are taken of one look-up.
const maxFound = 200

// look announces the swarm once and returns how many peers were found.
func (s *Service) look(ctx context.Context, id ppsp.SwarmID, found func([]netip.AddrPort)) (n int) {
	a, err := s.server.AnnounceTraversal(InfoHash(id), engine.AnnouncePeer(engine.AnnouncePeerOpts{Port: int(s.cfg.Port())}))
	if err != nil {
		s.cfg.Logger.Debug().Err(err).Msg("DHT: no way in")
		return 0
	}
	defer a.Close()
	seen := map[netip.AddrPort]bool{}
	for {
		select {
		case <-ctx.Done():
			return n
		case <-s.ended:
			return n
		case values, more := <-a.Peers:
			if !more {
				return n
			}
			var addrs []netip.AddrPort
			for _, p := range values.Peers {
				ip, ok := netip.AddrFromSlice(p.IP)
				at := netip.AddrPortFrom(ip.Unmap(), uint16(p.Port))
				if ok && p.Port > 0 && p.Port < 1<<16 && !seen[at] && s.mayFollow(at) && len(seen) < maxFound {
					seen[at] = true
					addrs = append(addrs, at)
				}
			}
			if n += len(addrs); len(addrs) > 0 {
				found(addrs)
			}
		}
	}
}

// mayFollow tells whether strangers can send us to an address: not into a home, unless the DHT is one of
// this machine alone, and not to ourselves.
func (s *Service) mayFollow(at netip.AddrPort) bool {
	ip := at.Addr()
	if s.addr.Addr().IsLoopback() {
		return ip.IsLoopback() && at.Port() != s.cfg.Port()
	}
	return ppsp.Public(ip)
}
