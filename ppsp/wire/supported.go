package wire

import "bytes"

// Supported is the compressed bitmap of the messages that a peer takes (RFC 7574, 7.10).
// Nil, as in a handshake without the option, stands for all of them.
type Supported []byte

// maxSupported is the length of an uncompressed bitmap in bytes: a bit for each Type.
const maxSupported = 256 / 8

// NewSupported returns the bitmap of the given types. A peer takes HANDSHAKE in any case.
func NewSupported(types ...Type) Supported {
	var bitmap [maxSupported]byte
	bitmap[0] = 0x80 >> TypeHandshake
	for _, t := range types {
		bitmap[t/8] |= 0x80 >> (t % 8)
	}
	return bytes.Clone(Supported(bitmap[:]).trim())
}

// Has tells whether the peer takes messages of a type.
func (s Supported) Has(t Type) bool {
	if s == nil {
		return true
	}
	i := int(t / 8)
	return i < len(s) && s[i]&(0x80>>(t%8)) != 0
}

// trim cuts s behind its last byte that is not zero, and bounds it.
func (s Supported) trim() Supported {
	n := min(len(s), maxSupported)
	for n > 0 && s[n-1] == 0 {
		n--
	}
	return s[:n:n]
}
