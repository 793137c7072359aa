package config

import (
	"bytes"
	"cmp"
	"encoding"
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
// told apart, since whoever mends one wants to know of the others; what is right beside them
// is taken over.
func (s *Settings) decode(b []byte) error {
	text := bytes.Clone(b)
	mistakes := s.unquoted(text)
	s.text = nil
	for len(mistakes) < maxMistakes {
		c := Default()
		err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&c)
		if err == nil && len(mistakes) == 0 {
			s.Config = c
			return s.noteKeys(b)
		}
		if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
			s.Config = c
			mistakes = append(mistakes, parts(s.noteKeys(text))...)
			for i := range strict.Errors {
				mistakes = append(mistakes, s.explain(&strict.Errors[i], "is unknown"+s.similar(keyOf(&strict.Errors[i]))))
			}
			break
		}
		d, ok := errors.AsType[*toml.DecodeError](err)
		if err == nil {
			s.Config = c
			mistakes = append(mistakes, parts(s.noteKeys(text))...)
			break
		}
		if !ok && len(mistakes) > 0 {
			break
		}
		if !ok {
			return fmt.Errorf("%s: %w", s.File, err)
		}
		syntax := keyOf(d) == ""
		if !syntax || len(mistakes) == 0 { // else a line that was blanked is the reason
			mistakes = append(mistakes, s.explain(d, s.reason(d)))
			s.wrong = append(s.wrong, keyOf(d))
		}
		row, _ := d.Position()
		if syntax || !blank(text, row) {
			break
		}
	}
	return byLine(mistakes)
}

// mistake is something wrong at a place of the file.
type mistake struct {
	file         string
	line, column int
	reason       string
}

// Error returns one line.
func (m *mistake) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", m.file, m.line, m.column, m.reason)
}

// byLine joins mistakes in the order of the file, as whoever mends them meets them.
func byLine(mistakes []error) error {
	line := func(err error) int {
		if m, ok := errors.AsType[*mistake](err); ok {
			return m.line
		}
		if p, ok := errors.AsType[*Problem](err); ok {
			return p.line
		}
		return 0
	}
	slices.SortStableFunc(mistakes, func(a, b error) int { return cmp.Compare(line(a), line(b)) })
	return errors.Join(mistakes...)
}

// unquoted finds bare numbers, switches and the like where a text in quotes belongs, and makes
// their lines empty. The decoder would take some for what they are not, as 60 ns for a time
// span of 60, and not tell the place of others.
func (s *Settings) unquoted(text []byte) (mistakes []error) {
	var tree map[string]any
	if toml.Unmarshal(text, &tree) != nil {
		return nil // told by decode
	}
	s.text = bytes.Clone(text)
	for _, f := range fields(&s.Config) {
		_, owned := f.value.Addr().Interface().(encoding.TextUnmarshaler)
		value, there := lookUp(tree, f.key)
		if _, quoted := value.(string); !owned || !there || quoted {
			continue
		}
		line, column := s.position(f.key)
		if line > 0 && blank(text, line) {
			mistakes = append(mistakes, &mistake{s.File, line, column, f.key + " wants " + wants(f.key)})
			s.wrong = append(s.wrong, f.key)
		}
	}
	return mistakes
}

// lookUp returns the value of a key.
func lookUp(tree map[string]any, key string) (value any, there bool) {
	if section, name, nested := strings.Cut(key, "."); nested {
		tree, _ = tree[section].(map[string]any)
		key = name
	}
	value, there = tree[key]
	return value, there
}

// blank makes the line of a mistake empty, so that those behind it come to light; false if
// more than one key depends on it.
func blank(text []byte, row int) bool {
	at := 0
	for range row - 1 {
		at += bytes.IndexByte(text[at:], '\n') + 1
	}
	line := text[at:]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	trimmed := bytes.TrimSpace(line)
	item := len(trimmed) > 1 && (trimmed[0] == '"' || trimmed[0] == '\'') && (trimmed[len(trimmed)-1] == ',' || trimmed[len(trimmed)-1] == trimmed[0])
	if bytes.HasPrefix(trimmed, []byte("[")) || !item && !bytes.Contains(line, []byte("=")) {
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
	return &mistake{s.File, line, column, reason}
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
	return "has a mistake: " + text
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

// noteKeys notes which keys the file has.
func (s *Settings) noteKeys(b []byte) error {
	var tree map[string]any
	if err := toml.Unmarshal(b, &tree); err != nil {
		return fmt.Errorf("%s: %w", s.File, err)
	}
	s.text = b
	for _, f := range fields(&s.Config) {
		if _, there := lookUp(tree, f.key); there {
			s.origin[f.key] = FromFile
		}
	}
	if _, there := tree["channel"]; there {
		s.origin["channel"] = FromFile
	}
	return nil
}

// position returns line and column of the value of a key in the file, 0 if it is not there.
func (s *Settings) position(key string) (line, column int) {
	at := reflect.TypeFor[refusal]()
	names := strings.Split(key, ".")
	for _, name := range slices.Backward(names) {
		tag := reflect.StructTag(`toml:"` + name + `"`)
		at = reflect.StructOf([]reflect.StructField{{Name: "Field", Type: at, Tag: tag}})
	}
	err := toml.Unmarshal(s.text, reflect.New(at).Interface())
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		return d.Position()
	}
	return 0, 0
}

// refusal takes no value, so that the decoder tells where one stands.
type refusal struct{ _ struct{} }

// similar returns a remark about the known keys nearest to an unknown one: those of its name in
// another section, or but a slip away.
func (s *Settings) similar(key string) string {
	known := []string{"channel", "channel.link", "channel.title", "channel.group", "channel.logo"}
	for _, f := range fields(&s.Config) {
		if section, _, nested := strings.Cut(f.key, "."); nested && !slices.Contains(known, section) {
			known = append(known, section)
		}
		known = append(known, f.key)
	}
	var best []string
	least := len(key)/3 + 1 // more letters than a third are no slip
	for _, k := range known {
		n := distance(key, k)
		_, name, nested := strings.Cut(k, ".")
		if _, own, _ := strings.Cut(key, "."); own != "" {
			n = min(n, distance(key, k))
			if name == own {
				n = min(n, 1)
			}
		} else if nested {
			n = min(n, distance(key, name))
		}
		if n < least {
			best, least = nil, n
		}
		if n == least && n <= len(key)/3 {
			best = append(best, k)
		}
	}
	if len(best) == 0 {
		return `; "swarmgate config init" shows all keys`
	}
	return "; did you mean " + strings.Join(best, " or ") + "?"
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
