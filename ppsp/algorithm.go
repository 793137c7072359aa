package ppsp

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"strings"
)

// Integrity is a content integrity protection method (RFC 7574, 7.5, Table 4).
type Integrity uint8

// The registered methods.
const (
	IntegrityNone    Integrity = 0
	IntegrityMerkle  Integrity = 1 // Merkle Hash Tree, static content
	IntegritySignAll Integrity = 2 // Sign All, live
	IntegrityUnified Integrity = 3 // Unified Merkle Tree, live
)

// Hash is a Merkle tree hash function (RFC 7574, 7.6, Table 5).
type Hash uint8

// The registered functions.
const (
	SHA1   Hash = 0
	SHA224 Hash = 1
	SHA256 Hash = 2
	SHA384 Hash = 3
	SHA512 Hash = 4
)

// Signature is a live signature algorithm, a DNSSEC algorithm number (RFC 7574, 7.7).
type Signature uint8

// The algorithms that a live swarm can use; Ed25519 goes beyond the mandatory ones.
const (
	RSASHA1         Signature = 5
	RSASHA256       Signature = 8
	ECDSAP256SHA256 Signature = 13
	ECDSAP384SHA384 Signature = 14
	Ed25519         Signature = 15
)

// Addressing is a chunk addressing method (RFC 7574, 7.8, Table 6).
type Addressing uint8

// The registered methods.
const (
	Bins32        Addressing = 0
	ByteRanges64  Addressing = 1
	ChunkRanges32 Addressing = 2
	Bins64        Addressing = 3
	ChunkRanges64 Addressing = 4
)

// Size returns the length of a digest in bytes, 0 for an unknown function.
func (h Hash) Size() int {
	switch h {
	case SHA1:
		return sha1.Size
	case SHA224:
		return sha256.Size224
	case SHA256:
		return sha256.Size
	case SHA384:
		return sha512.Size384
	case SHA512:
		return sha512.Size
	}
	return 0
}

// New returns a fresh state of the hash function, nil for an unknown one.
func (h Hash) New() hash.Hash {
	switch h {
	case SHA1:
		return sha1.New()
	case SHA224:
		return sha256.New224()
	case SHA256:
		return sha256.New()
	case SHA384:
		return sha512.New384()
	case SHA512:
		return sha512.New()
	}
	return nil
}

// known tells whether s is one of the constants above.
func (s Signature) known() bool {
	for _, e := range signatureNames {
		if e.number == uint8(s) {
			return true
		}
	}
	return false
}

// names pairs the words of flags, links and JSON with the numbers of the wire.
type names []struct {
	number uint8
	word   string
}

var (
	integrityNames = names{
		{0, "none"},
		{1, "merkle"},
		{2, "signall"},
		{3, "unified"},
	}
	hashNames = names{
		{0, "sha1"},
		{1, "sha224"},
		{2, "sha256"},
		{3, "sha384"},
		{4, "sha512"},
	}
	signatureNames = names{
		{5, "rsasha1"},
		{8, "rsasha256"},
		{13, "ecdsap256sha256"},
		{14, "ecdsap384sha384"},
		{15, "ed25519"},
	}
	addressingNames = names{
		{0, "bin32"},
		{1, "byte64"},
		{2, "chunk32"},
		{3, "bin64"},
		{4, "chunk64"},
	}
)

func (n names) word(number uint8) string {
	for _, e := range n {
		if e.number == number {
			return e.word
		}
	}
	return fmt.Sprintf("unknown(%d)", number)
}

func (n names) number(what, word string) (uint8, error) {
	var all strings.Builder
	for _, e := range n {
		if e.word == word {
			return e.number, nil
		}
		all.WriteString(" " + e.word)
	}
	return 0, fmt.Errorf("%s %q is unknown, use one of:%s", what, word, all.String())
}

// String returns the word used in flags, links and JSON.
func (i Integrity) String() string { return integrityNames.word(uint8(i)) }

// String returns the word used in flags, links and JSON.
func (h Hash) String() string { return hashNames.word(uint8(h)) }

// String returns the word used in flags, links and JSON.
func (s Signature) String() string { return signatureNames.word(uint8(s)) }

// String returns the word used in flags, links and JSON.
func (a Addressing) String() string { return addressingNames.word(uint8(a)) }

// ParseIntegrity reads the word that Integrity.String writes.
func ParseIntegrity(s string) (Integrity, error) {
	n, err := integrityNames.number("integrity method", s)
	return Integrity(n), err
}

// ParseHash reads the word that Hash.String writes.
func ParseHash(s string) (Hash, error) {
	n, err := hashNames.number("hash function", s)
	return Hash(n), err
}

// ParseSignature reads the word that Signature.String writes.
func ParseSignature(s string) (Signature, error) {
	n, err := signatureNames.number("signature algorithm", s)
	return Signature(n), err
}

// ParseAddressing reads the word that Addressing.String writes.
func ParseAddressing(s string) (Addressing, error) {
	n, err := addressingNames.number("chunk addressing method", s)
	return Addressing(n), err
}
