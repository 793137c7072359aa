package node

import (
	"net"
	"net/netip"
	"testing"
)

// The link of loopback tells its own length, less the headers.
func TestLinkMTU(t *testing.T) {
	lo, err := net.InterfaceByIndex(1)
	if err != nil || lo.Flags&net.FlagLoopback == 0 {
		t.Fatalf("no loopback interface: %v, %v", lo, err)
	}
	for addr, want := range map[string]int{
		"127.0.0.1:9":          min(lo.MTU, 65535) - 28,
		"[::ffff:127.0.0.1]:9": min(lo.MTU, 65535) - 28,
		"[::1]:9":              lo.MTU - 48,
		"[fe80::1%lo]:9":       0,
	} {
		if got := linkMTU(netip.MustParseAddrPort(addr)); got != want {
			t.Errorf("%s: %d bytes, want %d", addr, got, want)
		}
	}
	if got := linkMTU(netip.AddrPort{}); got != 0 {
		t.Errorf("no address: %d bytes", got)
	}
}
