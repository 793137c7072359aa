package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/swarmgate/swarmgate/nat"
	"github.com/swarmgate/swarmgate/nat/behaviour"
)

// patience is how long one thing outside may take.
const patience = 4 * time.Second

// outside looks at the way to the Internet: what STUN servers see, what kind of NAT there is, whether a router forwards
// ports, IPv6, and what comes of it all for peers.
func (c Config) outside(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	var seen behaviour.Report
	var unseen, unmapped, unpierced error
	var trial, hole nat.Trial
	six := ipv6()
	var asking sync.WaitGroup
	asking.Go(func() { seen, unseen = behaviour.Discover(ctx, c.STUN...) })
	if !c.NoNAT {
		asking.Go(func() { trial, unmapped = c.try(ctx, "udp4", nat.Try) })
	}
	if six.IsValid() && !c.NoNAT {
		asking.Go(func() { hole, unpierced = c.try(ctx, "udp6", nat.TryPinhole) })
	}
	asking.Wait()
	checks := []Check{c.stun(seen, unseen)}
	if len(c.STUN) > 0 && unseen == nil {
		checks = append(checks, kind(seen, trial))
	}
	checks = append(checks, c.mapping(trial, unmapped), sixth(six))
	if six.IsValid() && !c.NoNAT {
		checks = append(checks, pinhole(hole, unpierced))
	}
	return append(checks, peers(seen, trial, hole, six))
}

// try has a router let strangers in at a port of ours that nobody needs, for a moment.
func (c Config) try(ctx context.Context, network string, ask func(context.Context, nat.Config) (nat.Trial, error)) (nat.Trial, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, network, ":0")
	if err != nil {
		return nat.Trial{}, err
	}
	defer conn.Close()
	port := uint16(conn.LocalAddr().(*net.UDPAddr).Port)
	return ask(ctx, nat.Config{Port: port, Name: "Swarmgate doctor", Logger: c.Logger})
}

// stun says what the servers see.
func (c Config) stun(r behaviour.Report, err error) Check {
	switch {
	case len(c.STUN) == 0:
		return Check{"stun", true, "nobody is asked", "How this home looks from outside is not known.", "Name a server: --stun HOST:PORT, or peer.stun in the configuration. Who runs a tracker often runs one."}
	case err != nil:
		return Check{"stun", false, oneLine(err), "How this home looks from outside is not known.", "Look at the name of the server, and at this machine's DNS."}
	case !r.Server.IsValid():
		return Check{"stun", false, "no answer", "The Internet is away, or a firewall blocks UDP: then there are no peers.", "Look whether other things reach the Internet; if so, allow UDP in the router's firewall."}
	}
	return Check{"stun", true, fmt.Sprintf("seen as %s", r.Seen), fmt.Sprintf("UDP reaches the Internet; %s answered after %d ms.", r.Server, r.Took.Milliseconds()), ""}
}

// kind names the NAT.
func kind(r behaviour.Report, t nat.Trial) Check {
	k := r.Kind()
	words := map[behaviour.Kind]string{
		behaviour.Open:              "This machine has a public address, and everybody gets through to it.",
		behaviour.Firewall:          "This machine has a public address, behind a firewall that lets in who was called.",
		behaviour.FullCone:          "Everybody gets through, once this machine has called anybody.",
		behaviour.AddressRestricted: "Who was called gets through, from any of his ports.",
		behaviour.PortRestricted:    "Who was called gets through, as in most homes.",
		behaviour.Cone:              "Who was called gets through. Whether others do, too, only a STUN server with two addresses (RFC 5780) can show.",
		behaviour.NAT:               "There is a NAT. What kind it is, only a second STUN server can show.",
		behaviour.Symmetric:         "The router shows another port to everybody: peers behind strict routers don't get through.",
		behaviour.Blocked:           "No UDP comes back from the Internet.",
	}
	check := Check{Name: "nat", OK: true, Value: string(k), Meaning: words[k]}
	switch k {
	case behaviour.Symmetric:
		check.OK = t.Public
		check.Remedy = "Switch on UPnP in the router, set its NAT type to open or moderate, or use IPv6."
	case behaviour.Blocked:
		check.OK, check.Remedy = false, "Allow UDP in the router's firewall."
	}
	if by := carrier(r, t); by.IsValid() {
		check.Value = "carrier NAT, " + check.Value
		check.Meaning = fmt.Sprintf("The provider shares one address among its customers (%s). %s", by, check.Meaning)
		if check.Remedy == "" {
			check.Remedy = "If peers are few: ask the provider for a public address, or for IPv6."
		} else {
			check.Remedy = "Ask the provider for a public address, or for IPv6: the router alone can't mend it."
		}
	}
	return check
}

