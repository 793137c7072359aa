package renderer

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/dlna/lan"
	"github.com/swarmgate/swarmgate/dlna/renderer/finder"
	"github.com/swarmgate/swarmgate/dlna/renderer/lanhttp"
	"github.com/swarmgate/swarmgate/proxy"
)

// Paths at which the handlers of a Controller expect their requests.
const (
	EventRoot  = "/dlna/event/" // and the name of a callback: Controller.Events
	StreamRoot = "/dlna/to/"    // renderer and file: Controller.Streams
)

// Library is what can be played; proxy.Gateway is one.
type Library interface {
	Item(id string) (proxy.Item, bool)
	// SetPosition notes how far a film was seen; proxy.ErrNotFound if it is no film.
	SetPosition(id string, position time.Duration) error
}

// Config is what a Controller needs. Library, HTTPPort and Interfaces must be set.
type Config struct {
	Library     Library
	HTTPPort    uint16                                         // at which this gateway answers
	HTTPAddress netip.Addr                                     // at which alone it does; invalid or unspecified for all
	Interfaces  func() ([]lan.Interface, []lan.Problem, error) // those of the home
	Guard       *lan.Guard                                     // who belongs to the home; a new one if nil
	Logger      zerolog.Logger

	Listen func(lan.Interface) ([]finder.Conn, error) // the function finder.Listen if nil
	Dial   lanhttp.Dial                               // TCP if nil
	Facing func(peer netip.Addr) (netip.Addr, error)  // the own address that a host reaches; asks the system if nil
}

// facing asks the system from which address it would speak to a host. Nothing is sent.
func facing(peer netip.Addr) (netip.Addr, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, 9)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	own, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return own.Addr().Unmap().WithZone(""), err
}

// own returns the address in the network of the home that a host is part of; for one behind
// another router, what the system would speak from. Of a link-local address of IPv6 a URL can't name
// the interface, so another of the same interface goes before it.
func (c *Config) own(peer netip.Addr) (netip.Addr, error) {
	homes, _, err := c.Interfaces()
	if err != nil {
		return c.Facing(peer)
	}
	for _, i := range homes {
		if zone := peer.Zone(); zone != "" && zone != i.Name {
			continue
		}
		for _, p := range i.Prefixes {
			if !p.Contains(peer.WithZone("")) {
				continue
			}
			if p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
				for _, a := range []netip.Addr{i.Primary(), i.Wide()} {
					if a.IsValid() {
						return a, nil
					}
				}
			}
			return p.Addr(), nil
		}
	}
	return c.Facing(peer)
}

// base returns scheme, address and port under which a host reaches this gateway.
func (c *Config) base(peer netip.Addr) (string, error) {
	own, err := c.own(peer)
	if err != nil {
		return "", fmt.Errorf("there is no way from this gateway to %s: %w", peer, err)
	}
	if only := c.HTTPAddress; only.IsValid() && !only.IsUnspecified() && only != own {
		return "", fmt.Errorf("the gateway's HTTP is open at %s alone, where %s can't reach it; start it with --http :%d", only, peer, c.HTTPPort)
	}
	return "http://" + netip.AddrPortFrom(own, c.HTTPPort).String(), nil
}
