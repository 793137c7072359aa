package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/sim"
)

// simCommand plays a scenario in virtual time.
type simCommand struct {
	Scenario string `arg:"" optional:"" default:"live" help:"Name of the scenario; --list names them. Default: ${default}."`
	Peers    *int   `help:"Homes, instead of the scenario's number." placeholder:"N"`
	Seed     uint64 `help:"The same seed gives the same table. Default: ${default}." default:"1" placeholder:"N"`
	Duration span   `help:"Virtual time after the warm-up, instead of the scenario's." placeholder:"D"`
	List     bool   `help:"List the scenarios."`
	JSON     bool   `name:"json" help:"Print one JSON object a line for programs."`
}

// Run carries the command out.
func (s *simCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, s.JSON)
	if s.List {
		for _, sc := range sim.Scenarios() {
			out.event("scenario", map[string]any{"name": sc.Name, "about": sc.About})
			out.say("%-10s %s", sc.Name, sc.About)
		}
		out.event("scenario", map[string]any{"name": pairs, "about": aboutPairs})
		out.say("%-10s %s", pairs, aboutPairs)
		return nil
	}
	if s.Scenario == pairs {
		return s.pairs(c, out)
	}
	scenario, err := sim.Find(s.Scenario)
	if err != nil {
		return usageError{err}
	}
	if s.Peers != nil {
		if scenario.Peers = *s.Peers; scenario.Peers < 1 || scenario.Peers > sim.MaxPeers {
			return wrongUsage("--peers %d: take 1 to %d homes", scenario.Peers, sim.MaxPeers)
		}
	}
	if s.Duration > 0 {
		scenario.Duration = time.Duration(s.Duration)
	}
	begun := time.Now()
	r, err := sim.Run(scenario, s.Seed, func(now, end time.Duration, part, parts int) error {
		out.keep(simulated(now, end, part, parts, time.Since(begun)), false)
		return ctx.Err()
	})
	out.keep("", false)
	if ctx.Err() != nil && err != nil {
		return errors.New("stopped before the scenario was over; there is no table of a part of it")
	}
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	wall := time.Since(begun).Seconds()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	// Beside the table, which is the same for the same seed. Sys is what was asked of the system at the most.
	fmt.Fprintf(c.err, "wall time %.1f s, peak memory %.0f MB\n", wall, float64(memory.Sys)/(1<<20))
	if s.JSON {
		fields, err := asMap(r)
		if err != nil {
			return err
		}
		out.event("result", fields)
		return nil
	}
	return r.WriteTable(c.out)
}

// The scenario that is a table of homes behind NATs, two by two.
const (
	pairs      = "pairs"
	aboutPairs = "two homes behind each pair of NATs, 40 ms apart: whether and how soon they connect, also with 10 % loss"
	pairRuns   = 10
)

// pairs prints the table of pairs, without loss and with.
func (s *simCommand) pairs(c console, out *printer) error {
	for _, loss := range []float64{0, 0.1} {
		table, err := sim.RunPairs(sim.PairsConfig{Seed: s.Seed, Runs: pairRuns, Delay: int64(40 * time.Millisecond), Loss: loss})
		if err != nil {
			return fmt.Errorf("simulate: %w", err)
		}
		for _, p := range table {
			out.event("pair", map[string]any{
				"a": p.A, "b": p.B, "loss": loss, "possible": p.Possible, "runs": p.Runs, "connected": p.Connected,
				"complete": p.Complete, "worst_ms": p.WorstMs,
			})
		}
		if s.JSON {
			continue
		}
		fmt.Fprintf(c.out, "%.0f %% loss: runs that connected, and the slowest of them\n", 100*loss)
		if err := sim.WritePairs(c.out, table); err != nil {
			return err
		}
	}
	return nil
}

// simulated tells how far a simulation has come. What is to come takes longer than what was,
// since there are more homes then, so no end is foretold.
func simulated(now, end time.Duration, part, parts int, took time.Duration) string {
	line := fmt.Sprintf("%.0f of %.0f s of virtual time, after %s", now.Seconds(), end.Seconds(), took.Round(time.Second))
	if parts > 1 {
		line += fmt.Sprintf(" (part %d of %d)", part, parts)
	}
	return line
}
