package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxMistakes is how many mistakes of a file are told at once.
const maxMistakes = 20

// decode reads the file's text over the defaults. The error tells all mistakes that can be
// told apart, since whoever mends one wants to know of the others.
func (s *Settings) decode(b []byte) error {
	var mistakes []error
	for text := bytes.Clone(b); len(mistakes) < maxMistakes; {
		c := Default()
		err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&c)
		if err == nil && len(mistakes) == 0 {
			s.Config = c
			return s.noteKeys(b)
		}
		if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
			for i := range strict.Errors {
				mistakes = append(mistakes, s.explain(&strict.Errors[i], "is unknown"+s.similar(keyOf(&strict.Errors[i]))))
			}
			break
		}
		d, ok := errors.AsType[*toml.DecodeError](err)
		if err == nil || !ok && len(mistakes) > 0 {
			break
		}
		if !ok {
			return fmt.Errorf("%s: %w", s.File, err)
		}
		syntax := keyOf(d) == ""
		if !syntax || len(mistakes) == 0 { // else a line that was blanked is the reason
			mistakes = append(mistakes, s.explain(d, s.reason(d)))
		}
		if syntax || !blank(text, d) {
			break
		}
	}
	return errors.Join(mistakes...)
}

// blank makes the line of a mistake empty, so that those behind it come to light; false if
// more than one key depends on it.
func blank(text []byte, d *toml.DecodeError) bool {
	row, _ := d.Position()
	at := 0
	for range row - 1 {
		at += bytes.IndexByte(text[at:], '\n') + 1
	}
	line := text[at:]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	if bytes.HasPrefix(bytes.TrimSpace(line), []byte("[")) || !bytes.Contains(line, []byte("=")) {
		return false
	}
	for i := range line {
		line[i] = ' '
	}
	return true
}

// explain puts the place before what is wrong.
func (s *Settings) explain(d *toml.DecodeError, reason string) error {
	line, column := d.Position()
	if key := keyOf(d); key != "" {
		reason = key + " " + reason
	}
	return fmt.Errorf("%s:%d:%d: %s", s.File, line, column, reason)
}

func keyOf(d *toml.DecodeError) string { return strings.Join(d.Key(), ".") }

// reason says in our words what the decoder complains about.
func (s *Settings) reason(d *toml.DecodeError) string {
	text := strings.TrimPrefix(d.Error(), "toml: ")
	mismatch := strings.HasPrefix(text, "cannot decode") || strings.HasPrefix(text, "cannot store")
	known := find(fields(&s.Config), keyOf(d)) != nil
	switch {
	case mismatch && known:
		return "wants " + wants(keyOf(d))
	case mismatch:
		return "is of another kind" + s.section(keyOf(d)) + `; "swarmgate config init" shows how to write it`
	case keyOf(d) == "":
		return text + "; this is no TOML, are quotes or brackets missing?"
	}
	return "= " + text
}

// section returns a remark where key is the name of a section.
func (s *Settings) section(key string) string {
	for _, f := range fields(&s.Config) {
		if name, _, nested := strings.Cut(f.key, "."); nested && name == key {
			return ": it is a section, [" + key + "], with keys of its own below"
		}
	}
	return ""
}

// noteKeys notes which keys the file has. The decoder takes bare numbers for our types
// that are numbers inside, as 60 ns for a time span of 60; they are refused here.
func (s *Settings) noteKeys(b []byte) error {
	var tree map[string]any
	if err := toml.Unmarshal(b, &tree); err != nil {
		return fmt.Errorf("%s: %w", s.File, err)
	}
	s.text = b
	var mistakes []error
	for _, f := range fields(&s.Config) {
		section, key, nested := strings.Cut(f.key, ".")
		values := tree
		if nested {
			values, _ = tree[section].(map[string]any)
		} else {
			key = section
		}
		value, there := values[key]
		if !there {
			continue
		}
		s.origin[f.key] = FromFile
		if _, number := value.(int64); number && f.value.Kind() == reflect.Int64 {
			mistakes = append(mistakes, fmt.Errorf("%s: %s wants %s", s.place(f.key), f.key, wants(f.key)))
		}
	}
	if _, there := tree["channel"]; there {
		s.origin["channel"] = FromFile
	}
	return errors.Join(mistakes...)
}

// place returns where the value of a key stands in the file: "gate.toml:12:8".
func (s *Settings) place(key string) string {
	at := reflect.TypeFor[refusal]()
	names := strings.Split(key, ".")
	for _, name := range slices.Backward(names) {
		tag := reflect.StructTag(`toml:"` + name + `"`)
		at = reflect.StructOf([]reflect.StructField{{Name: "Field", Type: at, Tag: tag}})
	}
	err := toml.Unmarshal(s.text, reflect.New(at).Interface())
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := d.Position()
		return fmt.Sprintf("%s:%d:%d", s.File, line, column)
	}
	return s.File
}

// refusal takes no value, so that the decoder tells where one stands.
type refusal struct{ _ struct{} }

// similar returns a remark about the known key nearest to an unknown one.
func (s *Settings) similar(key string) string {
	best, least := "", 4 // more letters than this are no slip
	known := []string{"channel", "channel.link", "channel.title", "channel.group", "channel.logo"}
	for _, f := range fields(&s.Config) {
		section, _, _ := strings.Cut(f.key, ".")
		known = append(known, f.key, section)
	}
	for _, k := range known {
		if n := distance(key, k); n < least {
			best, least = k, n
		}
	}
	// A key that stands in the wrong section.
	_, last, _ := strings.Cut(key, ".")
	for _, f := range fields(&s.Config) {
		if _, name, _ := strings.Cut(f.key, "."); best == "" && name != "" && (name == last || name == key) {
			best = f.key
		}
	}
	if best == "" {
		return `; "swarmgate config init" shows all keys`
	}
	return "; did you mean " + best + "?"
}

// distance is how many letters must be put in, taken out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = slices.Min([]int{cost, row[j] + 1, row[j+1] + 1})
		}
	}
	return row[len(b)]
}
