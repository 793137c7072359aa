package stunserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v3"
)

// AttrProof is an attribute of ours, which others skip (RFC 8489, 14: "comprehension-optional").
// In a response it holds a proof: who has it gets datagrams that are sent to the address seen. In
// a request it asks for one, and is as long as makes the response no longer than the request.
const AttrProof stun.AttrType = 0xC5B0

// Bounds of proofs.
const (
	maxProof  = 32            // bytes
	proofRoom = maxProof + 32 // bytes of the attribute in a request
	maxAsking = 64            // questions of a Prover that wait for an answer
)

// prove adds a proof to the response, if the request asks for one and is long enough.
func (s *Server) prove(request *stun.Message, from netip.AddrPort) []stun.Setter {
	if s.Prove == nil {
		return nil
	}
	if room, err := request.Get(AttrProof); err != nil || len(room) < proofRoom {
		return nil
	}
	p := s.Prove(from)
	if len(p) > maxProof {
		return nil
	}
	return []stun.Setter{stun.RawAttribute{Type: AttrProof, Value: p}}
}

// Prover gets proofs from servers. Send has to be set; its methods may be called from any goroutine.
type Prover struct {
	// Send sends a datagram from the socket whose address is to be proven.
	Send func(b []byte, to netip.AddrPort) error

	mu   sync.Mutex
	open map[[stun.TransactionIDSize]byte]question
}

type question struct {
	server netip.AddrPort
	answer chan<- proven // has room for one
}

type proven struct {
	at    netip.AddrPort
	proof []byte
}

// RFC 8489, 6.2.1: "starting with an interval of RTO ..., doubling after each retransmission".
const (
	rto           = 500 * time.Millisecond
	transmissions = 4
)

// Errors of Prove.
var (
	ErrNoAnswer  = errors.New("no answer: is its UDP port open, and ours?")
	errNoProof   = errors.New("it answers STUN without a proof")
	errQuestions = errors.New("too many questions are open")
)

// Prove asks a server for a proof, which is returned with the address that it is about.
func (p *Prover) Prove(ctx context.Context, server netip.AddrPort) (at netip.AddrPort, proof []byte, err error) {
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.RawAttribute{Type: AttrProof, Value: make([]byte, proofRoom)})
	if err != nil {
		return at, nil, fmt.Errorf("build STUN request: %w", err)
	}
	got := make(chan proven, 1)
	if !p.begin(request.TransactionID, question{server, got}) {
		return at, nil, errQuestions
	}
	defer p.end(request.TransactionID)
	for wait, n := rto, 0; n < transmissions; wait, n = 2*wait, n+1 {
		if err := p.Send(bytes.Clone(request.Raw), server); err != nil {
			return at, nil, fmt.Errorf("send to STUN server %s: %w", server, err)
		}
		timer := time.NewTimer(wait)
		select {
		case a := <-got:
			timer.Stop()
			if len(a.proof) == 0 {
				return at, nil, fmt.Errorf("STUN server %s: %w", server, errNoProof)
			}
			return a.at, a.proof, nil
		case <-ctx.Done():
			timer.Stop()
			return at, nil, ctx.Err()
		case <-timer.C:
		}
	}
	return at, nil, fmt.Errorf("STUN server %s: %w", server, ErrNoAnswer)
}

func (p *Prover) begin(id [stun.TransactionIDSize]byte, q question) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) >= maxAsking {
		return false
	}
	if p.open == nil {
		p.open = map[[stun.TransactionIDSize]byte]question{}
	}
	p.open[id] = q
	return true
}

func (p *Prover) end(id [stun.TransactionIDSize]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, id)
}

// Handle takes a datagram that the socket got, and tells whether it was the answer to a question.
func (p *Prover) Handle(b []byte, from netip.AddrPort) bool {
	const header = 20
	if len(b) < header || len(b) > maxRequest {
		return false
	}
	p.mu.Lock()
	q, ok := p.open[[stun.TransactionIDSize]byte(b[8:header])]
	p.mu.Unlock()
	if !ok || q.server != netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) {
		return false
	}
	m := &stun.Message{Raw: bytes.Clone(b)}
	if !stun.IsMessage(b) || m.Decode() != nil || m.Type != stun.BindingSuccess {
		return false
	}
	var seen stun.XORMappedAddress
	if seen.GetFrom(m) != nil {
		return false
	}
	ip, _ := netip.AddrFromSlice(seen.IP)
	a := proven{at: netip.AddrPortFrom(ip.Unmap(), uint16(seen.Port))}
	if proof, err := m.Get(AttrProof); err == nil && len(proof) <= maxProof {
		a.proof = bytes.Clone(proof)
	}
	select {
	case q.answer <- a:
	default: // a duplicate
	}
	return true
}
