//go:build !linux

package node

import "net/netip"

// linkMTU is not known here.
func linkMTU(netip.AddrPort) int { return 0 }
