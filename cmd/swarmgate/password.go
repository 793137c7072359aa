package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/term"

	"github.com/swarmgate/swarmgate/web"
)

// passwordCommand writes the hash of the household's password.
type passwordCommand struct {
	File string `arg:"" help:"File to write; access.password in the configuration names it." placeholder:"FILE" type:"path"`
	JSON bool   `name:"json" help:"Print one JSON object a line for programs."`
}

// minPassword is how short a password may be.
const minPassword = 8

// Run carries the command out: the password is the first line of standard input.
func (p *passwordCommand) Run(c console) error {
	out := newPrinter(c, p.JSON)
	password, err := askPassword(c)
	if err != nil {
		return err
	}
	switch {
	case len([]rune(password)) < minPassword:
		return fmt.Errorf("the password has %d characters; take at least %d", len([]rune(password)), minPassword)
	case len(password) > web.MaxPassword:
		return fmt.Errorf("the password has %d bytes; take at most %d", len(password), web.MaxPassword)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	if err := writeKey(p.File, append(hash, '\n')); err != nil {
		return err
	}
	out.event("password", map[string]any{"file": p.File})
	out.say("Wrote %s. Name it in the configuration, under [access]: password = %q, and start the gateway again.", p.File, p.File)
	return nil
}

// askPassword reads a line, unseen where it is typed.
func askPassword(c console) (string, error) {
	if f, ok := c.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(c.err, "Password: ")
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(c.err)
		return string(b), err
	}
	line, err := bufio.NewReader(io.LimitReader(c.in, 4<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// access reads what the configuration says about who may do what.
func (h *home) access() (a web.Access, err error) {
	c := h.cfg.access
	a = web.Access{Guests: c.Guests, Streams: ranges(c.Streams)}
	if c.Password == "" {
		return a, nil
	}
	if a.Password, err = readPassword(c.Password); err != nil {
		return a, err
	}
	if a.Tokens, err = readTokens(c.Tokens); err != nil {
		return a, err
	}
	a.Key, err = streamKey(h.cfg.dir)
	return a, err
}

// readPassword reads the hash of the household's password.
func readPassword(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("access.password: %w; swarmgate password %s writes it", err, path)
	}
	hash := []byte(strings.TrimSpace(string(b)))
	if _, err := bcrypt.Cost(hash); err != nil {
		return nil, fmt.Errorf("access.password: %s holds no hash of a password; swarmgate password %s writes one", path, path)
	}
	return hash, nil
}

// minToken is how short a token of a program may be.
const minToken = 16

func readTokens(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("access.tokens: %w", err)
	}
	var tokens []string
	for i, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if len(line) < minToken || strings.ContainsAny(line, " \t") {
			return nil, fmt.Errorf("access.tokens: %s:%d: a token is one word of at least %d characters that nobody can guess", path, i+1, minToken)
		}
		tokens = append(tokens, line)
	}
	return tokens, nil
}

// streamKeyFile is the name, in the folder for state, of what opens streams as part of their path.
const streamKeyFile = "streams.key"

// streamKey reads the key of streams, or makes it when the file is missing.
func streamKey(dir string) (string, error) {
	path := filepath.Join(dir, streamKeyFile)
	b, err := os.ReadFile(path)
	if key := strings.TrimSpace(string(b)); err == nil && len(key) >= minToken && !strings.ContainsAny(key, "/ ") {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("key of streams: %w", err)
	}
	if err == nil {
		return "", fmt.Errorf("key of streams %s does not hold one; remove it, and a gateway that starts makes another", path)
	}
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails
	key := base64.RawURLEncoding.EncodeToString(random[:])
	return key, writeKey(path, []byte(key+"\n"))
}
