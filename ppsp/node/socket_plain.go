package node

import (
	"net"
	"net/netip"
)

// plainSocket moves one datagram a system call: it works on every system.
type plainSocket struct{ conn *net.UDPConn }

func (s plainSocket) state() Offload { return Offload{} }

func (s plainSocket) receive(b *batch) error {
	b.reset()
	b.bytes = grown(b.bytes, trainBytes)
	n, from, err := s.conn.ReadFromUDPAddrPort(b.bytes[:trainBytes])
	if err != nil {
		return err
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	b.trains = append(b.trains, train{peer: from, bytes: b.bytes[:n], segment: n})
	return nil
}

func (s plainSocket) newSender() sender { return s }

func (s plainSocket) send(b *batch, refused func(netip.AddrPort, error)) {
	for _, t := range b.trains {
		for d := range t.datagrams() {
			if _, err := s.conn.WriteToUDPAddrPort(d, t.peer); err != nil {
				refused(t.peer, err)
			}
		}
	}
}

// grown returns b, empty, with room for n bytes.
func grown(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, 0, n)
	}
	return b[:0]
}
