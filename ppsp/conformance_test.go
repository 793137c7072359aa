package ppsp

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// named is a test in CONFORMANCE.md: its file, from the root of the repository, and its name.
	named = regexp.MustCompile("`([a-z0-9_/]+_test\\.go)` ((?:Test|Fuzz|Example)\\w*)")
	// anyTest is what looks like the name of a test, whether or not its file stands before it.
	anyTest = regexp.MustCompile(`\b(?:Test|Fuzz|Example)[A-Z]\w*`)
)

// Every test that CONFORMANCE.md names exists, in the file that it says, and no row claims to
// be met without one.
func TestConformance(t *testing.T) {
	b, err := os.ReadFile("CONFORMANCE.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for n, line := range strings.Split(string(b), "\n") {
		for _, problem := range conformanceProblems(line, func(file string) (string, error) {
			b, err := os.ReadFile(filepath.Join("..", file))
			return string(b), err
		}) {
			t.Errorf("CONFORMANCE.md:%d: %s", n+1, problem)
		}
		if strings.HasPrefix(line, "| ") {
			rows++
		}
	}
	if rows < 150 {
		t.Errorf("CONFORMANCE.md has %d rows", rows)
	}
}

// conformanceProblems returns what is wrong with a line; read returns the text of a file.
func conformanceProblems(line string, read func(file string) (string, error)) (problems []string) {
	tests := named.FindAllStringSubmatch(line, -1)
	for _, m := range tests {
		text, err := read(m[1])
		if err != nil {
			problems = append(problems, err.Error())
		} else if !strings.Contains(text, "\nfunc "+m[2]+"(") {
			problems = append(problems, fmt.Sprintf("%s has no %s", m[1], m[2]))
		}
	}
	if outside := strings.HasPrefix(line, "go test "); !outside && len(anyTest.FindAllString(line, -1)) != len(tests) {
		problems = append(problems, "a test is named without its file")
	}
	if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| section ") || strings.HasPrefix(line, "| id ") {
		return problems
	}
	cells := strings.Split(strings.Trim(line, "| "), " | ")
	met, why := cells[max(len(cells)-2, 0)], cells[len(cells)-1]
	switch met {
	case "yes", "partly":
		if len(tests) == 0 {
			problems = append(problems, "is met by no test")
		}
	case "no", "n/a":
		if len(why) < 20 {
			problems = append(problems, "says not why")
		}
	default:
		problems = append(problems, fmt.Sprintf("is met %q, want yes, partly, no or n/a", met))
	}
	if met == "partly" && !strings.Contains(why, "not yet:") {
		problems = append(problems, "says not what is missing")
	}
	return problems
}

// What the test above looks for is found.
func TestConformanceProblems(t *testing.T) {
	read := func(file string) (string, error) {
		if file != "ppsp/a_test.go" {
			return "", os.ErrNotExist
		}
		return "package a\n\nfunc TestA(t *testing.T) {}\n", nil
	}
	for line, problem := range map[string]string{
		"| 3 | MUST | a rule | yes | `ppsp/a_test.go` TestA |":                  "",
		"| 3 | MUST | a rule | yes | `ppsp/a_test.go` TestB |":                  "has no TestB",
		"| 3 | MUST | a rule | yes | `ppsp/b_test.go` TestA |":                  "not exist",
		"| 3 | MUST | a rule | yes | surely |":                                  "is met by no test",
		"| 3 | MUST | a rule | yes | `ppsp/a_test.go` TestA and TestB |":        "without its file",
		"| 3 | MUST | a rule | no | so |":                                       "says not why",
		"| 3 | MUST | a rule | no | there is a reason which is long enough |":   "",
		"| 3 | MUST | a rule | maybe | `ppsp/a_test.go` TestA |":                `is met "maybe"`,
		"| UC-1 | a row | partly | `ppsp/a_test.go` TestA; not yet: the rest |": "",
		"| UC-1 | a row | partly | `ppsp/a_test.go` TestA |":                    "what is missing",
		"| section | word | rule | met | shown by, or why not |":                "",
		"words about `ppsp/a_test.go` TestA":                                    "",
		"words about TestA":                                                     "without its file",
	} {
		got := strings.Join(conformanceProblems(line, read), "; ")
		if problem == "" && got != "" || !strings.Contains(got, problem) {
			t.Errorf("%s: problems %q, want %q", line, got, problem)
		}
	}
}
