// Package commandline reads command lines into structs: commands, flags and arguments are
// fields, and their tags say how they are called and what they are for.
//
//	cmd          a command, or a group of them: the field is a struct
//	arg          an argument; a slice takes all that are left
//	name         its name, instead of one made of the field's
//	short        one letter, as in -o
//	aliases      further names, with commas between them
//	help         a sentence; ${default} and ${enum} stand for those tags
//	placeholder  what help shows for the value
//	default      the value when none is given
//	enum         the values that are allowed, with commas between them
//	xor          a name: of the flags with the same one, only one may be given
//	type         path or existingdir: made absolute, ~/ being the user's folder
//	required, optional, hidden
//
// Every other exported field is a flag, and embedded structs give theirs. A command with a
// method Help() string says more by it. The parsing is by pflag, the tree of commands and
// the completion in shells by cobra; methods are never looked up by name, for which the
// linker would have to keep every method of the program.
package commandline

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Line is a command line that can be read once.
type Line struct {
	root  *node
	nodes map[*cobra.Command]*node
}

// node is a command or a group of commands.
type node struct {
	command  *cobra.Command
	target   any // pointer to its struct
	help     string
	hidden   bool
	asked    bool // for help
	flags    []*setting
	args     []*setting
	children []*node
}

// New makes the command line of a program from a pointer to the struct of its commands. The
// error is a mistake in that struct.
func New(name, help string, commands any) (*Line, error) {
	v := reflect.ValueOf(commands)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("%T is no pointer to a struct of commands", commands)
	}
	l := &Line{nodes: make(map[*cobra.Command]*node)}
	var err error
	l.root, err = l.build(name, help, v.Elem())
	return l, err
}

// build makes the node of one struct, and those below it.
func (l *Line) build(name, help string, v reflect.Value) (*node, error) {
	n := &node{target: v.Addr().Interface(), help: help}
	n.command = &cobra.Command{
		Use: name, Short: help, Args: cobra.ArbitraryArgs, SilenceErrors: true, SilenceUsage: true,
		Run: func(*cobra.Command, []string) {}, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	n.command.SetHelpFunc(func(*cobra.Command, []string) {})
	n.command.Flags().SortFlags = false
	n.command.Flags().BoolVarP(&n.asked, "help", "h", false, "Show this help.")
	l.nodes[n.command] = n
	if err := l.fields(n, v); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	n.command.ValidArgsFunction = n.completeArgument
	return n, nil
}

// fields adds what the fields of a struct ask for.
func (l *Line) fields(n *node, v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		_, isCommand := field.Tag.Lookup("cmd")
		_, isArgument := field.Tag.Lookup("arg")
		var err error
		switch {
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			err = l.fields(n, v.Field(i))
		case !field.IsExported():
			continue
		case isCommand:
			err = l.addCommand(n, field, v.Field(i))
		case isArgument:
			err = n.addArgument(field, v.Field(i))
		default:
			err = n.addFlag(field, v.Field(i))
		}
		if err != nil {
			return fmt.Errorf("field %s: %w", field.Name, err)
		}
	}
	return nil
}

func (l *Line) addCommand(n *node, field reflect.StructField, v reflect.Value) error {
	if v.Kind() != reflect.Struct {
		return errors.New("a command has to be a struct")
	}
	child, err := l.build(nameOf(field), field.Tag.Get("help"), v)
	if err != nil {
		return err
	}
	child.command.Aliases = list(field.Tag.Get("aliases"))
	_, child.hidden = field.Tag.Lookup("hidden")
	child.command.Hidden = child.hidden
	n.children = append(n.children, child)
	n.command.AddCommand(child.command)
	return nil
}

func (n *node) addArgument(field reflect.StructField, v reflect.Value) error {
	s, err := newSetting(field, v)
	if err != nil {
		return err
	}
	if len(n.args) > 0 && n.args[len(n.args)-1].many() {
		return errors.New("no argument can follow one that takes all")
	}
	_, optional := field.Tag.Lookup("optional")
	s.argument, s.required = true, !optional
	n.args = append(n.args, s)
	return nil
}

func (n *node) addFlag(field reflect.StructField, v reflect.Value) error {
	s, err := newSetting(field, v)
	if err != nil {
		return err
	}
	set := n.command.Flags()
	for i, name := range append([]string{s.name}, s.aliases...) {
		if set.Lookup(name) != nil || i == 0 && s.short != "" && set.ShorthandLookup(s.short) != nil {
			return fmt.Errorf("a second flag --%s", name)
		}
		flag := &pflag.Flag{Name: name, Usage: s.help, Value: s, Hidden: s.hidden || i > 0}
		if i == 0 {
			flag.Shorthand = s.short
		}
		if s.isBool() {
			flag.NoOptDefVal = "true"
		}
		set.AddFlag(flag)
		if err := n.command.RegisterFlagCompletionFunc(name, s.complete); err != nil {
			return err
		}
	}
	n.flags = append(n.flags, s)
	return nil
}

// words are those that call the command, as "swarmgate get".
func (n *node) words() string { return n.command.CommandPath() }

// Entry is a command, flag or argument, for who looks over them all.
type Entry struct {
	Name        string // as help shows it
	Help        string
	Placeholder string // of its value; empty for a flag that takes none
	TakesValue  bool
}

// Entries lists everything on the command line, what is hidden too.
func (l *Line) Entries() []Entry { return l.root.entries() }

func (n *node) entries() []Entry {
	var all []Entry
	for _, s := range slices.Concat(n.args, n.flags) {
		all = append(all, Entry{n.words() + " " + s.label(), s.help, s.placeholder, !s.argument && !s.isBool()})
	}
	for _, child := range n.children {
		all = append(all, Entry{Name: child.words(), Help: child.help})
		all = append(all, child.entries()...)
	}
	return all
}

// Completion writes the script by which a shell completes this command line: bash, zsh or
// fish.
func (l *Line) Completion(w io.Writer, shell string) error {
	switch shell {
	case "bash":
		return l.root.command.GenBashCompletionV2(w, true)
	case "zsh":
		return l.root.command.GenZshCompletion(w)
	case "fish":
		return l.root.command.GenFishCompletion(w, true)
	}
	return fmt.Errorf("no completion for %q; there are bash, zsh and fish", shell)
}

// list splits at commas.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
