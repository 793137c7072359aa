package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/doctor"
)

// doctorCommand looks at all that a gateway needs. It reads the same configuration as run.
type doctorCommand struct {
	Config      string   `help:"Configuration file, as that of run." placeholder:"FILE" type:"path"`
	Dir         string   `help:"Folder for state, as that of run." placeholder:"DIR" type:"path"`
	Stun        []string `name:"stun" help:"STUN server to ask beside those of the configuration; may repeat. One with two addresses (RFC 5780) tells most. Default: those that trackers have." placeholder:"HOST:PORT"`
	Tracker     []string `help:"Tracker to ask beside those of the links; may repeat." placeholder:"URL"`
	TrackerAuth string   `name:"tracker-auth" help:"What trackers are shown of us, as that of run." placeholder:"FILE" type:"path"`
	Interface   []string `help:"Network on which TVs are; may repeat. Default: all that can do multicast." placeholder:"NAME"`
	NoNAT       bool     `name:"no-nat" help:"Ask no router for a port mapping."`
	logFlags
}

// Help says what the marks and the exit status mean.
func (doctorCommand) Help() string {
	return "Each check is ✔ well, ✘ not well, with what to do about it after →, or – not known: it was not asked for, or nobody could tell. " +
		"The exit status is 0 if none is ✘, 1 if one is, and 2 if the command is wrong. It takes 10 seconds at most, and leaves nothing behind."
}

// Run carries the command out.
func (d *doctorCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, d.JSON)
	run := runCommand{
		Config: d.Config, Dir: d.Dir, Interface: d.Interface, logFlags: d.logFlags,
		peerFlags: peerFlags{Stun: d.Stun, NoNAT: d.NoNAT, TrackerAuth: d.TrackerAuth},
	}
	s, err := run.settings(config.Here())
	if err != nil {
		return err
	}
	if err := knownInterfaces(d.Interface); err != nil {
		return err
	}
	shown, err := trackerCredentials(s.Peer.TrackerAuth)
	if err != nil {
		return err
	}
	what := doctor.Config{
		Dir: s.StateDir(), Page: s.HTTP.Listen.String(), Listen: s.Peer.Listen.String(), Interfaces: s.DLNA.Interfaces, NoNAT: !s.Peer.NAT,
		Trackers: slices.Clone(d.Tracker),
		HTTP:     &http.Client{Transport: shown.Transport(&http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: tracker.DialContext(nil, http.ProxyFromEnvironment)})},
		Logger:   logFlags{LogLevel: s.Log.Level, LogFormat: s.Log.Format}.logger(out, zerolog.WarnLevel),
	}
	for _, server := range s.Peer.STUN {
		what.STUN = append(what.STUN, server.String())
	}
	what.Trackers = addTrackers(what.Trackers, s.Swarms()...)
	out.say("Looking at what a gateway needs, for up to %d seconds.\n", int(doctor.Time.Seconds()))
	checks, failed, open := 0, 0, 0
	doctor.Examine(ctx, what, func(k doctor.Check) {
		checks++
		switch k.State {
		case doctor.Unwell:
			failed++
		case doctor.Unknown:
			open++
		}
		out.event("check", map[string]any{"name": k.Name, "state": k.State, "ok": k.OK, "value": k.Value, "meaning": k.Meaning, "remedy": k.Remedy})
		sayCheck(out, k)
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed > 0:
		return fmt.Errorf("%d of %d checks failed; the lines with → say what to do", failed, checks)
	}
	if open > 0 {
		out.say("Nothing is wrong; %d of %d checks (–) could not be made, or show nothing.", open, checks)
	} else {
		out.say("All is well.")
	}
	return nil
}

// examine has the doctor look at what a gateway that runs needs, for its API.
func (h *home) examine(ctx context.Context, tell func(doctor.Check)) bool {
	p := h.cfg.peering
	given := addTrackers(nil, h.cfg.links...)
	var linked []string
	for _, i := range h.gateway.Items() {
		link, err := ppsp.ParseLink(i.Link)
		if err != nil {
			continue
		}
		for _, at := range addTrackers(nil, link) {
			switch {
			case slices.Contains(given, at) || slices.Contains(linked, at):
			case p.trackers.Named != nil && p.trackers.Named(at):
				given = append(given, at)
			default:
				linked = append(linked, at)
			}
		}
	}
	return doctor.Examine(ctx, doctor.Config{
		Dir: h.cfg.dir, STUN: p.servers, Trackers: given, Linked: linked, Interfaces: h.cfg.interfaces, NoNAT: p.asksNoRouter,
		HTTP: p.trackers.HTTP, Logger: h.cfg.log,
	}, tell)
}

// addTrackers adds the trackers of links that are not there yet.
func addTrackers(list []string, links ...ppsp.Link) []string {
	for _, link := range links {
		for _, tier := range link.Tiers() {
			for _, at := range tier {
				if !slices.Contains(list, at) {
					list = append(list, at)
				}
			}
		}
	}
	return list
}

// sayCheck writes one check for people: the mark and the value on a line of its own, below it what it means and what to do.
func sayCheck(out *printer, k doctor.Check) {
	const indent = "             "
	marks := map[doctor.State]struct{ mark, colour string }{doctor.Well: {"✔", "\x1b[32m"}, doctor.Unwell: {"✘", "\x1b[31m"}, doctor.Unknown: {"–", "\x1b[33m"}}
	mark := marks[k.State].mark
	if out.width != nil && os.Getenv("NO_COLOR") == "" {
		mark = marks[k.State].colour + mark + "\x1b[0m"
	}
	columns := 0
	if out.width != nil {
		columns = out.width()
	}
	out.say("  %s %-8s %s", mark, k.Name, k.Value)
	for _, line := range fold(k.Meaning, columns-len(indent)) {
		out.say("%s%s", indent, line)
	}
	for i, line := range fold(k.Remedy, columns-len(indent)-2) {
		out.say("%s%s %s", indent, map[bool]string{true: "→", false: " "}[i == 0], line)
	}
}

// fold breaks text into lines of at most so many characters, between words; a width that makes no sense is 100.
func fold(text string, width int) (lines []string) {
	if width < 20 {
		width = 100
	}
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
