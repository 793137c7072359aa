package node

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
)

// outbox gathers datagrams for one system call.
type outbox struct {
	node     *Node
	messages []ipv4.Message
	addrs    []net.UDPAddr
	count    int
}

func newOutbox(n *Node) *outbox {
	o := &outbox{node: n, messages: make([]ipv4.Message, batch), addrs: make([]net.UDPAddr, batch)}
	for i := range o.messages {
		o.messages[i].Buffers = [][]byte{make([]byte, 0, 2048)}
		o.addrs[i].IP = make(net.IP, 0, 16)
	}
	return o
}

// next returns the empty buffer of the next datagram.
func (o *outbox) next() []byte { return o.messages[o.count].Buffers[0][:0] }

func (o *outbox) full() bool { return o.count == batch }

// add takes in the datagram that was built in next.
func (o *outbox) add(b []byte, to netip.AddrPort) {
	m, a := &o.messages[o.count], &o.addrs[o.count]
	m.Buffers[0] = b
	ip := to.Addr().As16()
	if to.Addr().Is4() {
		a.IP = append(a.IP[:0], ip[12:]...)
	} else {
		a.IP = append(a.IP[:0], ip[:]...)
	}
	a.Port, a.Zone = int(to.Port()), to.Addr().Zone()
	m.Addr = a
	o.count++
}

// send hands what was gathered to the kernel. A datagram that it refuses is lost, as on
// the way it could be; the engine copes.
func (o *outbox) send() {
	for sent := 0; sent < o.count; {
		n, err := o.node.packets.WriteBatch(o.messages[sent:o.count], 0)
		if err != nil {
			o.node.log.Debug().Err(err).Stringer("to", o.messages[sent].Addr).Msg("UDP send")
			n = 1
		}
		sent += max(n, 1)
	}
	o.count = 0
}
