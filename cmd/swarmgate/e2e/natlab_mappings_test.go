//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/nat/lab"
	"github.com/swarmgate/swarmgate/ppsp"
)

// table gathers lines that several tests find, to print them together.
type table struct {
	mu    sync.Mutex
	lines []string
}

func (b *table) add(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, fmt.Sprintf(format, args...))
}

func (b *table) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "\n")
}

// strict is a bound that holds for -whole alone, where nothing else wants the processor.
func strict(t *testing.T, what string, took, bound time.Duration) {
	t.Helper()
	if *whole && took > bound {
		t.Errorf("%s took %v, want %v at most", what, took, bound)
	}
}

// protocols are those by which a router is asked for a port, or for a hole in its IPv6 firewall.
var protocols = []struct {
	name    string
	gateway lab.Gateway
	finding string // type of address
}{
	{"UPnP-IGDv1", lab.Gateway{UPnP: true, IGD1: true}, "mapped"},
	{"UPnP-IGDv2", lab.Gateway{UPnP: true}, "mapped"},
	{"NAT-PMP", lab.Gateway{PMP: true, Lease: shortLease}, "mapped"},
	{"PCP", lab.Gateway{PCP: true, Lease: shortLease}, "mapped"},
	{"IPv6-UPnP", lab.Gateway{UPnP: true}, "pinhole"},
	{"IPv6-PCP", lab.Gateway{PCP: true, Lease: shortLease}, "pinhole"},
}

// shortLease is what routers grant that grant less than was asked for: such mappings have to be renewed soon.
const shortLease = 6 * time.Second

// Each protocol maps a port: strangers get in, and nothing stays behind, not even after a crash.
func natLabMappings(t *testing.T) {
	var names []string
	for _, p := range protocols {
		names = append(names, p.name)
	}
	var results table
	each(t, names, func(t *testing.T, i int) {
		finding := protocols[i].finding
		n := buildNATs(t, lab.Spec{Kind: lab.Port, Gateway: protocols[i].gateway, IPv6: finding == "pinhole"},
			lab.Spec{Kind: lab.Open, IPv6: finding == "pinhole"})
		film, dir := noise(t, smallFilm), t.TempDir()
		publish := func() (p *process, link, address string, took time.Duration) {
			p = n.run(n.Homes[0].Host, "publish", film, "--json", "--dir", dir, "--log-level", "debug")
			address = p.event("nat", generous, func(e map[string]any) bool { return e["type"] == finding })["address"].(string)
			took = time.Since(p.started)
			return p, p.event("swarm", generous, nil)["link"].(string), address, took
		}
		p, link, address, took := publish()
		strict(t, "the mapping", took, 500*time.Millisecond)
		time.Sleep(time.Until(p.started.Add(protocols[i].gateway.Lease * 2)))
		n.stranger(t, n.Homes[1], link, address)
		p.end()
		n.unmapped(t, n.Homes[0])

		p, _, _, _ = publish()
		if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.exit(generous)
		if m, err := n.Homes[0].Mappings(); err != nil || m == "" || finding == "pinhole" && !strings.Contains(m, "ip6") {
			t.Fatalf("no mapping is left after kill -9: %v %s", err, m)
		}
		p, _, _, again := publish()
		p.end()
		n.unmapped(t, n.Homes[0])
		results.add("%-12s mapped after %v, a stranger comes in, gone after the end; after kill -9 mapped again after %v, and nothing is left",
			protocols[i].name, took.Round(time.Millisecond), again.Round(time.Millisecond))
	})
	t.Logf("mappings\n%s", &results)
}

// stranger fetches a film from an address to which nobody there has ever said a word.
func (n nats) stranger(t *testing.T, from *lab.Home, text, address string) {
	t.Helper()
	link, err := ppsp.ParseLink(text)
	if err != nil {
		t.Fatal(err)
	}
	link.Trackers, link.Peers = nil, nil
	get := n.run(from.Host, "get", link.String(), "-o", filepath.Join(t.TempDir(), "film"), "--peer", address, "--json", "--no-nat", "--timeout", "30s")
	get.event("done", generous, nil)
}

// unmapped waits until the home's router forwards nothing.
func (n nats) unmapped(t *testing.T, h *lab.Home) {
	t.Helper()
	for deadline := time.Now().Add(generous); ; time.Sleep(50 * time.Millisecond) {
		left, err := h.Mappings()
		if err != nil {
			t.Fatal(err)
		}
		if left == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still mapped after the end:\n%s", left)
		}
	}
}
