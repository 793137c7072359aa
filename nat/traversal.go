// Package nat answers two questions about the UDP socket of PPSPP: which addresses has it, and how is it reached from
// outside.
//
// Four sources work side by side and nothing waits for any of them:
//
//	host       the addresses of this machine's interfaces
//	pinhole    an IPv6 address of this machine that a firewall lets strangers through to (UPnP, PCP); closed at exit
//	mapped     a port that a gateway forwards to us (UPnP IGD 1 and 2, by goupnp; NAT-PMP; PCP); removed at exit
//	reflexive  what STUN servers see (RFC 8489), asked from the very socket of PPSPP
//
// The package opens no PPSPP socket. Its owner gives a function that sends, and hands over the datagrams for which
// [IsSTUN] holds.
package nat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"

	"github.com/rs/zerolog"
)

// MaxServers is the number of STUN servers that one Traversal asks.
const MaxServers = 4

// ErrTooManyServers means that MaxServers STUN servers are being asked already.
var ErrTooManyServers = errors.New("too many STUN servers: at most 4 are asked")

// Config says what to gather and with whose help. The zero value gathers host addresses and asks the network's gateway
// for a mapping of port 0, which is refused: set Port.
type Config struct {
	// Port is the UDP port of the PPSPP socket.
	Port uint16
	// Bind is the address that the PPSPP socket is bound to; invalid or unspecified when it listens on all of them.
	Bind netip.Addr
	// Interfaces are the names of the interfaces to use; all when empty.
	Interfaces []string
	// STUN names the servers to ask, "host" or "host:port" (3478 when left out); at most MaxServers.
	STUN []string
	// Send sends a datagram from the PPSPP socket; needed when STUN servers are asked. It must not keep b and may be
	// called by several goroutines at once.
	Send func(b []byte, to netip.AddrPort) error
	// Disabled means that no gateway is asked for a mapping. Host addresses and STUN need no gateway and stay.
	Disabled bool
	// Search replaces the multicast search for gateways: only these addresses are asked, by unicast SSDP.
	Search []netip.AddrPort
	// Name is what the gateway's table of mappings shows; "Swarmgate" when empty.
	Name string
	// Logger gets what a household would read; its zero value is silent.
	Logger zerolog.Logger
}

// NotAsked is what Status says where Config.Disabled is set.
const NotAsked = "The router is not asked to let peers in: that is switched off, or the socket is for this machine alone."

// Traversal gathers the addresses of one socket while Run runs. Its methods may be called by any goroutine.
type Traversal struct {
	cfg       Config
	board     board
	stun      transactions
	crossings crossings
	notes     string // folder for notes of mappings; empty: none are made

	mu    sync.Mutex
	known map[string]bool // STUN servers taken so far
	added chan server     // the same, on their way to Run

	recheck chan struct{} // has a value when the servers are to be asked at once
	reread  chan struct{} // … when the gateway is to be asked anew for its address

	// What changes between the machine and a test.
	hosts    func() ([]Finding, error)
	routers  func() []netip.Addr
	system   func() (changed <-chan struct{}, end func(), err error)
	discover func(ctx context.Context) ([]gateway, error)
	firewall func(ctx context.Context) ([]gateway, error) // those of IPv6
	random   func(n int) int
}

// New prepares a Traversal; it opens and starts nothing. The error names a setting that cannot work.
func New(cfg Config) (*Traversal, error) {
	if cfg.Port == 0 {
		return nil, errors.New("nat: the UDP port of the swarm socket is 0: open the socket first and give its port")
	}
	if cfg.Name == "" {
		cfg.Name = "Swarmgate"
	}
	t := &Traversal{
		cfg:    cfg,
		known:  make(map[string]bool),
		added:  make(chan server, MaxServers),
		random: rand.IntN,

		recheck: make(chan struct{}, 1),
		reread:  make(chan struct{}, 1),
	}
	t.board.init()
	t.hosts, t.routers, t.system = t.readHosts, t.readRouters, followSystem
	t.discover, t.firewall = t.findGateways, t.findFirewalls
	if err := t.AddSTUN(cfg.STUN...); err != nil {
		return nil, err
	}
	return t, nil
}

// AddSTUN has further STUN servers asked. Servers that are asked already are passed over. It never blocks; it fails with
// ErrTooManyServers, or when a server's form is wrong.
func (t *Traversal) AddSTUN(servers ...string) error { return t.addSTUN(servers, false) }

// AddNamedSTUN does the same with servers that somebody outside named, such as a tracker. Their names may stand for
// addresses of the Internet alone: who owns a name does not have us send to what is in the home.
func (t *Traversal) AddNamedSTUN(servers ...string) error { return t.addSTUN(servers, true) }

func (t *Traversal) addSTUN(servers []string, named bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range servers {
		name, err := serverName(s)
		switch {
		case err != nil:
			return err
		case t.cfg.Send == nil:
			return fmt.Errorf("nat: STUN server %s cannot be asked without a way to send", name)
		case t.known[name]:
			continue
		case len(t.known) == MaxServers:
			return fmt.Errorf("STUN server %s: %w", name, ErrTooManyServers)
		}
		t.known[name] = true
		t.added <- server{name, named} // has room for MaxServers
	}
	return nil
}

// Recheck has the STUN servers asked at once, since there is a doubt whether the address outside is still the same.
// Calls that come within a second of the last are passed over. It never blocks.
func (t *Traversal) Recheck() { rouse(t.recheck) }

// Run gathers addresses, renews the mapping and follows changes until ctx ends. Then it removes its mapping, for which it
// takes 2 s at most, and returns nil. It may be called once.
func (t *Traversal) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	stunWake, mapWake, holeWake := make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	if t.cfg.Disabled {
		t.board.put(sourceMapping, nil, NotAsked)
	}
	t.readHostsOnce() // before the others start, so that the first change told is a usable one
	wg.Go(func() { t.watchHosts(ctx, stunWake, mapWake, holeWake) })
	wg.Go(func() { t.askServers(ctx, stunWake) })
	if !t.cfg.Disabled {
		wg.Go(func() { t.keep(ctx, t.portWish(), mapWake) })
		wg.Go(func() { t.keep(ctx, t.pinholeWish(), holeWake) })
	}
	wg.Wait()
	return nil
}

// HandleSTUN takes a datagram that arrived on the PPSPP socket and for which IsSTUN holds. Anything but the awaited answer
// of a server that was asked is dropped. It does not block and does not keep b.
func (t *Traversal) HandleSTUN(b []byte, from netip.AddrPort) { t.stun.handle(b, from) }

// Findings returns the addresses known now, the ones to prefer first (see [Finding]). The caller owns the slice.
func (t *Traversal) Findings() []Finding { return t.board.all() }

// Changed has a value whenever Findings differ from what they were at the last receive. It is meant for one receiver.
func (t *Traversal) Changed() <-chan struct{} { return t.board.changed }

// Status tells in plain words, one sentence a line, what was tried, what came of it, and what can be done.
func (t *Traversal) Status() string { return t.board.words() }
