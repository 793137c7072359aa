package membership

import (
	"context"
	"net"
	"net/netip"
	"strconv"
)

// maxResolved bounds the addresses taken from one name.
const maxResolved = 4

// resolve returns the addresses of a contact in the form host:port; none when the name is
// not known now.
func resolve(ctx context.Context, hostport string) []netip.AddrPort {
	if a, err := netip.ParseAddrPort(hostport); err == nil {
		return []netip.AddrPort{a}
	}
	host, service, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	var addrs []netip.AddrPort
	for _, ip := range ips[:min(len(ips), maxResolved)] {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return addrs
}
