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
		return nil
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

// simulated tells how far a simulation has come. What is to come takes longer than what was,
// since there are more homes then, so no end is foretold.
func simulated(now, end time.Duration, part, parts int, took time.Duration) string {
	line := fmt.Sprintf("%.0f of %.0f s of virtual time, after %s", now.Seconds(), end.Seconds(), took.Round(time.Second))
	if parts > 1 {
		line += fmt.Sprintf(" (part %d of %d)", part, parts)
	}
	return line
}
