package web

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/rs/zerolog"
)

// connections follows what becomes of the connections of a server. Two kinds need it: those on which
// nothing has been asked yet, since browsers and HTTP clients open some in advance and
// http.Server.Shutdown waits 5 s for their first request; and those on which something came that
// net/http itself refuses, as two lengths of a body, and says so to nobody but the client.
type connections struct {
	log zerolog.Logger

	mu     sync.Mutex
	states map[net.Conn]asking
	closed bool
}

// asking is where a connection stands.
type asking int

const (
	nothingYet asking = iota // nothing has come
	inRequest                // something has come that is no request yet
	inHandler                // a handler has, or had, the request
)

type connKey struct{}

// context is an http.Server.ConnContext.
func (c *connections) context(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// before tells of each request that reaches the handler.
func (c *connections) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
			c.set(conn, inHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// follow is an http.Server.ConnState.
func (c *connections) follow(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if !c.set(conn, nothingYet) {
			_ = conn.Close() // nobody has asked anything
		}
	case http.StateActive:
		c.set(conn, inRequest)
	case http.StateIdle:
		c.set(conn, inHandler)
	case http.StateHijacked, http.StateClosed:
		if c.end(conn) == inRequest {
			c.log.Warn().Str("client", conn.RemoteAddr().String()).
				Msg("request refused: it was malformed or broken off, or what it says of its length is contradictory")
		}
	}
}

// set notes where a connection stands, and tells whether it may go on.
func (c *connections) set(conn net.Conn, now asking) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed && now == nothingYet {
		return false
	}
	if c.states == nil {
		c.states = map[net.Conn]asking{}
	}
	c.states[conn] = now
	return true
}

// end forgets a connection and tells where it stood.
func (c *connections) end(conn net.Conn) asking {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer delete(c.states, conn)
	return c.states[conn]
}

// close ends the connections on which nothing has been asked, and those to come.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn, state := range c.states {
		if state == nothingYet {
			_ = conn.Close() // nobody has asked anything
		}
	}
}
