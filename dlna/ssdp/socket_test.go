package ssdp

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/dlna/lan"
	"go.uber.org/goleak"
	"golang.org/x/net/ipv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func loopback(t *testing.T) lan.Interface {
	t.Helper()
	all, err := lan.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return i
		}
	}
	t.Fatal("no loopback interface")
	return lan.Interface{}
}

// controlPoint is a socket of its own that searches on loopback by multicast.
func controlPoint(t *testing.T, ifi lan.Interface) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := ipv4.NewPacketConn(conn).SetMulticastInterface(&net.Interface{Index: ifi.Index}); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// The real thing: a server on loopback hears a multicast search and answers it.
func TestSearchOverLoopback(t *testing.T) {
	lo := loopback(t)
	c := Config{
		Device:   testDevice(),
		Location: func(own netip.Addr) string { return "http://" + own.String() + ":8088/dlna/device.xml" },
		Interfaces: func() ([]lan.Interface, []lan.Problem, error) {
			picked, problems := lan.Selection{Allow: []string{lo.Name}}.Pick([]lan.Interface{lo})
			return picked, problems, nil
		},
	}
	c.Device.UDN = "uuid:5d2f0a1c-0000-4000-8000-00000000c0de" // nobody else's on this machine
	s := New(c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	conn := controlPoint(t, lo)
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("239.255.255.250:1900"))
	question := lines("M-SEARCH * HTTP/1.1", "HOST: 239.255.255.250:1900", `MAN: "ssdp:discover"`, "MX: 1", "ST: "+c.Device.UDN)
	answer := make([]byte, 2048)
	var n int
	var err error
	for try := 0; ; try++ { // the server may not have opened its socket yet
		if _, err = conn.WriteTo([]byte(question), to); err != nil {
			t.Fatalf("no multicast on loopback: %v", err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err = conn.Read(answer); err == nil {
			break
		}
		if try == 50 {
			t.Fatalf("no answer: %v; status %+v", err, s.Status())
		}
	}
	got := string(answer[:n])
	if !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.Contains(got, "\r\nUSN: "+c.Device.UDN+"\r\n") ||
		!strings.Contains(got, "\r\nLOCATION: http://127.0.0.1:8088/dlna/device.xml\r\n") {
		t.Errorf("answer\n%s", got)
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What comes in on one interface is not taken for a question on another.
func TestSocketHearsOnlyItsInterface(t *testing.T) {
	s := &socket{ifi: home("lan0", 7, "192.168.77.10/24")}
	near, far := netip.MustParseAddr("192.168.77.20"), netip.MustParseAddr("192.168.78.20")
	for _, c := range []struct {
		control *ipv4.ControlMessage
		from    netip.Addr
		want    bool
	}{
		{&ipv4.ControlMessage{IfIndex: 7}, far, true},
		{&ipv4.ControlMessage{IfIndex: 8}, near, false},
		{&ipv4.ControlMessage{}, near, true},
		{nil, near, true},
		{nil, far, false},
	} {
		if got := s.mine(c.control, c.from); got != c.want {
			t.Errorf("control %v from %v: %v, want %v", c.control, c.from, got, c.want)
		}
	}
}

func TestListenOnMissingInterface(t *testing.T) {
	for _, six := range []bool{false, true} {
		conn, err := Listen(home("gone0", 1<<20, "192.168.77.10/24"), six)
		if err == nil {
			conn.Close()
			t.Fatal("a socket on an interface that doesn't exist")
		}
	}
}
