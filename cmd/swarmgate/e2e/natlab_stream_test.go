//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/nat/lab"
)

// onAir publishes the channel from a home and returns its link, when the home's address outside is known.
func (n nats) onAir(t *testing.T, h *lab.Home) (*process, string) {
	t.Helper()
	words := stun(swarmgate, "publish", "--live", "-", "--json", "--log-level", "debug", "--tracker", n.tracker, "--dir", t.TempDir())
	p := prepare(t, h.Host.Words(words...)...)
	p.launchWithClock()
	known(t, p, h)
	return p, p.event("swarm", generous, nil)["link"].(string)
}

// sofa is a viewer at a home of the laboratory, by a gateway there.
type sofa struct {
	viewer
	t    *testing.T
	stop chan struct{}
	done chan time.Duration
}

// show watches a channel by a gateway of its own, and notes how long pictures keep it waiting.
func (n nats) show(t *testing.T, h *lab.Home, link string, seconds int) *sofa {
	t.Helper()
	dir := t.TempDir()
	settings := filepath.Join(dir, "swarmgate.toml")
	if err := os.WriteFile(settings, []byte("links = ['"+link+"']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := n.run(h.Host, stun("run", "--json", "--log-level", "debug", "--config", settings, "--dir", dir, "--http", "127.0.0.1:8088", "--no-dlna")...)
	page := p.event("ready", generous, nil)["page"].(string)
	var list []channel
	if err := json.Unmarshal(command(t, generous, h.Host.Words("curl", "-sS", "--fail", page+"api/v1/channels")...), &list); err != nil || len(list) != 1 {
		t.Fatalf("catalog: %v, %v", list, err)
	}
	s := &sofa{viewer: watchFrom(t, h.Host.Words, list[0].URLs.TS, seconds), t: t, stop: make(chan struct{}), done: make(chan time.Duration, 1)}
	s.sees(1, generous)
	go s.time()
	return s
}

// time notes the longest time without a new picture until the end.
func (s *sofa) time() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	pictures, last, longest := 0, time.Now(), time.Duration(0)
	for {
		now := time.Now()
		if n := len(s.output()); n > pictures {
			pictures, last = n, now
		}
		longest = max(longest, now.Sub(last))
		select {
		case <-tick.C:
			continue
		case <-s.exited:
		case <-s.stop:
		}
		s.done <- longest
		return
	}
}

// paused returns the longest time without a new picture until now; it can be asked once.
func (s *sofa) paused() time.Duration {
	close(s.stop)
	return <-s.done
}

// complete expects that no picture is missing; on a busy machine the publisher may have been late itself.
func (s *sofa) complete() {
	s.t.Helper()
	numbers := s.numbers()
	if i := broken(numbers); i >= 0 {
		complain := s.t.Logf
		if *whole {
			complain = s.t.Errorf
		}
		complain("picture %d has number %d after %v", i, numbers[i], numbers[max(0, i-3):i])
	}
}

// playerBuffer is what the simplest players have before they stall.
const playerBuffer = 2 * time.Second

// A channel goes from a home behind a router to one behind a carrier's NAT without a stall.
func natLabStream(t *testing.T) {
	seconds := 15
	if *whole {
		seconds = 300
	}
	half := lab.Path{Delay: 20 * time.Millisecond, Loss: 0.005} // of 40 ms and 1 % each way
	n := buildNATs(t, lab.Spec{Kind: lab.Port, Path: half}, lab.Spec{Kind: lab.CGNAT, Path: half})
	_, link := n.onAir(t, n.Homes[0])
	s := n.show(t, n.Homes[1], link, seconds)
	s.sees(seconds*frameRate-3, time.Duration(seconds)*time.Second+generous)
	paused := s.paused()
	s.complete()
	strict(t, "the longest wait for a picture", paused, playerBuffer)
	t.Logf("%d s of a channel from port to cgnat, 40 ms and 1 %% loss each way: no picture came later than %v after the one before", seconds, paused.Round(time.Millisecond))
}
