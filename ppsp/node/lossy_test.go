package node

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// overtakenFor bounds how long a datagram waits for one that overtakes it.
const overtakenFor = 5 * time.Millisecond

// lossy stands between a peer and a node, and treats what passes as a bad network does: of a
// hundred datagrams it loses 5, lets 5 be overtaken by the next, and delivers 5 twice.
type lossy struct {
	front, back              *net.UDPConn
	to                       netip.AddrPort
	mu                       sync.Mutex
	peer                     netip.AddrPort
	group                    sync.WaitGroup
	lost, overtaken, doubled atomic.Int64
}

// newLossy returns a relay to the node at an address.
func newLossy(to netip.AddrPort, seed uint64) (*lossy, error) {
	r := &lossy{to: to}
	for _, conn := range []**net.UDPConn{&r.front, &r.back} {
		var err error
		if *conn, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			return nil, err
		}
	}
	r.group.Go(func() {
		r.pass(r.front, r.back, rand.New(rand.NewPCG(seed, 1)), func(from netip.AddrPort) netip.AddrPort {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.peer = from
			return r.to
		})
	})
	r.group.Go(func() {
		r.pass(r.back, r.front, rand.New(rand.NewPCG(seed, 2)), func(netip.AddrPort) netip.AddrPort {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.peer
		})
	})
	return r, nil
}

// addr is where the peer reaches the node.
func (r *lossy) addr() netip.AddrPort {
	a, _ := r.front.LocalAddr().(*net.UDPAddr)
	return a.AddrPort()
}

func (r *lossy) close() {
	_ = r.front.Close()
	_ = r.back.Close()
	r.group.Wait()
}

// pass sends on by out what comes by in, until in is closed.
func (r *lossy) pass(in, out *net.UDPConn, random *rand.Rand, route func(netip.AddrPort) netip.AddrPort) {
	b := make([]byte, 64<<10)
	var held []byte
	var to netip.AddrPort
	release := func() {
		if held != nil {
			_, _ = out.WriteToUDPAddrPort(held, to) // the other end may be gone, here and below
			held = nil
		}
	}
	for {
		limit := time.Time{}
		if held != nil {
			limit = time.Now().Add(overtakenFor)
		}
		_ = in.SetReadDeadline(limit)
		n, from, err := in.ReadFromUDPAddrPort(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			release()
			continue
		}
		if err != nil {
			return
		}
		to = route(from)
		p := random.IntN(100)
		switch {
		case p < 5:
			r.lost.Add(1)
			continue
		case p < 10 && held == nil:
			r.overtaken.Add(1)
			held = bytes.Clone(b[:n])
			continue
		case p >= 10 && p < 15:
			r.doubled.Add(1)
			_, _ = out.WriteToUDPAddrPort(b[:n], to)
		}
		_, _ = out.WriteToUDPAddrPort(b[:n], to)
		release()
	}
}
