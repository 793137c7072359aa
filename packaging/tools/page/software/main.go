// Command software tells what the program and its page are made of, for the view "about" of the page: name, version and
// licence of each Go module in the program and of each npm package in the page (owner/software.json), and the texts of
// the licences (licences.txt).
//
//	go run ./software          writes both to web/page/src
//	go run ./software -check   fails when they are not current
//
// It needs the Go modules and the packages of web/page/package-lock.json (npm ci in web/page).
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	root := flag.String("root", "../../..", "folder of the repository")
	check := flag.Bool("check", false, "compare with the file instead of writing it")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "software:", err)
		os.Exit(1)
	}
}

// Where the list and the texts lie.
const (
	list  = "web/page/src/owner/software.json"
	texts = "web/page/src/licences.txt"
)

// part is one module or package.
type part struct {
	name, version string
	terms
}

// run writes the list and the texts, or compares them with what is there.
func run(root string, check bool) error {
	parts, err := goModules(root)
	if err != nil {
		return err
	}
	packages, err := npmPackages(filepath.Join(root, "web/page"))
	if err != nil {
		return err
	}
	parts = append(parts, packages...)
	slices.SortFunc(parts, func(a, b part) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.version, b.version)) })
	parts = slices.Compact(parts)
	return errors.Join(keep(root, list, renderList(parts), check), keep(root, texts, renderTexts(parts), check))
}

// keep writes a file, or compares it with what is there.
func keep(root, file string, want []byte, check bool) error {
	at := filepath.Join(root, file)
	if !check {
		return os.WriteFile(at, want, 0o644)
	}
	have, err := os.ReadFile(at)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return fmt.Errorf("%s is not current: go run ./software in packaging/tools/page, build the page, and commit all", file)
	}
	return nil
}

// renderList writes one part a line, so that changes are seen in a diff.
func renderList(parts []part) []byte {
	b := []byte("[\n")
	for i, p := range parts {
		line, _ := json.Marshal([]string{p.name, p.version, p.licence}) // texts can't fail
		if i > 0 {
			b = append(b, ",\n"...)
		}
		b = append(append(b, "  "...), line...)
	}
	return append(b, "\n]\n"...)
}

// renderTexts writes each text once, below the names of all that come under it.
func renderTexts(parts []part) []byte {
	var b bytes.Buffer
	b.WriteString("Swarmgate contains the following software of others.\n")
	told := map[string]bool{"": true}
	for _, p := range parts {
		if told[p.text] {
			continue
		}
		told[p.text] = true
		b.WriteString("\n\n")
		for _, other := range parts {
			if other.text == p.text {
				fmt.Fprintf(&b, "%s %s\n", other.name, other.version)
			}
		}
		fmt.Fprintf(&b, "%s\n\n%s\n", strings.Repeat("=", 72), p.text)
	}
	return b.Bytes()
}
