package doctor

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"github.com/swarmgate/swarmgate/nat/behaviour"
)

// stun says what the servers see.
func (o outlook) stun() Check {
	const unseen = "How this home looks from outside is not known."
	switch {
	case len(o.servers) == 0:
		return unknown("stun", "nobody is asked", unseen, "Name a server: --stun HOST:PORT, or peer.stun in the configuration. Who runs a tracker often runs one.")
	case o.unseen != nil:
		return unwell("stun", oneLine(o.unseen), unseen, "Look at the name of the server, and at this machine's DNS.")
	case !o.seen.Server.IsValid():
		return unwell("stun", "no answer", "The Internet is away, or a firewall blocks UDP: then there are no peers.", "Look whether other things reach the Internet; if so, allow UDP in the router's firewall.")
	}
	return well("stun", fmt.Sprintf("seen as %s", o.seen.Seen), fmt.Sprintf("UDP reaches the Internet; %s answered after %d ms.", o.seen.Server, o.seen.Took.Milliseconds()), "")
}

// asked tells whether STUN servers could be asked, be it that none answered.
func (o outlook) asked() bool { return len(o.servers) > 0 && o.unseen == nil }

// meanings say what the kinds of NAT mean for peers.
var meanings = map[behaviour.Kind]string{
	behaviour.Open:              "This machine has a public address, and everybody gets through to it.",
	behaviour.Firewall:          "This machine has a public address, behind a firewall that lets in who was called.",
	behaviour.Public:            "This machine has a public address. Whether a firewall is before it, this STUN server can't show.",
	behaviour.FullCone:          "Everybody gets through, once this machine has called anybody.",
	behaviour.AddressRestricted: "Who was called gets through, from any of his ports.",
	behaviour.PortRestricted:    "Who was called gets through, as in most homes.",
	behaviour.Cone:              "Who was called gets through. Whether others do, too, only a STUN server with two addresses (RFC 5780) can show.",
	behaviour.NAT:               "There is a NAT. What kind it is, only a second STUN server can show.",
	behaviour.Symmetric:         "The router shows another port to everybody: peers behind strict routers don't get through.",
	behaviour.Blocked:           "No UDP comes back from the Internet.",
}

// kind names the NAT.
func (o outlook) kind() Check {
	if !o.asked() {
		return unknown("nat", "not known", "What kind of NAT there is, only a STUN server can show.", "Name one: --stun HOST:PORT.")
	}
	k := o.seen.Kind()
	check := well("nat", string(k), meanings[k], "")
	switch k {
	case behaviour.Symmetric:
		switch {
		case o.port.arrival == behaviour.Arrived:
			check.Meaning = "The router shows another port to everybody, but forwards one to this machine."
		case o.promised():
			check.State = Unknown
		default:
			check.State, check.OK = Unwell, false
			check.Remedy = "Switch on UPnP in the router, set its NAT type to open or moderate, or use IPv6."
		}
	case behaviour.Blocked:
		check = unwell("nat", check.Value, check.Meaning, "Allow UDP in the router's firewall.")
	case behaviour.NAT:
		check = unknown("nat", check.Value, o.partly(), "Name a second STUN server.")
	}
	words, meaning := o.layers()
	if words == "" {
		return check
	}
	if k == behaviour.NAT { // which the words say already
		check.Value = words
	} else {
		check.Value = words + ", " + check.Value
	}
	check.Meaning = meaning + " " + check.Meaning
	switch check.State {
	case Unwell:
		check.Remedy = "Ask the provider for a public address, or for IPv6: the router alone can't mend it."
	case Well:
		check.Remedy = "If peers are few: ask the provider for a public address, or for IPv6."
	}
	return check
}

// partly says what a server with one address has shown of a NAT.
func (o outlook) partly() string {
	if o.seen.Mapping != behaviour.NotOnPort {
		return meanings[behaviour.NAT]
	}
	lets := map[behaviour.Dependence]string{
		behaviour.OnAddressAndPort: "lets in only who was called, as in most homes",
		behaviour.NotOnPort:        "lets in who was called from any of his ports, or more",
	}[o.seen.Filtering]
	if lets == "" {
		lets = "lets in who was called"
	}
	return "The router shows one port to all ports of the server, and " + lets + ". Whether it shows others the same port, only a second STUN server can show."
}

// layers names what lies between the home's router and the Internet; empty where nothing was seen.
func (o outlook) layers() (name, meaning string) {
	own := o.port.Mapped.Addr() // of the router, as it says
	switch {
	case o.seen.Carrier.IsValid():
		return "carrier NAT", fmt.Sprintf("The provider shares one address among its customers (%s).", o.seen.Carrier)
	case shared.Contains(own):
		return "carrier NAT", fmt.Sprintf("The provider shares one address among its customers (%s).", own)
	case own.IsValid() && !o.port.Public:
		return "double NAT", fmt.Sprintf("The router's own address, %s, is not public: another router lies in front of it.", own)
	case o.contradicts():
		return "double NAT", fmt.Sprintf("The router says that its address is %s, but the Internet sees %s: another router lies in front of it, or it does not know its address.", own, o.seen.Seen.Addr())
	}
	return "", ""
}

// shared is the network between carriers' NATs and their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// contradicts tells whether the Internet sees another address than the router says that it has.
func (o outlook) contradicts() bool {
	own, seen := o.port.Mapped.Addr(), o.seen.Seen.Addr()
	return own.IsValid() && seen.IsValid() && own != seen && seen.IsGlobalUnicast() && !seen.IsPrivate()
}

// promised tells whether the router says that it lets strangers in, and nobody could try that.
func (o outlook) promised() bool {
	return o.port.Public && o.port.arrival == behaviour.Untold && !o.contradicts()
}

