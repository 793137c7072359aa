package tracker

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds of what one address may ask, IPv4 address or IPv6 /64. This machine has none, since
// a proxy that speaks HTTPS calls from here for everybody.
const (
	requestsEvery = time.Second / 200 // in the long run: a thousand homes behind one carrier's address
	requestsRoom  = 2000 * requestsEvery
	maxRated      = 1 << 16 // addresses that are remembered
)

// rates counts requests by their source: a bucket for each that runs empty with time. The
// zero value is ready, and counts PPSTP's.
type rates struct {
	every time.Duration // in which one runs out; requestsEvery if zero
	room  time.Duration // of a bucket; requestsRoom if every is zero

	mu    sync.Mutex
	until map[netip.Prefix]time.Time // when the bucket is empty
}

// may counts a request and tells whether it is within the bounds.
func (r *rates) may(source netip.Addr, now time.Time) bool {
	if !source.IsValid() || source.IsLoopback() {
		return true
	}
	at, every, room := neighbours(source), r.every, r.room
	if every == 0 {
		every, room = requestsEvery, requestsRoom
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	until, known := r.until[at]
	if until.Before(now) {
		until = now
	}
	if until.Sub(now) > room {
		return false
	}
	if !known {
		if r.until == nil {
			r.until = map[netip.Prefix]time.Time{}
		}
		for other, t := range r.until { // a few that are free again, and one in any case when it is full
			if len(r.until) < maxRated && t.After(now) {
				break
			}
			delete(r.until, other)
			if len(r.until) < maxRated-8 {
				break
			}
		}
	}
	r.until[at] = until.Add(every)
	return true
}

// Bounds of connections.
const (
	maxConnections          = 1 << 16
	maxConnectionsOfAddress = 1 << 10 // of one IPv4 address or IPv6 /64, but for this machine
)

// Bound returns a listener that closes connections beyond what the whole world and one address
// may have, so that open connections take no memory without end.
func Bound(l net.Listener) net.Listener {
	return &boundListener{Listener: l, open: map[netip.Prefix]int{}}
}

type boundListener struct {
	net.Listener
	mu   sync.Mutex
	all  int
	open map[netip.Prefix]int
}

// Accept waits for the next connection that is within the bounds.
func (b *boundListener) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		a, _ := netip.ParseAddrPort(c.RemoteAddr().String())
		from := neighbours(a.Addr().Unmap().WithZone(""))
		b.mu.Lock()
		full := b.all >= maxConnections || b.open[from] >= maxConnectionsOfAddress && !a.Addr().Unmap().IsLoopback()
		if !full {
			b.all++
			b.open[from]++
		}
		b.mu.Unlock()
		if !full {
			return &boundConn{Conn: c, end: sync.OnceFunc(func() { b.gone(from) })}, nil
		}
		_ = c.Close()
	}
}

func (b *boundListener) gone(from netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all--
	if b.open[from]--; b.open[from] == 0 {
		delete(b.open, from)
	}
}

// boundConn tells its listener when it is closed.
type boundConn struct {
	net.Conn
	end func()
}

// Close closes the connection.
func (c *boundConn) Close() error {
	c.end()
	return c.Conn.Close()
}
