package node

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// batch is how many datagrams one system call moves.
const batch = 64

// Run reads the socket until ctx ends, then closes it. Swarms should have ended before, so
// that their farewells still go out.
func (n *Node) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = n.conn.SetReadDeadline(time.Now()) })
	defer stop()
	messages := make([]ipv4.Message, batch)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, 64<<10)}
	}
	for failures := 0; ; {
		count, err := n.packets.ReadBatch(messages, 0)
		if ctx.Err() != nil {
			return n.conn.Close()
		}
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			// An ICMP error of an earlier datagram is reported here; it names no peer.
			n.log.Debug().Err(err).Msg("UDP read")
			if failures++; failures > maxFailures {
				pause(ctx, failurePause)
			}
			continue
		}
		failures = 0
		for _, m := range messages[:count] {
			if a, ok := m.Addr.(*net.UDPAddr); ok {
				n.dispatch(m.Buffers[0][:m.N], a.AddrPort())
			}
		}
	}
}

// A socket that fails so often in a row is asked less often.
const (
	maxFailures  = 64
	failurePause = 100 * time.Millisecond
)

// pause waits until d has passed or ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
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
