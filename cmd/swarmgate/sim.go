package main

import (
	"fmt"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/sim"
	"github.com/swarmgate/swarmgate/proxy/config"
)

// simCommand plays a scenario in virtual time.
type simCommand struct {
	Scenario string          `arg:"" optional:"" default:"live" help:"Name of the scenario; --list names them. Default: ${default}."`
	Peers    int             `help:"Homes, instead of the scenario's number." placeholder:"N"`
	Seed     uint64          `help:"The same seed gives the same table. Default: ${default}." default:"1" placeholder:"N"`
	Duration config.Duration `help:"Virtual time after the warm-up, instead of the scenario's." placeholder:"D"`
	List     bool            `help:"List the scenarios."`
	JSON     bool            `name:"json" help:"Print one JSON object a line for programs."`
}

// maxHomes bounds --peers: more would fill the memory.
const maxHomes = 5000

// Run carries the command out.
func (s *simCommand) Run(c console) error {
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
	if s.Peers < 0 || s.Peers > maxHomes {
		return wrongUsage("--peers %d: take 1 to %d homes", s.Peers, maxHomes)
	}
	if s.Peers > 0 {
		scenario.Peers = s.Peers
	}
	if s.Duration > 0 {
		scenario.Duration = time.Duration(s.Duration)
	}
	r, err := sim.Run(scenario, s.Seed)
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
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
