package auth

import (
	"net/http"
	"time"
)

// Basic takes a token as the password of any user (RFC 7617), for browsers, which can't send a
// bearer token. It is for connections that nobody reads.
type Basic struct {
	tokens *Tokens
}

// NewBasic returns a way for New.
func NewBasic(tokens *Tokens) *Basic { return &Basic{tokens} }

func (b *Basic) credential(r *http.Request) (user, shown []byte, ok bool) {
	_, password, ok := r.BasicAuth()
	return nil, []byte("basic " + password), ok
}

func (b *Basic) check(r *http.Request, _ time.Time) (name string, ok, again bool) {
	_, password, _ := r.BasicAuth()
	return "", b.tokens.has(password), false
}

func (b *Basic) challenges(*http.Request, time.Time, bool) (headers []string, shown []byte) {
	return []string{`Basic realm="` + Realm + `", charset="UTF-8"`}, nil
}
