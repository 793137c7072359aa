package nat

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
	"github.com/huin/goupnp/soap"
)

// Error codes of the actions used here: UPnP WANIPConnection:2, 2.5, and UPnP Device Architecture 2.0, 3.2.5.
const (
	codeFailed          = 501
	codeNotAuthorized   = 606
	codeNoSuchEntry     = 714
	codeConflict        = 718
	codeSamePort        = 724 // internal and external port must be equal
	codeOnlyPermanent   = 725 // the lease must be 0
	codeNoRoom          = 728
	codeOtherMechanisms = 729 // the port is taken by something that is no mapping
)

// wanConnection is what the three services that map ports have in common, as goupnp generates them.
type wanConnection interface {
	AddPortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string, internalPort uint16,
		internalClient string, enabled bool, description string, lease uint32) error
	DeletePortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string) error
	GetSpecificPortMappingEntryCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string) (
		internalPort uint16, internalClient string, enabled bool, description string, lease uint32, err error)
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
	GetStatusInfoCtx(ctx context.Context) (status, lastError string, uptime uint32, err error)
}

// igd is a UPnP gateway.
type igd struct {
	title  string
	self   netip.Addr // ours, as it sees us
	client wanConnection
	about  string // what its table shows
}

// findIGDs searches the network and returns the UPnP gateways that can map ports, the most promising one first.
func (t *Traversal) findIGDs(ctx context.Context) ([]gateway, error) {
	devices, err := search{t.cfg.Interfaces, t.cfg.Search, searchTimes}.run(ctx)
	if err != nil {
		return nil, err
	}
	var list []gateway
	var problems []error
	for _, d := range devices {
		g, err := openIGD(ctx, d, t.cfg.Name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if b := t.cfg.Bind; b.IsValid() && !b.IsUnspecified() && b.Unmap() != g.self {
			problems = append(problems, fmt.Errorf("gateway %s is reached from %s, but the swarm socket is bound to %s", d.addr.Addr(), g.self, b))
			continue
		}
		list = append(list, g)
	}
	if len(list) == 0 {
		return nil, errors.Join(problems...)
	}
	return list, nil
}

// openIGD reads a device's description and chooses among its connections.
func openIGD(ctx context.Context, d device, about string) (*igd, error) {
	root, err := fetchDescription(ctx, d.location, netip.Addr{})
	if err != nil {
		return nil, err
	}
	self, err := localAddressTowards(ctx, d.addr)
	if err != nil {
		return nil, err
	}
	client := connected(ctx, connections(root, d))
	if client == nil {
		return nil, fmt.Errorf("gateway %s (%s) offers no port mapping", d.addr.Addr(), plain(root.Device.FriendlyName))
	}
	return &igd{gatewayTitle(d, root), self, client, about}, nil
}

// gatewayTitle is what a gateway is called.
func gatewayTitle(d device, root *goupnp.RootDevice) string {
	title := plain("gateway " + d.addr.Addr().String())
	if name := plain(root.Device.FriendlyName); name != "" {
		title = plain(title + " (" + name + ")")
	}
	return title
}

// maxConnections bounds the connections of one device that are tried.
const maxConnections = 6

// connections lists the services that map ports, newest version first.
func connections(root *goupnp.RootDevice, d device) []wanConnection {
	var list []wanConnection
	add := func(c wanConnection, sc *goupnp.ServiceClient) {
		if len(list) < maxConnections && sc.Service.ControlURL.Ok {
			sc.SOAPClient.HTTPClient = boundedClient(d.location.Hostname(), netip.Addr{})
			list = append(list, c)
		}
	}
	// The errors say that the device has no such service.
	ip2, _ := internetgateway2.NewWANIPConnection2ClientsFromRootDevice(root, d.location)
	for _, c := range ip2 {
		add(c, &c.ServiceClient)
	}
	ip1, _ := internetgateway2.NewWANIPConnection1ClientsFromRootDevice(root, d.location)
	for _, c := range ip1 {
		add(c, &c.ServiceClient)
	}
	ppp, _ := internetgateway2.NewWANPPPConnection1ClientsFromRootDevice(root, d.location)
	for _, c := range ppp {
		add(c, &c.ServiceClient)
	}
	return list
}

// connected returns the first connection that says it is up, otherwise the first: some gateways never say so.
func connected(ctx context.Context, list []wanConnection) wanConnection {
	if len(list) == 0 {
		return nil
	}
	if len(list) > 1 {
		for _, c := range list {
			if status, _, _, err := c.GetStatusInfoCtx(ctx); err == nil && status == "Connected" {
				return c
			}
		}
	}
	return list[0]
}

func (g *igd) name() string    { return g.title }
func (g *igd) own() netip.Addr { return g.self }

// externalIP asks for the gateway's own address; it is invalid while the gateway has none.
func (g *igd) externalIP(ctx context.Context) (netip.Addr, error) {
	text, err := g.client.GetExternalIPAddressCtx(ctx)
	if err != nil {
		return netip.Addr{}, gatewayError("ask for the external address", err)
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.IsUnspecified() {
		return netip.Addr{}, nil // "no address" is an answer, and gateways word it in many ways
	}
	return a.Unmap().WithZone(""), nil
}

func (g *igd) add(ctx context.Context, external, internal uint16, lease uint32) error {
	return gatewayError("map a port", g.client.AddPortMappingCtx(ctx, "", external, "UDP", internal, g.self.String(), true, g.about, lease))
}

func (g *igd) lookup(ctx context.Context, external uint16) (netip.AddrPort, error) {
	port, client, _, _, _, err := g.client.GetSpecificPortMappingEntryCtx(ctx, "", external, "UDP")
	if err != nil {
		return netip.AddrPort{}, gatewayError("look up a port", err)
	}
	a, err := netip.ParseAddr(client)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("look up a port: the gateway names %q as its owner", plain(client))
	}
	return netip.AddrPortFrom(a.Unmap(), port), nil
}

func (g *igd) remove(ctx context.Context, external uint16) error {
	return gatewayError("remove the mapping", g.client.DeletePortMappingCtx(ctx, "", external, "UDP"))
}

// refusal is a gateway's error answer.
type refusal struct {
	op   string
	code int
	text string
}

func (e *refusal) Error() string { return fmt.Sprintf("%s: error %d %s", e.op, e.code, e.text) }

// codeOf returns the code of a gateway's refusal, 0 for other errors.
func codeOf(err error) int {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.code
	}
	return 0
}

// gatewayError keeps of goupnp's error what the caller branches on, and bounds its text.
func gatewayError(op string, err error) error {
	if err == nil {
		return nil
	}
	if fault, ok := errors.AsType[*soap.SOAPFaultError](err); ok {
		u := fault.Detail.UPnPError
		return &refusal{op, u.Errorcode, plain(u.ErrorDescription)}
	}
	return fmt.Errorf("%s: %s", op, reason(err))
}
