package ppsp

import (
	"net/netip"
	"testing"
)

func TestPublic(t *testing.T) {
	for a, want := range map[string]bool{
		"198.51.100.7": true, "8.8.8.8": true, "2001:db8::1": true, "2a00::1": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "10.0.0.1": false, "172.31.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"224.0.0.1": false, "255.255.255.255": false, "0.0.0.0": false, "0.1.2.3": false, "::ffff:0.0.0.1": false, "::ffff:192.168.1.1": false,
		"::": false, "::1": false, "fd00::1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false, "::192.168.1.1": false, "::8.8.8.8": false,
		// "The Well-Known Prefix MUST NOT be used to represent non-global IPv4 addresses" (RFC 6052, 3.1).
		"64:ff9b::192.168.1.1": false, "64:ff9b::127.0.0.1": false, "64:ff9b::0.0.0.1": false, "64:ff9b::8.8.8.8": true, "64:ff9b::100.64.0.1": false,
		"64:ff9b::10.0.0.1%eth0": false,
		"64:ff9b:1::8.8.8.8":     false,
		"2002:c0a8:101::1":       false, "2002:7f00:1::": false, "2002:a00:1::1": false, "2002:1::1": false, "2002:808:808::1": true,
	} {
		if got := Public(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}
