// Package stunserver answers STUN Binding requests (RFC 8489), so that whoever runs a tracker
// needs no other program for peers to learn their public addresses.
//
// It listens on two ports, P and P+1: a peer that is seen with different addresses at both is
// behind a NAT whose mapping depends on the destination's port (RFC 5780, 4.3), which no
// hole punching passes.
package stunserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v3"
)

// Bounds.
const (
	maxRequest    = 548 // bytes: RFC 8489, 6.1, what never needs fragments
	perSecond     = 20  // answers to one IPv4 address or IPv6 /64 in the long run
	atOnce        = 200
	maxRemembered = 1 << 14 // addresses
)

// Server is two sockets. Make it by Listen.
type Server struct {
	// Prove makes a proof for who asks from an address, see AttrProof; set before Run, nil for
	// none. Both sockets call it at the same time.
	Prove func(from netip.AddrPort) []byte

	conns [2]*net.UDPConn

	mu    sync.Mutex
	until map[netip.Prefix]time.Time // when the bucket of an address is empty
}

// Listen opens the sockets of a HOST:PORT and the port above; port 0 takes two free ones. Nothing
// is answered before Run.
func Listen(hostport string) (*Server, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, fmt.Errorf("STUN: %q is no HOST:PORT: %w", hostport, err)
	}
	const tries = 20 // the port above a free one may be taken
	for i := 0; ; i++ {
		s := &Server{until: map[netip.Prefix]time.Time{}}
		err := s.open(host, port)
		if err == nil || port != "0" || i == tries {
			return s, err
		}
	}
}

func (s *Server) open(host, port string) error {
	for i := range s.conns {
		address, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, port))
		if err == nil && i == 1 {
			if address.Port = s.conns[0].LocalAddr().(*net.UDPAddr).Port + 1; address.Port > 65535 {
				err = errors.New("there is no port above 65535")
			}
		}
		if err == nil {
			s.conns[i], err = net.ListenUDP("udp", address)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("STUN: listen on %s and the port above: %w", net.JoinHostPort(host, port), err), s.close())
		}
	}
	return nil
}

// Close closes the sockets of a server that does not run; nothing for nil.
func (s *Server) Close() error {
	if s == nil {
		return nil
	}
	return s.close()
}

func (s *Server) close() (err error) {
	for _, c := range s.conns {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	return err
}

// Addr returns the address of the lower port.
func (s *Server) Addr() netip.AddrPort {
	return s.conns[0].LocalAddr().(*net.UDPAddr).AddrPort()
}

// Run answers until ctx ends, and closes the sockets. It returns nil unless a socket breaks.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	var failed [2]error
	for i, c := range s.conns {
		group.Go(func() {
			defer cancel()
			if err := s.serve(ctx, c); ctx.Err() == nil {
				failed[i] = err
			}
		})
	}
	<-ctx.Done()
	err := s.close()
	group.Wait()
	if failure := errors.Join(failed[:]...); failure != nil {
		return fmt.Errorf("STUN: %w", failure)
	}
	return err
}

func (s *Server) serve(ctx context.Context, c *net.UDPConn) error {
	b := make([]byte, maxRequest+1)
	failures := 0 // in a row
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
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
		if answer := s.answer(b[:n], from); answer != nil && s.may(from.Addr(), time.Now()) {
			_, _ = c.WriteToUDPAddrPort(answer, from)
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

// answer returns the response to a Binding request, nil to anything else: RFC 8489, 6.3: "the
// agent ... silently discards it".
func (s *Server) answer(b []byte, from netip.AddrPort) []byte {
	request := &stun.Message{Raw: append([]byte(nil), b...)}
	if !stun.IsMessage(b) || request.Decode() != nil || request.Type != stun.BindingRequest {
		return nil
	}
	if request.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(request) != nil {
		return nil
	}
	setters := []stun.Setter{
		stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: from.Addr().WithZone("").AsSlice(), Port: int(from.Port())},
	}
	setters = append(setters, s.prove(request, from)...)
	var unknown stun.UnknownAttributes
	for _, a := range request.Attributes {
		if a.Type.Required() && a.Type != stun.AttrUsername && a.Type != stun.AttrMessageIntegrity && a.Type != stun.AttrPriority {
			unknown = append(unknown, a.Type)
		}
	}
	if len(unknown) > 0 { // RFC 8489, 6.3.1: "error code 420 ... MUST include an UNKNOWN-ATTRIBUTES"
		setters = []stun.Setter{
			stun.NewTransactionIDSetter(request.TransactionID), stun.BindingError, stun.CodeUnknownAttribute, unknown,
		}
	}
	response, err := stun.Build(append(setters, stun.Fingerprint)...)
	if err != nil {
		return nil
	}
	return response.Raw
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
