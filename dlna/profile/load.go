package profile

import (
	"bytes"
	_ "embed" // profiles.toml
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed profiles.toml
var builtIn []byte

// Bounds of a file of profiles.
const (
	maxFile     = 256 << 10 // bytes
	maxProfiles = 256
	maxRules    = 32  // of a profile
	maxText     = 200 // bytes of any text
)

// document is a file of profiles.
type document struct {
	Profiles []Profile `toml:"profile"`
}

// Load returns the profiles of a household's file, empty for none, before those that come with
// the program. One of the same name replaces ours. The error is one sentence with place and
// remedy.
func Load(file string) (*Set, error) {
	own, err := parse("profiles of this program", builtIn)
	if err != nil {
		return nil, err
	}
	if file == "" {
		return &Set{profiles: own}, nil
	}
	b, err := read(file)
	if err != nil {
		return nil, err
	}
	theirs, err := parse(file, b)
	if err != nil {
		return nil, err
	}
	replaced := map[string]bool{}
	for _, p := range theirs {
		replaced[strings.ToLower(p.Name)] = true
	}
	for _, p := range own {
		if !replaced[strings.ToLower(p.Name)] {
			theirs = append(theirs, p)
		}
	}
	return &Set{profiles: theirs}, nil
}

func read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("device profiles: %w; correct profiles under [dlna], or leave it empty", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("the file is larger than %d KiB", maxFile>>10)
	}
	if err != nil {
		return nil, fmt.Errorf("device profiles %s: %w; name a file of profiles under [dlna]", file, err)
	}
	return b, nil
}

// parse reads a file of profiles.
func parse(file string, b []byte) ([]Profile, error) {
	var d document
	err := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields().Decode(&d)
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(strict.Errors) > 0 {
		row, column := strict.Errors[0].Position()
		return nil, fmt.Errorf("%s:%d:%d: %s is unknown; remove it", file, row, column, strings.Join(strict.Errors[0].Key(), "."))
	}
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, column := d.Position()
		return nil, fmt.Errorf("%s:%d:%d: %s; write it as in TOML", file, row, column, strings.TrimPrefix(d.Error(), "toml: "))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(d.Profiles) > maxProfiles {
		return nil, fmt.Errorf("%s: there are more than %d profiles; remove some", file, maxProfiles)
	}
	seen := map[string]bool{}
	for i := range d.Profiles {
		p := &d.Profiles[i]
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("%s: profile %d (%q): %w", file, i+1, p.Name, err)
		}
		name := strings.ToLower(p.Name)
		if seen[name] {
			return nil, fmt.Errorf("%s: profile %d (%q) is there twice; remove one", file, i+1, p.Name)
		}
		seen[name] = true
	}
	return d.Profiles, nil
}

// check returns the first thing wrong with a profile, with what to write instead.
func (p *Profile) check() error {
	switch {
	case p.Name == "" || len(p.Name) > maxText:
		return errors.New(`it has no name of at most 200 bytes; write name = "Make of the device"`)
	case len(p.Match) == 0 || len(p.Match) > maxRules:
		return errors.New(`it has no match, or more than 32; write match = [{ header = "User-Agent", contains = "…" }]`)
	}
	for _, r := range p.Match {
		if r.Header == "" || r.Contains == "" || len(r.Contains) > maxText {
			return errors.New(`a match lacks header or contains; write { header = "User-Agent", contains = "…" }`)
		}
	}
	for from, to := range p.Types {
		if !isType(from) || !isType(to) {
			return fmt.Errorf(`types: %q = %q are no media types; write as "video/x-matroska" = "video/x-mkv"`, from, to)
		}
	}
	if p.FolderClass != "" && p.FolderClass != "object.container" && !strings.HasPrefix(p.FolderClass, "object.container.") {
		return fmt.Errorf(`folder_class %q is no class of containers; write "object.container" or "object.container.storageFolder"`, p.FolderClass)
	}
	return errors.Join(
		oneOf("subtitles", p.Subtitles, CaptionResource, CaptionSamsung, CaptionPV),
		oneOf("pictures", p.Pictures, Thumbnail, Small),
		oneOf("bookmarks", []Bookmarks{p.Bookmarks}, "", Seconds, Milliseconds),
		oneOf("guide", []Guide{p.Guide}, "", GuideDescription, GuideTitle, GuideNone),
	)
}

func isType(s string) bool {
	t, parameters, err := mime.ParseMediaType(s)
	return err == nil && t == s && len(parameters) == 0 && strings.Count(s, "/") == 1
}

func oneOf[T ~string](key string, values []T, allowed ...T) error {
	for _, v := range values {
		if !has(allowed, v) {
			return fmt.Errorf("%s: %q is none of %q", key, v, allowed)
		}
	}
	return nil
}
