// Package stunserver answers STUN Binding requests (RFC 8489), so that whoever runs a tracker
// needs no other program for peers to learn their public addresses and what their NATs do.
//
// It listens on two ports, P and P+1: a peer that is seen with different addresses at both is
// behind a NAT whose mapping depends on the destination's port (RFC 5780, 4.3), which no
// hole punching passes. With a second address it does all of RFC 5780; with one, as section 6 has
// it, it tells of no other address and refuses CHANGE-REQUEST, and has an attribute of its own for
// the other port.
//
// What is sent to an address that somebody else wrote is not to be worth it. So whatever this
// package adds to the bare answer of RFC 8489 it adds only to questions that are as long as their
// answer; but a server with two addresses says what RFC 5780 has it say (76 bytes to 20 over IPv4,
// 124 over IPv6), and a refusal says what it refuses (64 to 24). So answers are few for each asker.
package stunserver

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bounds.
const (
	maxRequest    = 548 // bytes: RFC 8489, 6.1, what never needs fragments
	perSecond     = 20  // answers to one IPv4 address or IPv6 /64 in the long run
	atOnce        = 200
	maxRemembered = 1 << 14 // addresses
)

// Server is two sockets, or four. Make it by Listen.
type Server struct {
	// Prove makes a proof for who asks from an address, see AttrProof; set before Run, nil for
	// none. All sockets call it at the same time.
	Prove func(from netip.AddrPort) []byte

	conns [2][2]*net.UDPConn // by address and port; those of the second address are nil without one

	mu    sync.Mutex
	until map[netip.Prefix]time.Time // when the bucket of an address is empty
}

// place is one of a Server's sockets: 0 or 1 for the first or second address, and for the lower or
// upper port.
type place struct{ address, port int }

// Listen opens the sockets of a HOST:PORT and the port above; port 0 takes two free ones. A second
// HOST:PORT is another address of this machine, with the same port or 0. Nothing is answered before
// Run.
func Listen(hostport string, second ...string) (*Server, error) {
	if len(second) > 1 {
		return nil, errors.New("STUN: it takes two addresses at most")
	}
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, fmt.Errorf("STUN: %q is no HOST:PORT: %w", hostport, err)
	}
	hosts := []string{host}
	for _, s := range second {
		other, otherPort, err := net.SplitHostPort(s)
		if err != nil {
			return nil, fmt.Errorf("STUN: %q is no HOST:PORT: %w", s, err)
		}
		if otherPort != port && otherPort != "0" {
			return nil, fmt.Errorf("STUN: %s and %s: both addresses need the same port (RFC 5780, 6)", hostport, s)
		}
		hosts = append(hosts, other)
	}
	const tries = 20 // the port above a free one may be taken
	for i := 0; ; i++ {
		s := &Server{until: map[netip.Prefix]time.Time{}}
		err := s.open(hosts, port)
		if err == nil || port != "0" || i == tries {
			return s, err
		}
	}
}

func (s *Server) open(hosts []string, port string) (err error) {
	for i, host := range hosts {
		for j := range s.conns[i] {
			if s.conns[i][j], err = s.listen(host, port, j); err != nil {
				err = fmt.Errorf("STUN: listen on %s and the port above: %w", net.JoinHostPort(host, port), err)
				return errors.Join(err, s.close())
			}
		}
	}
	if len(hosts) < 2 {
		return nil
	}
	one, two := s.at(place{0, 0}).Addr(), s.at(place{1, 0}).Addr()
	if one == two || one.IsUnspecified() || two.IsUnspecified() || one.Is4() != two.Is4() {
		return errors.Join(fmt.Errorf("STUN: %s and %s: write two addresses of this machine, both IPv4 or both IPv6", hosts[0], hosts[1]), s.close())
	}
	return nil
}

// listen opens the lower or upper port of an address; all follow the first one.
func (s *Server) listen(host, port string, upper int) (*net.UDPConn, error) {
	address, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	if first := s.conns[0][0]; first != nil {
		address.Port = first.LocalAddr().(*net.UDPAddr).Port + upper
	}
	if address.Port > 65535 {
		return nil, errors.New("there is no port above 65535")
	}
	c, err := net.ListenUDP("udp", address)
	if err == nil {
		tellAddress(c)
	}
	return c, err
}

// Close closes the sockets of a server that does not run; nothing for nil.
func (s *Server) Close() error {
	if s == nil {
		return nil
	}
	return s.close()
}

func (s *Server) close() (err error) {
	for c := range s.places() {
		err = errors.Join(err, s.conns[c.address][c.port].Close())
	}
	return err
}

// places are those of the sockets that there are.
func (s *Server) places() iter.Seq[place] {
	return func(yield func(place) bool) {
		for i, ports := range s.conns {
			for j, c := range ports {
				if c != nil && !yield(place{i, j}) {
					return
				}
			}
		}
	}
}

// at is the address of a socket; invalid where there is none.
func (s *Server) at(p place) netip.AddrPort {
	c := s.conns[p.address][p.port]
	if c == nil {
		return netip.AddrPort{}
	}
	a := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Addr returns the first address with the lower port.
func (s *Server) Addr() netip.AddrPort {
	return s.conns[0][0].LocalAddr().(*net.UDPAddr).AddrPort()
}

// Run answers until ctx ends, and closes the sockets. It returns nil unless a socket breaks.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	var failed [2][2]error
	for p := range s.places() {
		group.Go(func() {
			defer cancel()
			if err := s.serve(ctx, p); ctx.Err() == nil {
				failed[p.address][p.port] = err
			}
		})
	}
	<-ctx.Done()
	err := s.close()
	group.Wait()
	if failure := errors.Join(slices.Concat(failed[0][:], failed[1][:])...); failure != nil {
		return fmt.Errorf("STUN: %w", failure)
	}
	return err
}

func (s *Server) serve(ctx context.Context, here place) error {
	b, control := make([]byte, maxRequest+1), make([]byte, maxControl)
	failures := 0 // in a row
	for {
		n, told, _, from, err := s.conns[here.address][here.port].ReadMsgUDPAddrPort(b, control)
		if err != nil {
			failures++
			if errors.Is(err, net.ErrClosed) || failures == maxFailures || !pause(ctx, failures) {
				return err
			}
			continue // the system passes on that somebody else could not be reached
		}
		if failures = 0; n > maxRequest {
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if a := s.answer(b[:n], from, here); a.b != nil && s.may(from.Addr(), time.Now()) {
			send(s.conns[a.via.address][a.via.port], a.b, control[:told], a.to)
		}
	}
}

// maxFailures of a socket in a row, two seconds of them, are the end of it.
const maxFailures = 12

// pause waits after a failure, from the second in a row on, the longer the more there were. It
// returns false when ctx ends.
func pause(ctx context.Context, failures int) bool {
	if failures == 1 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(time.Millisecond << (failures - 2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// may bounds the answers to one address, which others may have written as their own.
func (s *Server) may(a netip.Addr, now time.Time) bool {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	until, known := s.until[p]
	if until.Before(now) {
		until = now
	}
	if until.Sub(now) > atOnce*time.Second/perSecond {
		return false
	}
	if !known && len(s.until) >= maxRemembered {
		for other := range s.until { // any
			delete(s.until, other)
			break
		}
	}
	s.until[p] = until.Add(time.Second / perSecond)
	return true
}
