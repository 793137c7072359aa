//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A router's interfaces: to the Internet or the carrier, and to the home.
const (
	outer = "wan0"
	inner = "lan0"
)

// unanswered is how long Linux remembers what nobody has answered.
const unanswered = 30 * time.Second

// ruleset writes nftables rules that make a router of this kind.
//
// Linux keeps an outside port for an inside socket as long as no other socket wants the same, whomever it speaks to, and
// lets in what belongs to a flow alone: that is Port. Sym draws a port for each flow. For FullCone and Addr the router
// takes down, from each packet that leaves, which inside socket its outside port belongs to and who it went to; a packet
// from outside that belongs to no flow is sent along the note. Notes are as old as the flows that they were taken from.
//
// The chains gateway_* are miniupnpd's.
func ruleset(k Kind, lifetime time.Duration) string {
	translate, arrive, note, forward := `oifname "wan0" meta nfproto ipv4 masquerade`, "", "", ""
	switch k {
	case Sym:
		translate += " fully-random"
	case FullCone:
		arrive = `iifname "wan0" meta l4proto udp dnat ip to udp dport map @owner`
	case Addr:
		arrive = `iifname "wan0" udp dport . ip saddr @partner dnat ip to udp dport map @owner`
	case BlockUDP:
		forward = `iifname "lan0" oifname "wan0" meta l4proto udp drop`
	case Offline:
		forward = `iifname "lan0" oifname "wan0" drop`
	}
	if arrive != "" {
		note = strings.Join([]string{
			`oifname "wan0" meta l4proto udp ct direction original update @owner { udp sport : ct original ip saddr . ct original proto-src }`,
			`oifname "wan0" meta l4proto udp ct direction reply update @owner { udp sport : ct reply ip saddr . ct reply proto-src }`,
			`oifname "wan0" meta l4proto udp update @partner { udp sport . ip daddr }`,
		}, "\n\t\t")
	}
	return fmt.Sprintf(`
table inet router {
	map owner { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout %[1]ds; }
	set partner { type inet_service . ipv4_addr; flags dynamic,timeout; timeout %[1]ds; }
	chain gateway_in { }
	chain gateway_out { }
	chain gateway_forward { }
	chain hairpin_in { }
	chain hairpin_out { }
	chain refuse { }
	chain deaf { type filter hook prerouting priority mangle; policy accept; }
	chain arrive { type nat hook prerouting priority dstnat; policy accept;
		iifname "wan0" jump gateway_in
		%[2]s
		jump hairpin_in
	}
	chain leave { type nat hook postrouting priority srcnat; policy accept;
		jump hairpin_out
		jump gateway_out
		%[3]s
	}
	chain note { type filter hook postrouting priority 250; policy accept;
		%[4]s
	}
	chain own { type filter hook input priority filter; policy accept;
		iifname "wan0" ct state new meta l4proto { tcp, udp } drop
		jump refuse
	}
	chain through { type filter hook forward priority filter; policy drop;
		%[5]s
		ct state established,related accept
		iifname "lan0" accept
		meta nfproto ipv4 ct status dnat accept
		meta l4proto ipv6-icmp accept
		jump gateway_forward
	}
}
`, int(lifetime/time.Second), arrive, translate, note, forward)
}

// route makes a host with the two interfaces a router of a kind. lifetime is that of a UDP flow.
func (h *Host) route(k Kind, lifetime time.Duration) error {
	if err := h.Set("net/ipv4/ip_forward", "1"); err != nil {
		return err
	}
	if _, err := h.Run(ruleset(k, lifetime), "nft", "-f", "-"); err != nil {
		return err
	}
	seconds := func(d time.Duration) string { return fmt.Sprint(int(d / time.Second)) }
	if err := h.Set("net/netfilter/nf_conntrack_udp_timeout", seconds(min(lifetime, unanswered))); err != nil {
		return err
	}
	return h.Set("net/netfilter/nf_conntrack_udp_timeout_stream", seconds(lifetime))
}

// hairpin has a router with this address outside send back inside what is meant for it, as if it came from outside: the
// one who gets it sees the sender's outside address and port.
func (h *Host) hairpin(outside netip.Addr) error {
	_, err := h.Run(fmt.Sprintf("flush chain inet router hairpin_in\nflush chain inet router hairpin_out\n"+
		"add rule inet router hairpin_in iifname \"lan0\" ip daddr %[1]s meta l4proto udp dnat ip to udp dport map @owner\n"+
		"add rule inet router hairpin_out iifname \"lan0\" oifname \"lan0\" ct status dnat snat ip to %[1]s\n", outside), "nft", "-f", "-")
	return err
}

// forget throws away all that the router knows of flows.
func (h *Host) forget() error {
	if _, err := h.Run("", "conntrack", "-F"); err != nil {
		return err
	}
	_, err := h.Run("flush map inet router owner\nflush set inet router partner\n", "nft", "-f", "-")
	return err
}
