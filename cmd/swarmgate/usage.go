package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/internal/commandline"
)

// usageError is a command line that can't work: exit status 2.
type usageError struct{ error }

// Unwrap returns what was wrong.
func (u usageError) Unwrap() error { return u.error }

// wrongUsage makes a usageError.
func wrongUsage(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// misread says more of a command line that was not understood, where we know more.
func misread(wrong *commandline.Mistake) error {
	if wrong.Extra != "" && strings.HasPrefix(wrong.Command, "swarmgate config ") {
		wrong.Words = "name the configuration file with --config " + wrong.Extra
	}
	return wrong
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
