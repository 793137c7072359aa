package wire

import (
	"encoding/binary"
	"math"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// AppendSpec appends the chunk specification of r (RFC 7574, 4): what signatures cover.
// It appends nothing if r does not fit, or is no single bin where bins are used.
func (f Format) AppendSpec(b []byte, r chunk.Range) []byte {
	if !f.Fits(r) {
		return b
	}
	switch f.Addressing {
	case ppsp.ChunkRanges32:
		b = binary.BigEndian.AppendUint32(b, uint32(r.Start))
		return binary.BigEndian.AppendUint32(b, uint32(r.End-1))
	case ppsp.ChunkRanges64:
		b = binary.BigEndian.AppendUint64(b, r.Start)
		return binary.BigEndian.AppendUint64(b, r.End-1)
	case ppsp.ByteRanges64:
		b = binary.BigEndian.AppendUint64(b, r.Start*uint64(f.ChunkSize))
		return binary.BigEndian.AppendUint64(b, f.lastByte(r))
	}
	if bin, ok := chunk.BinOf(r); ok {
		return f.appendBin(b, bin)
	}
	return b
}

// lastByte returns the offset of the last byte in r, which fits.
func (f Format) lastByte(r chunk.Range) uint64 {
	end := r.End * uint64(f.ChunkSize)
	if f.Length > r.Start*uint64(f.ChunkSize) {
		end = min(end, f.Length)
	}
	return end - 1
}

func (f Format) appendBin(b []byte, bin chunk.Bin) []byte {
	if f.Addressing == ppsp.Bins32 {
		return binary.BigEndian.AppendUint32(b, uint32(bin))
	}
	return binary.BigEndian.AppendUint64(b, uint64(bin))
}

// appendMessages appends messages of a type, a chunk specification and a tail: one for
// r, or with bins one for each bin that r consists of.
func (f Format) appendMessages(b []byte, t Type, r chunk.Range, tail []byte) []byte {
	if !f.Fits(r) {
		return b
	}
	if !f.bins() {
		return append(f.AppendSpec(append(b, byte(t)), r), tail...)
	}
	for bin := range r.Bins() {
		b = append(f.appendBin(append(b, byte(t)), bin), tail...)
	}
	return b
}

// parseSpec reads the chunk specification at the start of b, which is long enough, into
// m.Spec and m.Chunks.
func (d *Decoder) parseSpec(m *Message, b []byte) (reason string) {
	f := &d.format
	m.Spec = b[:d.spec:d.spec]
	var start, end uint64 // the end inclusive
	switch f.Addressing {
	case ppsp.Bins32:
		return m.setBin(uint64(binary.BigEndian.Uint32(b)), math.MaxUint32)
	case ppsp.Bins64:
		return m.setBin(binary.BigEndian.Uint64(b), math.MaxUint64)
	case ppsp.ChunkRanges32:
		start, end = uint64(binary.BigEndian.Uint32(b)), uint64(binary.BigEndian.Uint32(b[4:]))
	case ppsp.ChunkRanges64:
		start, end = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	case ppsp.ByteRanges64:
		start, end = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
		if start > end {
			return "the byte range ends before it starts"
		}
		if !f.fixed() || start%uint64(f.ChunkSize) != 0 {
			return "the byte range does not start with a chunk"
		}
		start, end = start/uint64(f.ChunkSize), end/uint64(f.ChunkSize)
	default:
		return "the chunk addressing method is unknown"
	}
	if start > end {
		return "the chunk range ends before it starts"
	}
	if end > f.MaxChunk() {
		return "the range goes beyond the highest chunk"
	}
	m.Chunks = chunk.Range{Start: start, End: end + 1}
	return ""
}

// setBin takes over a bin; none is the number that stands for an empty interval.
func (m *Message) setBin(bin, none uint64) (reason string) {
	if bin == none {
		return "the bin is the empty interval"
	}
	m.Chunks = chunk.Bin(bin).Range()
	return ""
}
