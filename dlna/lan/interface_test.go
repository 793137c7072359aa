package lan

import (
	"net"
	"net/netip"
	"testing"
)

// eth is an interface as a home has it, up and able to multicast.
func eth(name string, index int, prefixes ...string) Interface {
	i := Interface{Name: name, Index: index, Flags: net.FlagUp | net.FlagMulticast | net.FlagBroadcast}
	for _, p := range prefixes {
		i.Prefixes = append(i.Prefixes, netip.MustParsePrefix(p))
	}
	return i
}

func TestListFindsLoopback(t *testing.T) {
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 && i.Primary() == netip.MustParseAddr("127.0.0.1") {
			if i.Index == 0 || i.Name == "" {
				t.Errorf("loopback without name or index: %+v", i)
			}
			return
		}
	}
	t.Fatalf("no loopback interface with 127.0.0.1 among %+v", all)
}

func TestPrefixesPutIPv4FirstAndAreBounded(t *testing.T) {
	var addrs []net.Addr
	for n := range 2 * MaxPrefixes {
		addrs = append(addrs, &net.IPNet{IP: net.IPv4(10, 0, 0, byte(n)), Mask: net.CIDRMask(24, 32)})
	}
	if got := prefixes(addrs); len(got) != MaxPrefixes {
		t.Errorf("%d prefixes, want %d", len(got), MaxPrefixes)
	}
	got := prefixes([]net.Addr{
		&net.IPNet{IP: net.ParseIP("fd77::10"), Mask: net.CIDRMask(64, 128)},
		&net.UnixAddr{Name: "not an address"},
		&net.IPNet{IP: net.IPv4(192, 168, 77, 10).To4(), Mask: net.CIDRMask(24, 32)},
	})
	if len(got) != 2 || got[0].String() != "192.168.77.10/24" || got[1].String() != "fd77::10/64" {
		t.Errorf("got %v", got)
	}
}

func TestPrimaryAndFacing(t *testing.T) {
	for _, c := range []struct {
		name          string
		i             Interface
		primary       string
		peer, wantFor string
	}{
		{"one address", eth("lan0", 2, "192.168.77.10/24", "fd77::10/64"), "192.168.77.10", "192.168.77.20", "192.168.77.10"},
		{"two subnets", eth("lan0", 2, "192.168.1.2/24", "10.0.0.2/8"), "192.168.1.2", "10.9.9.9", "10.0.0.2"},
		{"peer mapped into IPv6", eth("lan0", 2, "192.168.1.2/24", "10.0.0.2/8"), "192.168.1.2", "::ffff:10.9.9.9", "10.0.0.2"},
		{"routed peer", eth("lan0", 2, "192.168.1.2/24"), "192.168.1.2", "172.16.0.9", "192.168.1.2"},
		{"link-local comes last", eth("lan0", 2, "169.254.3.4/16", "192.168.1.2/24"), "192.168.1.2", "169.254.9.9", "169.254.3.4"},
		{"IPv6 of the link", eth("lan0", 2, "192.168.1.2/24", "fe80::2/64", "fd77::2/64"), "192.168.1.2", "fe80::9%lan0", "fe80::2"},
		{"IPv6 of the home", eth("lan0", 2, "192.168.1.2/24", "fe80::2/64", "fd77::2/64"), "192.168.1.2", "fd77::9", "fd77::2"},
		{"routed IPv6 peer", eth("lan0", 2, "192.168.1.2/24", "2001:db8::2/64", "fd77::2/64"), "192.168.1.2", "fd88::9", "fd77::2"},
		{"only link-local", eth("lan0", 2, "169.254.3.4/16"), "169.254.3.4", "192.168.1.9", "169.254.3.4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.i.Primary().String(); got != c.primary {
				t.Errorf("primary %s, want %s", got, c.primary)
			}
			if got := c.i.Facing(netip.MustParseAddr(c.peer)).String(); got != c.wantFor {
				t.Errorf("facing %s: %s, want %s", c.peer, got, c.wantFor)
			}
		})
	}
	if a := eth("lan0", 2, "fd77::10/64").Primary(); a.IsValid() {
		t.Errorf("an interface without IPv4 has primary %v", a)
	}
}

func TestEqual(t *testing.T) {
	a := eth("lan0", 2, "192.168.1.2/24")
	b := a
	b.Flags |= net.FlagRunning
	if !a.Equal(b) {
		t.Error("a flag that matters to nobody made a difference")
	}
	for _, other := range []Interface{
		eth("lan0", 3, "192.168.1.2/24"), eth("lan1", 2, "192.168.1.2/24"), eth("lan0", 2, "192.168.1.3/24"), eth("lan0", 2),
	} {
		if a.Equal(other) {
			t.Errorf("%+v equals %+v", a, other)
		}
	}
}

func TestAddressesOfIPv6(t *testing.T) {
	for _, c := range []struct {
		i          Interface
		link, wide string
	}{
		{eth("lan0", 2, "192.168.1.2/24"), "invalid IP", "invalid IP"},
		{eth("lan0", 2, "fe80::2/64"), "fe80::2", "invalid IP"},
		{eth("lan0", 2, "2001:db8::2/64", "fe80::2/64"), "fe80::2", "2001:db8::2"},
		{eth("lan0", 2, "2001:db8::2/64", "fd77::2/64", "fe80::2/64"), "fe80::2", "fd77::2"}, // it outlives the provider's
	} {
		if got := c.i.LinkLocal().String() + " " + c.i.Wide().String(); got != c.link+" "+c.wide {
			t.Errorf("%v: %s, want %s %s", c.i.Prefixes, got, c.link, c.wide)
		}
	}
	four, six := eth("lan0", 2, "192.168.1.2/24", "10.0.0.2/8", "fe80::2/64").Families()
	if len(four.Prefixes) != 2 || len(six.Prefixes) != 1 || !six.Has(netip.MustParseAddr("fe80::2")) || four.Has(netip.MustParseAddr("fe80::2")) {
		t.Errorf("%v and %v", four, six)
	}
}