// mapping says what a router does for us.
func (o outlook) mapping() Check {
	w := o.port
	by := "The " + w.Gateway
	value := w.Mapped.String()
	if !w.Mapped.Addr().IsValid() {
		value = fmt.Sprintf("port %d", w.Mapped.Port())
	}
	switch {
	case o.noNAT:
		return unknown("mapping", "not asked", "No router is asked to let peers in.", "")
	case w.err != nil:
		return well("mapping", "none", "No router forwards a port: peers get in only as the NAT lets them.", sentence(w.err, "No port mapping: "))
	case w.arrival == behaviour.Arrived:
		return well("mapping", value, by+" forwards ports to this machine: a stranger's datagram got in.", "")
	case !w.Mapped.Addr().IsValid():
		return well("mapping", value, by+" forwards ports, but does not tell its own address.", "Look at the router's connection to the Internet.")
	case !w.Public:
		return well("mapping", value, by+" forwards ports, but its own address is not public: another router lies in front of it.",
			"Ask the provider for a public address, or switch the router in front to bridge mode.")
	case o.contradicts():
		return well("mapping", value, fmt.Sprintf("%s forwards ports, but the Internet sees %s: strangers don't get in.", by, o.seen.Seen.Addr()),
			"Switch the router in front to bridge mode, ask the provider for a public address, or restart the router if its address is an old one.")
	case w.arrival == behaviour.Lost:
		return unwell("mapping", value, by+" says that it forwards the port, but a stranger's datagram did not get in.", "Restart the router; look for a firewall in it, or on this machine, that blocks UDP.")
	}
	return well("mapping", value, by+" says that it forwards ports to this machine. No STUN server could try that.", "")
}

// pinhole says what a router's IPv6 firewall does for us.
func (o outlook) pinhole() Check {
	w := o.hole
	switch {
	case w.err != nil:
		return well("pinhole", "none", "No router opens its IPv6 firewall: peers get in by IPv6 once we have called them.", sentence(w.err, "No IPv6 pinhole: "))
	case w.arrival == behaviour.Arrived:
		return well("pinhole", w.Mapped.String(), "The "+w.Gateway+" lets strangers in over IPv6: one got in.", "")
	case !w.Public:
		return well("pinhole", w.Mapped.String(), "The "+w.Gateway+" lets strangers in, at an address that is not public.", "Switch on IPv6 at the provider.")
	case w.arrival == behaviour.Lost:
		return unwell("pinhole", w.Mapped.String(), "The "+w.Gateway+" says that it lets strangers in over IPv6, but none got in.", "Restart the router; look for a firewall on this machine that blocks UDP over IPv6.")
	}
	return well("pinhole", w.Mapped.String(), "The "+w.Gateway+" says that it lets strangers in over IPv6. No STUN server could try that.", "")
}

// sentence is what an error says after words that stand elsewhere.
func sentence(err error, after string) string {
	words := []rune(strings.TrimPrefix(oneLine(err), after))
	if len(words) > 0 {
		words[0] = unicode.ToUpper(words[0])
	}
	return string(words)
}

// ipv6 says what IPv6 does for us.
func (o outlook) ipv6() Check {
	if !o.six.IsValid() {
		return well("ipv6", "none", "Peers get in over IPv4 alone.", "Switch on IPv6 in the router: it needs no NAT.")
	}
	return well("ipv6", o.six.String(), "Peers with IPv6 get in where the router's firewall lets in who was called.", "")
}

// peers says what it all means for peers. Everybody gets through only where somebody did.
func (o outlook) peers() Check {
	const name = "peers"
	kind := o.seen.Kind()
	through := o.hole.arrival == behaviour.Arrived // over IPv6
	switch {
	case o.port.arrival == behaviour.Arrived:
		return well(name, "everybody", "A stranger got in by the port that the router forwards: peers behind any NAT get through.", "")
	case o.asked() && (kind == behaviour.Open || kind == behaviour.FullCone):
		return well(name, "everybody", "Peers behind any NAT get through.", "")
	case o.promised():
		return unknown(name, "everybody, says the router", "The router says that it forwards a port. Only a STUN server that calls at other ports (RFC 5780) can show whether that is so.", "")
	case !o.asked() || !o.seen.Server.IsValid():
		return unknown(name, "not known", "Without a STUN server that answers, nobody can tell who gets through.", "")
	case kind == behaviour.AddressRestricted:
		return well(name, "everybody, by hole punching", "Both sides call each other, and so get through.", "")
	case kind == behaviour.Symmetric && through:
		return well(name, "all with IPv6, and some", "The router lets strangers in over IPv6; over IPv4 only peers get through that have a public address or an easy NAT.", "")
	case kind == behaviour.Symmetric && o.six.IsValid():
		return well(name, "some", "Peers get through that have IPv6, a public address, or a NAT that lets in more than who was called.", "")
	case kind == behaviour.Symmetric:
		remedy := "Switch on UPnP in the router, or use IPv6."
		if layers, _ := o.layers(); layers != "" {
			remedy = "Ask the provider for a public address, or for IPv6."
		}
		return unwell(name, "some", "Only peers get through that have a public address, or a NAT that lets in more than who was called.",
			remedy+" Films and channels come through third peers meanwhile.")
	case kind == behaviour.NAT && o.seen.Mapping == behaviour.NotOnPort:
		return unknown(name, "most, as it looks", "Both sides call each other, and get through if the router shows all of them the same port.", "Name a second STUN server.")
	case kind == behaviour.NAT:
		return unknown(name, "not known", "What kind of NAT there is was not found out.", "Name a second STUN server.")
	}
	return well(name, "most, by hole punching", "Both sides call each other, and so get through; but not to homes whose router shows another port to everybody.", "")
}
