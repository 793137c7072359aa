package node

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Headers of a datagram, bytes.
const (
	headersIPv4 = 20 + 8
	headersIPv6 = 40 + 8
)

// linkMTU returns how many bytes a datagram to an address may have so that the link that it
// leaves by takes it in one piece, and the way as far as routers have told; 0 if that can't be
// told. Datagrams of up to this length are sent with "don't fragment", which is what Linux does
// unless told otherwise (IP_PMTUDISC_WANT); larger ones it cuts.
func linkMTU(to netip.AddrPort) int {
	ip := to.Addr().Unmap()
	family, level, option, headers := unix.AF_INET, unix.IPPROTO_IP, unix.IP_MTU, headersIPv4
	var remote unix.Sockaddr
	switch {
	case ip.Is4():
		remote = &unix.SockaddrInet4{Port: int(to.Port()), Addr: ip.As4()}
	case ip.Is6() && ip.Zone() == "": // else its number would have to be found; what is usual does
		family, level, option, headers = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_MTU, headersIPv6
		remote = &unix.SockaddrInet6{Port: int(to.Port()), Addr: ip.As16()}
	default:
		return 0
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	if unix.Connect(fd, remote) != nil { // which sends nothing
		return 0
	}
	mtu, err := unix.GetsockoptInt(fd, level, option)
	if err != nil {
		return 0
	}
	return max(mtu-headers, 0)
}
