package lan

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// household is what a machine with containers and a VPN shows beside its LAN.
func household() []Interface {
	lo := eth("lo", 1, "127.0.0.1/8")
	lo.Flags = net.FlagUp | net.FlagLoopback
	down := eth("wlan0", 3, "192.168.1.7/24")
	down.Flags &^= net.FlagUp
	tunnel := eth("corp", 8, "10.8.0.2/24")
	tunnel.Flags |= net.FlagPointToPoint
	silent := eth("eth9", 9, "192.168.9.2/24")
	silent.Flags &^= net.FlagMulticast
	vpn := eth("lan9", 12, "10.66.0.2/24") // a tunnel by the kernel's word alone
	vpn.Tunnel = true
	return []Interface{
		lo, eth("eth0", 2, "192.168.1.2/24"), down, eth("br-lan", 4, "192.168.2.1/24"),
		eth("docker0", 5, "172.17.0.1/16"), eth("br-3f2a91c04d7e", 6, "172.18.0.1/16"), eth("wg0", 7, "10.9.0.1/24"),
		tunnel, silent, eth("eth1", 10, "fd77::1/64"), eth("eth3", 11, "fe80::1/64"), vpn,
	}
}

func nets(s ...string) (list []netip.Prefix) {
	for _, p := range s {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

func TestPick(t *testing.T) {
	for _, c := range []struct {
		name     string
		s        Selection
		want     string
		problems string
	}{
		{"by default what looks like a home's", Selection{}, "eth0 br-lan eth1", ""},
		{"a tunnel when it is named", Selection{Allow: []string{"wg0"}}, "wg0", ""},
		{"loopback when it is named", Selection{Allow: []string{"lo"}}, "lo", ""},
		{"pattern", Selection{Allow: []string{"br-*"}}, "br-lan br-3f2a91c04d7e", ""},
		{"denied", Selection{Deny: []string{"br-*"}}, "eth0 eth1", ""},
		{"denied beats allowed", Selection{Allow: []string{"eth0", "docker0"}, Deny: []string{"docker0"}}, "eth0", ""},
		{"asked for and down", Selection{Allow: []string{"wlan0"}}, "", "wlan0: it is down"},
		{"IPv6 alone", Selection{Allow: []string{"eth1"}}, "eth1", ""},
		{"asked for without an address", Selection{Allow: []string{"eth3"}}, "", "eth3: it has no address that TVs can reach"},
		{"allowed networks", Selection{Networks: nets("192.168.2.0/24")}, "br-lan", ""},
		{"denied network", Selection{DenyNetworks: nets("192.168.0.0/23", "fd00::/8")}, "br-lan", ""},
		{"denied network beats an allowed one", Selection{Networks: nets("192.168.0.0/16"), DenyNetworks: nets("192.168.1.0/24")}, "br-lan", ""},
		{
			"asked for and outside",
			Selection{Allow: []string{"eth0"}, Networks: nets("10.0.0.0/8")},
			"",
			"eth0: none of its addresses is in the networks that the configuration allows",
		},
		{"asked for and missing", Selection{Allow: []string{"eth0", "eth7"}}, "eth0", "eth7: there is no such interface"},
	} {
		t.Run(c.name, func(t *testing.T) {
			picked, problems := c.s.Pick(household())
			var names, sentences []string
			for _, i := range picked {
				names = append(names, i.Name)
			}
			for _, p := range problems {
				sentences = append(sentences, p.Interface+": "+p.Reason)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("picked %q, want %q", got, c.want)
			}
			if got := strings.Join(sentences, ", "); got != c.problems {
				t.Errorf("problems %q, want %q", got, c.problems)
			}
		})
	}
}

func TestVirtual(t *testing.T) {
	for name, want := range map[string]bool{
		"eth0": false, "en0": false, "enp3s0": false, "wlan0": false, "lan0": false, "br0": false, "br-lan": false, "bond0": false,
		"br-abcdefabcdef": true, "br-abcdefabcdeg": false, "br-abc": false, "vmbr0": false,
		"docker0": true, "docker_gwbridge": true, "podman1": true, "veth12ab": true, "virbr0": true, "tun0": true,
		"tap0": true, "tailscale0": true, "ztabc": true, "vboxnet0": true, "cni0": true, "ppp0": true,
	} {
		if got := virtual(name); got != want {
			t.Errorf("virtual(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, s := range []Selection{{}, {Allow: []string{"eth*", "lo"}, Deny: []string{"eth[12]"}}} {
		if err := s.Validate(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	for _, s := range []Selection{{Allow: []string{"eth["}}, {Deny: []string{""}}} {
		err := s.Validate()
		if err == nil || !strings.Contains(err.Error(), "ip -br link") {
			t.Errorf("%+v: error %v, want one with a remedy", s, err)
		}
	}
}

// Whatever is denied is never picked, whatever is picked is up and has an address.
func FuzzPick(f *testing.F) {
	f.Add("eth*", "eth1", "eth0")
	f.Add("", "*", "lo")
	f.Add("[", "br-?", "br-lan")
	f.Fuzz(func(t *testing.T, allow, deny, name string) {
		s := Selection{Deny: []string{deny}}
		if allow != "" {
			s.Allow = []string{allow}
		}
		picked, _ := s.Pick(append(household(), eth(name, 99, "10.1.1.1/24")))
		for _, i := range picked {
			if matches(deny, i.Name) || i.Flags&net.FlagUp == 0 || !i.Primary().IsValid() && !i.Wide().IsValid() {
				t.Errorf("%+v picked %+v", s, i)
			}
			if allow != "" && !slices.ContainsFunc(s.Allow, func(p string) bool { return matches(p, i.Name) }) {
				t.Errorf("%+v picked %+v, which is not allowed", s, i)
			}
		}
	})
}

// An interface keeps those of its addresses alone that lie in the allowed networks.
func TestPickLeavesAddressesOut(t *testing.T) {
	i := eth("eth0", 2, "192.168.1.2/24", "10.0.0.2/8", "fe80::2/64", "fd77::2/64")
	for _, c := range []struct {
		s    Selection
		want string
	}{
		{Selection{}, "192.168.1.2 10.0.0.2 fe80::2 fd77::2"},
		{Selection{DenyNetworks: nets("10.0.0.0/8")}, "192.168.1.2 fe80::2 fd77::2"},
		{Selection{Networks: nets("10.0.0.0/8")}, "10.0.0.2 fe80::2"},
		{Selection{DenyNetworks: nets("fe80::/10", "fd77::/64")}, "192.168.1.2 10.0.0.2"},
	} {
		picked, _ := c.s.Pick([]Interface{i})
		var got []string
		for _, p := range picked[0].Prefixes {
			got = append(got, p.Addr().String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v keeps %v, want %s", c.s, got, c.want)
		}
	}
}
