package stunserver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var peer = netip.MustParseAddrPort("192.0.2.7:40000")

func request(t testing.TB, setters ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, setters...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// A peer is told its address as it is seen, by both ports.
func TestBinding(t *testing.T) {
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for port := range uint16(2) {
		server := netip.AddrPortFrom(s.Addr().Addr(), s.Addr().Port()+port)
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
		if err != nil {
			t.Fatal(err)
		}
		b := request(t, stun.Fingerprint)
		for _, bad := range [][]byte{{}, b[:10], make([]byte, maxRequest+1), b} { // only the last is answered
			if _, err := c.Write(bad); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 1500)
		n, err := c.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		m := &stun.Message{Raw: buffer[:n]}
		var seen stun.XORMappedAddress
		if err := m.Decode(); err != nil || m.Type != stun.BindingSuccess || seen.GetFrom(m) != nil {
			t.Fatalf("%v, %v", m, err)
		}
		if own := c.LocalAddr().(*net.UDPAddr); !seen.IP.Equal(own.IP) || seen.Port != own.Port {
			t.Errorf("told %v, but it is %v", seen, own)
		}
		if string(m.TransactionID[:]) != string(b[8:20]) || stun.Fingerprint.Check(m) != nil {
			t.Error("another transaction, or a wrong fingerprint")
		}
		_ = c.Close()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestAnswer(t *testing.T) {
	good := request(t)
	unknown := request(t, stun.RawAttribute{Type: 0x0003, Value: []byte{0, 0, 0, 6}}) // CHANGE-REQUEST, RFC 5780
	fingerprint := request(t, stun.Fingerprint)
	broken := slices.Clone(fingerprint)
	broken[len(broken)-1] ^= 1
	response := (&Server{}).answer(good, peer, place{}).b
	for _, c := range []struct {
		what string
		b    []byte
		want stun.MessageType
	}{
		{"a request", good, stun.BindingSuccess},
		{"with fingerprint", fingerprint, stun.BindingSuccess},
		{"with a wrong one", broken, stun.MessageType{}},
		// RFC 8489, 6.3.1: "the server MUST reply with an error response with an error code of 420"
		{"an attribute that must be understood", unknown, stun.BindingError},
		{"a response: no two servers talk to each other for ever", response, stun.MessageType{}},
		{"nothing", nil, stun.MessageType{}},
		{"noise", []byte("hello, is this a server of some kind?"), stun.MessageType{}},
	} {
		out := (&Server{}).answer(c.b, peer, place{}).b
		if out == nil {
			if c.want != (stun.MessageType{}) {
				t.Errorf("%s: no answer", c.what)
			}
			continue
		}
		m := &stun.Message{Raw: out}
		if err := m.Decode(); err != nil || m.Type != c.want {
			t.Errorf("%s: %v, %v", c.what, m.Type, err)
		}
		// What is sent to an address that somebody else wrote is not worth it.
		if len(out) > 4*len(c.b) {
			t.Errorf("%s: %d bytes for %d", c.what, len(out), len(c.b))
		}
	}
}

func TestRate(t *testing.T) {
	s := &Server{until: map[netip.Prefix]time.Time{}}
	now := time.Unix(1_700_000_000, 0)
	n := 0
	for s.may(peer.Addr(), now) {
		n++
	}
	if n != atOnce+1 || !s.may(netip.MustParseAddr("2001:db8::1"), now) || !s.may(peer.Addr(), now.Add(time.Minute)) {
		t.Errorf("%d answers at once", n)
	}
	for i := range maxRemembered + 100 {
		s.may(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), now)
		s.may(netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)}), now)
	}
	if len(s.until) > maxRemembered {
		t.Errorf("%d addresses are remembered", len(s.until))
	}
}

// A socket that fails again and again ends the server; it does not spin.
func TestSocketThatIsBroken(t *testing.T) {
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.conns[0][1].SetReadDeadline(time.Unix(1, 0)); err != nil { // each reading fails from now on
		t.Fatal(err)
	}
	began := time.Now()
	if err := s.Run(t.Context()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("it spun: over after %v", took)
	}
}

func TestListenWhereItCant(t *testing.T) {
	for _, addresses := range [][]string{
		{"x"},
		{"127.0.0.1:65535"},
		{"192.0.2.1:3478"},
		{"127.0.0.1:0", "x"},
		{"127.0.0.1:0", "127.0.0.1:0"},
		{"127.0.0.1:0", "127.0.0.2:9"},
		{"127.0.0.1:0", "[::1]:0"},
		{"127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"},
		{":0", "127.0.0.2:0"},
	} {
		if s, err := Listen(addresses[0], addresses[1:]...); err == nil {
			t.Errorf("%s: no error", addresses)
			_ = s.Close()
		}
	}
}

// FuzzAnswer holds that answers are of a size that is no weapon, and go to who asks.
func FuzzAnswer(f *testing.F) {
	room := stun.RawAttribute{Type: AttrOtherPort, Value: make([]byte, OtherPortRoom)}
	f.Add(request(f), false)
	f.Add(request(f, stun.Fingerprint), true)
	f.Add(request(f, stun.NewUsername("a"), stun.RawAttribute{Type: 0x7000, Value: []byte{1}}), false)
	f.Add(request(f, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: []byte{0, 0, 0, 6}}), true)
	f.Add(request(f, stun.RawAttribute{Type: stun.AttrResponsePort, Value: []byte{0x9c, 0x40, 0, 0}}, room), true)
	f.Add(request(f, stun.RawAttribute{Type: stun.AttrPadding, Value: make([]byte, 300)}), false)
	one, two := listening(f, "127.0.0.1:0"), listening(f, "127.0.0.1:0", "127.0.0.2:0")
	f.Fuzz(func(t *testing.T, b []byte, second bool) {
		s := one
		if second {
			s = two
		}
		out := s.answer(b, peer, place{})
		if len(out.b) > 120+2*len(b) {
			t.Fatalf("%d bytes for %d", len(out.b), len(b))
		}
		if out.b != nil && (out.to.Addr() != peer.Addr() || out.to != peer && len(out.b) > len(b)) {
			t.Fatalf("%d bytes for %d go to %v", len(out.b), len(b), out.to)
		}
	})
}
