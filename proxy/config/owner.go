package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/pelletier/go-toml/v2"
)

// FromPage is what the owner chose on the page: stronger than the default, weaker than the
// file that a person wrote, which the program never changes.
const FromPage Origin = "page"

// ownerFile is the name, in the folder for state, of what was chosen on the page.
const ownerFile = "settings.toml"

// changeable tells whether a key may be changed over HTTP. What names files, programs and who is
// let in is not, nor what could keep the gateway from starting or the owner from the page.
func changeable(key string) bool {
	section, _, _ := strings.Cut(key, ".")
	switch key {
	case "dlna.profiles", "dlna.networks", "dlna.deny_networks", "peer.listen", "peer.tracker_auth", "buffer.film_dir", "guide.sources":
		return false
	}
	return slices.Contains([]string{"dlna", "guide", "hdhomerun", "peer", "buffer", "log"}, section)
}

func (s *Settings) ownerPath() string { return filepath.Join(s.StateDir(), ownerFile) }

// TakeChosen lays what was chosen on the page over the defaults; what the file, the environment
// or a flag says stays. It comes after Set and before Validate.
func (s *Settings) TakeChosen() error {
	path := s.ownerPath()
	b, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // who makes the folder tells what is in its place
		return nil
	}
	chosen, tree := Default(), map[string]any{}
	if err != nil {
		return fmt.Errorf("read what was chosen on the page: %w", err)
	}
	if err := errors.Join(toml.Unmarshal(b, &tree), toml.Unmarshal(b, &chosen)); err != nil {
		return fmt.Errorf("read what was chosen on the page: %s: %w; remove the file to begin with the defaults", path, err)
	}
	s.Chosen = path
	from := fields(&chosen)
	for i, f := range fields(&s.Config) {
		if _, there := lookUp(tree, f.key); there && changeable(f.key) && s.Origin(f.key) == FromDefault {
			f.value.Set(from[i].value)
			s.origin[f.key] = FromPage
		}
	}
	return nil
}

// Setting is one key as an owner sees it.
type Setting struct {
	Key        string
	Value      any // bool, int, string or []string, as it is after the next start
	Default    any
	Origin     Origin // of Value
	Place      string // what to change instead, where Origin is stronger than the page; empty otherwise
	Changeable bool   // by Owner.Change
	Pending    bool   // Value differs from what counts now
	Meaning    string
	Choices    []string // what Value can be; nil where that can't be listed
}

// Owner changes settings for the owner of a running gateway. What is changed counts from the next
// start on. Its methods may be called by any goroutine.
type Owner struct {
	running *Settings

	mu   sync.Mutex
	next *Settings
}

// NewOwner returns the Owner of a gateway that runs with s, which is not to change any more.
func NewOwner(s *Settings) *Owner { return &Owner{running: s, next: s.clone()} }

func (s *Settings) clone() *Settings {
	c := *s // lists are replaced, never written to
	c.origin = maps.Clone(s.origin)
	return &c
}

// Settings lists every key in the order of the sample file, without [[channel]] and links, which
// are the catalog's.
func (o *Owner) Settings() []Setting {
	o.mu.Lock()
	defer o.mu.Unlock()
	defaults := Default()
	before, now := fields(&defaults), fields(&o.running.Config)
	var list []Setting
	for i, f := range fields(&o.next.Config) {
		if f.key == "links" {
			continue
		}
		place := o.next.place(&f)
		var choices []string
		if c, ok := f.value.Interface().(interface{ choices() []string }); ok {
			choices = c.choices()
		}
		list = append(list, Setting{
			Key: f.key, Value: shown(f.value), Default: shown(before[i].value), Origin: o.next.Origin(f.key), Place: place,
			Changeable: changeable(f.key) && place == "", Pending: literal(f.value) != literal(now[i].value), Meaning: f.help, Choices: choices,
		})
	}
	return list
}

// place says what is stronger than the page, empty when nothing is.
func (s *Settings) place(f *field) string {
	switch s.Origin(f.key) {
	case FromFile:
		return s.File
	case FromEnv:
		return f.env()
	case FromFlag:
		return "the command line"
	}
	return ""
}

