// Command software lists what the program and its page are made of, for the view "about" of the page: name, version and
// licence of each Go module in the program and of each npm package in the page.
//
//	go run ./software          writes web/page/src/owner/software.json
//	go run ./software -check   fails when that file is not current
//
// It needs the Go modules and the packages of web/page/package-lock.json (npm ci in web/page).
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// file is where the list lies.
const file = "web/page/src/owner/software.json"

// part is one module or package: name, version, licence by its SPDX identifier.
type part [3]string

// run writes the list, or compares it with what is there.
func run(root string, check bool) error {
	modules, err := goModules(root)
	if err != nil {
		return err
	}
	packages, err := npmPackages(filepath.Join(root, "web/page"))
	if err != nil {
		return err
	}
	want, at := render(append(modules, packages...)), filepath.Join(root, file)
	if !check {
		return os.WriteFile(at, want, 0o644)
	}
	have, err := os.ReadFile(at)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return fmt.Errorf("%s is not current: go run ./software in packaging/tools/page, build the page, and commit both", file)
	}
	return nil
}

// render writes one part a line, by name, so that changes are seen in a diff.
func render(parts []part) []byte {
	slices.SortFunc(parts, func(a, b part) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	b := []byte("[\n")
	for i, p := range slices.Compact(parts) {
		line, _ := json.Marshal(p) // texts can't fail
		if i > 0 {
			b = append(b, ",\n"...)
		}
		b = append(append(b, "  "...), line...)
	}
	return append(b, "\n]\n"...)
}
