package node

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// Run reads the socket until ctx ends, then closes it. Swarms should have ended before, so
// that their farewells still go out.
func (n *Node) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = n.conn.SetReadDeadline(time.Now()) })
	defer stop()
	var in batch
	for failures := 0; ; {
		err := n.socket.receive(&in)
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
		for k := range in.trains {
			if n.dispatch(in.trains[k]) {
				in.trains[k].slot = nil
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

// dispatch hands the datagrams of a train to their swarms, those of one channel together, and
// tells whether its slot is kept. Channel IDs begin with a byte of 64 or more, nothing else
// that comes here does.
func (n *Node) dispatch(t train) (kept bool) {
	whole := len(t.bytes)
	for b := t.bytes; len(b) > 0; {
		size := min(max(t.segment, 1), len(b))
		if size < wire.ChannelSize || b[0] < firstChannelByte {
			n.dispatchOther(b[:size], t.peer)
			b = b[size:]
			continue
		}
		end, id := size, binary.BigEndian.Uint32(b)
		for end+wire.ChannelSize <= len(b) && binary.BigEndian.Uint32(b[end:]) == id {
			end = min(end+size, len(b))
		}
		part := train{peer: t.peer, bytes: b[:end], segment: size}
		if end == whole {
			part.slot = t.slot
		}
		if s := n.ids.owner(id); s != nil && s.rim == nil && s.inbox.put(part) {
			return true
		}
		b = b[end:]
	}
	return false
}

// dispatchOther hands a datagram to whom it is for that begins with no channel ID of ours.
func (n *Node) dispatchOther(b []byte, from netip.AddrPort) {
	if n.stun != nil && n.stun(b, from) {
		return
	}
	if isDTLS(b) {
		n.sessions.route(b, from)
		return
	}
	if id, ok := wire.Channel(b); !ok || id != 0 {
		return
	}
	for _, s := range n.addressees(b, from) {
		if s.rim == nil { // a closed swarm is deaf to what is not encrypted
			s.inbox.put(train{peer: from, bytes: b, segment: len(b)})
		}
	}
}

// addressees finds the swarm that an initiating HANDSHAKE names, or those whose own one a
// closing HANDSHAKE can mean.
func (n *Node) addressees(b []byte, from netip.AddrPort) []*Swarm {
	var d wire.Decoder
	var m wire.Message
	d.Reset(b, wire.Format{})
	if ok, err := d.Next(&m); err != nil || !ok || m.Type != wire.TypeHandshake {
		return nil
	}
	if m.Handshake.Closing() {
		return n.greetings.take(nil, from)
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if s := n.swarms[ppsp.SwarmID(m.Handshake.SwarmID)]; s != nil {
		return []*Swarm{s}
	}
	return nil
}
