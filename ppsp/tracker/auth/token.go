package auth

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Tokens are bearer tokens (RFC 6750), kept as hashes.
type Tokens struct {
	hashes   map[[32]byte]bool
	enrolled *Enrolment // nil for none
}

// NewTokens returns those that peers get by enrolment.
func NewTokens(e *Enrolment) *Tokens { return &Tokens{enrolled: e} }

// Enrol adds those that peers get by enrolment.
func (t *Tokens) Enrol(e *Enrolment) { t.enrolled = e }

// minToken is how short a token may be, bytes: less is guessed.
const minToken = 16

// ReadTokens reads one token a line. Empty lines, and those that begin with #, are ignored.
func ReadTokens(r io.Reader) (*Tokens, error) {
	t := &Tokens{hashes: map[[32]byte]bool{}}
	err := eachLine(r, func(line string) error {
		line = strings.TrimSpace(line)
		if len(line) < minToken || strings.ContainsAny(line, " \t") {
			return fmt.Errorf("a token has %d characters or more, and no spaces", minToken)
		}
		t.hashes[sha256.Sum256([]byte(line))] = true
		return nil
	})
	if err == nil && len(t.hashes) == 0 {
		err = fmt.Errorf("there is no token in it; write one a line")
	}
	return t, err
}

// credential names no user: a guess is as good as any other, and hopeless.
func (t *Tokens) credential(r *http.Request) (user, shown []byte, ok bool) {
	token, ok := scheme(r.Header.Get("Authorization"), "Bearer")
	return nil, []byte("bearer " + token), ok
}

func (t *Tokens) check(r *http.Request, _ time.Time) (name string, ok, again bool) {
	token, _ := scheme(r.Header.Get("Authorization"), "Bearer")
	token = strings.TrimSpace(token)
	if t.has(token) {
		return "", true, false
	}
	name, ok, err := t.enrolled.whose(r.Context(), sha256.Sum256([]byte(token)))
	return name, ok, err != nil // which is nobody's guess
}

// has compares hashes, so that time tells nothing of how much of a token is right.
func (t *Tokens) has(token string) bool { return t.hashes[sha256.Sum256([]byte(token))] }

func (t *Tokens) challenges(*http.Request, time.Time, bool) (headers []string, shown []byte) {
	return []string{`Bearer realm="` + Realm + `"`}, nil
}
