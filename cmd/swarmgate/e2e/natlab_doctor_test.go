//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/nat/lab"
)

// examined is a line of doctor --json.
type examined struct {
	OK                     bool
	Value, Meaning, Remedy string
}

// named is what the doctor is to say of a home.
type named struct {
	kind  lab.Kind
	value string // of the check "nat"
	peers string // of the check "peers"
	well  bool
}

// whatThereIs is what it says with servers that show all.
var whatThereIs = []named{
	{lab.Open, "open", "everybody", true},
	{lab.FullCone, "full cone", "everybody", true},
	{lab.Addr, "address-restricted", "everybody, by hole punching", true},
	{lab.Port, "port-restricted", "most, by hole punching", true},
	{lab.Sym, "symmetric", "some", false},
	{lab.CGNAT, "carrier NAT, port-restricted", "most, by hole punching", true},
	{lab.CGNATSym, "carrier NAT, symmetric", "some", false},
	{lab.BlockUDP, "blocked", "not known", false},
	{lab.Offline, "blocked", "not known", false},
}

// whatOneShows is what it says with one server of this project that has one address.
var whatOneShows = []named{
	{lab.Open, "open", "everybody", true},
	{lab.FullCone, "NAT", "most, as it looks", true},
	{lab.Addr, "NAT", "most, as it looks", true},
	{lab.Port, "NAT", "most, as it looks", true},
	{lab.Sym, "symmetric", "some", false},
	{lab.CGNAT, "carrier NAT", "most, as it looks", true},
	{lab.CGNATSym, "carrier NAT, symmetric", "some", false},
	{lab.BlockUDP, "blocked", "not known", false},
	{lab.Offline, "not known", "not known", false}, // no tracker names a server
}

// natLabDoctor has the doctor look at a home behind every kind of NAT: with a STUN server that nobody here wrote, and with
// this project's, at two addresses, at one, and two of them at one address each.
func natLabDoctor(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(n *nats)
		args  []string
		want  []named
		short []lab.Kind // without -whole; all when empty
	}{
		{"coturn", (*nats).withCoturn, []string{"--stun", labSTUN}, whatThereIs, nil},
		{"two-addresses", (*nats).withTwoAddresses, nil, whatThereIs[:8], []lab.Kind{lab.FullCone, lab.Addr, lab.Sym}},
		{"one-address", (*nats).withOneAddress, nil, whatOneShows, []lab.Kind{lab.Open, lab.Port, lab.Sym, lab.Offline}},
		{"two-servers", (*nats).withTwoServers, []string{"--stun", labSTUN, "--stun", labSTUN2}, whatThereIs, []lab.Kind{lab.FullCone, lab.Port}},
	} {
		want := c.want
		if !*whole && c.short != nil {
			want = slices.DeleteFunc(slices.Clone(want), func(w named) bool { return !slices.Contains(c.short, w.kind) })
		}
		t.Run(c.name, func(t *testing.T) { natLabDoctorBy(t, c.serve, c.args, want) })
	}
}

func natLabDoctorBy(t *testing.T, serve func(n *nats), args []string, cases []named) {
	var results table
	var names []string
	for _, c := range cases {
		names = append(names, string(c.kind))
	}
	each(t, names, func(t *testing.T, i int) {
		c := cases[i]
		n := buildForDoctor(t, serve, lab.Spec{Kind: c.kind})
		status, found, took := n.examine(t, n.Homes[0].Host, args...)
		if got := found["nat"]; got.Value != c.value || !got.OK && got.Remedy == "" {
			t.Errorf("the NAT is %+v, not %q", got, c.value)
		}
		if got := found["peers"].Value; got != c.peers {
			t.Errorf("peers that get through: %q, not %q", got, c.peers)
		}
		if (status == 0) != c.well {
			t.Errorf("exit status %d: %+v", status, found)
		}
		if got := found["tracker"].OK; got != (c.kind != lab.Offline) {
			t.Errorf("the tracker: %+v", found["tracker"])
		}
		if got := found["lan"]; !got.OK {
			t.Errorf("the home's network: %+v", got)
		}
		if c.kind == lab.BlockUDP || c.kind == lab.Offline {
			strict(t, "the report", took, 5*time.Second)
		}
		results.add("%-10s %s; peers: %s; after %.1f s", c.kind, found["nat"].Value, found["peers"].Value, took.Seconds())
	})
	t.Logf("what the doctor says\n%s", &results)
}

