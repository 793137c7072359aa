package node

import "testing"

// What is to go out by a session that ended before it had a connection is lost, and hurts nobody.
func TestWriteWithoutConnection(t *testing.T) {
	s := &session{}
	s.phase.Store(ended)
	s.write([]byte("a datagram"))
}
