package commandline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// letter reads itself.
type letter string

func (l *letter) UnmarshalText(b []byte) error {
	if len(b) != 1 {
		return fmt.Errorf("%q is no letter", b)
	}
	*l = letter(b)
	return nil
}

type shared struct {
	MemberCA string `help:"An authority." placeholder:"FILE" type:"path"`
}

type makeCommand struct {
	What   string        `arg:"" help:"What."`
	More   []letter      `arg:"" optional:"" help:"More."`
	Output string        `short:"o" help:"Where." placeholder:"FILE"`
	Letter []letter      `help:"Letters." placeholder:"L" aliases:"sign"`
	Words  []string      `help:"Words." placeholder:"W" default:"a,b"`
	Number *int          `help:"A number." placeholder:"N" xor:"n"`
	Small  uint8         `help:"A small one. Default: ${default}." default:"7" placeholder:"N" xor:"n"`
	Share  float64       `help:"A share." placeholder:"N"`
	Wait   time.Duration `help:"How long." placeholder:"D"`
	Mode   string        `help:"One of ${enum}." enum:"on,off" default:"on" placeholder:"MODE"`
	Folder string        `help:"A folder." type:"existingdir" placeholder:"DIR"`
	Quiet  bool          `help:"No words."`
	Secret string        `help:"Not shown." hidden:"" placeholder:"X"`
	shared
}

func (*makeCommand) Help() string { return "The first paragraph.\n\nThe second." }

type needCommand struct {
	Key string `required:"" help:"The key." placeholder:"KEY"`
	Who string `arg:"" help:"Who."`
}

type program struct {
	Make  makeCommand `cmd:"" help:"Make something."`
	Group struct {
		Need needCommand `cmd:"" help:"Need something." aliases:"want"`
	} `cmd:"" help:"A group."`
}

func parse(t *testing.T, words ...string) (*program, any, string, error) {
	t.Helper()
	p := new(program)
	line, err := New("prog", "A program.", p)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	command, err := line.Parse(words, &out, 80)
	return p, command, out.String(), err
}

