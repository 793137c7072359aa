package stunserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// asker is a socket with a Prover.
type asker struct {
	Prover
	conn *net.UDPConn
	read sync.WaitGroup
}

func newAsker(t *testing.T) *asker {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	a := &asker{conn: c}
	a.Send = func(b []byte, to netip.AddrPort) error {
		_, err := c.WriteToUDPAddrPort(b, to)
		return err
	}
	a.read.Go(func() {
		b := make([]byte, 2000)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			a.Handle(b[:n], from)
		}
	})
	t.Cleanup(func() {
		_ = c.Close()
		a.read.Wait()
	})
	return a
}

// serving runs a server with proofs until the test ends.
func serving(t *testing.T, prove func(netip.AddrPort) []byte, address ...string) *Server {
	t.Helper()
	s, err := Listen(append(address, "127.0.0.1:0")[0])
	if err != nil {
		t.Fatal(err)
	}
	s.Prove = prove
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// Who asks gets a proof for the address that the server sees, by both ports.
func TestProve(t *testing.T) {
	s := serving(t, func(from netip.AddrPort) []byte { return append([]byte("for "), from.String()...) })
	a := newAsker(t)
	want := a.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	for port := range uint16(2) {
		at, proof, err := a.Prove(t.Context(), netip.AddrPortFrom(s.Addr().Addr(), s.Addr().Port()+port))
		if err != nil || at != want || string(proof) != "for "+want.String() {
			t.Errorf("port %d: %v, %q, %v", port, at, proof, err)
		}
	}
	if len(a.open) != 0 {
		t.Error("a question that was answered is still open")
	}
}

// A server that makes none is no server for this, and one that is silent is given up.
func TestNoProof(t *testing.T) {
	a := newAsker(t)
	for name, prove := range map[string]func(netip.AddrPort) []byte{
		"none": nil, "too long": func(netip.AddrPort) []byte { return make([]byte, maxProof+1) },
	} {
		if _, _, err := a.Prove(t.Context(), serving(t, prove).Addr()); !errors.Is(err, errNoProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	silent := newAsker(t).conn.LocalAddr().(*net.UDPAddr).AddrPort()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := a.Prove(ctx, silent); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent server: %v", err)
	}
	lost := Prover{Send: func([]byte, netip.AddrPort) error { return net.ErrClosed }}
	if _, _, err := lost.Prove(t.Context(), silent); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed socket: %v", err)
	}
}

// A response with a proof is never longer than its request: who writes another one's address as his
// own does not have more sent there than he sends.
func TestProofsAmplifyNothing(t *testing.T) {
	s := &Server{Prove: func(netip.AddrPort) []byte { return bytes.Repeat([]byte{1}, maxProof) }}
	for _, from := range []netip.AddrPort{peer, netip.MustParseAddrPort("[2001:db8::1]:40000")} {
		for room := range proofRoom + 40 {
			b := request(t, stun.RawAttribute{Type: AttrProof, Value: make([]byte, room)})
			out := &stun.Message{Raw: s.answer(b, from, place{}).b}
			if err := out.Decode(); err != nil {
				t.Fatal(err)
			}
			if got := out.Contains(AttrProof); got != (room >= proofRoom) || got && len(out.Raw) > len(b) {
				t.Errorf("%v, a request of %d bytes with room for %d: %d bytes, proof %v", from, len(b), room, len(out.Raw), got)
			}
		}
	}
}

// A proof goes to the very address that it is about. Were it sent to another port, who shares an address with somebody
// would get it for a question in that one's name.
func TestNoProofForAnotherPort(t *testing.T) {
	s := &Server{Prove: func(netip.AddrPort) []byte { return bytes.Repeat([]byte{1}, maxProof) }}
	room := stun.RawAttribute{Type: AttrProof, Value: make([]byte, proofRoom+40)}
	for port, proven := range map[uint16]bool{0: true, 40001: false} {
		setters := []stun.Setter{room}
		if port > 0 {
			setters = append(setters, stun.RawAttribute{Type: stun.AttrResponsePort, Value: append(binary.BigEndian.AppendUint16(nil, port), 0, 0)})
		}
		out := s.answer(request(t, setters...), peer, place{})
		if m := read(t, out); m.Type != stun.BindingSuccess || m.Contains(AttrProof) != proven || port > 0 && out.to.Port() != port {
			t.Errorf("to port %d: %v to %v, with a proof: %v", port, m, out.to, m.Contains(AttrProof))
		}
	}
}

// Whatever comes from the network is no answer, but the answer.
func FuzzHandle(f *testing.F) {
	server := netip.MustParseAddrPort("192.0.2.1:3478")
	good, err := stun.Build(stun.NewTransactionIDSetter([12]byte{1}), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: net.IPv4(192, 0, 2, 7), Port: 7}, stun.RawAttribute{Type: AttrProof, Value: []byte("proof")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Raw, true)
	f.Add(good.Raw, false)
	f.Add(good.Raw[:40], true)
	f.Fuzz(func(t *testing.T, b []byte, fromServer bool) {
		p, got, from := &Prover{}, make(chan proven, 1), server
		p.begin([12]byte{1}, question{server, got})
		if !fromServer {
			from = peer
		}
		took := p.Handle(b, from)
		if took && (!fromServer || len(got) != 1) {
			t.Error("taken from another one, or not handed on")
		}
		if bytes.Equal(b, good.Raw) && took != fromServer {
			t.Error("the answer is not taken")
		}
	})
}
