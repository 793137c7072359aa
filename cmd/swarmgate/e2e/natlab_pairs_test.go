//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/nat/lab"
)

// couple is two kinds of homes and what became of them.
type couple struct {
	a, b lab.Kind

	mu        sync.Mutex
	met, runs int
	slowest   time.Duration // from both knowing each other to both connected
	film      float64       // seconds that the film took, the longest
}

func couples() (all []*couple) {
	kinds := lab.Kinds()
	for i, a := range kinds {
		for _, b := range kinds[i:] {
			all = append(all, &couple{a: a, b: b})
		}
	}
	return all
}

func (c *couple) name() string { return fmt.Sprintf("%s-%s", c.a, c.b) }

// TestNATLabPairs publishes a film behind each kind of NAT and fetches it behind each. Where two cannot reach each other
// at all, a third one in the swarm can reach both.
func TestNATLabPairs(t *testing.T) {
	size, lines := 1<<20, []lab.Path{{}}
	runs := 1
	if *whole {
		size, runs = 20<<20, 10
		lines = []lab.Path{{}, {Delay: 20 * time.Millisecond}, {Delay: 20 * time.Millisecond, Loss: 0.1}}
	}
	for _, line := range lines {
		all := couples()
		var names []string
		for _, c := range all {
			names = append(names, c.name())
		}
		each(t, names, func(t *testing.T, i int) {
			for r := range runs {
				amount := 1 << 20
				if r == 0 && line == (lab.Path{}) {
					amount = size
				}
				all[i].try(t, line, amount)
			}
		})
		t.Logf("%v each way, %.0f %% loss\n%s", line.Delay, line.Loss*100, matrix(all))
	}
}

// try has the two meet once.
func (c *couple) try(t *testing.T, line lab.Path, size int) {
	t.Helper()
	possible := lab.Connects(c.a, c.b)
	specs := []lab.Spec{{Kind: c.a, Path: line}, {Kind: c.b, Path: line}}
	if !possible {
		specs = append(specs, lab.Spec{Kind: lab.Open})
	}
	n := buildNATs(t, specs...)
	film := noise(t, size)
	m := observe(t, n.Homes[0], n.Homes[1])
	publisher := n.run(n.Homes[0].Host, stun("publish", film, "--json", "--log-level", "debug", "--tracker", n.tracker, "--dir", t.TempDir())...)
	link := publisher.event("swarm", generous, nil)["link"].(string)
	known(t, publisher, n.Homes[0])
	if !possible {
		third := n.run(n.Homes[2].Host, stun("get", link, "-o", t.TempDir()+"/film", "--json", "--log-level", "debug", "--timeout", "60s", "--seed", "120s")...)
		third.event("done", 2*generous, nil)
	}
	get := n.run(n.Homes[1].Host, stun("get", link, "-o", t.TempDir()+"/film", "--json", "--log-level", "debug", "--timeout", "60s")...)
	took, met := time.Duration(0), false
	if possible {
		took, met = m.await(generous)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs++
	if met {
		c.met++
		c.slowest = max(c.slowest, took)
	} else if possible {
		t.Errorf("not connected in %v: %+v", generous, m.sides)
	}
	done := get.event("done", 60*time.Second, nil)
	c.film = max(c.film, done["seconds"].(float64))
	if want := sha256File(t, film); done["sha256"] != want {
		t.Errorf("SHA-256 %v, want %s", done["sha256"], want)
	}
	if _, met := m.connected(); met && !possible {
		t.Error("what cannot connect has connected: the laboratory's routers are wrong")
	}
	get.exit(endTime)
	publisher.end()
}

// known waits until the publisher knows its address outside.
func known(t *testing.T, p *process, h *lab.Home) {
	t.Helper()
	p.event("nat", generous, func(e map[string]any) bool { return strings.HasPrefix(e["address"].(string), h.Outside.String()+":") })
}

// matrix shows, for each pair, how long the slowest took to connect, how many did, and how long the film took.
func matrix(all []*couple) string {
	var b strings.Builder
	kinds := lab.Kinds()
	fmt.Fprintf(&b, "%-10s", "")
	for _, k := range kinds {
		fmt.Fprintf(&b, "%-22s", k)
	}
	for _, row := range kinds {
		fmt.Fprintf(&b, "\n%-10s", row)
		for _, column := range kinds {
			for _, c := range all {
				if c.a == row && c.b == column {
					fmt.Fprintf(&b, "%-22s", c)
				}
			}
			if !anyPair(all, row, column) {
				fmt.Fprintf(&b, "%-22s", "")
			}
		}
	}
	return b.String()
}

func anyPair(all []*couple, a, b lab.Kind) bool {
	for _, c := range all {
		if c.a == a && c.b == b {
			return true
		}
	}
	return false
}

func (c *couple) String() string {
	way := "via a third"
	if lab.Connects(c.a, c.b) {
		way = fmt.Sprintf("%d/%d %v", c.met, c.runs, c.slowest.Round(time.Millisecond))
	}
	return fmt.Sprintf("%s, %.1f s", way, c.film)
}
