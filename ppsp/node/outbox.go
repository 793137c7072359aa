package node

import "net/netip"

// outbox gathers what an engine has to send.
type outbox struct {
	node   *Node
	swarm  *Swarm
	sender sender
	report func(to netip.AddrPort, err error) // refused
	batch
}

func newOutbox(s *Swarm) *outbox {
	n := s.node
	o := &outbox{node: n, swarm: s, sender: n.socket.newSender(), batch: batch{bytes: make([]byte, 0, batchBytes+trainBytes)}}
	o.report = o.refused
	return o
}

// fill takes what the engine has to send, up to a batch; false when there was nothing more.
func (o *outbox) fill(now int64) bool {
	for len(o.bytes) < batchBytes && len(o.trains) < batchTrains {
		start := len(o.bytes)
		b, segment, to, ok := o.swarm.engine.AppendTrain(now, o.bytes)
		if !ok {
			return false
		}
		o.bytes = b
		o.trains = append(o.trains, train{peer: to, bytes: b[start:], segment: segment})
		o.node.greetings.note(o.swarm, b[start:], to)
	}
	return true
}

// flush sends what was gathered.
func (o *outbox) flush() {
	if len(o.trains) > 0 {
		o.sender.send(&o.batch, o.report)
		o.reset()
	}
}

func (o *outbox) refused(to netip.AddrPort, err error) {
	o.node.log.Debug().Err(err).Stringer("to", to).Msg("UDP send")
}
