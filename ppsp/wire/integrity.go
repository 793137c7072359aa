package wire

import (
	"encoding/binary"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// AppendIntegrity appends an INTEGRITY with the hash of the tree's node over r (RFC 7574,
// 8.8). It appends nothing unless the hash is HashSize long and r fits; every node of
// the tree is a bin, so with bins r must be one.
func (f Format) AppendIntegrity(b []byte, r chunk.Range, hash []byte) []byte {
	if len(hash) == 0 || len(hash) != f.HashSize || !f.single(r) {
		return b
	}
	return append(f.AppendSpec(append(b, byte(TypeIntegrity)), r), hash...)
}

// AppendSignedIntegrity appends a SIGNED_INTEGRITY with the NTP timestamp and the
// signature of r (RFC 7574, 8.9). It appends nothing unless the signature is
// SignatureSize long and r fits, with bins as one bin.
func (f Format) AppendSignedIntegrity(b []byte, r chunk.Range, ntp uint64, signature []byte) []byte {
	if len(signature) == 0 || len(signature) != f.SignatureSize || !f.single(r) {
		return b
	}
	b = f.AppendSpec(append(b, byte(TypeSignedIntegrity)), r)
	b = binary.BigEndian.AppendUint64(b, ntp)
	return append(b, signature...)
}

// single tells whether one specification can name r.
func (f Format) single(r chunk.Range) bool {
	if f.bins() {
		bin, _ := chunk.BinOf(r)
		return bin != chunk.NoBin && f.Fits(r)
	}
	return f.Fits(r)
}

func (d *Decoder) parseIntegrity(m *Message, b []byte) (n int, reason string) {
	if d.format.HashSize <= 0 {
		return 0, noHashes
	}
	n = d.spec
	end := n + d.format.HashSize
	m.Payload = b[n:end:end]
	return end, d.parseSpec(m, b)
}

func (d *Decoder) parseSignedIntegrity(m *Message, b []byte) (n int, reason string) {
	if d.format.SignatureSize <= 0 {
		return 0, noSigning
	}
	n = d.spec
	m.Time = binary.BigEndian.Uint64(b[n:])
	n += 8
	end := n + d.format.SignatureSize
	m.Payload = b[n:end:end]
	return end, d.parseSpec(m, b)
}