// carrier is where somebody shares addresses before the home's own router; invalid where nobody was seen.
func carrier(r behaviour.Report, t nat.Trial) netip.Addr {
	if r.Carrier.IsValid() {
		return r.Carrier
	}
	if a := t.Mapped.Addr(); a.IsValid() && !t.Public {
		return a // the router's own address is no public one
	}
	return netip.Addr{}
}

// mapping says what a router does for us.
func (c Config) mapping(t nat.Trial, err error) Check {
	switch {
	case c.NoNAT:
		return Check{"mapping", true, "not asked", "No router is asked to let peers in.", ""}
	case err != nil:
		return Check{"mapping", true, "none", "No router forwards a port: peers get in only as the NAT lets them.", sentence(err, "No port mapping: ")}
	case !t.Mapped.Addr().IsValid():
		return Check{"mapping", true, "port " + fmt.Sprint(t.Mapped.Port()), "The " + t.Gateway + " forwards ports, but does not tell its own address.", "Look at the router's connection to the Internet."}
	case !t.Public:
		return Check{
			"mapping", true, t.Mapped.String(), "The " + t.Gateway + " forwards ports, but its own address is not public: another router lies in front of it.",
			"Ask the provider for a public address, or switch the router in front to bridge mode.",
		}
	}
	return Check{"mapping", true, t.Mapped.String(), "The " + t.Gateway + " forwards ports to this machine: strangers get in.", ""}
}

// pinhole says what a router's IPv6 firewall does for us.
func pinhole(t nat.Trial, err error) Check {
	switch {
	case err != nil:
		return Check{"pinhole", true, "none", "No router opens its IPv6 firewall: peers get in by IPv6 once we have called them.", sentence(err, "No IPv6 pinhole: ")}
	case !t.Public:
		return Check{"pinhole", true, t.Mapped.String(), "The " + t.Gateway + " lets strangers in, at an address that is not public.", "Switch on IPv6 at the provider."}
	}
	return Check{"pinhole", true, t.Mapped.String(), "The " + t.Gateway + " lets strangers in over IPv6.", ""}
}

// sentence is what an error says after words that stand elsewhere.
func sentence(err error, after string) string {
	words := []rune(strings.TrimPrefix(oneLine(err), after))
	if len(words) > 0 {
		words[0] = unicode.ToUpper(words[0])
	}
	return string(words)
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

// sixth says what IPv6 does for us.
func sixth(a netip.Addr) Check {
	if !a.IsValid() {
		return Check{"ipv6", true, "none", "Peers get in over IPv4 alone.", "Switch on IPv6 in the router: it needs no NAT."}
	}
	return Check{"ipv6", true, a.String(), "Peers with IPv6 get in where the router's firewall lets in who was called.", ""}
}

// peers says what it all means for peers.
func peers(r behaviour.Report, t, hole nat.Trial, six netip.Addr) Check {
	check := Check{Name: "peers", OK: true}
	switch k := r.Kind(); {
	case t.Public:
		check.Value, check.Meaning = "everybody", "The router forwards a port, so that peers behind any NAT get through."
	case !r.Server.IsValid():
		check.Value, check.Meaning = "not known", "Without a STUN server that answers, nobody can tell who gets through."
	case k == behaviour.Open || k == behaviour.FullCone:
		check.Value, check.Meaning = "everybody", "Peers behind any NAT get through."
	case k == behaviour.AddressRestricted:
		check.Value, check.Meaning = "everybody, by hole punching", "Both sides call each other, and so get through."
	case k == behaviour.Symmetric && hole.Public:
		check.Value, check.Meaning = "all with IPv6, and some", "The router lets strangers in over IPv6; over IPv4 only peers get through that have a public address or an easy NAT."
	case k == behaviour.Symmetric && six.IsValid():
		check.Value, check.Meaning = "some", "Peers get through that have IPv6, a public address, or a NAT that lets in more than who was called."
	case k == behaviour.Symmetric:
		check.OK, check.Value, check.Meaning = false, "some", "Only peers get through that have a public address, or a NAT that lets in more than who was called."
		check.Remedy = "Switch on UPnP in the router, or use IPv6. Films and channels come through third peers meanwhile."
	case k == behaviour.NAT:
		check.Value, check.Meaning = "not known", "What kind of NAT there is was not found out."
		check.Remedy = "Name a second STUN server."
	default:
		check.Value, check.Meaning = "most, by hole punching", "Both sides call each other, and so get through; but not to homes whose router shows another port to everybody."
	}
	return check
}
