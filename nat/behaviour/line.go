package behaviour

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v3"
)

const (
	maxServers = 4
	maxAnswer  = 1280 // bytes
	// patience is how long the last of several questions waits for an answer. "Nothing came" is what most of these
	// questions are about, so that all of it is waited for often.
	patience = 900 * time.Millisecond
)

// pauses lie between the transmissions of a question: one of ten may be lost on the way there, and one on the way back.
var pauses = []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, patience}

// Discover asks STUN servers, HOST:PORT each, and returns what they show. Servers with a second address (RFC 5780) show
// all, two others only how ports are mapped, a single one little. An error means that nothing could be asked; that none
// answered is a Report. It takes 4 s at most, and the time that names take to be resolved.
func Discover(ctx context.Context, servers ...string) (Report, error) {
	var list []netip.AddrPort
	var problem error
	for _, s := range servers[:min(len(servers), maxServers)] {
		a, err := net.ResolveUDPAddr("udp4", s)
		if err != nil {
			problem = fmt.Errorf("STUN server %s: %w", s, err)
			continue
		}
		at := a.AddrPort()
		list = append(list, netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
	}
	if len(list) == 0 {
		if problem == nil {
			problem = errors.New("no STUN server is known")
		}
		return Report{}, problem
	}
	return examine(ctx, internet{}, list)
}

// internet is the network outside tests.
type internet struct{}

func (internet) open(ctx context.Context) (line, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp4", ":0")
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn.(*net.UDPConn), waiting: map[[stun.TransactionIDSize]byte]chan<- answer{}}
	s.reading.Go(s.read)
	return s, nil
}

// socket is a line. It owns a goroutine, which ends with Close.
type socket struct {
	conn    *net.UDPConn
	reading sync.WaitGroup

	mu      sync.Mutex
	waiting map[[stun.TransactionIDSize]byte]chan<- answer
}

type answer struct {
	reply reply
	err   error
}

// Close ends the socket.
func (s *socket) Close() error {
	err := s.conn.Close()
	s.reading.Wait()
	return err
}

func (s *socket) read() {
	b := make([]byte, maxAnswer)
	for {
		n, _, err := s.conn.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the system tells that something did not arrive
		}
		id, a, ok := parse(b[:n])
		if !ok {
			continue
		}
		s.mu.Lock()
		if to := s.waiting[id]; to != nil {
			delete(s.waiting, id)
			to <- a // has room
		}
		s.mu.Unlock()
	}
}

// ask implements line.
func (s *socket) ask(ctx context.Context, to netip.AddrPort, c change) (reply, error) {
	id := stun.NewTransactionID()
	setters := []stun.Setter{stun.NewTransactionIDSetter(id), stun.BindingRequest}
	if c != nothing {
		setters = append(setters, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: binary.BigEndian.AppendUint32(nil, uint32(c))})
	}
	request, err := stun.Build(setters...)
	if err != nil {
		return reply{}, err
	}
	got := make(chan answer, 1)
	s.mu.Lock()
	s.waiting[id] = got
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiting, id)
		s.mu.Unlock()
	}()
	for _, pause := range pauses {
		if _, err := s.conn.WriteToUDPAddrPort(request.Raw, to); err != nil {
			return reply{}, fmt.Errorf("%w: %w", errSilent, err)
		}
		timer := time.NewTimer(pause)
		select {
		case a := <-got:
			timer.Stop()
			return a.reply, a.err
		case <-ctx.Done():
			timer.Stop()
			return reply{}, ctx.Err()
		case <-timer.C:
		}
	}
	return reply{}, errSilent
}

// local implements line. The socket itself is bound to no address, so a second one is asked.
func (s *socket) local(to netip.AddrPort) netip.AddrPort {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.AddrPort{}
	}
	defer conn.Close()
	return netip.AddrPortFrom(conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), uint16(s.conn.LocalAddr().(*net.UDPAddr).Port))
}

// parse reads a Binding response; false means that it is none.
func parse(b []byte) (id [stun.TransactionIDSize]byte, a answer, ok bool) {
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if !stun.IsMessage(b) || m.Decode() != nil {
		return id, a, false
	}
	switch m.Type {
	case stun.BindingError:
		return m.TransactionID, answer{err: errors.New("the server refuses")}, true
	case stun.BindingSuccess:
	default:
		return id, a, false
	}
	var seen stun.XORMappedAddress
	var bare stun.MappedAddress
	var other stun.OtherAddress
	if seen.GetFrom(m) == nil {
		a.reply.seen = addrPort(seen.IP, seen.Port)
	} else if bare.GetFrom(m) == nil {
		a.reply.seen = addrPort(bare.IP, bare.Port)
	}
	if !a.reply.seen.IsValid() {
		a.err = errors.New("the server does not say what it sees")
	}
	if other.GetFrom(m) == nil {
		a.reply.other = addrPort(other.IP, other.Port)
	}
	return m.TransactionID, a, true
}

// addrPort returns an IPv4 address at which somebody may be, else an invalid one.
func addrPort(ip net.IP, port int) netip.AddrPort {
	a, ok := netip.AddrFromSlice(ip)
	if a = a.Unmap(); !ok || !a.Is4() || !a.IsGlobalUnicast() && !a.IsLoopback() || port <= 0 || port > 0xffff {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(port))
}
