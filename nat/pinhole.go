package nat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/huin/goupnp/dcps/internetgateway2"
	"golang.org/x/net/ipv6"
)

// Error codes of WANIPv6FirewallControl:1, 2.6, that mean something else than those of WANIPConnection.
const (
	holeNoRoom     = 701
	holeNoFirewall = 702 // it is switched off: everybody gets in
	holeRefused    = 703
	holeNoEntry    = 704
)

const udpProtocol = 17

var (
	errNoIPv6     = errors.New("no public IPv6 address")
	errNoFirewall = errors.New("no router answered over IPv6")
)

// pinholeWish is a hole in the router's IPv6 firewall for the address from which this machine speaks to the Internet.
func (t *Traversal) pinholeWish() wish {
	return wish{sourcePinhole, "pinhole", func(ctx context.Context) ([]gateway, error) { return t.firewall(ctx) }, pinholeWorth, pinholeProblem}
}

// findFirewalls asks the routers by UPnP and PCP, over IPv6 from the address that is to be reached: who asks for
// another machine's address, or over IPv4, is refused.
func (t *Traversal) findFirewalls(ctx context.Context) ([]gateway, error) {
	list, err := localAddrs(t.cfg.Interfaces)
	if err != nil {
		return nil, err
	}
	towards, _ := localAddressTowards(ctx, netip.MustParseAddrPort("[2000::]:9")) // without a route any will do
	self, ok := pinholeAddress(list, t.cfg.Bind, towards)
	if !ok {
		return nil, errNoIPv6
	}
	routers := defaultGateways6(t.cfg.Interfaces)
	return eitherOf(ctx,
		func(ctx context.Context) ([]gateway, error) { return findPinholeServices(ctx, self, routers) },
		func(ctx context.Context) ([]gateway, error) {
			var list []*portGateway
			for _, r := range routers[:min(len(routers), maxGateways)] {
				list = append(list, &portGateway{dialect: newPCP(), router: netip.AddrPortFrom(r, portControl), self: self.Prefix.Addr()})
			}
			return firstAnswering(ctx, list)
		})
}

// pinholeAddress chooses the IPv6 address that strangers are to reach: of several the one that is preferred.
func pinholeAddress(list []localAddr, bind, preferred netip.Addr) (localAddr, bool) {
	list = slices.DeleteFunc(slices.Clone(list), func(l localAddr) bool {
		a := l.Prefix.Addr()
		return !a.Is6() || !public(a) || bind.IsValid() && !bind.IsUnspecified() && bind != a || bind.Is4()
	})
	if len(list) == 0 {
		return localAddr{}, false
	}
	return list[max(0, slices.IndexFunc(list, func(l localAddr) bool { return l.Prefix.Addr() == preferred }))], true
}

// findPinholeServices searches the link for UPnP gateways with an IPv6 firewall.
func findPinholeServices(ctx context.Context, self localAddr, routers []netip.Addr) ([]gateway, error) {
	own := self.Prefix.Addr()
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp6", netip.AddrPortFrom(own, 0).String())
	if err != nil {
		return nil, fmt.Errorf("search for IPv6 firewalls: %w", err)
	}
	a := asker{conn: conn.(*net.UDPConn), group: ssdpGroup6}
	p := ipv6.NewPacketConn(conn)
	_ = p.SetMulticastInterface(&self.Interface) // the zone of the group says the same
	_ = p.SetMulticastHopLimit(ssdpTTL)          // 1 does in a home
	a.to = append(a.to, netip.AddrPortFrom(ssdpGroup6.Addr().WithZone(self.Interface.Name), ssdpGroup6.Port()))
	for _, r := range routers[:min(len(routers), maxGateways)] {
		a.to = append(a.to, netip.AddrPortFrom(r, ssdpGroup6.Port()))
	}
	devices, err := gather(ctx, []asker{a}, searchTimes, routers, func(from netip.Addr) bool {
		return from.IsLinkLocalUnicast() || self.Prefix.Contains(from)
	})
	if err != nil {
		return nil, errNoFirewall
	}
	var list []gateway
	var problems []error
	for _, d := range devices {
		f, err := openFirewall(ctx, d, own)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		list = append(list, f)
	}
	if len(list) == 0 {
		return nil, errors.Join(problems...)
	}
	return list, nil
}

// pinholeService is WANIPv6FirewallControl:1 as goupnp generates it.
type pinholeService interface {
	AddPinholeCtx(ctx context.Context, remoteHost string, remotePort uint16, internalClient string, internalPort, protocol uint16, lease uint32) (id uint16, err error)
	UpdatePinholeCtx(ctx context.Context, id uint16, lease uint32) error
	DeletePinholeCtx(ctx context.Context, id uint16) error
	GetPinholePacketsCtx(ctx context.Context, id uint16) (packets uint32, err error)
	GetFirewallStatusCtx(ctx context.Context) (enabled, allowed bool, err error)
}

// firewall is the IPv6 firewall of a UPnP gateway. Its methods are called by one goroutine at a time.
type firewall struct {
	title  string
	self   netip.Addr
	client pinholeService
	port   uint16 // of the hole that is held, 0 for none
	id     uint16 // of the same
}

