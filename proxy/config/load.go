package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Origin tells where a value came from.
type Origin string

// The origins, from weak to strong.
const (
	FromDefault Origin = "default"
	FromFile    Origin = "file"
	FromEnv     Origin = "environment"
	FromFlag    Origin = "flag"
)

// maxFile bounds a configuration file in bytes.
const maxFile = 1 << 20

// Surroundings are what Load looks at beside the file.
type Surroundings struct {
	Environ []string // os.Environ()
	Root    bool     // os.Geteuid() == 0
}

// Here returns the surroundings of this process.
func Here() Surroundings {
	return Surroundings{Environ: os.Environ(), Root: os.Geteuid() == 0}
}

func (s Surroundings) env(name string) string {
	for _, e := range slices.Backward(s.Environ) {
		if v, found := strings.CutPrefix(e, name+"="); found {
			return v
		}
	}
	return ""
}

// system tells whether this is a service and not a person's own process: users of services
// often have no home.
func (s Surroundings) system() bool { return s.Root || s.env("HOME") == "" }

// DefaultFile returns the file that is read when none is named.
func (s Surroundings) DefaultFile() string {
	if s.system() {
		return "/etc/swarmgate/swarmgate.toml"
	}
	return s.home("XDG_CONFIG_HOME", ".config", "swarmgate.toml")
}

// DefaultDir returns the folder that an empty "dir" means.
func (s Surroundings) DefaultDir() string {
	if dir, _, _ := strings.Cut(s.env("STATE_DIRECTORY"), ":"); dir != "" {
		return dir // systemd.exec(5), StateDirectory=
	}
	if s.system() {
		return "/var/lib/swarmgate"
	}
	return s.home("XDG_STATE_HOME", ".local/state", "")
}

// home returns a place in the folder that the variable names, or in the one of the user.
func (s Surroundings) home(variable, otherwise, name string) string {
	base := s.env(variable)
	if !filepath.IsAbs(base) { // "All paths … must be absolute" (XDG Base Directory Specification)
		base = filepath.Join(s.env("HOME"), otherwise)
	}
	return filepath.Join(base, "swarmgate", name)
}

// Settings is a Config that knows where each value came from.
type Settings struct {
	Config
	File    string   // that was read, empty if none
	Chosen  string   // file with what was chosen on the page, empty if none
	Notices []string // what was passed over, for the log

	origin map[string]Origin
	text   []byte   // of the file
	wrong  []string // keys of the file whose values could not be read
	dir    string   // what an empty Dir means
}

// Load reads the file, or the default one if path is empty and it exists, and the
// environment. Flags follow with Set; then Validate. The error tells line and column, and
// what to do.
func Load(path string, around Surroundings) (*Settings, error) {
	s, err := read(path, around)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Check returns what Load, TakeChosen and Validate would say one after the other, joined, in the
// order of the file, and the settings as far as they could be read: nil where that was not at all.
// What was chosen on the page and is not for the eyes of this user is but noted.
func Check(path string, around Surroundings) (*Settings, error) {
	s, err := read(path, around)
	if s == nil {
		return nil, err
	}
	mistakes := parts(err)
	if err := s.TakeChosen(); errors.Is(err, fs.ErrPermission) {
		s.Notices = append(s.Notices, "what was chosen on the page was not looked at: "+err.Error())
	} else if err != nil {
		mistakes = append(mistakes, err)
	}
	return s, byLine(slices.Concat(mistakes, parts(s.follows(s.Validate()))))
}

// parts returns what err is joined of.
func parts(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// follows leaves out the problems that are there only because values could not be read.
func (s *Settings) follows(problems error) error {
	return errors.Join(slices.DeleteFunc(parts(problems), func(err error) bool {
		p, ok := errors.AsType[*Problem](err)
		return ok && slices.ContainsFunc(s.wrong, func(key string) bool {
			return key == p.Key || key == "members.certificate" && p.Key == "members.key" ||
				strings.HasPrefix(key, "channel") && strings.HasPrefix(p.Key, "channel[") || key == "links" && strings.HasPrefix(p.Key, "links[")
		})
	})...)
}

// read is Load, with the settings as far as they could be read beside an error.
func read(path string, around Surroundings) (*Settings, error) {
	s := &Settings{Config: Default(), origin: map[string]Origin{}, dir: around.DefaultDir()}
	named := path != ""
	if !named {
		path = around.DefaultFile()
	}
	b, err := readFile(path)
	switch {
	case err == nil:
		s.File = path
		if err := s.decode(b); err != nil && s.text == nil {
			return nil, err
		} else if err != nil {
			return s, errors.Join(slices.Concat(parts(err), parts(s.takeEnvironment(around.Environ)))...)
		}
	case named && errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf(`read configuration %s: there is no such file; "swarmgate config init --config %s" writes one`, path, path)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return s, s.takeEnvironment(around.Environ)
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder; name the file in it", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file; name one", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d bytes, which no configuration has (at most %d); name another file", path, info.Size(), maxFile)
	}
	b, err := os.ReadFile(path)
	return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), err // editors of other systems begin with a BOM
}

// takeEnvironment takes SWARMGATE_… over. Unknown names are but noted: container managers
// make up some of their own.
func (s *Settings) takeEnvironment(environ []string) error {
	all := fields(&s.Config)
	var mistakes []error
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, EnvPrefix) {
			continue
		}
		at := slices.IndexFunc(all, func(f field) bool { return f.env() == name })
		if at < 0 {
			s.Notices = append(s.Notices, fmt.Sprintf("the environment variable %s is none of ours and has no effect", name))
			continue
		}
		if err := all[at].set(value); err != nil {
			mistakes = append(mistakes, fmt.Errorf("environment variable %s: %w", name, err))
			continue
		}
		s.origin[all[at].key] = FromEnv
	}
	return errors.Join(mistakes...)
}

// Set takes the text of a flag over; key is as in the file, "http.listen". Items of a list
// are separated by commas or spaces, links by spaces.
func (s *Settings) Set(key, text string) error {
	f := find(fields(&s.Config), key)
	if f == nil {
		return fmt.Errorf("configuration has no key %s%s", key, s.similar(key))
	}
	if err := f.set(text); err != nil {
		return err
	}
	s.origin[key] = FromFlag
	return nil
}

// Origin returns where the value of a key came from.
func (s *Settings) Origin(key string) Origin {
	if o := s.origin[key]; o != "" {
		return o
	}
	return FromDefault
}

// StateDir returns the folder for what must survive a restart, also if Dir is empty.
func (s *Settings) StateDir() string {
	if s.Dir != "" {
		return s.Dir
	}
	return s.dir
}

// FilmDir returns the folder for films, also if Buffer.FilmDir is empty.
func (s *Settings) FilmDir() string {
	if s.Buffer.FilmDir != "" {
		return s.Buffer.FilmDir
	}
	return filepath.Join(s.StateDir(), "films")
}