func TestParse(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", "/home/ann")
	five := 5
	for _, c := range []struct {
		line string
		want func(*makeCommand)
	}{
		{"make x", func(*makeCommand) {}},
		{"make x a b", func(m *makeCommand) { m.More = []letter{"a", "b"} }},
		{"make -o - x", func(m *makeCommand) { m.Output = "-" }},
		{"make -ofile x", func(m *makeCommand) { m.Output = "file" }},
		{"make x --output=--file", func(m *makeCommand) { m.Output = "--file" }},
		{"make x --output file --output last", func(m *makeCommand) { m.Output = "last" }},
		{"make x --letter a,b --sign c", func(m *makeCommand) { m.Letter = []letter{"a", "b", "c"} }},
		{`make x --words c\,d,e\f`, func(m *makeCommand) { m.Words = []string{"c,d", `e\f`} }},
		{"make x --number=5", func(m *makeCommand) { m.Number = &five }},
		{"make x --small 0x10", func(m *makeCommand) { m.Small = 16 }},
		{"make x --share .5 --wait 90s", func(m *makeCommand) { m.Share, m.Wait = .5, 90*time.Second }},
		{"make x --mode off --quiet", func(m *makeCommand) { m.Mode, m.Quiet = "off", true }},
		{"make x --quiet=false --secret s", func(m *makeCommand) { m.Secret = "s" }},
		{"make x --member-ca ca.pem", func(m *makeCommand) { m.MemberCA = filepath.Join(here, "ca.pem") }},
		{"make x --member-ca ~/ca.pem --folder /", func(m *makeCommand) { m.MemberCA, m.Folder = "/home/ann/ca.pem", "/" }},
		{"make --member-ca - x", func(m *makeCommand) { m.MemberCA = "-" }},
	} {
		p, command, _, err := parse(t, strings.Fields(c.line)...)
		want := makeCommand{What: "x", Words: []string{"a", "b"}, Small: 7, Mode: "on"}
		c.want(&want)
		if err != nil || command != &p.Make || !reflect.DeepEqual(p.Make, want) {
			t.Errorf("%s: %+v, error %v; want %+v", c.line, p.Make, err, want)
		}
	}
	if p, command, _, err := parse(t, "group", "want", "--key", "k", "--", "--who"); err != nil || command != &p.Group.Need || p.Group.Need != (needCommand{"k", "--who"}) {
		t.Errorf("by its alias %+v, error %v", p, err)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"", `a command is missing: one of "make", "group"; see prog --help`},
		{"mak", `there is no command mak, did you mean "make"; see prog --help`},
		{"group x", "there is no command x; see prog group --help"},
		{"group x --help", "there is no command x; see prog group --help"},
		{"make --nosuch x", "unknown flag --nosuch; see prog make --help"},
		{"make --outputt x", `unknown flag --outputt, did you mean "--output"; see prog make --help`},
		{"make -z x", "unknown flag -z; see prog make --help"},
		{"make x --output", "--output has no value; write --output=FILE; see prog make --help"},
		{"make x -o --quiet", `--output: "--quiet" begins with a dash; write --output=--quiet if you mean it; see prog make --help`},
		{"make", "<what> is missing; see prog make --help"},
		{"make x ab", `<more>: "ab" is no letter; see prog make --help`},
		{"make x --letter a,bc", `--letter: "bc" is no letter; see prog make --help`},
		{"make x --mode auto", `--mode: "auto" is none of "on", "off"; see prog make --help`},
		{"make x --number 1 --small 1", "--number and --small can't be used together; see prog make --help"},
		{"make x --small 256", `--small: "256" is too large; see prog make --help`},
		{"make x --small=-1", `--small: "-1" is no whole number from zero; see prog make --help`},
		{"make x --share half", `--share: "half" is no number; see prog make --help`},
		{"make x --wait 5", `--wait: "5" is no time span; write as "90s"; see prog make --help`},
		{"make x --quiet=maybe", `--quiet: "maybe" is neither true nor false; see prog make --help`},
		{"make x --folder /nosuch", "--folder: folder /nosuch is not there; make it, or name another; see prog make --help"},
		{"group need", "--key=KEY and <who> are missing; see prog group need --help"},
		{"group need a b --key k", "unexpected argument b; see prog group need --help"},
	} {
		_, _, out, err := parse(t, strings.Fields(c.line)...)
		if m := new(Mistake); !errors.As(err, &m) || err.Error() != c.want || out != "" {
			t.Errorf("%s: error %v, prints %q; want %s", c.line, err, out, c.want)
		}
	}
}

func TestHelpNamesEverything(t *testing.T) {
	_, command, out, err := parse(t, "make", "--help")
	if command != nil || err != nil {
		t.Errorf("help runs %v, error %v", command, err)
	}
	for _, words := range []string{
		"Usage: prog make <what> [<more> ...] [flags]\n", "\nMake something.\n\nThe first paragraph.\n\nThe second.\n", "  -o, --output=FILE ",
		"      --letter=L,... ", "A small one. Default: 7.\n", "One of on, off.\n", "      --quiet ",
	} {
		if !strings.Contains(out, words) {
			t.Errorf("help lacks %q:\n%s", words, out)
		}
	}
	if strings.Contains(out, "secret") {
		t.Errorf("help tells what is hidden:\n%s", out)
	}
	if _, _, out, _ = parse(t, "--help"); !strings.Contains(out, "\n  group need    Need something.\n") {
		t.Errorf("the program's help lacks a command:\n%s", out)
	}
}

func TestCompletion(t *testing.T) {
	if _, _, out, err := parse(t, "__complete", "make", "--mode", ""); err != nil || !strings.HasPrefix(out, "on\noff\n") {
		t.Errorf("of an enum %q, error %v", out, err)
	}
	if _, _, out, err := parse(t, "__complete", "gr"); err != nil || !strings.HasPrefix(out, "group\tA group.\n") {
		t.Errorf("of a command %q, error %v", out, err)
	}
}

// Mistakes of the one who writes the structs are found before a user meets them.
func TestNewRefuses(t *testing.T) {
	for name, commands := range map[string]any{
		"no pointer": program{},
		"kind":       new(struct{ A chan int }),
		"default": new(struct {
			A int `default:"x"`
		}),
		"tag": new(struct {
			A int `env:"A"`
		}),
		"twice": new(struct {
			A int
			B int `name:"a"`
		}),
		"after all": new(struct {
			A []string `arg:""`
			B string   `arg:""`
		}),
	} {
		if _, err := New("prog", "", commands); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
