package sim

import "net/netip"

// NAT is what stands between a home and the Internet (RFC 4787, 4 and 5).
type NAT uint8

// The kinds, from the friendliest on.
const (
	OpenNAT          NAT    = iota // none
	FullConeNAT                    // who ever sent from a port is reached there by all
	AddressFilterNAT               // … by those hosts to which it sent
	PortFilterNAT                  // … by those ports to which it sent
	SymmetricNAT                   // the same, and each of them sees another port
	natKinds                = 5
	natTimeout              = 60e9 // ns after which a mapping that nothing goes out of is gone
	natFirst         uint16 = 20000
)

// nat is the state of one.
type nat struct {
	kind  NAT
	outer *nat                       // a carrier's, behind which it is; nil for none
	sent  map[netip.AddrPort]mapping // by whom something was sent to
	free  uint16                     // the next port of a symmetric one
	any   int64                      // when anything was last sent
}

// carrier returns a NAT that stands behind another, nil for none.
func carrier(kind NAT) *nat {
	if kind == OpenNAT {
		return nil
	}
	return &nat{kind: kind}
}

type mapping struct {
	at    int64
	port  uint16 // outside
	inner uint16 // inside
}

// out notes that a datagram leaves, and returns the port from which the world sees it come.
func (n *nat) out(now int64, port uint16, to netip.AddrPort) uint16 {
	seen := n.pass(now, port, to)
	if n.outer != nil {
		return n.outer.out(now, seen, to)
	}
	return seen
}

// pass is out of this NAT alone.
func (n *nat) pass(now int64, port uint16, to netip.AddrPort) uint16 {
	if n.kind == OpenNAT {
		return port
	}
	if n.sent == nil {
		n.sent, n.free = map[netip.AddrPort]mapping{}, natFirst
	}
	n.any = now
	key := n.key(to)
	m, ok := n.sent[key]
	switch {
	case n.kind != SymmetricNAT:
		m.port = port
	case !ok || now-m.at > natTimeout:
		m.port = n.free
		n.free++
	}
	m.at, m.inner = now, port
	n.sent[key] = m
	return m.port
}

// in tells whether a datagram to a port comes in.
func (n *nat) in(now int64, from netip.AddrPort, port uint16) bool {
	if n.outer != nil {
		if !n.outer.in(now, from, port) {
			return false
		}
		if m, ok := n.outer.sent[n.outer.key(from)]; ok && n.outer.kind == SymmetricNAT {
			port = m.inner
		}
	}
	return n.admits(now, from, port)
}

// admits is in of this NAT alone.
func (n *nat) admits(now int64, from netip.AddrPort, port uint16) bool {
	switch n.kind {
	case OpenNAT:
		return true
	case FullConeNAT:
		return n.sent != nil && now-n.any <= natTimeout
	}
	m, ok := n.sent[n.key(from)]
	return ok && m.port == port && now-m.at <= natTimeout
}

// key is that by which a peer is let in.
func (n *nat) key(a netip.AddrPort) netip.AddrPort {
	if n.kind <= AddressFilterNAT {
		return netip.AddrPortFrom(a.Addr(), 0)
	}
	return a
}
