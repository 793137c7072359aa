package node

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// port is a port number in network order.
type port = [2]byte

// address writes an address as the kernel reads it, and returns its length there.
func (s *linuxSocket) address(to *sockaddr, a netip.AddrPort) (uint32, error) {
	ip := a.Addr().Unmap()
	if !s.ipv6 {
		if !ip.Is4() {
			return 0, fmt.Errorf("the socket is of IPv4: %w", unix.EAFNOSUPPORT)
		}
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(to))
		*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: ip.As4()}
		*(*port)(unsafe.Pointer(&v4.Port)) = port{byte(a.Port() >> 8), byte(a.Port())}
		return unix.SizeofSockaddrInet4, nil
	}
	*to = sockaddr{Family: unix.AF_INET6, Addr: ip.As16()}
	*(*port)(unsafe.Pointer(&to.Port)) = port{byte(a.Port() >> 8), byte(a.Port())}
	if zone := a.Addr().Zone(); zone != "" {
		to.Scope_id = s.zones.number(zone)
	}
	return unix.SizeofSockaddrInet6, nil
}

// peer reads an address that the kernel has written.
func (s *linuxSocket) peer(from *sockaddr) netip.AddrPort {
	if from.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(from))
		p := (*port)(unsafe.Pointer(&v4.Port))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(p[0])<<8|uint16(p[1]))
	}
	ip := netip.AddrFrom16(from.Addr).Unmap()
	if from.Scope_id != 0 && ip.Is6() {
		ip = ip.WithZone(s.zones.name(from.Scope_id))
	}
	p := (*port)(unsafe.Pointer(&from.Port))
	return netip.AddrPortFrom(ip, uint16(p[0])<<8|uint16(p[1]))
}

// zones remembers the names of interfaces, by which link-local addresses are told apart.
type zones struct {
	mu    sync.Mutex
	names map[uint32]string
}

func (z *zones) name(number uint32) string {
	z.mu.Lock()
	defer z.mu.Unlock()
	if name, known := z.names[number]; known {
		return name
	}
	name := fmt.Sprint(number)
	if i, err := net.InterfaceByIndex(int(number)); err == nil {
		name = i.Name
	}
	if z.names == nil || len(z.names) >= maxZones {
		z.names = map[uint32]string{}
	}
	z.names[number] = name
	return name
}

// maxZones bounds the names that are remembered.
const maxZones = 64

func (z *zones) number(name string) uint32 {
	z.mu.Lock()
	for number, known := range z.names {
		if known == name {
			z.mu.Unlock()
			return number
		}
	}
	z.mu.Unlock()
	if i, err := net.InterfaceByName(name); err == nil {
		z.name(uint32(i.Index))
		return uint32(i.Index)
	}
	var number uint32
	_, _ = fmt.Sscan(name, &number)
	return number
}
