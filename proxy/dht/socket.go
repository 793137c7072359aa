package dht

import (
	"net"
	"sync/atomic"
	"time"
)

// maxDatagram is the longest datagram that is handed to the engine, bytes: BEP 5 needs no more, and
// nested lists of that length cost nothing.
const maxDatagram = 1500

// socket keeps from the engine what it would panic at, and what it has no need to read.
type socket struct {
	net.PacketConn
	over atomic.Bool // an error of the socket is an error now
}

// ReadFrom reads the next datagram that may be one of the DHT's. Errors of the system, as an interface that
// went away, are waited out.
func (s *socket) ReadFrom(b []byte) (n int, from net.Addr, err error) {
	for {
		n, from, err = s.PacketConn.ReadFrom(b)
		switch {
		case err != nil && s.over.Load():
			return n, from, err
		case err != nil:
			time.Sleep(100 * time.Millisecond)
		case admit(b[:n]):
			return n, from, nil
		}
	}
}
