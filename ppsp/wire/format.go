package wire

import (
	"math"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Format is what shapes the messages of a channel after its handshake. It follows from
// the swarm's metadata, so all peers of a swarm share it.
type Format struct {
	Addressing ppsp.Addressing

	// ChunkSize is the length of every chunk but the last in bytes; 0 or VariableChunks
	// if chunks vary. Byte ranges need it fixed.
	ChunkSize uint32

	// HashSize and SignatureSize are the lengths in bytes of what INTEGRITY and
	// SIGNED_INTEGRITY carry; 0 if the swarm has no such messages (RFC 7574, 8.8, 8.9).
	HashSize, SignatureSize int

	// Length is the content's length in bytes, 0 if not known. It only serves to end
	// the byte range of a short last chunk where that ends.
	Length uint64
}

// VariableChunks is the chunk size that says chunks vary in size (RFC 7574, 7.11).
const VariableChunks uint32 = math.MaxUint32

// NewFormat returns the Format of a swarm. The signature's size in bytes depends on the
// key in the swarm ID (RFC 7574, 8.9); it is 0 for static content.
func NewFormat(m ppsp.Metadata, signatureSize int) Format {
	f := Format{Addressing: m.Addressing, ChunkSize: m.ChunkSize, SignatureSize: signatureSize}
	if m.Integrity == ppsp.IntegrityMerkle || m.Integrity == ppsp.IntegrityUnified {
		f.HashSize = m.Hash.Size()
	}
	return f
}

// SpecSize returns the length of a chunk specification in bytes, 0 for an unknown
// addressing method.
func (f Format) SpecSize() int {
	switch f.Addressing {
	case ppsp.Bins32:
		return 4
	case ppsp.Bins64, ppsp.ChunkRanges32:
		return 8
	case ppsp.ByteRanges64, ppsp.ChunkRanges64:
		return 16
	}
	return 0
}

// Size returns the length of a message in bytes with its type byte, but without what
// varies in length: chunk, certificate, options. It is 0 for an unknown type.
func (f Format) Size(t Type) int {
	spec := f.SpecSize()
	switch t {
	case TypeHandshake:
		return 1 + 4 + 1
	case TypeData, TypeAck:
		return 1 + spec + 8
	case TypeHave, TypeRequest, TypeCancel:
		return 1 + spec
	case TypeIntegrity:
		return 1 + spec + f.HashSize
	case TypeSignedIntegrity:
		return 1 + spec + 8 + f.SignatureSize
	case TypePexReq, TypeChoke, TypeUnchoke:
		return 1
	case TypePexResV4:
		return 1 + 4 + 2
	case TypePexResV6:
		return 1 + 16 + 2
	case TypePexResCert:
		return 1 + 2
	}
	return 0
}

// MaxChunk returns the highest chunk number that a specification can name. A swarm that
// grows beyond it needs a wider addressing method. It is 0 if f can name none.
func (f Format) MaxChunk() uint64 {
	switch f.Addressing {
	case ppsp.Bins32:
		return math.MaxInt32 // its leaf is the highest bin, 0xFFFFFFFE
	case ppsp.Bins64:
		return math.MaxInt64
	case ppsp.ChunkRanges32:
		return math.MaxUint32
	case ppsp.ChunkRanges64:
		return math.MaxUint64 - 1 // the highest in a chunk.Range
	case ppsp.ByteRanges64:
		if f.fixed() {
			return math.MaxUint64/uint64(f.ChunkSize) - 1
		}
	}
	return 0
}

// Fits tells whether the messages of this Format can name the chunks of r. An empty
// range has no form on the wire.
func (f Format) Fits(r chunk.Range) bool {
	if r.Empty() || f.SpecSize() == 0 || f.Addressing == ppsp.ByteRanges64 && !f.fixed() {
		return false
	}
	return r.End-1 <= f.MaxChunk()
}

// fixed tells whether all chunks but the last have one size.
func (f Format) fixed() bool { return f.ChunkSize != 0 && f.ChunkSize != VariableChunks }

// bins tells whether a specification is a bin, which not every range is.
func (f Format) bins() bool { return f.Addressing == ppsp.Bins32 || f.Addressing == ppsp.Bins64 }
