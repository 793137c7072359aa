// Package rules holds the rules of the house, written as tests: what ARCHITECTURE.md says about packages holds because
// these hold.
package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/swarmgate/swarmgate"
	root   = "../../../.."
)

// floors says how high the folders at the top lie. A package may import packages of lower floors and of its own folder.
var floors = map[string]int{"ppsp": 0, "nat": 0, "proxy": 1, "web": 2, "dlna": 2, "cmd": 3, "packaging": 3}

// steps orders the packages of ppsp in the same way: each may import packages of lower steps.
var steps = map[string]int{
	"ppsp":                  0,
	"ppsp/chunk":            1,
	"ppsp/wire":             2,
	"ppsp/merkle":           2,
	"ppsp/livesig":          2,
	"ppsp/member":           2,
	"ppsp/ledbat":           2,
	"ppsp/swarm":            3,
	"ppsp/store":            3,
	"ppsp/localpeers":       3,
	"ppsp/tracker":          3,
	"ppsp/tracker/alto":     4,
	"ppsp/tracker/auth":     3,
	"ppsp/tracker/operator": 4,
	"ppsp/sim":              4,
	"ppsp/node":             4,
}

// core lists the packages that are pure: same inputs, same outputs.
var core = []string{"ppsp", "ppsp/chunk", "ppsp/wire", "ppsp/merkle", "ppsp/livesig", "ppsp/ledbat", "ppsp/swarm", "ppsp/localpeers"}

// goPackage is what `go list` says about a package.
type goPackage struct {
	ImportPath   string
	Dir          string
	Name         string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// folder is the package's place in the module: "ppsp/wire".
func (p goPackage) folder() string { return folderOf(p.ImportPath) }

func folderOf(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "/") }

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// list asks `go list`. A package that does not compile is for other tests to tell: its imports are known all the same.
func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	args = append([]string{"list", "-e", "-json=ImportPath,Dir,Name,GoFiles,Imports,TestImports,XTestImports"}, args...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// packages lists those of the module, once for all tests.
var packages = sync.OnceValue(func() func(t *testing.T) []goPackage {
	var found []goPackage
	return func(t *testing.T) []goPackage {
		t.Helper()
		if found == nil {
			found = list(t, "./...")
		}
		return found
	}
})()

func top(folder string) string {
	first, _, _ := strings.Cut(folder, "/")
	return first
}

// mayImport tells whether a package of folder from may import one of folder to.
func mayImport(from, to string) bool {
	if f, t := top(from), top(to); f != t {
		fromFloor, known := floors[f]
		toFloor, knownTo := floors[t]
		return known && knownTo && fromFloor > toFloor
	} else if f != "ppsp" {
		return true
	}
	fromStep, known := steps[from]
	toStep, knownTo := steps[to]
	return known && knownTo && fromStep > toStep || from == to || strings.HasPrefix(to, from+"/internal/")
}

func TestMayImport(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"cmd/swarmgate", "web", true},
		{"cmd/swarmgate", "ppsp/wire", true},
		{"web", "proxy", true},
		{"web", "dlna", false},
		{"dlna/control", "web", false},
		{"dlna/control", "dlna/ssdp", true},
		{"proxy", "web", false},
		{"proxy", "nat", true},
		{"nat", "ppsp", false},
		{"ppsp", "nat", false},
		{"ppsp/wire", "ppsp/chunk", true},
		{"ppsp/chunk", "ppsp/wire", false},
		{"ppsp", "ppsp/chunk", false},
		{"ppsp/swarm", "ppsp/node", false},
		{"ppsp/new", "ppsp", false}, // it has no step yet
		{"util", "ppsp", false},
	} {
		if got := mayImport(c.from, c.to); got != c.want {
			t.Errorf("mayImport(%s, %s) = %v", c.from, c.to, got)
		}
	}
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if !ours(path) || path == p.ImportPath {
				continue
			}
			test := !slices.Contains(p.Imports, path)
			if test && top(p.folder()) == top(folderOf(path)) {
				continue // tests of a folder may use the rest of it
			}
			if !mayImport(p.folder(), folderOf(path)) {
				t.Errorf("%s imports %s, which does not lie below it", p.folder(), folderOf(path))
			}
		}
	}
}