// Refusal is why a setting was not changed.
type Refusal struct{ Key, Reason string }

// Error returns one line.
func (r *Refusal) Error() string { return r.Key + ": " + r.Reason }

// ErrNotSaved says that changes are right and could not be written down; nothing was changed.
var ErrNotSaved = errors.New("the settings can't be written down")

// Change takes values by key, nil for the default. They are checked together with all the
// others, and are on the disk when it returns nil. The error is joined of *Refusal and
// *Problem, and then nothing was changed; or it is ErrNotSaved.
func (o *Owner) Change(values map[string]json.RawMessage) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	next, err := o.changed(values)
	if err != nil {
		return err
	}
	if err := next.keepChosen(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	o.next = next
	return nil
}

// Check returns the error that Change would, but ErrNotSaved; nothing is changed.
func (o *Owner) Check(values map[string]json.RawMessage) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := o.changed(values)
	return err
}

// changed returns what the settings would be.
func (o *Owner) changed(values map[string]json.RawMessage) (*Settings, error) {
	next, defaults := o.next.clone(), Default()
	all, before := fields(&next.Config), fields(&defaults)
	var wrong []error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if reason := next.change(find(all, key), find(before, key), key, values[key]); reason != "" {
			wrong = append(wrong, &Refusal{key, reason})
		}
	}
	if len(wrong) == 0 {
		wrong = parts(next.Validate())
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return next, nil
}

// change sets one field; it returns why that can't be.
func (s *Settings) change(f, before *field, key string, value json.RawMessage) string {
	if f == nil {
		return "is no setting" + s.similar(key)
	}
	if place := s.place(f); place != "" {
		return "is set by " + place + ", which is stronger; change it there"
	}
	if !changeable(key) {
		return "can't be changed on the page; write it into the configuration file"
	}
	if bytes.Equal(bytes.TrimSpace(value), []byte("null")) {
		f.value.Set(before.value)
		delete(s.origin, key)
		return ""
	}
	if err := f.setJSON(value); err != nil {
		return err.Error()
	}
	s.origin[key] = FromPage
	return ""
}

// setJSON reads the value from JSON. A list is a list of texts.
func (f *field) setJSON(b []byte) error {
	mismatch := fmt.Errorf("wants %s", strings.TrimSuffix(wants(f.key), ", without quotes"))
	if f.value.Kind() != reflect.Slice {
		return scanJSON(f.value, b, mismatch)
	}
	var items []json.RawMessage
	if json.Unmarshal(b, &items) != nil {
		return mismatch
	}
	list := reflect.MakeSlice(f.value.Type(), len(items), len(items))
	for i, item := range items {
		if err := scanJSON(list.Index(i), item, mismatch); err != nil {
			return err
		}
	}
	f.value.Set(list)
	return nil
}

func scanJSON(v reflect.Value, b []byte, mismatch error) error {
	text := string(bytes.TrimSpace(b))
	quoted := v.Kind() != reflect.Bool && (v.Kind() != reflect.Int) // types with a text form are neither
	// null changes no string
	if quoted && (text == "null" || json.Unmarshal(b, &text) != nil) {
		return mismatch
	}
	if err := scan(v, text); err != nil && !quoted {
		return mismatch
	} else if err != nil {
		return err
	}
	return nil
}

// shown is a value for JSON.
func shown(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int:
		return v.Int()
	case reflect.Slice:
		list := make([]string, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	}
	return plain(v)
}

// keepChosen writes what was chosen on the page: the whole file is there, or the one before.
func (s *Settings) keepChosen() error {
	var b bytes.Buffer
	b.WriteString("# Chosen on the page, which writes this file. The configuration file is stronger.\n")
	for _, f := range fields(&s.Config) {
		if s.origin[f.key] == FromPage {
			fmt.Fprintf(&b, "%s = %s\n", f.key, literal(f.value))
		}
	}
	path := s.ownerPath()
	temporary, err := os.CreateTemp(filepath.Dir(path), ownerFile+".*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(b.Bytes())
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename last. Where folders can't be synced the system does it in its own time.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // the file itself is written
	}
	_ = d.Sync()
	return d.Close()
}
