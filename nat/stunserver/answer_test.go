package stunserver

import (
	"encoding/binary"
	"testing"

	"github.com/pion/stun/v3"
)

// listening returns a server that does not run.
func listening(t testing.TB, addresses ...string) *Server {
	t.Helper()
	s, err := Listen(addresses[0], addresses[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func read(t *testing.T, out outgoing) *stun.Message {
	t.Helper()
	m := &stun.Message{Raw: out.b}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	return m
}

func changeRequest(flags byte) stun.Setter {
	return stun.RawAttribute{Type: stun.AttrChangeRequest, Value: []byte{0, 0, 0, flags}}
}

// Table 1 of RFC 5780: from where the answer comes, and what it tells of the other address.
func TestTwoAddresses(t *testing.T) {
	s := listening(t, "127.0.0.1:0", "127.0.0.2:0")
	for here := range s.places() {
		for flags, via := range map[byte]place{
			0: here, changeIP: {1 - here.address, here.port}, changePort: {here.address, 1 - here.port},
			changeIP | changePort: {1 - here.address, 1 - here.port},
		} {
			out := s.answer(request(t, changeRequest(flags)), peer, here)
			m := read(t, out)
			var seen stun.XORMappedAddress
			var bare stun.MappedAddress
			var origin stun.ResponseOrigin
			var other stun.OtherAddress
			if seen.GetFrom(m) != nil || bare.GetFrom(m) != nil || origin.GetFrom(m) != nil || other.GetFrom(m) != nil {
				t.Fatalf("something is missing: %v", m)
			}
			from, ca := s.at(via), s.at(place{1 - here.address, 1 - here.port})
			if out.via != via || out.to != peer || origin.Port != int(from.Port()) || origin.IP.String() != from.Addr().String() ||
				other.Port != int(ca.Port()) || other.IP.String() != ca.Addr().String() || bare.Port != int(peer.Port()) {
				t.Errorf("to %v with flags %d: by %v, RESPONSE-ORIGIN %v, OTHER-ADDRESS %v", here, flags, out.via, origin, other)
			}
		}
	}
}

// RFC 5780, 6: a server with one address "MUST NOT include an OTHER-ADDRESS attribute in any Response and MUST respond with
// a 420 (Unknown Attribute) to any Request with a CHANGE-REQUEST attribute".
func TestOneAddress(t *testing.T) {
	s := listening(t, "127.0.0.1:0")
	for flags := range byte(8) {
		m := read(t, s.answer(request(t, changeRequest(flags)), peer, place{}))
		var code stun.ErrorCodeAttribute
		if m.Type != stun.BindingError || code.GetFrom(m) != nil || code.Code != stun.CodeUnknownAttribute {
			t.Errorf("flags %d: %v", flags, m)
		}
	}
	for here := range s.places() {
		if m := read(t, s.answer(request(t), peer, here)); m.Contains(stun.AttrOtherAddress) || len(m.Raw) != 40 {
			t.Errorf("%d bytes: %v", len(m.Raw), m)
		}
		there := place{0, 1 - here.port}
		for first, via := range []place{here, there} { // the first byte of the attribute
			room := make([]byte, OtherPortRoom)
			room[0] = byte(first)
			out := s.answer(request(t, stun.RawAttribute{Type: AttrOtherPort, Value: room}), peer, here)
			p, err := read(t, out).Get(AttrOtherPort)
			if err != nil || len(p) != 4 || binary.BigEndian.Uint16(p) != s.at(there).Port() || out.via != via {
				t.Errorf("by %v, other port %v, %v", out.via, p, err)
			}
		}
	}
}

// An answer goes to another port of who asks, if it is no longer than the question and no service is there.
func TestResponsePort(t *testing.T) {
	room := stun.RawAttribute{Type: AttrOtherPort, Value: make([]byte, OtherPortRoom)}
	for _, s := range []*Server{listening(t, "127.0.0.1:0"), listening(t, "127.0.0.1:0", "127.0.0.2:0")} {
		for _, c := range []struct {
			what    string
			setters []stun.Setter
			port    uint16
			refused bool
		}{
			{"with room", []stun.Setter{room}, 40001, false},
			{"without", nil, 40001, true},
			{"a service", []stun.Setter{room}, 53, true},
			// RFC 5780, 7.5: "The server MUST NOT process a request containing a RESPONSE-PORT and a PADDING attribute."
			{"with padding", []stun.Setter{stun.RawAttribute{Type: stun.AttrPadding, Value: make([]byte, 200)}}, 40001, true},
		} {
			attribute := stun.RawAttribute{Type: stun.AttrResponsePort, Value: append(binary.BigEndian.AppendUint16(nil, c.port), 0, 0)}
			b := request(t, append(c.setters, attribute)...)
			out := s.answer(b, peer, place{})
			m := read(t, out)
			if (m.Type == stun.BindingError) != c.refused || out.to.Addr() != peer.Addr() || !c.refused && (out.to.Port() != c.port || len(out.b) > len(b)) {
				t.Errorf("%s: %v to %v", c.what, m, out.to)
			}
		}
	}
}

// An answer has padding where the question has, and is no longer.
func TestPadding(t *testing.T) {
	for _, s := range []*Server{listening(t, "127.0.0.1:0"), listening(t, "127.0.0.1:0", "127.0.0.2:0")} {
		for _, size := range []int{100, 101, 500} {
			b := request(t, stun.RawAttribute{Type: stun.AttrPadding, Value: make([]byte, size)})
			m := read(t, s.answer(b, peer, place{}))
			if p, err := m.Get(stun.AttrPadding); err != nil || len(p) == 0 || len(m.Raw) > len(b) {
				t.Errorf("%d bytes of padding for %d: %d bytes for %d, %v", len(p), size, len(m.Raw), len(b), err)
			}
		}
	}
}
