package sim

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// viewer is a player of chunks of 10 ms that were signed at time 0.
func spectator() *player {
	p := &player{interval: 10e6, signedAt: func(uint64) int64 { return 0 }, joined: 1e9, delays: &histogram{}}
	p.delays.open()
	return p
}

func (p *player) play(at int64, start, end uint64) {
	p.event(at, swarm.Event{Kind: swarm.EventPlay, Chunks: chunk.Range{Start: start, End: end}})
}

// It starts with 300 ms of the stream, and plays what comes in time without a fault.
func TestPlayer(t *testing.T) {
	p := spectator()
	p.play(2e9, 100, 110)
	if p.started {
		t.Fatal("started with 100 ms")
	}
	p.play(2.1e9, 110, 130)
	if !p.started || p.startup != 1.1e9 || p.due(100) != 2.1e9 {
		t.Fatalf("started %v after %d ms", p.started, p.startup/1e6)
	}
	p.play(2.2e9, 130, 200)
	p.finish(3e9)
	if p.played != 100 || p.missed != 0 || p.continuity() != 1 {
		t.Errorf("played %d, missed %d", p.played, p.missed)
	}
	if p.delays.total != 100 || p.delays.percentile(1) != 2.11 || p.delays.percentile(100) != 3.1 {
		t.Errorf("%d delays, %f to %f", p.delays.total, p.delays.percentile(1), p.delays.percentile(100))
	}
}

// What comes late makes the picture stand still, once, and all the rest is later by that.
func TestPlayerLate(t *testing.T) {
	p := spectator()
	p.play(2e9, 0, 30)
	p.play(2.355e9, 30, 60) // 55 ms late
	p.finish(2.6e9)
	if p.missed != 6 || p.played != 60 || p.due(30) != 2.355e9 {
		t.Errorf("missed %d, played %d, chunk 30 at %d", p.missed, p.played, p.due(30)/1e6)
	}
	if c := p.continuity(); math.Abs(c-60.0/66) > 1e-9 {
		t.Errorf("continuity %f", c)
	}
}

// What is skipped, and what never comes, was missed.
func TestPlayerSkips(t *testing.T) {
	p := spectator()
	p.play(2e9, 0, 40)
	p.event(2.3e9, swarm.Event{Kind: swarm.EventSkip, Chunks: chunk.Range{Start: 40, End: 45}})
	p.play(2.3e9, 45, 60)
	p.finish(2.8e9)
	if p.played != 55 || p.missed != 5+20 {
		t.Errorf("played %d, missed %d, want 55 and 25", p.played, p.missed)
	}
	early := spectator()
	early.play(2e9, 0, 10)
	early.event(2e9, swarm.Event{Kind: swarm.EventSkip, Chunks: chunk.Range{Start: 10, End: 500}})
	early.play(2.1e9, 500, 530)
	if !early.started || early.first != 500 || early.missed != 0 {
		t.Errorf("a skip before the start: first %d, missed %d", early.first, early.missed)
	}
	never := spectator()
	never.finish(1e9 + patience + 1e9)
	if never.continuity() != 0 || never.missed != 300 {
		t.Errorf("who never starts has continuity %f, missed %d", never.continuity(), never.missed)
	}
	warm := spectator()
	warm.from = 2.2e9
	warm.play(2e9, 0, 30)
	warm.play(2.35e9, 30, 60)
	if warm.played != 40 || warm.missed != 6 { // chunks 0 to 19 are warm-up
		t.Errorf("played %d, missed %d after the warm-up", warm.played, warm.missed)
	}
}

func TestPercentile(t *testing.T) {
	v := []float64{5, 1, 4, 2, 3}
	for p, want := range map[int]float64{0: 1, 1: 1, 20: 1, 21: 2, 50: 3, 95: 5, 100: 5} {
		if got := percentile(slices.Clone(v), p); got != want {
			t.Errorf("%d-th percentile %f, want %f", p, got, want)
		}
	}
	if percentile(nil, 50) != 0 {
		t.Error("nothing has a median")
	}
}

// The names of the figures are part of the contract.
func TestResultNames(t *testing.T) {
	b, err := json.Marshal(Result{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"continuity_p50", "continuity_p5", "delay_p95_s", "startup_p50_s", "startup_p95_s", "source_upload_ratio"} {
		if !strings.Contains(string(b), `"`+name+`":`) {
			t.Errorf("%s is missing in %s", name, b)
		}
	}
}

// IDs are unused and never 0.
func TestChannelIDs(t *testing.T) {
	c := &channelIDs{rand.New(rand.NewPCG(1, 1)), map[uint32]bool{}}
	seen := map[uint32]bool{}
	for range 1000 {
		id := c.Open()
		if id == 0 || seen[id] {
			t.Fatalf("ID %d", id)
		}
		seen[id] = true
	}
	for id := range seen {
		c.Close(id)
	}
	if len(c.open) != 0 {
		t.Errorf("%d IDs open", len(c.open))
	}
}
