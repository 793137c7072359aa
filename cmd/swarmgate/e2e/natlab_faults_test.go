//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/nat/lab"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// slack is what timers of the program may take beyond what they promise, where other things run beside.
const slack = 30 * time.Second

// natLabFaults has routers fail in the ways in which they do.
func natLabFaults(t *testing.T) {
	var results table
	faults := []struct {
		name string
		run  func(t *testing.T, results *table)
	}{
		{"gateway-restarts", faultRestart},
		{"mapping-dies", faultDead},
		{"address-changes", faultAddress},
		{"router-restarts", faultReboot},
		{"home-renumbered", faultRenumber},
	}
	var names []string
	for _, f := range faults {
		names = append(names, f.name)
	}
	each(t, names, func(t *testing.T, i int) { faults[i].run(t, &results) })
	t.Logf("faults\n%s", &results)
}

// The router's UPnP service ends, with all that it had mapped, and comes back.
func faultRestart(t *testing.T, results *table) {
	const bound = 60 * time.Second
	n := buildNATs(t, lab.Spec{Kind: lab.Port, Gateway: lab.Gateway{UPnP: true}})
	h := n.Homes[0]
	p := n.run(h.Host, "publish", noise(t, smallFilm), "--json", "--log-level", "debug", "--dir", t.TempDir())
	p.event("nat", generous, func(e map[string]any) bool { return e["type"] == "mapped" })
	h.StopGateway()
	began := time.Now()
	if err := h.StartGateway(); err != nil {
		t.Fatal(err)
	}
	n.until(t, "a mapping again", bound+slack, func() bool {
		m, err := h.Mappings()
		return err == nil && m != ""
	})
	took := time.Since(began)
	strict(t, "the mapping after the restart", took, bound)
	results.add("UPnP service restarts: mapped again after %.1f s", took.Seconds())
	p.end()
	n.unmapped(t, h)
}

// The router goes on to list a mapping through which nobody gets in any more, until its UPnP service restarts.
func faultDead(t *testing.T, results *table) {
	const bound = 2 * time.Minute
	l, err := lab.New(lab.Spec{Kind: lab.Port, Gateway: lab.Gateway{UPnP: true}})
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
	n, h := nats{Lab: l, t: t}, l.Homes[0]
	p := n.run(h.Host, "publish", noise(t, smallFilm), "--json", "--log-level", "debug", "--dir", t.TempDir(), "--stun", labSTUN)
	p.logged(time.Minute+slack, "strangers' datagrams arrive")
	if err := errors.Join(h.Deafen(), h.Forget()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.logged(bound+slack, "do not arrive any more")
	took := time.Since(began)
	strict(t, "the end of what is dead", took, bound)
	results.add("a mapping dies, though it is listed: withdrawn after %.1f s", took.Seconds())
}

// The provider gives the home another address, while a channel is sent from it.
func faultAddress(t *testing.T, results *table) {
	const bound = 30 * time.Second
	n := buildNATs(t, lab.Spec{Kind: lab.Port}, lab.Spec{Kind: lab.Port})
	_, link := n.onAir(t, n.Homes[0])
	s := n.show(t, n.Homes[1], link, 600)
	s.sees(3*frameRate, generous)
	began := time.Now()
	if err := n.Homes[0].Move(200); err != nil {
		t.Fatal(err)
	}
	n.until(t, "the new address at the tracker", bound+slack, func() bool { return n.lists("11.0.0.200") })
	took := time.Since(began)
	strict(t, "the new address at the tracker", took, bound)
	s.goesOn(t)
	results.add("the public address changes: at the tracker after %.1f s; pictures paused for %.1f s at most", took.Seconds(), s.paused().Seconds())
}

// Both homes' routers lose all that they know of flows, while a channel is watched.
func faultReboot(t *testing.T, results *table) {
	n := buildNATs(t, lab.Spec{Kind: lab.Port}, lab.Spec{Kind: lab.CGNAT})
	_, link := n.onAir(t, n.Homes[0])
	s := n.show(t, n.Homes[1], link, 600)
	s.sees(3*frameRate, generous)
	for _, h := range n.Homes {
		if err := h.Forget(); err != nil {
			t.Fatal(err)
		}
	}
	s.goesOn(t)
	results.add("both routers forget their flows: pictures paused for %.1f s at most", s.paused().Seconds())
}

// The router gives the computer another address.
func faultRenumber(t *testing.T, results *table) {
	const bound = 2 * time.Second
	n := buildNATs(t, lab.Spec{Kind: lab.Port, Gateway: lab.Gateway{UPnP: true}})
	h := n.Homes[0]
	p := n.run(h.Host, "publish", noise(t, smallFilm), "--json", "--log-level", "debug", "--dir", t.TempDir())
	p.event("nat", generous, func(e map[string]any) bool { return e["type"] == "mapped" })
	began := time.Now()
	if err := h.Renumber(77); err != nil {
		t.Fatal(err)
	}
	n.until(t, "a mapping to the new address", bound+slack, func() bool {
		m, err := h.Mappings()
		return err == nil && strings.Contains(m, h.Inside.String())
	})
	took := time.Since(began)
	strict(t, "the mapping to the new address", took, bound)
	results.add("the computer gets another address: mapped again after %.1f s", took.Seconds())
	p.end()
}

// goesOn expects five more seconds of pictures, and that none was left out since the beginning.
func (s *sofa) goesOn(t *testing.T) {
	t.Helper()
	s.sees(len(s.numbers())+5*frameRate, 2*generous)
	s.complete()
}

// until waits for a condition.
func (n nats) until(t *testing.T, what string, limit time.Duration, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// lists tells whether the tracker knows an address, of any member.
func (n nats) lists(address string) bool {
	out, err := n.Server.Run("", "curl", "-sS", "--fail", strings.TrimSuffix(n.tracker, "/")+tracker.StatusPath)
	var status tracker.Status
	if err != nil || json.Unmarshal(out, &status) != nil {
		return false
	}
	for _, w := range status.Swarms {
		for _, m := range w.Members {
			for _, a := range m.Addresses {
				if a.AddrPort.Addr().String() == address {
					return true
				}
			}
		}
	}
	return false
}
