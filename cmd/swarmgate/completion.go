package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// completionCommand prints a script for a shell.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: ${enum}."`
}

// Help tells what to do with the script.
func (completionCommand) Help() string {
	return "For bash, put it into ~/.local/share/bash-completion/completions/swarmgate; the Debian package does so for everybody. " +
		"For zsh, into a file _swarmgate in a folder of $fpath; for fish, into ~/.config/fish/completions/swarmgate.fish."
}

// Run prints it.
func (s *completionCommand) Run(c console) error {
	line, err := newLine()
	if err != nil {
		return err
	}
	return line.Completion(c.out, s.Shell)
}

// width is how many characters a line of help may have: COLUMNS where somebody set it, else
// those of the terminal, and 80 for a file.
func width(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 80
}
