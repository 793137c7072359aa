package web

import (
	"net"
	"net/netip"
	"testing"
)

// Lists are fetched of the Internet alone, not of this home under its public addresses.
func TestWhereListsAreFetched(t *testing.T) {
	s := New(Config{Clients: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}) // who may ask is another matter
	s.access.lan.addrs = func() ([]net.Addr, error) {
		return []net.Addr{
			&net.IPNet{IP: net.ParseIP("198.51.100.7"), Mask: net.CIDRMask(24, 32)},
			&net.IPNet{IP: net.ParseIP("2001:db8:1:2::7"), Mask: net.CIDRMask(64, 128)},
		}, nil
	}
	for a, want := range map[string]bool{
		"203.0.113.9": true, "2001:db8:9::1": true, "64:ff9b::203.0.113.9": true, "198.51.100.8": true,
		"192.168.1.1": false, "127.0.0.1": false, "0.0.0.1": false, "100.64.0.1": false, "64:ff9b::192.168.1.1": false, "2002:c0a8:101::1": false,
		"2001:db8:1:2::7": false, "2001:db8:1:2::99": false, "198.51.100.7": false, "::ffff:198.51.100.7": false,
	} {
		if got := s.fetchable(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
}
