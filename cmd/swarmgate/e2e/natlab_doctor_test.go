//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/nat/lab"
)

// examined is a line of doctor --json.
type examined struct {
	OK            bool
	Value, Remedy string
}

// natLabDoctor has the doctor look at a home behind every kind of NAT, with a STUN server that nobody here wrote.
func natLabDoctor(t *testing.T) {
	var results table
	cases := []struct {
		kind  lab.Kind
		value string // of the check "nat"
		peers string // of the check "peers"
		well  bool
	}{
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
	var names []string
	for _, c := range cases {
		names = append(names, string(c.kind))
	}
	each(t, names, func(t *testing.T, i int) {
		c := cases[i]
		n := buildForDoctor(t, lab.Spec{Kind: c.kind})
		status, found, took := n.examine(t, n.Homes[0].Host)
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
		if c.kind == lab.BlockUDP || c.kind == lab.Offline {
			strict(t, "the report", took, 5*time.Second)
		}
		results.add("%-10s %s; peers: %s; after %.1f s", c.kind, found["nat"].Value, found["peers"].Value, took.Seconds())
	})
	t.Logf("what the doctor says\n%s", &results)
}

// natLabDoctorOfRouters has the doctor look at routers that forward ports, and at none of what it made afterwards.
func natLabDoctorOfRouters(t *testing.T) {
	for _, c := range []struct {
		name    string
		gateway lab.Gateway
		check   string
	}{
		{"UPnP", lab.Gateway{UPnP: true}, "mapping"},
		{"NAT-PMP", lab.Gateway{PMP: true}, "mapping"},
		{"PCP", lab.Gateway{PCP: true}, "mapping"},
		{"IPv6-UPnP", lab.Gateway{UPnP: true}, "pinhole"},
		{"IPv6-PCP", lab.Gateway{PCP: true}, "pinhole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := buildForDoctor(t, lab.Spec{Kind: lab.Sym, Gateway: c.gateway, IPv6: c.check == "pinhole"})
			home := n.Homes[0]
			status, found, _ := n.examine(t, home.Host)
			at := home.Outside.String() + ":"
			if c.check == "pinhole" {
				at = "[" + home.Inside6.String() + "]:"
			}
			if got := found[c.check].Value; !strings.HasPrefix(got, at) {
				t.Errorf("%s %+v", c.check, found[c.check])
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

// buildForDoctor builds homes, a tracker, and a STUN server with two addresses that does RFC 5780.
func buildForDoctor(t *testing.T, specs ...lab.Spec) nats {
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
	if err := l.ServeCoturn(); err != nil {
		t.Fatal(err)
	}
	n := nats{Lab: l, t: t}
	tracker := n.run(l.Server, "tracker", "--http", "--listen", labTracker, "--dir", t.TempDir(), "--json")
	n.tracker = tracker.event("ready", generous, nil)["url"].(string)
	return n
}

// examine runs the doctor on a host to its end.
func (n nats) examine(t *testing.T, h *lab.Host) (status int, found map[string]examined, took time.Duration) {
	t.Helper()
	p := n.run(h, "doctor", "--json", "--dir", t.TempDir(), "--stun", labSTUN, "--tracker", n.tracker)
	status = p.exit(generous)
	took = time.Since(p.started)
	found = map[string]examined{}
	for _, e := range p.events("check") {
		name, _ := e["name"].(string)
		ok, _ := e["ok"].(bool)
		value, _ := e["value"].(string)
		remedy, _ := e["remedy"].(string)
		found[name] = examined{ok, value, remedy}
	}
	return status, found, took
}