// natLabDoctorOfTroubles has the doctor find what is wrong at home: a firewall that keeps TVs away, a router that says
// that it forwards a port and does not, and one behind another.
func natLabDoctorOfTroubles(t *testing.T) {
	t.Run("firewall", func(t *testing.T) {
		n := buildForDoctor(t, (*nats).withOneAddress, lab.Spec{Kind: lab.Port})
		home := n.Homes[0].Host
		n.firewall(home, "udp dport 1900 drop")
		status, found, _ := n.examine(t, home)
		if got := found["lan"]; got.OK || !strings.Contains(got.Value, "deaf") || got.Remedy == "" || status != 1 {
			t.Errorf("exit status %d, %+v", status, got)
		}
	})
	t.Run("dead-mapping", func(t *testing.T) {
		n := buildForDoctor(t, (*nats).withOneAddress, lab.Spec{Kind: lab.Port, Gateway: lab.Gateway{UPnP: true}})
		home := n.Homes[0].Host
		n.firewall(home, "ct state new udp dport 32768-60999 drop") // strangers alone
		status, found, _ := n.examine(t, home)
		if got := found["mapping"]; got.OK || !strings.Contains(got.Meaning, "did not get in") || status != 1 {
			t.Errorf("exit status %d, %+v", status, got)
		}
		if got := found["peers"].Value; got != "most, as it looks" {
			t.Errorf("peers that get through: %q", got)
		}
	})
	t.Run("two-routers", func(t *testing.T) {
		n := buildForDoctor(t, (*nats).withTwoServers, lab.Spec{Kind: lab.CGNAT, Gateway: lab.Gateway{UPnP: true}})
		_, found, _ := n.examine(t, n.Homes[0].Host, "--stun", labSTUN, "--stun", labSTUN2)
		if got := found["peers"].Value; got != "most, by hole punching" {
			t.Errorf("peers that get through: %q, %+v", got, found["mapping"])
		}
	})
}

// natLabNamedSTUN has a home that names no STUN server learn how it is seen from that of its tracker.
func natLabNamedSTUN(t *testing.T) {
	n := buildForDoctor(t, (*nats).withOneAddress, lab.Spec{Kind: lab.Port})
	home := n.Homes[0]
	p := n.run(home.Host, "publish", noise(t, smallFilm), "--json", "--dir", t.TempDir(), "--tracker", n.tracker)
	at := p.event("nat", generous, func(e map[string]any) bool { return e["type"] == "reflexive" })["address"].(string)
	if !strings.HasPrefix(at, home.Outside.String()+":") {
		t.Errorf("seen as %s", at)
	}
}

// firewall has a host drop what comes in and fits a rule.
func (n nats) firewall(h *lab.Host, rule string) {
	n.t.Helper()
	if _, err := h.Run("table inet doctor { chain in { type filter hook input priority 0; "+rule+"; }; }", "nft", "-f", "-"); err != nil {
		n.t.Fatal(err)
	}
}

