package commandline

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Mistake is a command line that can't be carried out.
type Mistake struct {
	Command string // the words of the command it was meant for, as "swarmgate get"
	Words   string // what is wrong with it
	Extra   string // the argument for which the command has no use, if it is that
}

// Error says what is wrong, and where help is.
func (m *Mistake) Error() string { return m.Words + "; see " + m.Command + " --help" }

func (n *node) mistake(format string, args ...any) *Mistake {
	return &Mistake{Command: n.words(), Words: fmt.Sprintf(format, args...)}
}

// Parse reads the words behind the program's name into the structs and returns the pointer
// to that of the command. It returns nil when there is nothing more to do: help was asked
// for, or a shell wants to know how a line can go on, and the answer was written to out,
// width characters wide. The error is a *Mistake.
func (l *Line) Parse(args []string, out io.Writer, width int) (any, error) {
	if len(args) > 0 && strings.HasPrefix(args[0], "__complete") {
		return nil, l.complete(args, out)
	}
	command, rest, err := l.root.command.Find(args)
	if err != nil {
		return nil, l.root.mistake("%v", err)
	}
	n := l.nodes[command]
	if m := n.dashed(rest); m != nil {
		return nil, m
	}
	if err := command.Flags().Parse(rest); err != nil {
		return nil, n.misread(err)
	}
	switch words := command.Flags().Args(); {
	case n.asked && (len(n.children) == 0 || len(words) == 0):
		_, err := io.WriteString(out, l.help(n, width))
		return nil, err
	case len(n.children) > 0:
		return nil, n.noCommand(words)
	default:
		return n.target, n.check(words)
	}
}

// complete answers a shell.
func (l *Line) complete(args []string, out io.Writer) error {
	root := l.root.command
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(io.Discard)
	return root.Execute()
}

// dashed finds a flag whose value seems to be forgotten, since a flag follows.
func (n *node) dashed(words []string) *Mistake {
	for i := 0; i+1 < len(words) && words[i] != "--"; i++ {
		s := n.waiting(words[i])
		if s == nil {
			continue
		}
		i++
		if next := words[i]; len(next) > 1 && next[0] == '-' {
			return n.mistake("--%s: %q begins with a dash; write --%s=%s if you mean it", s.name, next, s.name, next)
		}
	}
	return nil
}

// waiting returns the flag of a word that takes the next word as its value, or nil.
func (n *node) waiting(word string) *setting {
	flags := n.command.Flags()
	var flag *pflag.Flag
	if name, long := strings.CutPrefix(word, "--"); long {
		flag = flags.Lookup(name)
	} else if letters, short := strings.CutPrefix(word, "-"); short {
		for i := range len(letters) {
			flag = flags.ShorthandLookup(letters[i : i+1])
			if flag == nil || flag.NoOptDefVal == "" && i+1 < len(letters) {
				return nil // unknown, or the other letters are the value
			}
		}
	}
	if flag == nil || flag.NoOptDefVal != "" {
		return nil
	}
	s, _ := flag.Value.(*setting)
	return s
}

// misread says what pflag found wrong.
func (n *node) misread(err error) *Mistake {
	unknown, valueless, wrong := new(pflag.NotExistError), new(pflag.ValueRequiredError), new(pflag.InvalidValueError)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return n.mistake("unknown flag -%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		var names []string
		for _, s := range n.flags {
			if !s.hidden {
				names = append(names, "--"+s.name)
			}
		}
		name := "--" + unknown.GetSpecifiedName()
		return n.mistake("unknown flag %s%s", name, suggestion(name, names))
	case errors.As(err, &valueless):
		if s, ok := valueless.GetFlag().Value.(*setting); ok {
			return n.mistake("--%s has no value; write %s", s.name, s.assignment())
		}
	case errors.As(err, &wrong):
		return n.mistake("--%s: %v", wrong.GetFlag().Name, errors.Unwrap(wrong))
	}
	return n.mistake("%v", err)
}

// noCommand says which commands a group has.
func (n *node) noCommand(words []string) *Mistake {
	var names []string
	for _, child := range n.children {
		if !child.hidden {
			names = append(names, child.command.Name())
		}
	}
	if len(words) == 0 {
		return n.mistake("a command is missing: one of %s", quoted(names))
	}
	return n.mistake("there is no command %s%s", words[0], suggestion(words[0], names))
}

// check reads the arguments and looks whether all is there and goes together.
func (n *node) check(words []string) error {
	for _, s := range n.args {
		for len(words) > 0 && (s.many() || !s.given) {
			if err := s.Set(words[0]); err != nil {
				return n.mistake("%s: %v", s.label(), err)
			}
			words = words[1:]
		}
	}
	if len(words) > 0 {
		m := n.mistake("unexpected argument %s", words[0])
		m.Extra = words[0]
		return m
	}
	var missing []string
	only := make(map[string]*setting)
	for _, s := range slices.Concat(n.flags, n.args) {
		if s.required && !s.given {
			missing = append(missing, s.assignment())
		}
		if s.xor == "" || !s.given {
			continue
		}
		if other := only[s.xor]; other != nil {
			return n.mistake("%s and %s can't be used together", other.label(), s.label())
		}
		only[s.xor] = s
	}
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return n.mistake("%s is missing", missing[0])
	}
	return n.mistake("%s are missing", strings.Join(missing, " and "))
}
