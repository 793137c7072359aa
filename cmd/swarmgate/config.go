package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/members"
	"github.com/swarmgate/swarmgate/proxy/transcode"
)

// configCommand looks after the configuration of "swarmgate run".
type configCommand struct {
	Check configCheck `cmd:"" help:"Say what is wrong with the configuration, or that nothing is."`
	Show  configShow  `cmd:"" help:"Show every setting, its value, where that came from, and what it means."`
	Init  configInit  `cmd:"" help:"Write a configuration file with every setting and its default, unless there is one."`
}

// configFile is what the three have in common.
type configFile struct {
	Config string `help:"Configuration file. Default: the one that swarmgate run reads." placeholder:"FILE" type:"path"`
	JSON   bool   `name:"json" help:"Print one JSON object a line for programs."`
}

type configCheck struct{ configFile }

// Run carries the command out.
func (c *configCheck) Run(con console) error {
	out := newPrinter(con, c.JSON)
	s, err := config.Check(c.Config, config.Here())
	if s != nil {
		for _, notice := range s.Notices {
			out.say("Note: %s", notice)
		}
		err = errors.Join(append(mistakes(err), append(mistakes(checkMembership(s)), checkAccess(s)...)...)...)
	}
	if all := mistakes(err); len(all) > 1 {
		for _, mistake := range all {
			fmt.Fprintln(con.err, oneLine(mistake))
		}
		return fmt.Errorf("the configuration has %d mistakes", len(all))
	}
	if err != nil {
		return err
	}
	from := s.File
	if from == "" {
		from = "no file, defaults only"
	}
	if s.Chosen != "" {
		from += "; chosen on the page: " + s.Chosen
	}
	out.event("config", map[string]any{"ok": true, "file": s.File, "chosen": s.Chosen})
	out.say("The configuration is valid (%s).", from)
	return nil
}

// checkMembership reads the files of closed swarms that the configuration names.
func checkMembership(s *config.Settings) error {
	_, err := memberFlags{s.Members.Certificate, s.Members.Key}.credential()
	if s.Members.Authority == "" {
		return err
	}
	return errors.Join(err, members.CheckAuthority(s.Members.Authority))
}

// checkAccess reads the files of the password and of tokens that the configuration names, and looks for ffmpeg where
// that is named.
func checkAccess(s *config.Settings) (all []error) {
	if s.Access.Password != "" {
		if _, err := readPassword(s.Access.Password); err != nil {
			all = append(all, err)
		}
	}
	if _, err := readTokens(s.Access.Tokens); err != nil {
		all = append(all, err)
	}
	if _, err := transcode.Find(s.FFmpeg); err != nil {
		all = append(all, err)
	}
	return all
}

// mistakes returns what err is joined of, each a mistake in a configuration.
func mistakes(err error) []error {
	if err == nil {
		return nil
	}
	all, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok {
		return []error{err}
	}
	return all.Unwrap()
}

// firstMistake says of several mistakes the first, and what tells the others.
func firstMistake(err error, file string) error {
	all := mistakes(err)
	if len(all) < 2 {
		return err
	}
	if file != "" {
		file = " --config " + file
	}
	return fmt.Errorf("%w; this is the first of %d mistakes, swarmgate config check%s tells all", all[0], len(all), file)
}

type configShow struct{ configFile }

// Run carries the command out.
func (c *configShow) Run(con console) error {
	out := newPrinter(con, c.JSON)
	s, err := config.Load(c.Config, config.Here())
	if err != nil {
		return err
	}
	if err := s.TakeChosen(); err != nil {
		return err
	}
	for _, p := range s.Describe() {
		fields, err := asMap(p)
		if err != nil {
			return err
		}
		out.event("parameter", fields)
		out.say("%s = %s  (%s)\n    %s", p.Key, p.Value, p.Origin, p.Meaning)
	}
	return nil
}

type configInit struct{ configFile }

// Run carries the command out.
func (c *configInit) Run(con console) error {
	out := newPrinter(con, c.JSON)
	path := c.Config
	if path == "-" {
		_, err := fmt.Fprint(con.out, config.Sample())
		return err
	}
	if path == "" {
		path = config.Here().DefaultFile()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write configuration %s: %w; choose another place with --config", path, bare(err))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and was not touched; choose another with --config", path)
	}
	if err != nil {
		return fmt.Errorf("write configuration %s: %w; choose another place with --config", path, bare(err))
	}
	if _, err := f.WriteString(config.Sample()); err != nil {
		return errors.Join(fmt.Errorf("write configuration %s: %w", path, err), f.Close(), os.Remove(path))
	}
	out.event("config", map[string]any{"ok": true, "file": path})
	out.say("Wrote %s.", path)
	return f.Close()
}
