package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// usageError is a command line that can't work: exit status 2.
type usageError struct{ error }

// Unwrap returns what was wrong.
func (u usageError) Unwrap() error { return u.error }

// wrongUsage makes a usageError.
func wrongUsage(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// dashed is how the parser complains of a value that looks like a flag.
var dashed = regexp.MustCompile(`^(--[a-z-]+): expected .* value but got "(.*)" \(.*$`)

// misread says in one sentence why a command line was not understood.
func misread(err error) string {
	words, where := err.Error(), "swarmgate "
	if parse := new(kong.ParseError); errors.As(err, &parse) {
		for _, p := range parse.Context.Path {
			if p.Command != nil {
				where += p.Command.Name + " "
			}
		}
	}
	if rest, ok := strings.CutPrefix(words, "unexpected argument "); ok && (where == "swarmgate " || where == "swarmgate config " || where == "swarmgate bench ") {
		words = "there is no command " + rest
	}
	if rest, ok := strings.CutPrefix(words, "unexpected argument "); ok && strings.HasPrefix(where, "swarmgate config ") && len(where) > len("swarmgate config ") {
		words = "name the configuration file with --config " + rest
	}
	if rest, ok := strings.CutPrefix(words, "expected one of "); ok {
		words = "a command is missing: one of " + rest
	} else if rest, ok := strings.CutPrefix(words, "expected "); ok {
		words = strings.Trim(rest, `"`) + " is missing"
	}
	if rest, ok := strings.CutPrefix(words, "missing flags: "); ok {
		words = rest + " is missing"
	}
	words = dashed.ReplaceAllString(words, `$1: "$2" begins with a dash; write $1=$2 if you mean it`)
	return strings.TrimSuffix(words, "?") + "; see " + where + "--help"
}

// oneLine joins the lines of an error.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// bare takes from an error of the system what the words around it say already.
func bare(err error) error {
	if path := new(fs.PathError); errors.As(err, &path) {
		err = path.Err
	}
	if op := new(net.OpError); errors.As(err, &op) {
		err = op.Err
	}
	if call := new(os.SyscallError); errors.As(err, &call) {
		err = call.Err
	}
	return err
}

// stopped tells whether err is but the end of ctx: somebody stopped the program.
func stopped(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}