// openFirewall reads a device's description and takes its firewall.
func openFirewall(ctx context.Context, d device, self netip.Addr) (*firewall, error) {
	root, err := fetchDescription(ctx, d.location, self)
	if err != nil {
		return nil, err
	}
	list, _ := internetgateway2.NewWANIPv6FirewallControl1ClientsFromRootDevice(root, d.location) // the error says that it has none
	for _, c := range list {
		if c.Service.ControlURL.Ok {
			c.SOAPClient.HTTPClient = boundedClient(d.location.Hostname(), self)
			return &firewall{title: gatewayTitle(d, root), self: self, client: c}, nil
		}
	}
	return nil, fmt.Errorf("gateway %s (%s) offers no IPv6 pinholes", d.addr.Addr(), plain(root.Device.FriendlyName))
}

func (f *firewall) name() string    { return f.title }
func (f *firewall) own() netip.Addr { return f.self }

// externalIP is our own address; a sign of life is asked for.
func (f *firewall) externalIP(ctx context.Context) (netip.Addr, error) {
	_, _, err := f.client.GetFirewallStatusCtx(ctx)
	return f.self, firewallError("ask for the state of the firewall", err)
}

// add makes a hole, or prolongs it.
func (f *firewall) add(ctx context.Context, external, internal uint16, lease uint32) error {
	if external != internal {
		return &refusal{"make an IPv6 pinhole", codeSamePort, "a firewall changes no ports"}
	}
	if f.port == internal {
		if f.client.UpdatePinholeCtx(ctx, f.id, lease) == nil {
			return nil
		}
	}
	id, err := f.client.AddPinholeCtx(ctx, "", 0, f.self.String(), internal, udpProtocol, lease)
	if err != nil {
		return firewallError("make an IPv6 pinhole", err)
	}
	f.port, f.id = internal, id
	return nil
}

// lookup tells whether the hole that is held is still there.
func (f *firewall) lookup(ctx context.Context, external uint16) (netip.AddrPort, error) {
	if f.port != external {
		return netip.AddrPort{}, &refusal{"look up an IPv6 pinhole", codeNoSuchEntry, "it is not made"}
	}
	if _, err := f.client.GetPinholePacketsCtx(ctx, f.id); err != nil {
		err = firewallError("look up an IPv6 pinhole", err)
		if code := codeOf(err); code == codeNoSuchEntry || code == codeNotAuthorized { // another one's has the number now
			f.port = 0
			return netip.AddrPort{}, &refusal{"look up an IPv6 pinhole", codeNoSuchEntry, "it is gone"}
		}
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(f.self, f.port), nil
}

func (f *firewall) remove(ctx context.Context, external uint16) error {
	if f.port != external {
		return nil
	}
	f.port = 0
	return firewallError("close the IPv6 pinhole", f.client.DeletePinholeCtx(ctx, f.id))
}

func (f *firewall) remembered() (leftover, bool) {
	return leftover{Protocol: "UPnP", Address: f.self, ID: f.id}, f.port != 0 // the router chooses the number
}

// leave closes the hole of a run before, unless its number is another machine's by now.
func (f *firewall) leave(ctx context.Context, l leftover) bool {
	if l.Protocol != "UPnP" {
		return false
	}
	err := firewallError("close an IPv6 pinhole", f.client.DeletePinholeCtx(ctx, l.ID))
	return err == nil || codeOf(err) != 0
}

// firewallError is gatewayError, with codes as WANIPConnection has them.
func firewallError(op string, err error) error {
	err = gatewayError(op, err)
	if r, ok := errors.AsType[*refusal](err); ok {
		switch r.code {
		case holeNoRoom:
			r.code = codeNoRoom
		case holeRefused:
			r.code = codeNotAuthorized
		case holeNoEntry:
			r.code = codeNoSuchEntry
		}
	}
	return err
}

// pinholeWorth tells what a hole is worth.
func pinholeWorth(m *mapping, addr netip.Addr) (found []Finding, words string) {
	at := netip.AddrPortFrom(m.internal.Addr(), m.external)
	if addr.IsValid() && addr.Is6() {
		at = netip.AddrPortFrom(addr, m.external) // as a router that changes prefixes says
	}
	if !public(at.Addr()) {
		return nil, fmt.Sprintf("The %s lets strangers in at %s, which is no public address.", m.gw.name(), at)
	}
	return []Finding{{at, Pinhole, m.gw.name()}}, fmt.Sprintf("The %s lets strangers in at %s.", m.gw.name(), at)
}

// pinholeProblem says why there is no hole and what can be done; nothing where IPv6 is not to be had.
func pinholeProblem(err error) string {
	switch code := codeOf(err); {
	case errors.Is(err, errNoIPv6):
		return ""
	case errors.Is(err, errNoFirewall):
		return "No IPv6 pinhole: no router answered by UPnP or PCP over IPv6. If it has a firewall, peers get in by IPv6 once we have called them."
	case code == holeNoFirewall:
		return "No IPv6 pinhole is needed: the router's IPv6 firewall is off."
	case code == codeNotAuthorized:
		return "No IPv6 pinhole: the router refuses it. Allow IPv6 pinholes for this machine in the router (" + reason(err) + ")."
	case code == codeNoRoom:
		return "No IPv6 pinhole: the router has no room for more. Restart it or remove old ones (" + reason(err) + ")."
	}
	return "No IPv6 pinhole: " + reason(err) + "."
}
