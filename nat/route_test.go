package nat

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// hexAddr writes an address as the kernel does: a number in the machine's byte order.
func hexAddr(s string) string {
	a := netip.MustParseAddr(s).As4()
	return fmt.Sprintf("%08X", binary.NativeEndian.Uint32(a[:]))
}

func route(iface, destination, gateway, mask string) string {
	return fmt.Sprintf("%s\t%s\t%s\t0003\t0\t0\t0\t%s\t0\t0\t0", iface, hexAddr(destination), hexAddr(gateway), hexAddr(mask))
}

func TestParseRoutes(t *testing.T) {
	const heading = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
	table := strings.Join([]string{
		heading,
		route("eth0", "0.0.0.0", "192.168.11.1", "0.0.0.0"),
		route("eth0", "192.168.11.0", "0.0.0.0", "255.255.255.0"),
		route("wlan0", "0.0.0.0", "192.168.12.1", "0.0.0.0"),
		route("wlan1", "0.0.0.0", "192.168.11.1", "0.0.0.0"),   // the same router by another way
		route("tun0", "0.0.0.0", "10.8.0.1", "128.0.0.0"),      // half of the Internet is no default
		route("ppp0", "0.0.0.0", "0.0.0.0", "0.0.0.0"),         // no router: the line itself
		route("eth1", "10.0.0.0", "192.168.13.1", "255.0.0.0"), // a router, but not the default one
		"eth0\t00000000\tnonsense\t0003\t0\t0\t0\t00000000\t0\t0\t0",
		"eth0\t00000000",
		"",
	}, "\n")
	for _, c := range []struct {
		only []string
		want []string
	}{
		{nil, []string{"192.168.11.1", "192.168.12.1"}},
		{[]string{"wlan0"}, []string{"192.168.12.1"}},
		{[]string{"eth9"}, nil},
	} {
		var got []string
		for _, a := range parseRoutes(strings.NewReader(table), c.only) {
			got = append(got, a.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("parseRoutes(%v) = %v, want %v", c.only, got, c.want)
		}
	}
}

func FuzzParseRoutes(f *testing.F) {
	f.Add(route("eth0", "0.0.0.0", "192.168.11.1", "0.0.0.0"))
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range parseRoutes(strings.NewReader(s), nil) {
			if !a.Is4() || a.IsUnspecified() {
				t.Fatalf("router %v", a)
			}
		}
	})
}
