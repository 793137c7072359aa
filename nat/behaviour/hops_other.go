//go:build !linux

package behaviour

import (
	"context"
	"net/netip"
)

// hops needs what only Linux tells programs without privileges.
func (internet) hops(context.Context, netip.AddrPort) []netip.Addr { return nil }
