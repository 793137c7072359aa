package lan

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestLocal(t *testing.T) {
	g := &Guard{Interfaces: func() ([]Interface, error) {
		return []Interface{eth("eth0", 2, "203.0.113.5/28", "2001:db8:1::5/64")}, nil
	}}
	for _, c := range []struct {
		addr string
		want bool
	}{
		{"127.0.0.1", true},
		{"::1", true},
		{"10.1.2.3", true},
		{"172.16.0.1", true},
		{"172.32.0.1", false},
		{"192.168.77.20", true},
		{"::ffff:192.168.77.20", true},
		{"169.254.1.1", true},
		{"fe80::1%eth0", true},
		{"fd77::20", true},
		{"203.0.113.14", true},  // own subnet, though public
		{"203.0.113.16", false}, // the one beside it
		{"2001:db8:1::77", true},
		{"2001:db8:2::77", false},
		{"8.8.8.8", false},
		{"100.64.0.1", false}, // RFC 6598: the provider's, not the home's
		{"239.255.255.250", false},
		{"0.0.0.0", false},
	} {
		if got := g.Local(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("Local(%s) = %v, want %v", c.addr, got, c.want)
		}
	}
	if g.Local(netip.Addr{}) {
		t.Error("no address is local")
	}
}

func TestNetworkTakesTheSmallest(t *testing.T) {
	g := &Guard{Interfaces: func() ([]Interface, error) {
		return []Interface{eth("eth0", 2, "10.0.0.1/8"), eth("eth1", 3, "10.7.0.1/16")}, nil
	}}
	for addr, want := range map[string]string{"10.7.1.1": "10.7.0.1/16", "10.8.1.1": "10.0.0.1/8"} {
		if got, ok := g.Network(netip.MustParseAddr(addr)); !ok || got.String() != want {
			t.Errorf("Network(%s) = %v, want %s", addr, got, want)
		}
	}
	if got, ok := g.Network(netip.MustParseAddr("192.168.1.1")); ok {
		t.Errorf("192.168.1.1 is in %v", got)
	}
	if !g.Own(netip.MustParseAddr("10.7.0.1")) || !g.Own(netip.MustParseAddr("127.0.0.5")) || g.Own(netip.MustParseAddr("10.7.0.2")) {
		t.Error("own addresses are not told from others")
	}
}

func TestGuardReadsSeldomAndKeepsWhatItKnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, fails := 0, false
		g := &Guard{Interfaces: func() ([]Interface, error) {
			reads++
			if fails {
				return nil, errors.New("no netlink")
			}
			return []Interface{eth("eth0", 2, "203.0.113.5/28")}, nil
		}}
		neighbour := netip.MustParseAddr("203.0.113.6")
		for range 100 {
			if !g.Local(neighbour) {
				t.Fatal("neighbour is not local")
			}
		}
		if reads != 1 {
			t.Errorf("interfaces read %d times for 100 questions, want once", reads)
		}
		fails = true
		time.Sleep(guardMemory)
		if !g.Local(neighbour) || reads != 2 {
			t.Errorf("after a failed reading (%d readings) the subnets are forgotten", reads)
		}
	})
}

func TestZeroGuardReadsThisMachine(t *testing.T) {
	var g Guard
	if p, ok := g.Network(netip.MustParseAddr("127.0.0.1")); !ok || p.Addr().String() != "127.0.0.1" {
		t.Errorf("127.0.0.1 is in %v", p)
	}
}

func TestGuardGoesByTheSelection(t *testing.T) {
	g := &Guard{
		Interfaces: func() ([]Interface, error) { return []Interface{eth("eth0", 2, "192.168.1.2/24")}, nil },
		Selection:  Selection{Networks: nets("192.168.0.0/16"), DenyNetworks: nets("192.168.9.0/24", "fe80::dead:0/112")},
	}
	for addr, want := range map[string]bool{
		"192.168.1.9": true, "127.0.0.1": true, "fe80::1%eth0": true, "192.168.9.9": false, "10.0.0.1": false,
		"::ffff:192.168.9.9": false, "fe80::dead:1%eth0": false, "fd77::1": false,
	} {
		if got := g.Local(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Local(%s) = %v, want %v", addr, got, want)
		}
	}
}

// What the selection shuts out lies in the home all the same: nothing that is sent to the Internet
// may go there.
func TestNearIsTopology(t *testing.T) {
	g := &Guard{
		Interfaces: func() ([]Interface, error) {
			return []Interface{{Name: "lan0", Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.5/28")}}}, nil
		},
		Selection: Selection{Networks: []netip.Prefix{netip.MustParsePrefix("192.168.77.0/24")}},
	}
	for a, want := range map[string]bool{"203.0.113.5": true, "203.0.113.6": true, "203.0.113.99": false, "127.0.0.1": true, "8.8.8.8": false} {
		if got := g.Near(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
	if g.Local(netip.MustParseAddr("203.0.113.6")) {
		t.Error("a host that the selection shuts out is answered")
	}
}
