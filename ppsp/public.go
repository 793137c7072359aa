package ppsp

import "net/netip"

// Ranges of addresses that are nobody's in the Internet, although netip counts them as global unicast.
var homely = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),      // this machine (RFC 1122, 3.2.1.3)
	netip.MustParsePrefix("100.64.0.0/10"),  // behind a provider's NAT (RFC 6598)
	netip.MustParsePrefix("::/96"),          // an IPv4 address inside, long out of use (RFC 4291, 2.5.5.1)
	netip.MustParsePrefix("64:ff9b:1::/48"), // a translator of one's own (RFC 8215)
	netip.MustParsePrefix("fec0::/10"),      // of a site, long out of use (RFC 3879)
}

var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052, 2.1
	sixto = netip.MustParsePrefix("2002::/16")    // RFC 3056, 2
)

// Public tells whether an address means the same everywhere: that strangers name it leads into no home, nor to this
// machine. Of an IPv6 address that translators and tunnels turn into an IPv4 address, that one decides. Documentation
// networks count as public: laboratories use them.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range homely {
		if p.Contains(a) {
			return false
		}
	}
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return Public(netip.AddrFrom4([4]byte(b[12:])))
	case sixto.Contains(a):
		return Public(netip.AddrFrom4([4]byte(b[2:6])))
	}
	return true
}
