package stunserver

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// A server on all addresses answers from the one that was asked, by the port that the question names.
func TestAnswersFromWhereItWasAsked(t *testing.T) {
	s := serving(t, nil, ":0")
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "127.9.9.9", "::1"} {
		at := netip.AddrPortFrom(netip.MustParseAddr(host), s.Addr().Port())
		c, err := net.ListenUDP("udp", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for first := range byte(2) { // the first byte of AttrOtherPort
			room := make([]byte, OtherPortRoom)
			room[0] = first
			want := netip.AddrPortFrom(at.Addr(), at.Port()+uint16(first))
			if _, err := c.WriteToUDPAddrPort(request(t, stun.RawAttribute{Type: AttrOtherPort, Value: room}), at); err != nil {
				t.Fatal(err)
			}
			_, from, err := c.ReadFromUDPAddrPort(make([]byte, 1500))
			if from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port()); err != nil || from != want {
				t.Errorf("asked %v, answered by %v instead of %v: %v", at, from, want, err)
			}
		}
		_ = c.Close()
	}
}

// FuzzBackFrom holds that what the system hands over is read within its bounds.
func FuzzBackFrom(f *testing.F) {
	f.Add([]byte{36, 0, 0, 0, 0, 0, 0, 0, 41, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 2, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, control []byte) {
		if len(backFrom(control)) > maxControl {
			t.Error("too long")
		}
	})
}