// natLabDoctorOfRouters has the doctor look at routers that forward ports, and at none of what it made afterwards.
func natLabDoctorOfRouters(t *testing.T) {
	for _, c := range []struct {
		name    string
		gateway lab.Gateway
		check   string
		serve   func(n *nats)
	}{
		{"UPnP", lab.Gateway{UPnP: true}, "mapping", (*nats).withCoturn},
		{"UPnP-by-ours", lab.Gateway{UPnP: true}, "mapping", (*nats).withOneAddress},
		{"NAT-PMP", lab.Gateway{PMP: true}, "mapping", (*nats).withCoturn},
		{"PCP", lab.Gateway{PCP: true}, "mapping", (*nats).withTwoAddresses},
		{"IPv6-UPnP", lab.Gateway{UPnP: true}, "pinhole", (*nats).withIPv6},
		{"IPv6-PCP", lab.Gateway{PCP: true}, "pinhole", (*nats).withIPv6},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := buildForDoctor(t, c.serve, lab.Spec{Kind: lab.Sym, Gateway: c.gateway, IPv6: c.check == "pinhole"})
			home := n.Homes[0]
			status, found, _ := n.examine(t, home.Host, "--stun", labSTUN, "--stun", labSTUN6)
			at := home.Outside.String() + ":"
			if c.check == "pinhole" {
				at = "[" + home.Inside6.String() + "]:"
			}
			if got := found[c.check].Value; !strings.HasPrefix(got, at) {
				t.Errorf("%s %+v", c.check, found[c.check])
			}
			if got := found[c.check]; !strings.Contains(got.Meaning, "got in") {
				t.Errorf("no stranger got in: %+v", got)
			}
			if got := found["peers"].Value; got != "everybody" || status != 0 {
				t.Errorf("exit status %d, peers that get through: %q", status, got)
			}
			if left, err := home.Mappings(); err != nil || left != "" {
				t.Errorf("left behind: %s, %v", left, err)
			}
		})
	}
}

// buildForDoctor builds homes, a tracker and STUN servers.
func buildForDoctor(t *testing.T, serve func(n *nats), specs ...lab.Spec) nats {
	t.Helper()
	l, err := lab.New(specs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	n := nats{Lab: l, t: t}
	serve(&n)
	return n
}

// withCoturn has a STUN server with two addresses that does RFC 5780.
func (n *nats) withCoturn() {
	n.t.Helper()
	if err := n.ServeCoturn(); err != nil {
		n.t.Fatal(err)
	}
	n.track()
}

// The tracker answers STUN at one address, or at two; or another server does at the second.
func (n *nats) withOneAddress()   { n.track("--stun", labSTUN) }
func (n *nats) withTwoAddresses() { n.track("--stun", labSTUN, "--stun", labSTUN2) }
func (n *nats) withTwoServers() {
	n.t.Helper()
	if err := n.ServeSTUN(labSTUN2); err != nil {
		n.t.Fatal(err)
	}
	n.track("--stun", labSTUN)
}

// withIPv6 has coturn, and a server for IPv6.
func (n *nats) withIPv6() {
	n.t.Helper()
	if err := n.ServeSTUN(labSTUN6); err != nil {
		n.t.Fatal(err)
	}
	n.withCoturn()
}

// labSTUN6 is a STUN server for IPv6.
const labSTUN6 = "[" + lab.ServerAddr6 + "]:3478"

// track starts the tracker.
func (n *nats) track(args ...string) {
	n.t.Helper()
	p := n.run(n.Server, append([]string{"tracker", "--http", "--listen", labTracker, "--dir", n.t.TempDir(), "--json"}, args...)...)
	n.tracker = p.event("ready", generous, nil)["url"].(string)
}

// examine runs the doctor on a host to its end.
func (n nats) examine(t *testing.T, h *lab.Host, args ...string) (status int, found map[string]examined, took time.Duration) {
	t.Helper()
	p := n.run(h, append([]string{"doctor", "--json", "--dir", t.TempDir(), "--tracker", n.tracker}, args...)...)
	status = p.exit(generous)
	took = time.Since(p.started)
	found = map[string]examined{}
	for _, e := range p.events("check") {
		var c examined
		name, _ := e["name"].(string)
		c.OK, _ = e["ok"].(bool)
		c.Value, _ = e["value"].(string)
		c.Meaning, _ = e["meaning"].(string)
		c.Remedy, _ = e["remedy"].(string)
		found[name] = c
	}
	return status, found, took
}
