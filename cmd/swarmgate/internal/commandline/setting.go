package commandline

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// setting is a flag or an argument: a field that takes what was written.
type setting struct {
	name, short, help, placeholder, kind, xor string

	aliases, enum              []string
	initial                    string // the default
	argument, required, hidden bool
	given                      bool
	target                     reflect.Value
}

// notHere are tags of other libraries for which nothing is done, and which would be
// overlooked.
var notHere = []string{"kong", "env", "negatable", "embed", "prefix", "group", "sep", "format", "passthrough", "and", "set", "mapsep"}

func newSetting(field reflect.StructField, v reflect.Value) (*setting, error) {
	for _, tag := range notHere {
		if _, ok := field.Tag.Lookup(tag); ok {
			return nil, fmt.Errorf("tag %s means nothing", tag)
		}
	}
	s := &setting{
		name: nameOf(field), short: field.Tag.Get("short"), placeholder: field.Tag.Get("placeholder"), kind: field.Tag.Get("type"), xor: field.Tag.Get("xor"),
		aliases: list(field.Tag.Get("aliases")), enum: list(field.Tag.Get("enum")), initial: field.Tag.Get("default"), target: v,
	}
	_, s.required = field.Tag.Lookup("required")
	_, s.hidden = field.Tag.Lookup("hidden")
	s.help = strings.NewReplacer("${default}", s.initial, "${enum}", strings.Join(s.enum, ", ")).Replace(field.Tag.Get("help"))
	if !readable(v.Type()) {
		return nil, fmt.Errorf("a %s can't be read from a command line", v.Type())
	}
	if s.kind != "" && s.kind != "path" && s.kind != "existingdir" {
		return nil, fmt.Errorf("type %q is unknown", s.kind)
	}
	if s.initial != "" {
		if err := s.take(s.initial); err != nil {
			return nil, fmt.Errorf("default: %w", err)
		}
	}
	return s, nil
}

// label names the setting in a sentence.
func (s *setting) label() string {
	if s.argument {
		return "<" + s.name + ">"
	}
	return "--" + s.name
}

// assignment is the flag with what has to be written behind it.
func (s *setting) assignment() string {
	holder := s.placeholder
	if holder == "" {
		holder = strings.ToUpper(s.name)
	}
	switch {
	case s.argument && s.many():
		return "<" + s.name + "> ..."
	case s.argument:
		return s.label()
	case s.isBool():
		return "--" + s.name
	case s.many():
		return "--" + s.name + "=" + holder + ",..."
	}
	return "--" + s.name + "=" + holder
}

func (s *setting) isBool() bool { return s.target.Kind() == reflect.Bool && !reads(s.target.Type()) }

// many tells whether there may be more than one value.
func (s *setting) many() bool { return s.target.Kind() == reflect.Slice && !reads(s.target.Type()) }

// String is the default, as pflag wants it.
func (s *setting) String() string {
	if s == nil {
		return ""
	}
	return s.initial
}

// Type is what pflag calls the value.
func (s *setting) Type() string { return "value" }

// Set takes what was written on the command line; of several, lists take all and the others
// the last.
func (s *setting) Set(text string) error {
	if !s.given {
		s.target.SetZero()
	}
	s.given = true
	return s.take(text)
}

// take reads text into the field.
func (s *setting) take(text string) error {
	if !s.many() {
		return s.read(s.target, text)
	}
	items := []string{text}
	if !s.argument {
		items = split(text)
	}
	for _, item := range items {
		v := reflect.New(s.target.Type().Elem()).Elem()
		if err := s.read(v, item); err != nil {
			return err
		}
		s.target.Set(reflect.Append(s.target, v))
	}
	return nil
}

func (s *setting) read(v reflect.Value, text string) error {
	if len(s.enum) > 0 && !slices.Contains(s.enum, text) {
		return fmt.Errorf("%q is none of %s", text, quoted(s.enum))
	}
	if s.kind != "" {
		path, err := readPath(text, s.kind)
		if err != nil {
			return err
		}
		text = path
	}
	return read(v, text)
}

// complete offers the values of an enum to a shell, and lets it look for files only where
// one is wanted.
func (s *setting) complete(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(s.enum) > 0:
		return slices.DeleteFunc(slices.Clone(s.enum), func(e string) bool { return e == "" }), cobra.ShellCompDirectiveNoFileComp
	case s.kind == "existingdir" || s.placeholder == "DIR":
		return nil, cobra.ShellCompDirectiveFilterDirs
	case s.kind == "path" || s.placeholder == "FILE" || s.argument:
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completeArgument does the same for the argument that comes next.
func (n *node) completeArgument(c *cobra.Command, before []string, begun string) ([]string, cobra.ShellCompDirective) {
	switch at := len(before); {
	case at < len(n.args):
		return n.args[at].complete(c, before, begun)
	case len(n.args) > 0 && n.args[len(n.args)-1].many():
		return n.args[len(n.args)-1].complete(c, before, begun)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// quoted lists what an enum allows, without the empty value that stands for none.
func quoted(enum []string) string {
	var words []string
	for _, e := range enum {
		if e != "" {
			words = append(words, fmt.Sprintf("%q", e))
		}
	}
	return strings.Join(words, ", ")
}

// split cuts a list at its commas; a backslash before one keeps it.
func split(s string) []string {
	var items []string
	var item strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == ',':
			item.WriteByte(',')
			i++
		case s[i] == ',':
			items = append(items, item.String())
			item.Reset()
		default:
			item.WriteByte(s[i])
		}
	}
	if item.Len() > 0 {
		items = append(items, item.String())
	}
	return items
}

// nameOf is the name tag, or the field's name in lower case with dashes: MemberCA is member-ca.
func nameOf(field reflect.StructField) string {
	if name := field.Tag.Get("name"); name != "" {
		return name
	}
	var b strings.Builder
	letters := []rune(field.Name)
	for i, r := range letters {
		if i > 0 && unicode.IsUpper(r) && (!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	durationType = reflect.TypeFor[time.Duration]()
)

// reads tells whether the type reads text itself.
func reads(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textType) }

// readable tells whether read knows the type.
func readable(t reflect.Type) bool {
	switch k := t.Kind(); {
	case reads(t), k == reflect.String, k == reflect.Bool, k >= reflect.Int && k <= reflect.Uint64, k == reflect.Float32, k == reflect.Float64:
		return true
	case k == reflect.Pointer, k == reflect.Slice:
		return readable(t.Elem())
	}
	return false
}
