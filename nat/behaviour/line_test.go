package behaviour

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/swarmgate/swarmgate/nat/stunserver"
)

// stubborn is a STUN server on this machine that says that it has another address, and answers from that or from its own
// whatever it is asked for.
func stubborn(t *testing.T, other netip.AddrPort, elsewhere bool) netip.AddrPort {
	t.Helper()
	var conns [2]*net.UDPConn
	for i := range conns {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = c
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		b := make([]byte, 1500)
		for {
			n, from, err := conns[0].ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			m := &stun.Message{Raw: b[:n]}
			if m.Decode() != nil {
				continue
			}
			setters := []stun.Setter{m, stun.BindingSuccess, &stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())}}
			if other.IsValid() {
				setters = append(setters, &stun.OtherAddress{IP: other.Addr().AsSlice(), Port: int(other.Port())})
			}
			answer := stun.MustBuild(setters...)
			by := conns[0]
			if elsewhere {
				by = conns[1]
			}
			_, _ = by.WriteToUDPAddrPort(answer.Raw, from)
		}
	})
	t.Cleanup(func() {
		_ = conns[0].Close()
		_ = conns[1].Close()
		serving.Wait()
	})
	return conns[0].LocalAddr().(*net.UDPAddr).AddrPort()
}

// A server that ignores CHANGE-REQUEST does not make this machine one that everybody gets through to.
func TestServerThatIgnores(t *testing.T) {
	at := stubborn(t, netip.MustParseAddrPort("127.0.0.2:9"), false)
	if r, err := Discover(t.Context(), at.String()); err != nil || r.Kind() == Open || r.Server != at {
		t.Errorf("%s, %+v, %v", r.Kind(), r, err)
	}
}

// What comes from elsewhere than asked is no answer.
func TestAnswerFromElsewhere(t *testing.T) {
	at := stubborn(t, netip.AddrPort{}, true)
	if r, err := Discover(t.Context(), at.String()); !errors.Is(err, errElsewhere) {
		t.Errorf("%+v, %v", r, err)
	}
}

// Names that no DNS server resolves don't keep the doctor waiting.
func TestDeadDNS(t *testing.T) {
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	defer func() { net.DefaultResolver = before }()
	at := stubborn(t, netip.AddrPort{}, false)
	began := time.Now()
	r, err := Discover(t.Context(), "one.example:3478", "two.example:3478", at.String())
	if took := time.Since(began); err != nil || r.Server != at || took > 9*time.Second {
		t.Errorf("%+v, %v, after %v", r, err, took)
	}
}

// Silence on a real socket is a report, and in time.
func TestSilence(t *testing.T) {
	l, err := internet{"udp4"}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	r, err := Discover(t.Context(), l.local(netip.AddrPortFrom(first, 3478)).String())
	if err == nil && r.Kind() != Blocked {
		t.Errorf("%+v", r)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

// This machine, which nothing keeps from itself, is named rightly with this project's own server, be it at one address or
// at two, and an ear hears who knocks.
func TestOurServer(t *testing.T) {
	for name, addresses := range map[string][]string{"one address": {"127.0.0.1:0"}, "two": {"127.0.0.1:0", "127.0.0.2:0"}} {
		t.Run(name, func(t *testing.T) {
			s, err := stunserver.Listen(addresses[0], addresses[1:]...)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			defer func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			r, err := Discover(ctx, s.Addr().String())
			if err != nil || r.Kind() != Open || len(addresses) > 1 && r.Mapping != Independent {
				t.Errorf("%s, %+v, %v", r.Kind(), r, err)
			}
			e, err := Listen(ctx, "udp4")
			if err != nil {
				t.Fatal(err)
			}
			if got := e.Hears(ctx, e.Port(), s.Addr().String()); got != Arrived {
				t.Errorf("an open ear: %v", got)
			}
			if got := e.Hears(ctx, closedPort(t), s.Addr().String()); got != Lost {
				t.Errorf("a port at which nobody listens: %v", got)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func closedPort(t *testing.T) uint16 {
	t.Helper()
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return uint16(c.LocalAddr().(*net.UDPAddr).Port)
}
