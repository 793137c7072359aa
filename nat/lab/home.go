//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"time"
)

// Spec says what a home is like. The zero value is no kind; Kind alone is enough.
type Spec struct {
	Kind Kind
	// Gateway says what protocols the router maps ports by; none when it is zero. An Open home has no router.
	Gateway Gateway
	// IPv6 gives the home a prefix, behind a firewall that lets in what was asked for.
	IPv6 bool
	// Path is what the home's line does, each way.
	Path Path
	// Neighbour puts the home behind the same carrier's router as the one before it, which is of the same kind. The router
	// sends back inside what is meant for its own address (RFC 4787, 6: hairpinning).
	Neighbour bool
	// Lifetime is that of a UDP flow in its router and its carrier, 120 s when it is zero.
	Lifetime time.Duration
}

// Home is a home with one computer.
type Home struct {
	Spec
	// Host is the computer, Router the router or nil, Carrier the carrier's router or nil.
	Host, Router, Carrier *Host
	// Inside is the computer's address, Outside the one that the Internet sees.
	Inside, Outside netip.Addr
	// Inside6 is the computer's IPv6 address, invalid without Spec.IPv6.
	Inside6 netip.Addr

	lab    *Lab
	name   string
	number int     // last byte of addresses
	igd    *daemon // miniupnpd, nil when it does not run
}

const firstNumber = 11

// lifetime of a flow where a Spec says nothing.
const lifetime = 120 * time.Second

func (l *Lab) home(index int, s Spec) (*Home, error) {
	if s.Lifetime == 0 {
		s.Lifetime = lifetime
	}
	h := &Home{Spec: s, lab: l, number: firstNumber + index, name: string(rune('a'+index%26)) + suffix(index/26)}
	if _, err := ParseKind(string(s.Kind)); err != nil {
		return nil, err
	}
	h.Outside = netip.AddrFrom4([4]byte{11, 0, 0, byte(h.number)})
	var err error
	if h.Host, err = l.host(h.name); err != nil {
		return nil, err
	}
	if s.Kind == Open {
		return h, h.buildOpen()
	}
	if err := h.buildRouter(); err != nil {
		return nil, err
	}
	if s.Gateway != (Gateway{}) {
		return h, h.StartGateway()
	}
	return h, nil
}

func suffix(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// buildOpen plugs the computer straight into the Internet.
func (h *Home) buildOpen() error {
	if err := h.lab.plug(h.Host, "eth0", h.lab.WAN, "br0", h.port(""), h.Path); err != nil {
		return err
	}
	h.Inside = h.Outside
	lines := public(h.Outside, "eth0")
	if h.IPv6 {
		h.Inside6 = netip.MustParseAddr(fmt.Sprintf("2d00:10::%d", h.number))
		lines = append(lines, fmt.Sprintf("addr add %s/64 dev eth0", h.Inside6), "route add default via 2d00:10::1")
	}
	return h.Host.IP(lines...)
}

// port names the other end of a cable of the home.
func (h *Home) port(what string) string { return fmt.Sprintf("%s%d", "p"+what, h.number) }

func (h *Home) buildRouter() (err error) {
	if h.Router, err = h.lab.host(h.name + "'s router"); err != nil {
		return err
	}
	if err := h.Router.bridge(inner, fmt.Sprintf("192.168.%d.1/24", h.number)); err != nil {
		return err
	}
	if err := h.lab.plug(h.Host, "eth0", h.Router, inner, "home", Path{}); err != nil {
		return err
	}
	h.Inside = netip.AddrFrom4([4]byte{192, 168, byte(h.number), 11})
	if err := h.Host.IP(fmt.Sprintf("addr add %s/24 dev eth0", h.Inside), fmt.Sprintf("route add default via 192.168.%d.1", h.number)); err != nil {
		return err
	}
	if h.Kind.Carrier() != carrierNo {
		err = h.buildCarrier()
	} else {
		err = h.lab.outside(h.Router, h.Outside, h.port(""), h.Path)
	}
	if err == nil {
		err = h.Router.route(h.Kind.router(), h.Lifetime)
	}
	if err == nil && h.IPv6 {
		err = h.build6()
	}
	return err
}

// outside plugs a router into the Internet.
func (l *Lab) outside(r *Host, a netip.Addr, port string, p Path) error {
	if err := l.plug(r, outer, l.WAN, "br0", port, p); err != nil {
		return err
	}
	return r.IP(public(a, outer)...)
}

// buildCarrier puts a carrier's router between the home's and the Internet.
func (h *Home) buildCarrier() (err error) {
	if h.Neighbour {
		return h.joinCarrier()
	}
	if h.Carrier, err = h.lab.host(h.name + "'s carrier"); err != nil {
		return err
	}
	if err := h.Carrier.bridge(inner, "100.64.0.1/24"); err != nil {
		return err
	}
	if err := h.line(); err != nil {
		return err
	}
	if err := h.lab.outside(h.Carrier, h.Outside, h.port(""), Path{}); err != nil {
		return err
	}
	return h.Carrier.route(h.Kind.Carrier(), h.Lifetime)
}

// line connects the home's router to the carrier's.
func (h *Home) line() error {
	if err := h.lab.plug(h.Router, outer, h.Carrier, inner, h.port("line"), h.Path); err != nil {
		return err
	}
	return h.Router.IP(fmt.Sprintf("addr add 100.64.0.%d/24 dev %s", h.number, outer), "route add default via 100.64.0.1")
}

// joinCarrier connects the home to the carrier of the home before.
func (h *Home) joinCarrier() error {
	if len(h.lab.Homes) == 0 || h.lab.Homes[len(h.lab.Homes)-1].Kind != h.Kind {
		return fmt.Errorf("lab: %s: there is no neighbour of the kind %s before it", h.name, h.Kind)
	}
	before := h.lab.Homes[len(h.lab.Homes)-1]
	h.Carrier, h.Outside = before.Carrier, before.Outside
	if err := h.line(); err != nil {
		return err
	}
	return h.Carrier.hairpin(h.Outside)
}

// build6 routes a prefix of IPv6 to the home, through the carrier's wires where there is one: nobody translates it.
func (h *Home) build6() error {
	if h.Carrier != nil {
		return fmt.Errorf("lab: %s: IPv6 behind a carrier is not built", h.name)
	}
	if err := h.Router.Set("net/ipv6/conf/all/forwarding", "1"); err != nil {
		return err
	}
	prefix := fmt.Sprintf("2d00:10:%d:", h.number)
	h.Inside6 = netip.MustParseAddr(prefix + ":11")
	if err := h.Router.IP(fmt.Sprintf("addr add 2d00:10::%d/64 dev %s", h.number, outer), "route add default via 2d00:10::1",
		"addr add "+prefix+":1/64 dev "+inner); err != nil {
		return err
	}
	if err := h.Host.IP(fmt.Sprintf("addr add %s/64 dev eth0", h.Inside6), "route add default via "+prefix+":1"); err != nil {
		return err
	}
	return h.lab.WAN.IP(fmt.Sprintf("route add %s:/64 via 2d00:10::%d", prefix, h.number))
}
