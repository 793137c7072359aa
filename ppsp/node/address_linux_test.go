package node

import (
	"net/netip"
	"testing"
)

// throughKernel writes an address as the kernel reads it, and reads it again.
func throughKernel(t *testing.T, a netip.AddrPort) netip.AddrPort {
	t.Helper()
	s := &linuxSocket{ipv6: true}
	var form sockaddr
	if _, err := s.address(&form, a); err != nil {
		t.Fatal(err)
	}
	return s.peer(&form)
}
