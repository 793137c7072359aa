package node

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// pipeSize is how many datagrams may wait for a session; more are dropped.
const pipeSize = 256

// pipe is the part of the node's socket that a session sees: a net.PacketConn that gives
// what the reader put into it.
type pipe struct {
	node *Node
	in   chan packet
	over chan struct{} // closed by Close

	mu     sync.Mutex
	closed bool
	late   chan struct{} // closed while the deadline for reading is over
	isLate bool
	hello  []byte // the first datagram that was sent
}

type packet struct {
	b    []byte
	from netip.AddrPort
}

func newPipe(n *Node) *pipe {
	return &pipe{node: n, in: make(chan packet, pipeSize), over: make(chan struct{}), late: make(chan struct{})}
}

// put hands in a copy of b.
func (p *pipe) put(b []byte, from netip.AddrPort) {
	if len(p.in) == cap(p.in) {
		return
	}
	select {
	case p.in <- packet{append([]byte(nil), b...), from}:
	default:
	}
}

// ReadFrom waits for a datagram, the end, or an interruption.
func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	p.mu.Lock()
	late := p.late
	p.mu.Unlock()
	select {
	case <-p.over:
		return 0, nil, net.ErrClosed
	case <-late:
		return 0, nil, os.ErrDeadlineExceeded
	case d := <-p.in:
		return copy(b, d.b), net.UDPAddrFromAddrPort(d.from), nil
	}
}

// WriteTo sends one datagram. One that the kernel refuses is lost, as on the way it could be.
func (p *pipe) WriteTo(b []byte, to net.Addr) (int, error) {
	p.mu.Lock()
	if p.hello == nil {
		p.hello = append([]byte(nil), b...)
	}
	p.mu.Unlock()
	if a, ok := to.(*net.UDPAddr); ok {
		_ = p.node.Send(b, a.AddrPort())
	}
	return len(b), nil
}

// first returns the ClientHello that was sent first, nil when there was none.
func (p *pipe) first() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h, ok := parseHello(p.hello); !ok || len(h.cookie) > 0 {
		return nil
	}
	return p.hello
}

// asked returns the cookie that the peer has to echo, nil before it was asked for.
func (p *pipe) asked() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return askedCookie(p.hello)
}

// Close ends the reading. The node's socket stays.
func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.over)
	}
	return nil
}

// LocalAddr returns that of the node's socket.
func (p *pipe) LocalAddr() net.Addr { return p.node.conn.LocalAddr() }

// SetReadDeadline interrupts reading, or lets it go on with the zero Time: nothing else is
// asked of it.
func (p *pipe) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case t.IsZero() && p.isLate:
		p.late, p.isLate = make(chan struct{}), false
	case !t.IsZero() && !p.isLate:
		close(p.late)
		p.isLate = true
	}
	return nil
}

// SetWriteDeadline does nothing: writes do not wait.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (p *pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }
