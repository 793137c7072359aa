package nat

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// controlServer answers NAT-PMP and PCP on loopback like a router with one port to give.
type controlServer struct {
	conn *net.UDPConn

	mu       sync.Mutex
	requests [][]byte
	epoch    uint32
	code     byte
	give     uint16 // the port that is mapped whatever is wanted; 0: the wanted one
	lifetime uint32
	junk     [][]byte // is sent before each answer
	deaf     int      // requests that get lost
}

func newControlServer(t *testing.T) *controlServer {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &controlServer{conn: conn, epoch: 1000, lifetime: 3600}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			for _, answer := range s.answers(bytes.Clone(b[:n])) {
				_, _ = conn.WriteToUDPAddrPort(answer, from)
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return s
}

func (s *controlServer) answers(request []byte) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request)
	if s.deaf > 0 {
		s.deaf--
		return nil
	}
	answer := s.pcp
	if request[0] == pmpVersion {
		answer = s.pmp
	}
	return append(s.junk[:len(s.junk):len(s.junk)], answer(request))
}

func (s *controlServer) port(wanted uint16) uint16 {
	if s.give != 0 {
		return s.give
	}
	return wanted
}

func (s *controlServer) pmp(r []byte) []byte {
	b := []byte{0, r[1] + 128, 0, s.code}
	b = binary.BigEndian.AppendUint32(b, s.epoch)
	if r[1] == pmpAddress {
		return append(b, 203, 0, 113, 11)
	}
	b = append(b, r[4:6]...)
	b = binary.BigEndian.AppendUint16(b, s.port(binary.BigEndian.Uint16(r[6:])))
	return binary.BigEndian.AppendUint32(b, s.lifetime)
}

func (s *controlServer) pcp(r []byte) []byte {
	b := []byte{2, r[1] | 128, 0, s.code}
	b = binary.BigEndian.AppendUint32(b, s.lifetime)
	b = binary.BigEndian.AppendUint32(b, s.epoch)
	b = append(b, make([]byte, 12)...)
	if r[1] == pcpAnnounce {
		return b
	}
	b = append(b, r[24:42]...)
	b = binary.BigEndian.AppendUint16(b, s.port(binary.BigEndian.Uint16(r[42:])))
	a := netip.MustParseAddr("203.0.113.11").As16()
	return append(b, a[:]...)
}

func (s *controlServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// eachDialect runs a test by both protocols.
func eachDialect(t *testing.T, f func(t *testing.T, s *controlServer, g *portGateway)) {
	t.Helper()
	for _, d := range []dialect{natPMP{}, newPCP()} {
		t.Run(d.title(), func(t *testing.T) {
			s := newControlServer(t)
			f(t, s, &portGateway{dialect: d, router: s.conn.LocalAddr().(*net.UDPAddr).AddrPort(), self: netip.MustParseAddr("127.0.0.1")})
		})
	}
}

func TestPortControlRequests(t *testing.T) {
	own := netip.MustParseAddr("192.168.11.11")
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		// RFC 6886, 3.2 and 3.3.
		"NAT-PMP address": {natPMP{}.probe(own), "0000"},
		"NAT-PMP map":     {natPMP{}.mapping(own, 6881, 20000, 3600), "00010000" + "1ae14e20" + "00000e10"},
		"NAT-PMP remove":  {natPMP{}.mapping(own, 6881, 0, 0), "00010000" + "1ae10000" + "00000000"},
		// RFC 6887, 7.1, 11.1 and 14.1.
		"PCP announce": {pcp{}.probe(own), "02000000" + "00000000" + "00000000000000000000ffffc0a80b0b"},
		"PCP map": {
			pcp{[12]byte{1, 2, 3}}.mapping(own, 6881, 20000, 3600),
			"02010000" + "00000e10" + "00000000000000000000ffffc0a80b0b" + "010203000000000000000000" + "11000000" + "1ae14e20" +
				"00000000000000000000ffff00000000",
		},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestPortControl(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *controlServer, g *portGateway) {
		ctx := t.Context()
		s.set(func() { s.deaf = 1 }) // the first request gets lost
		if _, err := g.lookup(ctx, 6881); codeOf(err) != codeNoSuchEntry {
			t.Errorf("before: %v", err)
		}
		s.set(func() { s.lifetime = 120 })
		if err := g.add(ctx, 6881, 6881, 3600); err != nil {
			t.Fatal(err)
		}
		if a, err := g.externalIP(ctx); err != nil || a != netip.MustParseAddr("203.0.113.11") {
			t.Errorf("external address %s, %v", a, err)
		}
		if g.granted() != 2*time.Minute {
			t.Errorf("granted %v, want 2 min", g.granted())
		}
		if a, err := g.lookup(ctx, 6881); err != nil || a != netip.MustParseAddrPort("127.0.0.1:6881") {
			t.Errorf("it belongs to %s, %v", a, err)
		}
		if err := g.remove(ctx, 6881); err != nil {
			t.Error(err)
		}
		if _, err := g.lookup(ctx, 6881); codeOf(err) != codeNoSuchEntry {
			t.Errorf("after: %v", err)
		}
	})
}

// RFC 6886, 3.6 and RFC 6887, 8.5: a gateway whose epoch is younger than it should be has lost what was mapped.
func TestPortControlEpoch(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *controlServer, g *portGateway) {
		if err := g.add(t.Context(), 6881, 6881, 3600); err != nil {
			t.Fatal(err)
		}
		s.set(func() { s.epoch-- }) // clocks differ
		if _, err := g.lookup(t.Context(), 6881); err != nil {
			t.Errorf("a clock that is a second late: %v", err)
		}
		s.set(func() { s.epoch = 1 })
		if _, err := g.lookup(t.Context(), 6881); codeOf(err) != codeNoSuchEntry {
			t.Errorf("after a restart: %v", err)
		}
	})
}

func TestPortControlRefusals(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *controlServer, g *portGateway) {
		for code, want := range map[byte]int{1: codeFailed, 2: codeNotAuthorized, 4: codeNoRoom, 99: 0} {
			s.set(func() { s.code = code })
			if err := g.add(t.Context(), 6881, 6881, 3600); err == nil || codeOf(err) != want {
				t.Errorf("result %d: %v, want the code %d", code, err, want)
			}
		}
		s.set(func() { s.code, s.give = 0, 7000 })
		if err := g.add(t.Context(), 6881, 6881, 3600); codeOf(err) != codeConflict {
			t.Errorf("another port: %v", err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if last := s.requests[len(s.requests)-1]; !bytes.Equal(last, g.dialect.mapping(g.self, 6881, 0, 0)) {
			t.Errorf("another port is not given back: %x", last)
		}
	})
}

// Answers to something else are none.
func TestPortControlJunk(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *controlServer, g *portGateway) {
		good := s.pcp(newPCP().mapping(g.self, 6881, 6881, 0)) // another's nonce
		s.set(func() {
			s.junk = [][]byte{{}, {0}, {2, 129}, make([]byte, 1500), {0, 129, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0}, good}
		})
		if err := g.add(t.Context(), 6881, 6881, 3600); err != nil || g.external != 6881 {
			t.Errorf("external %d, %v", g.external, err)
		}
	})
}

// Nobody listens, or nobody answers: it ends soon.
func TestPortControlSilence(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *controlServer, g *portGateway) {
		s.set(func() { s.deaf = 100 })
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := g.ask(ctx, g.dialect.probe(g.self)); err == nil {
			t.Error("an answer that nobody gave")
		}
		_ = s.conn.Close()
		if _, err := g.ask(t.Context(), g.dialect.probe(g.self)); err == nil {
			t.Error("an answer that nobody gave")
		}
	})
}

// FuzzPortControl lets a gateway say anything: what is taken fits the request and its bounds.
func FuzzPortControl(f *testing.F) {
	own := netip.MustParseAddr("192.168.11.11")
	s := &controlServer{epoch: 7, lifetime: 60}
	p := pcp{[12]byte{1}}
	f.Add(s.pmp(natPMP{}.probe(own)))
	f.Add(s.pmp(natPMP{}.mapping(own, 6881, 6881, 60)))
	f.Add(s.pcp(p.probe(own)))
	f.Add(s.pcp(p.mapping(own, 6881, 6881, 60)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, d := range []dialect{natPMP{}, p} {
			for _, request := range [][]byte{d.probe(own), d.mapping(own, 6881, 6881, 60)} {
				a, ok := d.parse(b, request)
				if !ok {
					if a.port != 0 || a.lifetime != 0 {
						t.Errorf("%s: %+v of an answer that is none", d.title(), a)
					}
					continue
				}
				if b[0] != request[0] || b[1] != request[1]|128 || a.external.IsValid() && a.external.IsUnspecified() || a.code != 0 && d.title() == "NAT-PMP" && a.port != 0 {
					t.Errorf("%s: %x gives %+v", d.title(), b, a)
				}
			}
		}
	})
}
