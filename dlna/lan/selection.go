package lan

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// Selection says which interfaces and networks belong to the home. Names may hold the
// wildcards of path.Match ("eth*"). The zero value takes every interface that looks like a
// home's, with all its networks.
type Selection struct {
	Allow []string // if any, only these, whatever they look like, loopback too
	Deny  []string // never these

	Networks     []netip.Prefix // if any, only addresses in these
	DenyNetworks []netip.Prefix // no address in these
}

// Holds tells whether a host of that address may be one of the home's, as far as the
// networks of the selection go. This machine itself always is.
func (s Selection) Holds(a netip.Addr) bool {
	a = plain(a)
	if a.IsLoopback() {
		return true
	}
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	return (len(s.Networks) == 0 || slices.ContainsFunc(s.Networks, in)) && !slices.ContainsFunc(s.DenyNetworks, in)
}

// within returns i with those of its addresses that the networks of the selection hold. A
// link-local address of IPv6 stays beside others: it names no network.
func (s Selection) within(i Interface) Interface {
	if len(s.Networks)+len(s.DenyNetworks) == 0 {
		return i
	}
	kept := make([]netip.Prefix, 0, len(i.Prefixes))
	others := false
	for _, p := range i.Prefixes {
		a := p.Addr()
		local := a.Is6() && a.IsLinkLocalUnicast() && !slices.ContainsFunc(s.DenyNetworks, func(d netip.Prefix) bool { return d.Contains(a) })
		if local || s.Holds(a) {
			kept = append(kept, p)
			others = others || !local
		}
	}
	if !others {
		kept = nil
	}
	i.Prefixes = kept
	return i
}

// Validate finds a pattern that can't be read.
func (s Selection) Validate() error {
	for _, pattern := range slices.Concat(s.Allow, s.Deny) {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return fmt.Errorf("network interface %q is not a name or pattern; `ip -br link` lists the names", pattern)
		}
	}
	return nil
}

// Pick returns those of all that are chosen, up and have an address that TVs can reach, in their order,
// and a sentence for each interface that was asked for and can't be had.
func (s Selection) Pick(all []Interface) (picked []Interface, problems []Problem) {
	for _, i := range all {
		if s.picks(i) {
			inside := s.within(i)
			why := unusable(inside)
			if why != "" && unusable(i) == "" {
				why = "none of its addresses is in the networks that the configuration allows"
			}
			if why == "" {
				picked = append(picked, inside)
			} else if len(s.Allow) > 0 {
				problems = append(problems, Problem{i.Name, why})
			}
		}
	}
	for _, pattern := range s.Allow {
		if !slices.ContainsFunc(all, func(i Interface) bool { return matches(pattern, i.Name) }) {
			problems = append(problems, Problem{pattern, "there is no such interface"})
		}
	}
	return picked, problems
}

// Problem is an interface that was asked for and can't be used.
type Problem struct{ Interface, Reason string }

func (s Selection) picks(i Interface) bool {
	named := func(pattern string) bool { return matches(pattern, i.Name) }
	if slices.ContainsFunc(s.Deny, named) {
		return false
	}
	if len(s.Allow) > 0 {
		return slices.ContainsFunc(s.Allow, named)
	}
	const wanted = net.FlagUp | net.FlagMulticast
	return i.Flags&wanted == wanted && i.Flags&(net.FlagLoopback|net.FlagPointToPoint) == 0 && !i.Tunnel && !virtual(i.Name)
}

func unusable(i Interface) string {
	switch {
	case i.Flags&net.FlagUp == 0:
		return "it is down"
	case !i.Primary().IsValid() && !i.Wide().IsValid():
		return "it has no address that TVs can reach"
	}
	return ""
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// virtualPrefixes begin the names that container engines, virtual machines and tunnels
// give to their interfaces.
var virtualPrefixes = []string{
	"docker", "podman", "cni", "flannel", "cali", "cilium", "kube", "veth", "lxc", "lxd", "incus",
	"virbr", "vnet", "vmnet", "vboxnet", "tun", "tap", "utun", "wg", "tailscale", "zt", "nebula",
	"ham", "ppp", "wwan", "ipsec", "nordlynx", "proton", "sit", "gre", "ip6tnl", "ifb",
}

// virtual tells from its name whether an interface leads to no living room. "br-lan" and
// "br0" are bridges of routers and stay; "br-3f2a91c04d7e" is one of Docker's.
func virtual(name string) bool {
	if id, ok := strings.CutPrefix(name, "br-"); ok && len(id) == 12 && strings.Trim(id, "0123456789abcdef") == "" {
		return true
	}
	return slices.ContainsFunc(virtualPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}
