package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
)

// versionCommand prints what this program is.
type versionCommand struct {
	JSON bool `name:"json" help:"Print one JSON object a line for programs."`
}

// Run carries the command out.
func (v *versionCommand) Run(c console) error {
	out := newPrinter(c, v.JSON)
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	out.event("version", map[string]any{
		"version": version, "commit": commit, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
	})
	out.say("swarmgate %s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// asMap turns a struct with JSON tags into the fields of an event.
func asMap(v any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	return fields, json.Unmarshal(b, &fields)
}
