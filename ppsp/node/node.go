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
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/net/ipv4"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// batch is how many datagrams one system call moves.
const batch = 64

// socketBuffer is asked of the kernel for each direction, bytes; it may give less.
const socketBuffer = 4 << 20

// Config is what a Node is made of.
type Config struct {
	Listen string // "host:port", UDP; port 0 takes a free one
	Logger zerolog.Logger
	// STUN, if set, is shown every datagram that could be STUN and says whether it was.
	// It is called on the reader's goroutine and must not keep b.
	STUN func(b []byte, from netip.AddrPort) bool
}

// Node is a UDP socket with the swarms that live on it. Make it by Listen.
type Node struct {
	conn    *net.UDPConn
	packets *ipv4.PacketConn
	log     zerolog.Logger
	stun    func([]byte, netip.AddrPort) bool
	started time.Time
	ids     *channelIDs

	mu     sync.RWMutex
	swarms map[ppsp.SwarmID]*Swarm
}

// Listen opens the socket. Nothing is read before Run.
func Listen(cfg Config) (*Node, error) {
	addr, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("UDP address %q: %w; use HOST:PORT or :PORT", cfg.Listen, err)
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("open UDP %s: %w; choose another with port 0 for a free one", cfg.Listen, err)
	}
	// Failure leaves the system's default, which is smaller but works.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	ids, err := newChannelIDs()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &Node{
		conn: conn, packets: ipv4.NewPacketConn(conn), log: cfg.Logger, stun: cfg.STUN,
		started: time.Now(), ids: ids, swarms: map[ppsp.SwarmID]*Swarm{},
	}, nil
}

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

// Run reads the socket until ctx ends, then closes it. Swarms should have ended before, so
// that their farewells still go out.
func (n *Node) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = n.conn.SetReadDeadline(time.Now()) })
	defer stop()
	messages := make([]ipv4.Message, batch)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, 64<<10)}
	}
	for {
		count, err := n.packets.ReadBatch(messages, 0)
		if ctx.Err() != nil {
			return n.conn.Close()
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			// An ICMP error of an earlier datagram is reported here; it names no peer.
			n.log.Debug().Err(err).Msg("UDP read")
			continue
		}
		for _, m := range messages[:count] {
			if a, ok := m.Addr.(*net.UDPAddr); ok {
				n.dispatch(m.Buffers[0][:m.N], a.AddrPort())
			}
		}
	}
}

// dispatch hands a datagram to its swarm.
func (n *Node) dispatch(b []byte, from netip.AddrPort) {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	if n.stun != nil && n.stun(b, from) {
		return
	}
	id, ok := wire.Channel(b)
	if !ok {
		return
	}
	var s *Swarm
	if id != 0 {
		s = n.ids.owner(id)
	} else {
		s = n.addressee(b)
	}
	if s != nil {
		s.deliver(b, from)
	}
}

// addressee finds the swarm that an initiating HANDSHAKE names.
func (n *Node) addressee(b []byte) *Swarm {
	var d wire.Decoder
	var m wire.Message
	d.Reset(b, wire.Format{})
	if ok, err := d.Next(&m); err != nil || !ok || m.Type != wire.TypeHandshake {
		return nil
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.swarms[ppsp.SwarmID(m.Handshake.SwarmID)]
}

// now is the time that engines know: nanoseconds since Listen.
func (n *Node) now() int64 { return int64(time.Since(n.started)) }

// Join makes this node a member of a swarm; Swarm.Run does the work. Rand, Channels and
// Epoch of cfg are filled in. A swarm can be joined once at a time.
func (n *Node) Join(cfg swarm.Config, events func(swarm.Event)) (*Swarm, error) {
	s := &Swarm{
		node: n, events: events,
		inbox: make(chan datagram, inboxSize), asks: make(chan func(), 16), done: make(chan struct{}),
	}
	cfg.Channels = &swarmIDs{n.ids, s}
	cfg.Rand = n.ids.fork()
	cfg.Epoch = n.started.UnixNano()
	engine, err := swarm.New(cfg)
	if err != nil {
		return nil, err
	}
	s.engine = engine
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.swarms[cfg.Meta.SwarmID] != nil {
		return nil, fmt.Errorf("swarm %s is joined already", cfg.Meta.SwarmID.Short())
	}
	n.swarms[cfg.Meta.SwarmID] = s
	return s, nil
}

// part forgets a swarm that has ended.
func (n *Node) part(s *Swarm) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.swarms, s.engine.Metadata().SwarmID)
	n.ids.closeAll(s)
}
