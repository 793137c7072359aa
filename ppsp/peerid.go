package ppsp

import (
	"encoding/hex"
	"fmt"
	"io"
)

// PeerID names a node towards trackers; it is random, kept across restarts, and the same
// in every swarm (RFC 6972, PPSP.REQ-1; RFC 7846, 1.1).
type PeerID [16]byte

// NewPeerID draws an ID from the random source.
func NewPeerID(random io.Reader) (PeerID, error) {
	var id PeerID
	_, err := io.ReadFull(random, id[:])
	return id, err
}

// String returns the ID in lower-case hexadecimal, the form used in RFC 7846's JSON.
func (id PeerID) String() string { return hex.EncodeToString(id[:]) }

// ParsePeerID reads the form that String writes.
func ParsePeerID(s string) (PeerID, error) {
	var id PeerID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("peer ID %q is not %d hexadecimal digits", s, 2*len(id))
	}
	copy(id[:], b)
	return id, nil
}
