package stunserver

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/pion/stun/v3"
)

// AttrOtherPort is an attribute of ours, which others skip (RFC 8489, 14: "comprehension-optional"): what a server
// with one address can do of RFC 5780. In a response it holds in two bytes, before two of zero, the other port at which
// the same address listens. In a request it has at least OtherPortRoom bytes; if the first of them is 1, the answer comes
// from the other port.
const AttrOtherPort stun.AttrType = 0xC5B1

// OtherPortRoom is how many bytes AttrOtherPort has in a request: they make it as long as any answer to it, over IPv6, too.
const OtherPortRoom = 96

// minResponsePort bounds RESPONSE-PORT: below it are services that might answer the answer.
const minResponsePort = 1024

// The flags of CHANGE-REQUEST (RFC 5780, 7.2).
const (
	changeIP   = 4
	changePort = 2
)

// outgoing is an answer, with the socket by which it leaves and where it goes to.
type outgoing struct {
	b   []byte
	via place
	to  netip.AddrPort
}

// answer returns the response to a Binding request that came to a socket, an empty one to anything else: RFC 8489, 6.3:
// "the agent ... silently discards it".
func (s *Server) answer(b []byte, from netip.AddrPort, here place) outgoing {
	request := &stun.Message{Raw: slices.Clone(b)}
	if !stun.IsMessage(b) || request.Decode() != nil || request.Type != stun.BindingRequest {
		return outgoing{}
	}
	if request.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(request) != nil {
		return outgoing{}
	}
	if unknown := s.unknown(request); len(unknown) > 0 { // RFC 8489, 6.3.1: "error code 420 ... MUST include an UNKNOWN-ATTRIBUTES"
		return outgoing{build(request, stun.BindingError, stun.CodeUnknownAttribute, unknown), here, from}
	}
	if request.Contains(stun.AttrPadding) && request.Contains(stun.AttrResponsePort) { // RFC 5780, 6.1: "an error response of type 400"
		return outgoing{build(request, stun.BindingError, stun.CodeBadRequest), here, from}
	}
	out := outgoing{via: s.source(request, here), to: from}
	setters := []stun.Setter{stun.BindingSuccess, &stun.XORMappedAddress{IP: from.Addr().WithZone("").AsSlice(), Port: int(from.Port())}}
	if s.second() {
		setters = append(setters, s.behaviour(from, here, out.via)...)
	}
	if !request.Contains(stun.AttrResponsePort) { // the proof is about the address that asks, and has to go there
		setters = append(setters, s.prove(request, from)...)
	}
	if p, _ := request.Get(AttrOtherPort); len(p) >= OtherPortRoom && !s.second() {
		other := s.at(place{here.address, 1 - here.port})
		setters = append(setters, stun.RawAttribute{Type: AttrOtherPort, Value: append(binary.BigEndian.AppendUint16(nil, other.Port()), 0, 0)})
	}
	out.b = build(request, setters...)
	if request.Contains(stun.AttrPadding) {
		out.b = pad(request, out.b, setters)
	}
	if p, err := request.Get(stun.AttrResponsePort); err == nil { // RFC 5780, 7.5
		if len(p) != 4 || binary.BigEndian.Uint16(p) < minResponsePort || len(out.b) > len(b) {
			return outgoing{build(request, stun.BindingError, stun.CodeBadRequest), here, from}
		}
		out.to = netip.AddrPortFrom(from.Addr(), binary.BigEndian.Uint16(p))
	}
	return out
}

// unknown are the attributes that a request has understood and this server does not understand.
func (s *Server) unknown(request *stun.Message) (list stun.UnknownAttributes) {
	for _, a := range request.Attributes {
		switch a.Type {
		case stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrPriority, stun.AttrPadding, stun.AttrResponsePort:
			continue
		case stun.AttrChangeRequest:
			if s.second() { // RFC 5780, 6: else it "MUST respond with a 420"
				continue
			}
		}
		if a.Type.Required() {
			list = append(list, a.Type)
		}
	}
	return list
}

// second tells whether there is a second address.
func (s *Server) second() bool { return s.conns[1][0] != nil }

// source is the socket by which the answer leaves (RFC 5780, Table 1).
func (s *Server) source(request *stun.Message, here place) place {
	there := here
	if p, err := request.Get(stun.AttrChangeRequest); err == nil && len(p) == 4 {
		if p[3]&changeIP != 0 {
			there.address = 1 - here.address
		}
		if p[3]&changePort != 0 {
			there.port = 1 - here.port
		}
	}
	if p, _ := request.Get(AttrOtherPort); len(p) >= OtherPortRoom && p[0] == 1 && !s.second() {
		there.port = 1 - here.port
	}
	return there
}

// behaviour is what RFC 5780, 6.1, adds to an answer of a server with two addresses.
func (s *Server) behaviour(from netip.AddrPort, here, via place) []stun.Setter {
	origin, other := s.at(via), s.at(place{1 - here.address, 1 - here.port})
	return []stun.Setter{
		&stun.MappedAddress{IP: from.Addr().WithZone("").AsSlice(), Port: int(from.Port())},
		&stun.ResponseOrigin{IP: origin.Addr().AsSlice(), Port: int(origin.Port())},
		&stun.OtherAddress{IP: other.Addr().AsSlice(), Port: int(other.Port())},
	}
}

// pad adds PADDING to an answer (RFC 5780, 6.1), as much as makes it no longer than the request: who wants to know
// whether fragments pass asks in fragments.
func pad(request *stun.Message, answer []byte, setters []stun.Setter) []byte {
	const header = 4
	room := (len(request.Raw) - len(answer) - header) &^ 3
	if room < 0 {
		return answer
	}
	return build(request, append(setters, stun.RawAttribute{Type: stun.AttrPadding, Value: make([]byte, room)})...)
}

// build writes a response to a request; nil if it can't be.
func build(request *stun.Message, setters ...stun.Setter) []byte {
	response, err := stun.Build(slices.Concat([]stun.Setter{stun.NewTransactionIDSetter(request.TransactionID)}, setters, []stun.Setter{stun.Fingerprint})...)
	if err != nil {
		return nil
	}
	return response.Raw
}
