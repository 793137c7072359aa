//go:build e2e

package e2e

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/nat/lab"
)

// whole has the tests named TestNATLab run all of the NAT laboratory, with the bounds that need a machine of one's own, and
// print its tables. Otherwise each thing is tried once, small and with time to spare.
//
//	go test -tags e2e -v -timeout 90m -run TestNATLab ./cmd/swarmgate/e2e -whole
var whole = flag.Bool("whole", false, "run all of the NAT laboratory and print its tables")

// repeat is how often -whole has each pair meet.
var repeat = flag.Int("repeat", 10, "with -whole: how often each pair of homes meets")

// TestNATLab takes the program through all NATs. What mostly waits does so at the same time, but with -whole, where times
// are measured.
func TestNATLab(t *testing.T) {
	parts := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"pairs", natLabPairs},
		{"mappings", natLabMappings},
		{"faults", natLabFaults},
		{"alone", natLabAlone},
		{"doctor", natLabDoctor},
		{"doctor-of-routers", natLabDoctorOfRouters},
		{"doctor-of-troubles", natLabDoctorOfTroubles},
		{"named-stun", natLabNamedSTUN},
		{"stream", natLabStream},
	}
	if *whole {
		for _, p := range parts {
			t.Run(p.name, p.run)
		}
		return
	}
	var group sync.WaitGroup
	for _, p := range parts {
		group.Go(func() { t.Run(p.name, p.run) })
	}
	group.Wait()
}

// atOnce is how many laboratories a part has at the same time. Mostly they wait.
const atOnce = 4

// generous is how long anything may take on a machine that is busy.
const generous = 30 * time.Second

// each runs a subtest for each name, a few at the same time.
func each(t *testing.T, names []string, f func(t *testing.T, i int)) {
	t.Helper()
	turns := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for i, name := range names {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			t.Run(name, func(t *testing.T) { f(t, i) })
		})
	}
	group.Wait()
}

// nats is a laboratory with a tracker that answers STUN.
type nats struct {
	*lab.Lab
	t       *testing.T
	tracker string // URL
}

// The addresses of the laboratory's server.
const (
	labTracker = lab.ServerAddr + ":7846"
	labSTUN    = lab.ServerAddr + ":3478"
	labSTUN2   = lab.SecondAddr + ":3478"
)

// buildNATs builds homes and starts the tracker, with the project's STUN server on both addresses.
func buildNATs(t *testing.T, specs ...lab.Spec) nats {
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
	if err := l.ServeSTUN(labSTUN2); err != nil {
		t.Fatal(err)
	}
	n := nats{Lab: l, t: t}
	tracker := n.run(l.Server, "tracker", "--http", "--listen", labTracker, "--stun", labSTUN, "--open-status", "--dir", t.TempDir(), "--json")
	n.tracker = tracker.event("ready", generous, nil)["url"].(string)
	return n
}

// run starts the program under test on a host.
func (n nats) run(h *lab.Host, args ...string) *process {
	n.t.Helper()
	return start(n.t, h.Words(append([]string{swarmgate}, args...)...)...)
}

// stun has the laboratory's servers asked.
func stun(args ...string) []string { return append(args, "--stun", labSTUN, "--stun", labSTUN2) }

// noise makes a file in which nothing repeats. What is in it means nothing to a swarm.
func noise(t *testing.T, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "noise.mp4")
	b := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{7}).Read(b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
