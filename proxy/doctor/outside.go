package doctor

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/nat"
	"github.com/swarmgate/swarmgate/nat/behaviour"
	"github.com/swarmgate/swarmgate/ppsp"
)

// patience is how long one thing outside may take.
const patience = 4 * time.Second

// outlook is all that was found out about the way to the Internet.
type outlook struct {
	servers []string // STUN servers that were asked
	noNAT   bool     // no router was asked for anything
	seen    behaviour.Report
	unseen  error
	port    way        // through the router, over IPv4
	hole    way        // through its IPv6 firewall
	six     netip.Addr // of this machine on the IPv6 Internet; invalid where there is none
}

// way is a way in for strangers.
type way struct {
	nat.Trial
	err     error // why there is none
	arrival behaviour.Arrival
}

// outside looks at the way to the Internet: what STUN servers see, what kind of NAT there is, whether a router forwards
// ports, IPv6, and what comes of it all for peers.
func (c Config) outside(ctx context.Context, servers func() []string) []Check {
	ctx, cancel := context.WithTimeout(ctx, outsideTime)
	defer cancel()
	o := outlook{noNAT: c.NoNAT, six: ipv6()}
	var asking sync.WaitGroup
	asking.Go(func() {
		if o.servers = servers(); len(o.servers) > 0 {
			o.seen, o.unseen = behaviour.Discover(ctx, o.servers...)
		}
	})
	if !c.NoNAT {
		asking.Go(func() { o.port = c.try(ctx, "udp4", nat.Try, servers) })
	}
	if o.six.IsValid() && !c.NoNAT {
		asking.Go(func() { o.hole = c.try(ctx, "udp6", nat.TryPinhole, servers) })
	}
	asking.Wait()
	checks := []Check{o.stun(), o.kind(), o.mapping(), o.ipv6()}
	if o.six.IsValid() && !c.NoNAT {
		checks = append(checks, o.pinhole())
	}
	return append(checks, o.peers())
}

// try has a router let strangers in at a port of ours that nobody needs, for a moment, and has strangers come.
func (c Config) try(ctx context.Context, network string, ask func(context.Context, nat.Config, func(nat.Trial)) (nat.Trial, error), servers func() []string) (w way) {
	ear, err := behaviour.Listen(ctx, network)
	if err != nil {
		w.err = err
		return w
	}
	defer ear.Close()
	w.Trial, w.err = ask(ctx, nat.Config{Port: ear.Port(), Name: "Swarmgate doctor", Logger: c.Logger}, func(t nat.Trial) {
		w.arrival = ear.Hears(ctx, t.Mapped.Port(), servers()...)
	})
	return w
}

const (
	maxServers = 4
	lookupTime = 2 * time.Second
	namingTime = 300 * time.Millisecond // that other trackers have to name a STUN server after the first
)

// servers returns the STUN servers to ask: those that a person named, else those that trackers name.
func (c Config) servers(ctx context.Context, named <-chan string) []string {
	if len(c.STUN) > 0 {
		return c.STUN
	}
	var list []string
	var enough <-chan time.Time
	for len(list) < maxServers {
		select {
		case server, more := <-named:
			if !more {
				return list
			}
			if !slices.Contains(list, server) {
				list = append(list, server)
			}
			if enough == nil {
				enough = time.After(namingTime)
			}
		case <-enough:
			return list
		case <-ctx.Done():
			return list
		}
	}
	return list
}

// onInternet is a STUN server that somebody outside named, by its address on the Internet; empty where its name stands for
// addresses of the home, to which nobody outside has us send. An address that stands there as such is what it is.
func onInternet(ctx context.Context, server string) string {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return ""
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return server
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	list, _ := net.DefaultResolver.LookupNetIP(ctx, "ip4", host) // none where that fails
	for _, a := range list {
		if a = a.Unmap(); ppsp.Public(a) {
			return net.JoinHostPort(a.String(), port)
		}
	}
	return ""
}

// ipv6 is this machine's address for the whole IPv6 Internet; invalid where there is none.
func ipv6() netip.Addr {
	// Nothing is sent: connecting a UDP socket only chooses a route. The address is a root server's of the DNS.
	conn, err := net.Dial("udp6", "[2001:500:2f::f]:53")
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	a := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return netip.Addr{}
	}
	return a
}
