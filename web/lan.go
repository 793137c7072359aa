package web

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// lan tells the addresses of the home from all others.
type lan struct {
	extra []netip.Prefix             // configured
	addrs func() ([]net.Addr, error) // of this machine's interfaces
	now   func() time.Time

	mu     sync.Mutex
	onLink []netip.Prefix // the networks that the machine is part of
	own    []netip.Addr   // of the machine itself
	until  time.Time      // when to look again
}

// homePrefix is the length of the prefix that the devices of a home share; a
// shorter one is a provider's.
const homePrefix = 64

// lookEvery bounds how often strangers can make us ask the system for its interfaces.
const lookEvery = 10 * time.Second

func newLAN(extra []netip.Prefix) *lan {
	return &lan{extra: extra, addrs: net.InterfaceAddrs, now: time.Now}
}

// holds reports whether addr is in the home: private by its range, configured, or on an
// IPv6 network that an interface of this machine is part of, since there the devices of a
// home have public addresses. Public IPv4 addresses beside ours are a provider's other
// customers.
func (l *lan) holds(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() {
		return true
	}
	if !addr.IsValid() {
		return false
	}
	return contains(l.extra, addr) || contains(l.networks(), addr)
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// beside tells whether a public address is one of this machine, or on an IPv6 network that it is part of.
func (l *lan) beside(addr netip.Addr) bool {
	onLink := l.networks()
	l.mu.Lock()
	defer l.mu.Unlock()
	return contains(onLink, addr) || slices.Contains(l.own, addr)
}

func (l *lan) networks() []netip.Prefix {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if now.Before(l.until) {
		return l.onLink
	}
	l.until = now.Add(lookEvery)
	l.onLink, l.own = nil, nil
	addrs, err := l.addrs()
	if err != nil {
		return nil // private ranges still hold
	}
	for _, addr := range addrs {
		prefix, err := netip.ParsePrefix(addr.String())
		if err == nil {
			l.own = append(l.own, prefix.Addr().Unmap())
		}
		if err == nil && prefix.Addr().Is6() && !prefix.Addr().Is4In6() && prefix.Bits() >= homePrefix {
			l.onLink = append(l.onLink, prefix.Masked())
		}
	}
	return l.onLink
}
