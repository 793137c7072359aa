package nat

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
)

const (
	// Linux, also where only /proc/self is shown; elsewhere the multicast search has to do.
	routeTable   = "/proc/self/net/route"
	routeTable6  = "/proc/self/net/ipv6_route"
	maxRouteSize = 64 << 10 // bytes of it that are read
)

// defaultGateways returns the IPv4 routers through which the given interfaces (all when empty) reach the world; none
// when the system does not tell.
func defaultGateways(only []string) []netip.Addr { return gatewaysIn(routeTable, parseRoutes, only) }

// defaultGateways6 returns the IPv6 routers, likewise. Mostly they have link-local addresses, which come with their zone.
func defaultGateways6(only []string) []netip.Addr { return gatewaysIn(routeTable6, parseRoutes6, only) }

func gatewaysIn(table string, parse func(io.Reader, []string) []netip.Addr, only []string) []netip.Addr {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer f.Close()
	return parse(io.LimitReader(f, maxRouteSize), only)
}

// parseRoutes6 reads Linux's table of IPv6: the columns destination, its prefix length, source, its prefix length, next
// hop, four numbers, and the interface. Addresses are hexadecimal in network order.
func parseRoutes6(r io.Reader, only []string) []netip.Addr {
	var list []netip.Addr
	for lines := bufio.NewScanner(r); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) != 10 || f[1] != "00" || len(only) > 0 && !slices.Contains(only, f[9]) {
			continue
		}
		b, err := hex.DecodeString(f[4])
		if err != nil || len(b) != 16 {
			continue
		}
		g := netip.AddrFrom16([16]byte(b))
		if g.IsLinkLocalUnicast() {
			g = g.WithZone(f[9])
		}
		if !g.IsUnspecified() && !g.Is4In6() && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	return list
}

// parseRoutes reads Linux's table: one route a line, of which the columns Iface, Destination, Gateway and Mask count
// here. Addresses are hexadecimal numbers in the machine's byte order.
func parseRoutes(r io.Reader, only []string) []netip.Addr {
	var list []netip.Addr
	for lines := bufio.NewScanner(r); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" || len(only) > 0 && !slices.Contains(only, f[0]) {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if err != nil || len(b) != 4 {
			continue
		}
		var a [4]byte
		binary.NativeEndian.PutUint32(a[:], binary.BigEndian.Uint32(b))
		if g := netip.AddrFrom4(a); !g.IsUnspecified() && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	return list
}
