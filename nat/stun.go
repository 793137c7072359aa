package nat

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v3"
)

// RFC 8489, 6.2.1: "A client SHOULD retransmit a STUN request message starting with an interval of RTO ..., doubling after
// each retransmission." Its defaults are an RTO of 500 ms and 7 transmissions, which give up after 39.5 s; three of them
// and 2 s of waiting tell a household within 4 s that its UDP is blocked.
const (
	stunRTO           = 500 * time.Millisecond
	stunTransmissions = 3
)

const (
	stunHeader  = 20         // bytes, RFC 8489, 5
	magicCookie = 0x2112A442 // bytes 4 to 7 of every STUN message
	maxSTUN     = 1280       // bytes of an answer that are looked at
)

// IsSTUN tells a STUN message from a PPSPP datagram by the magic cookie. In PPSPP the byte after the channel ID is a
// message type, and none is 0x21; a keep-alive ends before it.
func IsSTUN(b []byte) bool {
	return len(b) >= stunHeader && b[0]>>6 == 0 && binary.BigEndian.Uint32(b[4:]) == magicCookie
}

var errNoAnswer = errors.New("no answer")

// transactions are the questions that wait for an answer; each is known by its random ID and the server asked. At most
// one per server is open, so MaxServers bounds them.
type transactions struct {
	mu   sync.Mutex
	open map[[stun.TransactionIDSize]byte]transaction
}

type transaction struct {
	server netip.AddrPort
	other  netip.AddrPort // from where the server is to answer, invalid for server
	answer chan<- answer  // has room for one
}

type answer struct {
	seen  netip.AddrPort
	other netip.AddrPort // where else the server listens, invalid if it does not tell (OTHER-ADDRESS: RFC 5780, 7.4)
	err   error
}

// errNotFromThere means that a server answers from its first address though it was asked not to.
var errNotFromThere = errors.New("it does not answer from another address")

// ask sends a Binding request and waits for the answer: the address that the server sees. If other is valid, the server
// is asked to answer from there.
func (s *transactions) ask(ctx context.Context, send func([]byte, netip.AddrPort) error, server, other netip.AddrPort) (answer, error) {
	setters := []stun.Setter{stun.TransactionID, stun.BindingRequest}
	if other.IsValid() {
		setters = append(setters, changeBoth)
	}
	request, err := stun.Build(setters...)
	if err != nil {
		return answer{}, fmt.Errorf("build STUN request: %w", err)
	}
	got := make(chan answer, 1)
	s.begin(request.TransactionID, transaction{server, other, got})
	defer s.end(request.TransactionID)
	wait := stunRTO
	for range stunTransmissions {
		if err := send(bytes.Clone(request.Raw), server); err != nil {
			return answer{}, fmt.Errorf("send to STUN server %s: %w", server, err)
		}
		timer := time.NewTimer(wait)
		select {
		case a := <-got:
			timer.Stop()
			return a, a.err
		case <-ctx.Done():
			timer.Stop()
			return answer{}, ctx.Err()
		case <-timer.C:
		}
		wait *= 2
	}
	return answer{}, errNoAnswer
}

func (s *transactions) begin(id [stun.TransactionIDSize]byte, t transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[[stun.TransactionIDSize]byte]transaction)
	}
	s.open[id] = t
}

func (s *transactions) end(id [stun.TransactionIDSize]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, id)
}

// handle matches a datagram with an open transaction before it looks at anything else: what nobody asked for costs a map
// look-up.
func (s *transactions) handle(b []byte, from netip.AddrPort) {
	if !IsSTUN(b) || len(b) > maxSTUN {
		return
	}
	id := [stun.TransactionIDSize]byte(b[8:stunHeader])
	s.mu.Lock()
	t, ok := s.open[id]
	s.mu.Unlock()
	if !ok || t.server != unmap(from) && (!t.other.IsValid() || t.other != unmap(from)) {
		return
	}
	a, ok := parseAnswer(b)
	if !ok {
		return
	}
	if t.other.IsValid() && t.other != unmap(from) && a.err == nil {
		a.err = errNotFromThere
	}
	select {
	case t.answer <- a:
	default: // a duplicate
	}
}

// parseAnswer reads a Binding response; false means that it is none, or damaged, and that the transaction goes on.
func parseAnswer(b []byte) (answer, bool) {
	var m stun.Message
	if err := stun.Decode(b, &m); err != nil {
		return answer{}, false
	}
	if m.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(&m) != nil {
		return answer{}, false
	}
	switch m.Type {
	case stun.BindingError:
		var code stun.ErrorCodeAttribute
		if code.GetFrom(&m) != nil {
			return answer{}, false
		}
		return answer{err: fmt.Errorf("it answered with error %d (%s)", code.Code, plain(string(code.Reason)))}, true
	case stun.BindingSuccess:
		seen, err := seenAddress(&m)
		return answer{seen, otherAddress(&m), err}, true
	}
	return answer{}, false
}

// seenAddress takes XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS of a server from before RFC 5389.
func seenAddress(m *stun.Message) (netip.AddrPort, error) {
	// RFC 8489, 6.3.3: "If the success response contains unknown comprehension-required attributes, the response is
	// discarded and the transaction is considered to have failed."
	for _, a := range m.Attributes {
		if a.Type.Required() && !a.Type.Known() {
			return netip.AddrPort{}, fmt.Errorf("its answer needs an extension that is not known here (attribute %#04x)", uint16(a.Type))
		}
	}
	var xored stun.XORMappedAddress
	var bare stun.MappedAddress
	var ip []byte
	var port int
	switch {
	case addressLength(m, stun.AttrXORMappedAddress) && xored.GetFrom(m) == nil:
		ip, port = xored.IP, xored.Port
	case addressLength(m, stun.AttrMappedAddress) && bare.GetFrom(m) == nil:
		ip, port = bare.IP, bare.Port
	default:
		return netip.AddrPort{}, errors.New("its answer has no address")
	}
	a, ok := netip.AddrFromSlice(ip)
	a = a.Unmap()
	if !ok || port <= 0 || port > 0xffff || a.IsUnspecified() || a.IsMulticast() || a == broadcast {
		return netip.AddrPort{}, errors.New("its answer has an address that cannot be ours")
	}
	return netip.AddrPortFrom(a, uint16(port)), nil
}

// otherAddress takes OTHER-ADDRESS, if there is one that makes sense.
func otherAddress(m *stun.Message) netip.AddrPort {
	var o stun.OtherAddress
	if !addressLength(m, stun.AttrOtherAddress) || o.GetFrom(m) != nil {
		return netip.AddrPort{}
	}
	a, ok := netip.AddrFromSlice(o.IP)
	if a = a.Unmap(); !ok || o.Port <= 0 || o.Port > 0xffff || a.IsUnspecified() || a.IsMulticast() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(o.Port))
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// addressLength holds for the exact lengths of an IPv4 and an IPv6 address attribute (RFC 8489, 14.1): the library fills
// a shorter address with zeros.
func addressLength(m *stun.Message, t stun.AttrType) bool {
	v, err := m.Get(t)
	return err == nil && (len(v) == 8 && v[1] == 1 || len(v) == 20 && v[1] == 2)
}

// unmap gives addresses from a dual-stack socket the form that they have elsewhere.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
