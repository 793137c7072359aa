// Command swarmgate is the gateway, and everything around it that a swarm needs: a
// publisher, a tracker, a plain download, and a demo that is made of all of them.
//
// Exit status: 0 well, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/internal/commandline"
)

// version is set by the linker.
var version = "0.1.0-dev"

// commands is the command line. The names are a contract with scripts and packages.
type commands struct {
	Demo     demoCommand     `cmd:"" help:"Show it all on this machine: a tracker, a publisher with a live channel and a film, and a gateway."`
	Run      runCommand      `cmd:"" help:"Run the gateway of a home."`
	Publish  publishCommand  `cmd:"" help:"Publish a film, a folder of films, or a live stream, and print the link."`
	Get      getCommand      `cmd:"" help:"Fetch a film into a file; started again, it goes on where it was. Of a live channel, what comes from now on."`
	Tracker  trackerCommand  `cmd:"" help:"Run a tracker, by which peers find each other."`
	Link     linkCommand     `cmd:"" help:"Make the link of a swarm that another program published."`
	Inspect  inspectCommand  `cmd:"" help:"Show what a link says, or what link a file would get."`
	Bans     bansCommand     `cmd:"" help:"List, add and remove bans of a running gateway."`
	Members  membersCommand  `cmd:"" help:"List, add and remove members of closed swarms."`
	Doctor   doctorCommand   `cmd:"" help:"Look at all that a gateway needs, and say what is not well and what to do."`
	Sim      simCommand      `cmd:"" help:"Play a scenario of many peers in virtual time and print a table."`
	Bench    benchCommand    `cmd:"" help:"Measure what the README quotes."`
	Config   configCommand   `cmd:"" help:"Check, show or write the configuration of the gateway."`
	Password passwordCommand `cmd:"" help:"Ask for the household's password for the page, or read it from standard input, and write its hash."`
	Version  versionCommand  `cmd:"" help:"Print the version."`

	Completion completionCommand `cmd:"" help:"Print the script by which a shell completes what you type of a command."`
}

// console is where a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		ends = append(ends, syscall.SIGHUP) // the terminal was closed
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	// A second Ctrl-C ends the program at once, but not the same one that came twice: to the
	// program and to its group.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	os.Exit(run(ctx, os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr}))
}

// A command is run with the context that ends it, or without when it is done at once.
type (
	lasting interface {
		Run(ctx context.Context, c console) error
	}
	brief interface{ Run(c console) error }
)

// newLine makes the command line around a fresh set of commands.
func newLine() (*commandline.Line, error) {
	return commandline.New("swarmgate", "A home gateway for peer-to-peer streaming: swarms on the one side, TVs and browsers on the other.", new(commands))
}

// run carries out one command line and returns the exit status.
func run(ctx context.Context, args []string, c console) int {
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help":
		args = append(args[1:len(args):len(args)], "--help")
	case args[0] == "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	err := carryOut(ctx, args, c)
	if err == nil || stopped(ctx, err) {
		return 0
	}
	fmt.Fprintf(c.err, "swarmgate: %s\n", oneLine(err))
	if wrong := (usageError{}); errors.As(err, &wrong) {
		return 2
	}
	return 1
}

// carryOut reads the command line and runs the command that it names.
func carryOut(ctx context.Context, args []string, c console) error {
	line, err := newLine()
	if err != nil {
		return err
	}
	command, err := line.Parse(args, c.out, width(c.out))
	if wrong := new(commandline.Mistake); errors.As(err, &wrong) {
		return usageError{misread(wrong)}
	}
	if err != nil {
		return err
	}
	switch command := command.(type) {
	case lasting:
		return command.Run(ctx, c)
	case brief:
		return command.Run(c)
	}
	return nil // help was printed
}
