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
const VariableChunks = ppsp.VariableChunks

// NewFormat returns the Format of a swarm. The signature's size in bytes depends on the
// key in the swarm ID (RFC 7574, 8.9); it is 0 for static content.
func NewFormat(m ppsp.Metadata, signatureSize int) Format {
	f := Format{Addressing: m.Addressing, ChunkSize: m.ChunkSize, SignatureSize: signatureSize}
	if m.Hashed() {
		f.HashSize = m.Hash.Size()
	}
	return f
}

// specSizes is the length in bytes of a chunk specification by its addressing method.
var specSizes = [...]int{
	ppsp.Bins32:        4,
	ppsp.ByteRanges64:  2 * 8,
	ppsp.ChunkRanges32: 2 * 4,
	ppsp.Bins64:        8,
	ppsp.ChunkRanges64: 2 * 8,
}

// SpecSize returns the length of a chunk specification in bytes, 0 for an unknown
// addressing method.
func (f Format) SpecSize() int {
	if int(f.Addressing) < len(specSizes) {
		return specSizes[f.Addressing]
	}
	return 0
}

// layouts tells what each type consists of at least: a number of bytes, the type's among
// them, and how many of the parts whose length depends on the Format.
var layouts = [typeCount]struct{ fixed, specs, hashes, signatures int }{
	TypeHandshake:       {fixed: 1 + 4 + 1}, // type, channel ID, end option
	TypeData:            {fixed: 1 + 8, specs: 1},
	TypeAck:             {fixed: 1 + 8, specs: 1},
	TypeHave:            {fixed: 1, specs: 1},
	TypeIntegrity:       {fixed: 1, specs: 1, hashes: 1},
	TypePexResV4:        {fixed: 1 + 4 + 2},
	TypePexReq:          {fixed: 1},
	TypeSignedIntegrity: {fixed: 1 + 8, specs: 1, signatures: 1},
	TypeRequest:         {fixed: 1, specs: 1},
	TypeCancel:          {fixed: 1, specs: 1},
	TypeChoke:           {fixed: 1},
	TypeUnchoke:         {fixed: 1},
	TypePexResV6:        {fixed: 1 + 16 + 2},
	TypePexResCert:      {fixed: 1 + 2},
}

// Size returns the length of a message in bytes with its type byte, but without what
// varies in length: chunk, certificate, options. It is 0 for an unknown type.
func (f Format) Size(t Type) int {
	if t >= typeCount {
		return 0
	}
	l := &layouts[t]
	return l.fixed + l.specs*f.SpecSize() + l.hashes*f.HashSize + l.signatures*f.SignatureSize
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
