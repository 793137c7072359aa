package node

import (
	"net/netip"

	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// outbox gathers what an engine has to send.
type outbox struct {
	node   *Node
	sender sender
	batch
	count int // datagrams gathered
}

func newOutbox(n *Node) *outbox {
	return &outbox{node: n, sender: n.socket.newSender(), batch: batch{bytes: make([]byte, 0, batchBytes+trainBytes)}}
}

// fill takes what the engine has to send, up to a batch; false when there was nothing more.
func (o *outbox) fill(engine *swarm.Swarm, now int64) bool {
	for len(o.bytes) < batchBytes && len(o.trains) < batchTrains {
		start := len(o.bytes)
		b, segment, to, ok := engine.AppendTrain(now, o.bytes)
		if !ok {
			return false
		}
		o.bytes = b
		o.trains = append(o.trains, train{to, start, len(b), segment})
	}
	return true
}

// flush sends what was gathered.
func (o *outbox) flush() {
	if len(o.trains) > 0 {
		o.sender.send(&o.batch, o.refused)
		o.reset()
	}
}

func (o *outbox) refused(to netip.AddrPort, err error) {
	o.node.log.Debug().Err(err).Stringer("to", to).Msg("UDP send")
}
