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
	a, b       lab.Kind
	neighbours bool // behind one carrier's router

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
	return append(all, &couple{a: lab.CGNAT, b: lab.CGNAT, neighbours: true})
}

func (c *couple) name() string {
	if c.neighbours {
		return string(c.a) + "-neighbours"
	}
	return fmt.Sprintf("%s-%s", c.a, c.b)
}

// condition is under what circumstances pairs meet.
type condition struct {
	name   string
	line   lab.Path      // of each of the two homes
	within time.Duration // from both knowing each other to both connected; when the laboratory has the machine for itself
	film   int           // bytes of the film that crosses first; later ones are small
	runs   int
}

func conditions() []condition {
	if !*whole {
		return []condition{{name: "near", within: generous, film: 1 << 20, runs: 1}}
	}
	const oneWay, slack = 20 * time.Millisecond, 300 * time.Millisecond
	return []condition{
		{name: "near", within: slack, film: 20 << 20, runs: *repeat},
		{name: "far", line: lab.Path{Delay: oneWay}, within: 2*4*oneWay + slack, film: smallFilm, runs: *repeat}, // a round trip takes each line twice
		{name: "lossy", line: lab.Path{Delay: oneWay, Loss: 0.05}, within: 2 * time.Second, film: smallFilm, runs: *repeat},
	}
}

const smallFilm = 256 << 10 // bytes

// natLabPairs publishes a film behind each kind of NAT and fetches it behind each. Where two cannot reach each other
// at all, a third one in the swarm can reach both.
func natLabPairs(t *testing.T) {
	for _, c := range conditions() {
		t.Run(c.name, func(t *testing.T) {
			all := couples()
			var names []string
			for _, pair := range all {
				names = append(names, pair.name())
			}
			each(t, names, func(t *testing.T, i int) {
				all[i].try(t, c, c.film)
				for range c.runs - 1 {
					all[i].try(t, c, smallFilm)
				}
			})
			t.Logf("%v and %.0f %% loss each way on the line of each home: how many connected, the slowest after, and how long the slowest film took\n%s",
				c.line.Delay, c.line.Loss*100, matrix(all))
		})
	}
}

// try has the two meet once.
func (c *couple) try(t *testing.T, under condition, size int) {
	t.Helper()
	t.Run("", func(t *testing.T) { c.once(t, under, size) }) // with a laboratory of its own
}

func (c *couple) once(t *testing.T, under condition, size int) {
	t.Helper()
	possible := lab.Connects(c.a, c.b)
	specs := []lab.Spec{{Kind: c.a, Path: under.line}, {Kind: c.b, Path: under.line, Neighbour: c.neighbours}}
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
		t.Errorf("not connected in %v: %s", generous, m)
	}
	if took > under.within {
		t.Errorf("connected %v after both knew each other, want %v at most", took, under.within)
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
			words := ""
			for _, c := range all {
				if c.a == row && c.b == column && !c.neighbours {
					words = c.String()
				}
			}
			fmt.Fprintf(&b, "%-22s", words)
		}
	}
	for _, c := range all {
		if c.neighbours {
			fmt.Fprintf(&b, "\n%s: %s", c.name(), c)
		}
	}
	return b.String()
}

func (c *couple) String() string {
	way := "via a third"
	if lab.Connects(c.a, c.b) {
		way = fmt.Sprintf("%d/%d %v", c.met, c.runs, c.slowest.Round(time.Millisecond))
	}
	return fmt.Sprintf("%s, %.1f s", way, c.film)
}
