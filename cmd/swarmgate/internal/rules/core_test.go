package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// coreMayNotImport lists what brings time, randomness, concurrency, input or output into a package.
var coreMayNotImport = []string{
	"context", "sync", "sync/atomic", "log", "log/slog", "os", "os/exec", "os/signal", "io/ioutil", "net/http",
	"syscall", "runtime", "runtime/debug", "unsafe", "crypto/rand", "math/rand", "testing",
	"github.com/rs/zerolog", "github.com/rs/zerolog/log", "golang.org/x/sys/unix", "golang.org/x/sync/errgroup",
}

// clock lists what of package time reads the clock or waits for it. Durations and dates that were passed in are fine.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep", "Local"}

// globalRandom lists the functions of math/rand/v2 that draw from a source of the process; New and the sources with a
// seed are fine.
var globalRandom = []string{
	"Int", "IntN", "Int32", "Int32N", "Int64", "Int64N", "Uint", "UintN", "Uint32", "Uint32N", "Uint64", "Uint64N",
	"N", "Float32", "Float64", "NormFloat64", "ExpFloat64", "Perm", "Shuffle",
}

// addressForms are what of package net only reads and writes text.
var addressForms = []string{"SplitHostPort", "JoinHostPort", "ParseIP", "ParseCIDR"}

// printers write to the process's output.
var printers = []string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"}

type fault struct {
	node ast.Node
	text string
}

// impurities finds what a core file must not have.
func impurities(file *ast.File) []fault {
	var faults []fault
	add := func(n ast.Node, text string) { faults = append(faults, fault{n, text}) }
	names := make(map[string]string) // local name -> import path
	for _, i := range file.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		if slices.Contains(coreMayNotImport, path) {
			add(i, "imports "+path)
		}
		name := path[strings.LastIndex(path, "/")+1:]
		if path == "math/rand/v2" {
			name = "rand"
		}
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = path
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			add(n, "starts a goroutine")
		case *ast.ChanType:
			add(n, "has a channel")
		case *ast.SelectStmt:
			add(n, "selects")
		case *ast.SendStmt:
			add(n, "sends")
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok {
				break
			}
			of := map[string][]string{"time": clock, "math/rand/v2": globalRandom, "fmt": printers}[names[x.Name]]
			if slices.Contains(of, n.Sel.Name) || names[x.Name] == "net" && !slices.Contains(addressForms, n.Sel.Name) {
				add(n, "uses "+x.Name+"."+n.Sel.Name)
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "print" || f.Name == "println") {
				add(n, "prints")
			}
		}
		return true
	})
	return faults
}

// excuse marks a context that a struct may keep, as what implements io.Reader must; a reason follows it.
const excuse = "//nolint:containedctx // "

// lastingFaults finds what outlives a call where it should not: init functions and contexts in structs without excuse.
func lastingFaults(file *ast.File) []fault {
	var faults []fault
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				faults = append(faults, fault{n, "has an init function: let the caller call it"})
			}
		case *ast.StructType:
			for _, f := range n.Fields.List {
				s, ok := f.Type.(*ast.SelectorExpr)
				if !ok || f.Comment != nil && strings.HasPrefix(f.Comment.List[0].Text, excuse) {
					continue
				}
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "context" && s.Sel.Name == "Context" {
					faults = append(faults, fault{f, "keeps a context in a struct: pass it to the call"})
				}
			}
		}
		return true
	})
	return faults
}

func TestCoreIsPure(t *testing.T) {
	for _, folder := range core {
		files := sources(t, folder)
		if len(files) == 0 {
			t.Errorf("the core package %s is not there", folder)
		}
		for _, s := range files {
			for _, f := range impurities(s.file) {
				t.Errorf("%s: core package %s %s", s.at(f.node), folder, f.text)
			}
		}
	}
}

// A rule that cannot fail is none: each kind of impurity is found in a file that has it.
func TestImpuritiesAreFound(t *testing.T) {
	for code, want := range map[string][]string{
		`import "time"; var d = time.Second`:                                   nil,
		`import "net/netip"; var a netip.Addr`:                                 nil,
		`import "time"; func f() int64 { return time.Now().UnixNano() }`:       {"uses time.Now"},
		`import clock "time"; func f() { clock.Sleep(1) }`:                     {"uses clock.Sleep"},
		`import "math/rand/v2"; func f(r *rand.Rand) int { return r.IntN(3) }`: nil,
		`import "math/rand/v2"; func f() int { return rand.IntN(3) }`:          {"uses rand.IntN"},
		`import "sync"; var mu sync.Mutex`:                                     {"imports sync"},
		`import "net"; var c net.Conn`:                                         {"uses net.Conn"},
		`import "net"; var a = net.JoinHostPort("a", "1")`:                     nil,
		`import "github.com/rs/zerolog"; var l zerolog.Logger`:                 {"imports github.com/rs/zerolog"},
		`import "fmt"; func f() { fmt.Println() }`:                             {"uses fmt.Println"},
		`import "fmt"; func f() string { return fmt.Sprint() }`:                nil,
		`func f() { go f() }`:                                                  {"starts a goroutine"},
		`func f(c chan int) { c <- 1 }`:                                        {"has a channel", "sends"},
		`func f() { select {} }`:                                               {"selects"},
		`func f() { println() }`:                                               {"prints"},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+code, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range impurities(file) {
			got = append(got, f.text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("in %q found %q, want %q", code, got, want)
		}
	}
}

func TestLastingFaultsAreFound(t *testing.T) {
	for code, want := range map[string]int{
		`func init() {}`:                                            1,
		`type t struct{}; func (t) init() {}`:                       0,
		`import "context"; type t struct { ctx context.Context }`:   1,
		`import "context"; type t struct { context.Context }`:       1,
		`import "context"; func f(ctx context.Context) { _ = ctx }`: 0,
		"import `context`; type t struct {\n c context.Context //nolint:containedctx // a reader lives as long as its request\n}": 0,
		"import `context`; type t struct {\n c context.Context //nolint:containedctx\n}":                                          1,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+code, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(lastingFaults(file)); got != want {
			t.Errorf("in %q found %d faults, want %d", code, got, want)
		}
	}
}
