package web

import (
	"net"
	"net/http"
	"sync"
)

// fresh are the connections on which nothing has been asked yet. Browsers and HTTP clients
// open some in advance, and http.Server.Shutdown waits 5 s for their first request.
type fresh struct {
	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

// follow is an http.Server.ConnState.
func (f *fresh) follow(c net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if state != http.StateNew {
		delete(f.conns, c)
		return
	}
	if f.closed {
		_ = c.Close() // nobody has asked anything
		return
	}
	if f.conns == nil {
		f.conns = map[net.Conn]bool{}
	}
	f.conns[c] = true
}

// close ends them, and those to come.
func (f *fresh) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.conns {
		_ = c.Close() // nobody has asked anything
	}
}
