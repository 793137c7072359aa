package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// architectures are those for which packages are made: a module may be in the program of one alone.
var architectures = []string{"amd64", "386", "arm64", "arm"}

// unstated are modules whose authors state no licence, which a person has looked for. SPDX calls that NOASSERTION.
var unstated = []string{"github.com/anacrolix/multiless", "github.com/anacrolix/sync"}

// goModules lists the modules that the program is linked with, and Go's own library.
func goModules(root string) ([]part, error) {
	seen := map[string]bool{}
	list := []part{}
	for _, arch := range architectures {
		out, err := inRoot(root, arch, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{with or .Replace .}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}{{end}}", "./cmd/swarmgate")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			line = strings.TrimSpace(line)
			if line == "" || seen[line] {
				continue
			}
			seen[line] = true
			fields := strings.Split(line, "\t")
			found, err := termsIn(fields[2])
			if errors.Is(err, errNone) && slices.Contains(unstated, fields[0]) {
				found, err = terms{licence: "NOASSERTION"}, nil
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", fields[0], err)
			}
			if fields[0] == likeGo {
				version, err := inRoot(root, arch, "list", "-m", "-f", "{{.GoVersion}}")
				if err != nil {
					return nil, err
				}
				list = append(list, part{"Go", strings.TrimSpace(version), found})
			}
			list = append(list, part{fields[0], fields[1], found})
		}
	}
	return list, nil
}

// likeGo has the authors and terms of Go itself, whose own file is not where every system keeps Go.
const likeGo = "golang.org/x/sys"

// inRoot runs the go command for Linux on an architecture.
func inRoot(root, arch string, args ...string) (string, error) {
	command := exec.Command("go", args...)
	command.Dir = root
	command.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
	out, err := command.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("go %s: %s", args[0], exit.Stderr)
	}
	return string(out), err
}

// bundled are the packages whose code is in the page; mpegts.js holds the last two.
var bundled = []string{"preact", "mpegts.js", "es6-promise", "events"}

// npmPackages lists what the page holds; dir is that of its package.json.
func npmPackages(dir string) ([]part, error) {
	var list []part
	for _, name := range bundled {
		b, err := os.ReadFile(filepath.Join(dir, "node_modules", name, "package.json"))
		if err != nil {
			return nil, fmt.Errorf("%w: run npm ci in %s first", err, dir)
		}
		var about struct{ Version, License string }
		if err := json.Unmarshal(b, &about); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if about.Version == "" || about.License == "" {
			return nil, fmt.Errorf("%s tells no version or no licence", name)
		}
		found, err := termsIn(filepath.Join(dir, "node_modules", name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if found.licence != about.License {
			return nil, fmt.Errorf("%s says that its licence is %s, and brings %s: read it", name, about.License, found.licence)
		}
		list = append(list, part{name, about.Version, found})
	}
	return list, nil
}
