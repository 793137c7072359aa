package wire

import "fmt"

// Error tells what is wrong with a datagram. The messages before Offset hold; the rest
// must be discarded, and the peer is a bad one (RFC 7574, 3).
type Error struct {
	Type   Type   // of the message in error
	Offset int    // of that message's first byte in the datagram
	Reason string // in words
}

// Error returns the place and the reason in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("%v at byte %d: %s", e.Type, e.Offset, e.Reason)
}

// Reasons that several messages share. A parser returns its reason, "" if all is well, so
// that good datagrams cost no allocation.
const (
	truncated = "the datagram ends before the message does"
	noHashes  = "the swarm has no hashes"
	noSigning = "the swarm has no signatures"
)
