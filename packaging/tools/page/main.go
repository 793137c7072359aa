// Command page builds the gateway's web page from web/page/src into web/page/dist.
//
//	go run .          builds
//	go run . -check   builds in memory and fails when dist differs from it
//
// It needs the packages of web/page/package-lock.json (npm ci in web/page) and no Node:
// esbuild is called as a Go library. What it writes depends on the sources alone, so that
// the committed files can be checked on any machine.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	dir := flag.String("dir", "../../../web/page", "folder that holds src, node_modules and dist")
	check := flag.Bool("check", false, "compare with dist instead of writing it")
	flag.Parse()
	if err := run(*dir, *check); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

// run builds the page of dir, then writes it or compares it.
func run(dir string, check bool) error {
	built, err := build(dir)
	if err != nil {
		return err
	}
	if check {
		return built.compare(dir + "/dist")
	}
	return built.write(dir + "/dist")
}