// Everybody logs with the logger that was passed down.
func TestNoGlobalLogger(t *testing.T) {
	for _, p := range packages(t) {
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if path == "github.com/rs/zerolog/log" || path == "log" && !slices.Contains(p.TestImports, path) && needsStandardLog[p.folder()] == "" {
				t.Errorf("%s imports %s: take a zerolog.Logger as a value", p.folder(), path)
			}
		}
	}
}

// needsStandardLog gives the reason why a package imports the standard library's logger.
var needsStandardLog = map[string]string{
	"web":           "http.Server.ErrorLog is a *log.Logger",
	"dlna":          "http.Server.ErrorLog is a *log.Logger",
	"cmd/swarmgate": "http.Server.ErrorLog is a *log.Logger",
}

// What the program promises to build on is really built on: by code that ships.
func TestShippingCodeUsesItsFoundations(t *testing.T) {
	want := map[string][]string{
		"github.com/anacrolix/dms": nil,
		"github.com/huin/goupnp":   nil,
		"github.com/pion/stun":     nil,
		"github.com/rs/zerolog":    nil,
	}
	for _, p := range list(t, "-deps", "./cmd/swarmgate") {
		if !ours(p.ImportPath) {
			continue
		}
		for _, path := range p.Imports {
			for foundation := range want {
				if path == foundation || strings.HasPrefix(path, foundation+"/") {
					want[foundation] = append(want[foundation], p.folder())
				}
			}
		}
	}
	for foundation, by := range want {
		if len(by) == 0 {
			t.Errorf("no package that cmd/swarmgate is made of imports %s", foundation)
		}
	}
}

// The house has these rooms and no others: something new finds its place in one of them.
func TestTopLevelFolders(t *testing.T) {
	allowed := []string{".ci", ".git", "cmd", "dlna", "nat", "packaging", "ppsp", "proxy", "web"}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(allowed, e.Name()) {
			t.Errorf("folder %s at the top: allowed are %s", e.Name(), strings.Join(allowed, ", "))
		}
	}
}

// source is a parsed file of a package.
type source struct {
	path string
	file *ast.File
	set  *token.FileSet
}

func (s source) at(n ast.Node) string {
	p := s.set.Position(n.Pos())
	return filepath.ToSlash(strings.TrimPrefix(s.path, root+"/")) + ":" + strconv.Itoa(p.Line)
}

// programOfItsOwn holds for a file that belongs to no build and is run by `go run FILE`.
func programOfItsOwn(file *ast.File) bool {
	return len(file.Comments) > 0 && file.Comments[0].Pos() < file.Package && file.Comments[0].List[0].Text == "//go:build ignore"
}

// sources parses the files of a folder that are no tests, whatever system they are built for.
func sources(t *testing.T, folder string) []source {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []source
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if !programOfItsOwn(file) {
			files = append(files, source{path, file, set})
		}
	}
	return files
}

func TestEveryPackageHasOneComment(t *testing.T) {
	for _, p := range packages(t) {
		var commented []string
		files := sources(t, p.folder())
		for _, s := range files {
			if s.file.Doc != nil && strings.TrimSpace(s.file.Doc.Text()) != "" {
				commented = append(commented, filepath.Base(s.path))
			}
			if want := "Package " + p.Name + " "; p.Name != "main" && s.file.Doc != nil && !strings.HasPrefix(s.file.Doc.Text(), want) {
				t.Errorf("%s: its package comment does not begin with %q", s.path, want)
			}
		}
		if len(files) > 0 && len(commented) != 1 {
			t.Errorf("%s has %d package comments, in %q; want one", p.folder(), len(commented), commented)
		}
	}
}

// Files of this length are several subjects. Generated code would be an exception, but there is none.
const maxLines = 800

func TestFilesAreShort(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "out"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		b, err := os.ReadFile(path)
		if n := bytes.Count(b, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, more than %d", path, n, maxLines)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Nothing happens before main, and a context belongs to a call.
func TestNoInitAndNoStoredContext(t *testing.T) {
	for _, p := range packages(t) {
		for _, s := range sources(t, p.folder()) {
			for _, fault := range lastingFaults(s.file) {
				t.Errorf("%s: %s", s.at(fault.node), fault.text)
			}
		}
	}
}
