// Package node drives engines (ppsp/swarm) on a real UDP socket: it reads and sends in
// batches, finds the swarm of a datagram by its channel ID, and gives every swarm one loop
// that owns its engine. It is thin: whatever can be decided without a socket is decided in
// the engine.
//
// One socket serves all swarms of a process. Datagrams that are STUN go to whoever asked
// for them (Config.STUN); channel IDs are chosen so that no PPSPP datagram can be taken
// for STUN or DTLS (RFC 7983's first bytes).
package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// socketBuffer is asked of the kernel for each direction, bytes; it may give less.
const socketBuffer = 4 << 20

// Config is what a Node is made of.
type Config struct {
	Listen string // "host:port", UDP; port 0 takes a free one
	Upload int64  // bytes per second that all swarms together may send, 0 for no limit
	Logger zerolog.Logger
	// STUN, if set, is shown every datagram that could be STUN and says whether it was.
	// It is called on the reader's goroutine and must not keep b. Not shown are datagrams whose
	// first byte is 64 or more, which no STUN message has.
	STUN func(b []byte, from netip.AddrPort) bool
	// NoOffload keeps the kernel from cutting and joining trains of datagrams.
	NoOffload bool
}

// Node is a UDP socket with the swarms that live on it. Make it by Listen.
type Node struct {
	conn      *net.UDPConn
	socket    socket
	spare     slots
	log       zerolog.Logger
	stun      func([]byte, netip.AddrPort) bool
	upload    int64
	started   time.Time
	ids       *channelIDs
	greetings greetings

	sessions *sessions // of closed swarms
	bans     sharedBans

	mu       sync.RWMutex
	swarms   map[ppsp.SwarmID]*Swarm
	portions []portion    // scratch of share
	sharedAt atomic.Int64 // when the upload was divided last
}

// Listen opens the socket. Nothing is read before Run.
func Listen(cfg Config) (*Node, error) {
	addr, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("UDP address %q: %w; use HOST:PORT or :PORT", cfg.Listen, err)
	}
	conn, err := net.ListenUDP("udp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("UDP %s is in use by another program; end that, or listen on another port with --listen, port 0 for a free one", cfg.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("open UDP %s: %w; use an address of this machine, or :PORT for all of them", cfg.Listen, bare(err))
	}
	// Failure leaves the system's default, which is smaller but works.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	ids, err := newChannelIDs()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	spare := make(slots, spareSlots)
	socket, err := newSocket(conn, !cfg.NoOffload, spare)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	n := &Node{
		conn: conn, socket: socket, spare: spare, log: cfg.Logger, stun: cfg.STUN,
		upload: cfg.Upload, started: time.Now(), ids: ids, swarms: map[ppsp.SwarmID]*Swarm{},
	}
	n.sessions = newSessions(n)
	return n, nil
}

// bare takes from a network error what the words around it say already.
func bare(err error) error {
	if op := new(net.OpError); errors.As(err, &op) {
		err = op.Err
	}
	if call := new(os.SyscallError); errors.As(err, &call) {
		err = call.Err
	}
	return err
}

// Offload tells which help of the kernel is in use.
func (n *Node) Offload() Offload { return n.socket.state() }

// Addr returns the local address of the socket.
func (n *Node) Addr() netip.AddrPort {
	a, _ := n.conn.LocalAddr().(*net.UDPAddr)
	return netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
}

// Send sends one datagram beside the swarms' own: STUN requests. Any goroutine may call it.
func (n *Node) Send(b []byte, to netip.AddrPort) error {
	_, err := n.conn.WriteToUDPAddrPort(b, to)
	return err
}

// Close frees the socket of a node that was never run.
func (n *Node) Close() error { return n.conn.Close() }

// now is the time that engines know: nanoseconds since Listen.
func (n *Node) now() int64 { return int64(time.Since(n.started)) }

// Join makes this node a member of a swarm; Swarm.Run does the work. Rand, Channels and
// Epoch of cfg are filled in. A swarm can be joined once at a time.
func (n *Node) Join(cfg swarm.Config, events func(swarm.Event)) (*Swarm, error) {
	return n.join(cfg, nil, events)
}

// join joins a swarm with a rim around it, nil for none.
func (n *Node) join(cfg swarm.Config, m *rim, events func(swarm.Event)) (*Swarm, error) {
	s := &Swarm{
		node: n, events: events, rim: m,
		inbox: inbox{wake: make(chan struct{}, 1), spare: n.spare}, asks: make(chan func(), 16), done: make(chan struct{}),
	}
	cfg.Channels = &swarmIDs{n.ids, s}
	cfg.Rand = n.ids.fork()
	cfg.Epoch = n.started.UnixNano()
	cfg.PathMTU = linkMTU
	if m != nil {
		cfg.PathMTU = sealedMTU
	}
	if cfg.Members != nil {
		cfg.Members = vetted{cfg.Members, n}
	}
	engine, err := swarm.New(cfg)
	if err != nil {
		return nil, err
	}
	s.engine = engine
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.swarms[cfg.Meta.SwarmID] != nil {
		return nil, fmt.Errorf("swarm %s is %w", cfg.Meta.SwarmID.Short(), ErrJoined)
	}
	n.swarms[cfg.Meta.SwarmID] = s
	n.share()
	if m != nil {
		m.swarm = s
	}
	return s, nil
}

// stirred divides the upload anew after s has found its first peer or lost its last.
func (n *Node) stirred(s *Swarm, busy bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.busy.Swap(busy) != busy {
		n.share()
	}
}

// part forgets a swarm that has ended.
func (n *Node) part(s *Swarm) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.swarms, s.engine.Metadata().SwarmID)
	n.share()
	n.ids.closeAll(s)
	n.greetings.forget(s)
}
