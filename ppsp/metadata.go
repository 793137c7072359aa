// Package ppsp is the vocabulary that both protocols share: what names a swarm, what a
// receiver has to know before it joins one, and the link that carries all of it.
//
// It imports nothing of ours. The wire format lives in ppsp/wire, the engine in
// ppsp/swarm, the tracker protocol in ppsp/tracker.
package ppsp

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
)

// Kind tells a channel, which has an edge and no end, from a film, which has a length.
type Kind uint8

// The kinds.
const (
	Film Kind = iota // static content, named by the root of its Merkle tree (RFC 7574, 5.1)
	Live             // a stream, named by the public key that signs it (RFC 7574, 6.1)
)

// String returns the word used in links, JSON and flags: "film" or "live".
func (k Kind) String() string {
	if k == Live {
		return "live"
	}
	return "film"
}

// SwarmID names content: the root hash of a film, or the DNSKEY-form public key of a live
// stream (RFC 7574, 5.1 and 6.1). It holds the raw bytes, so that it can key a map.
type SwarmID string

// String returns the ID in lower-case hexadecimal.
func (id SwarmID) String() string { return hex.EncodeToString([]byte(id)) }

// Short returns the first and last four hexadecimal digits, for logs: "47a0…b03b".
func (id SwarmID) Short() string {
	s := id.String()
	if len(s) <= 12 {
		return s
	}
	return s[:4] + "…" + s[len(s)-4:]
}

// MaxSwarmID bounds the length of a SwarmID in bytes: an RSA key of 4096 bits with its
// exponent (RFC 3110) fits, and the handshake that carries it fits one datagram.
const MaxSwarmID = 600

// ParseSwarmID reads the hexadecimal form.
func ParseSwarmID(s string) (SwarmID, error) {
	b, err := hex.DecodeString(s)
	if err != nil {
		return "", fmt.Errorf("swarm ID %q is not hexadecimal, two of 0 to 9 and a to f for each byte; copy it again whole", s)
	}
	if len(b) == 0 || len(b) > MaxSwarmID {
		return "", fmt.Errorf("swarm ID has %d bytes, want 1 to %d", len(b), MaxSwarmID)
	}
	return SwarmID(b), nil
}

// Metadata is what a peer must know of a swarm before it joins (RFC 7574, 3.1). All peers
// of a swarm hold the same; the handshake proves it (RFC 7574, 7).
type Metadata struct {
	SwarmID    SwarmID
	Integrity  Integrity
	Hash       Hash
	Signature  Signature // of a live swarm; zero for static content
	Addressing Addressing
	ChunkSize  uint32 // bytes, MinChunkSize to MaxChunkSize, or VariableChunks
}

// Bounds of Metadata.ChunkSize in bytes. The largest chunk still fits one UDP datagram
// beside its headers.
const (
	MinChunkSize = 1
	MaxChunkSize = 60 << 10
)

// VariableChunks is the chunk size of a swarm whose chunks vary in size, up to MaxChunkSize
// (RFC 7574, 7.11). Byte ranges can't address such chunks: where one begins is not known
// before all chunks in front of it are here.
const VariableChunks uint32 = math.MaxUint32

// DefaultChunkSize is the recommended size in bytes (RFC 7574, 8.1).
const DefaultChunkSize = 1024

// StaticDefaults returns the defaults of RFC 7574, Table 8 for the film with this root.
func StaticDefaults(root SwarmID) Metadata {
	return Metadata{
		SwarmID: root, Integrity: IntegrityMerkle, Hash: SHA256,
		Addressing: ChunkRanges32, ChunkSize: DefaultChunkSize,
	}
}

// LiveDefaults returns the defaults of RFC 7574, Table 8 for the stream with this key.
// The signature algorithm is the first byte of the swarm ID (RFC 7574, 6.1).
func LiveDefaults(key SwarmID) Metadata {
	m := StaticDefaults(key)
	m.Integrity = IntegrityUnified
	if len(key) > 0 {
		m.Signature = Signature(key[0])
	}
	return m
}

// Kind tells whether the swarm is live, by its integrity method.
func (m Metadata) Kind() Kind {
	if m.Integrity == IntegritySignAll || m.Integrity == IntegrityUnified {
		return Live
	}
	if m.Integrity == IntegrityNone && m.Signature != 0 {
		return Live
	}
	return Film
}

// LargestChunk returns how many bytes a chunk of the swarm may have.
func (m Metadata) LargestChunk() int {
	return int(min(m.ChunkSize, MaxChunkSize))
}

// Hashed tells whether the integrity method rests on a tree of hashes.
func (m Metadata) Hashed() bool {
	return m.Integrity == IntegrityMerkle || m.Integrity == IntegrityUnified
}

// Signed tells whether the integrity method rests on signatures (RFC 7574, 7.7).
func (m Metadata) Signed() bool {
	return m.Integrity == IntegritySignAll || m.Integrity == IntegrityUnified
}

// Validate returns all that is wrong with m, joined.
func (m Metadata) Validate() error {
	var errs []error
	if n := len(m.SwarmID); n == 0 || n > MaxSwarmID {
		errs = append(errs, fmt.Errorf("swarm ID has %d bytes, want 1 to %d", n, MaxSwarmID))
	}
	if m.Integrity > IntegrityUnified {
		errs = append(errs, fmt.Errorf("integrity method %d is unknown", m.Integrity))
	}
	if m.Hash.Size() == 0 {
		errs = append(errs, fmt.Errorf("hash function %d is unknown", m.Hash))
	}
	if m.Addressing > ChunkRanges64 {
		errs = append(errs, fmt.Errorf("chunk addressing method %d is unknown", m.Addressing))
	}
	switch {
	case m.ChunkSize == VariableChunks && m.Addressing == ByteRanges64:
		errs = append(errs, fmt.Errorf("chunks of variable size can't be addressed by %s, use %s or %s", m.Addressing, ChunkRanges32, ChunkRanges64))
	case m.ChunkSize != VariableChunks && (m.ChunkSize < MinChunkSize || m.ChunkSize > MaxChunkSize):
		errs = append(errs, fmt.Errorf("chunk size %d is outside %d to %d bytes", m.ChunkSize, MinChunkSize, MaxChunkSize))
	}
	if m.Integrity == IntegrityMerkle && m.Hash.Size() != 0 && len(m.SwarmID) != m.Hash.Size() {
		errs = append(errs, fmt.Errorf("swarm ID has %d bytes, but a root of %s has %d", len(m.SwarmID), m.Hash, m.Hash.Size()))
	}
	if m.Kind() == Live && !m.Signature.known() {
		errs = append(errs, fmt.Errorf("signature algorithm %d is unknown, use one of 5, 8, 13, 14, 15", m.Signature))
	}
	if m.Kind() == Film && m.Signature != 0 {
		errs = append(errs, fmt.Errorf("signature algorithm is %s, but static content has no signatures", m.Signature))
	}
	if m.Kind() == Live && len(m.SwarmID) > 0 && Signature(m.SwarmID[0]) != m.Signature {
		errs = append(errs, fmt.Errorf("swarm ID is a key of algorithm %d, but the signature algorithm is %d", m.SwarmID[0], m.Signature))
	}
	if m.Kind() == Live {
		errs = append(errs, checkLiveKey(m.SwarmID))
	}
	return errors.Join(errs...)
}
