package finder

import (
	"net/netip"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/dlna/lan"
)

// loopback is the one interface that every machine has.
func loopback(t *testing.T) lan.Interface {
	t.Helper()
	all, err := lan.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Primary().IsLoopback() {
			return i
		}
	}
	t.Fatal("no loopback")
	return lan.Interface{}
}

// A search has a port of its own, and what is sent there arrives.
func TestAnswersArrive(t *testing.T) {
	s, err := searcher4(nil, netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	own := netip.MustParseAddrPort(s.udp.LocalAddr().String())
	if own.Port() == 1900 || !own.Addr().IsLoopback() {
		t.Errorf("searches from %v", own)
	}
	if _, err := s.udp.WriteToUDPAddrPort([]byte("answer"), own); err != nil {
		t.Fatal(err)
	}
	_ = s.udp.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 100)
	if n, from, err := s.Read(b); err != nil || string(b[:n]) != "answer" || from != own {
		t.Errorf("read %q from %v: %v", b[:n], from, err)
	}
}

func TestMineOnly(t *testing.T) {
	s := &socket{ifi: home("lan0", 2, "192.168.77.10/24", "fe80::10/64")}
	for from, want := range map[string]bool{
		"192.168.77.30": true, "192.168.78.30": false, "fe80::30%lan0": true, "fe80::30%wlan0": false,
	} {
		if got := s.mine(netip.MustParseAddr(from)); got != want {
			t.Errorf("mine(%s) = %v", from, got)
		}
	}
}

func TestListenClosesCleanly(t *testing.T) {
	conns, _ := Listen(loopback(t)) // where loopback has no multicast, there may be none
	for _, c := range conns {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
