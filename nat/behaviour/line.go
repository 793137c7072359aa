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

	"github.com/swarmgate/swarmgate/nat/stunserver"
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
// all, two others of this project as much, one of them how ports matter, any other single one little. An error means that
// nothing could be asked; that none answered is a Report. It takes 8 s at most.
func Discover(ctx context.Context, servers ...string) (Report, error) {
	if len(servers) == 0 {
		return Report{}, errors.New("no STUN server is known")
	}
	return examine(ctx, internet{"udp4"}, servers[:min(len(servers), maxServers)])
}

// internet is the network outside tests, in one of its families: udp4 or udp6.
type internet struct{ family string }

func (i internet) resolve(ctx context.Context, hostport string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(hostport)
	if err != nil {
		return netip.AddrPort{}, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, i.family, service)
	if err != nil {
		return netip.AddrPort{}, err
	}
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip"+i.family[len("udp"):], host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(list[0].Unmap(), uint16(number)), nil // never empty without an error
}

func (i internet) open(ctx context.Context) (line, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, i.family, ":0")
	if err != nil {
		return nil, err
	}
	s := &socket{family: i.family, conn: conn.(*net.UDPConn), waiting: map[[stun.TransactionIDSize]byte]awaited{}}
	s.reading.Go(s.read)
	return s, nil
}

// socket is a line. It owns a goroutine, which ends with Close.
type socket struct {
	family  string
	conn    *net.UDPConn
	reading sync.WaitGroup

	mu      sync.Mutex
	waiting map[[stun.TransactionIDSize]byte]awaited
}

// awaited is an answer that is to come from an address. Others than the server do not know the question's number.
type awaited struct {
	from netip.AddrPort // invalid where none is to come
	tell chan<- answer  // has room for one
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

// maxFailures in a row are the end of a socket: questions that are open get no answer.
const maxFailures = 64

func (s *socket) read() {
	b := make([]byte, maxAnswer)
	for failures := 0; failures < maxFailures; {
		n, from, err := s.conn.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			failures++ // the system tells that something did not arrive, or the socket is broken
			continue
		}
		failures = 0
		id, a, ok := parse(b[:n])
		if !ok {
			continue
		}
		s.mu.Lock()
		w, known := s.waiting[id]
		delete(s.waiting, id)
		s.mu.Unlock()
		if !known {
			continue
		}
		if w.from != netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) && a.err == nil {
			a = answer{err: errElsewhere}
		}
		select {
		case w.tell <- a:
		default: // an answer came already, at the other socket
		}
	}
}

// await has an answer handed on. What it returns ends that.
func (s *socket) await(id [stun.TransactionIDSize]byte, w awaited) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[id] = w
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, id)
	}
}

// ask implements line.
func (s *socket) ask(ctx context.Context, q question) (reply, error) {
	request, err := q.build()
	if err != nil {
		return reply{}, err
	}
	got := make(chan answer, 1)
	here := awaited{q.source(), got}
	if there, ok := q.at.(*socket); ok && there != s {
		defer there.await(request.TransactionID, here)()
		here.from = netip.AddrPort{}
	}
	defer s.await(request.TransactionID, here)()
	for _, pause := range pauses {
		if _, err := s.conn.WriteToUDPAddrPort(request.Raw, q.to); err != nil {
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

// build writes the request. It is as long as makes no answer longer (stunserver.AttrOtherPort).
func (q question) build() (*stun.Message, error) {
	setters := []stun.Setter{stun.TransactionID, stun.BindingRequest}
	room := make([]byte, stunserver.OtherPortRoom)
	switch {
	case q.change != nothing && q.own:
		room[0] = 1
	case q.change != nothing:
		setters = append(setters, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: binary.BigEndian.AppendUint32(nil, uint32(q.change))})
	}
	if q.responsePort != 0 {
		setters = append(setters, stun.RawAttribute{Type: stun.AttrResponsePort, Value: append(binary.BigEndian.AppendUint16(nil, q.responsePort), 0, 0)})
	}
	return stun.Build(append(setters, stun.RawAttribute{Type: stunserver.AttrOtherPort, Value: room})...)
}

// local implements line. The socket itself is bound to no address, so a second one is asked.
func (s *socket) local(to netip.AddrPort) netip.AddrPort {
	conn, err := net.DialUDP(s.family, nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.AddrPort{}
	}
	defer conn.Close()
	return netip.AddrPortFrom(conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), s.port())
}

func (s *socket) port() uint16 { return uint16(s.conn.LocalAddr().(*net.UDPAddr).Port) }

// parse reads a Binding response; false means that it is none.
func parse(b []byte) (id [stun.TransactionIDSize]byte, a answer, ok bool) {
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if !stun.IsMessage(b) || m.Decode() != nil {
		return id, a, false
	}
	switch m.Type {
	case stun.BindingError:
		return m.TransactionID, answer{err: errRefused}, true
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
		return m.TransactionID, answer{err: errors.New("it does not say what it sees")}, true
	}
	if other.GetFrom(m) == nil {
		a.reply.other = addrPort(other.IP, other.Port)
	} else if p, err := m.Get(stunserver.AttrOtherPort); err == nil && len(p) == 4 {
		a.reply.own = true
		a.reply.other = netip.AddrPortFrom(netip.Addr{}, binary.BigEndian.Uint16(p)) // the address is the server's
	}
	return m.TransactionID, a, true
}

// addrPort returns an address at which somebody may be, else an invalid one.
func addrPort(ip net.IP, port int) netip.AddrPort {
	a, ok := netip.AddrFromSlice(ip)
	if a = a.Unmap(); !ok || !a.IsGlobalUnicast() && !a.IsLoopback() || port <= 0 || port > 0xffff {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(port))
}
