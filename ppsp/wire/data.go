package wire

import (
	"encoding/binary"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// AppendData appends the DATA message of a chunk, with the sender's clock in µs (RFC
// 7574, 8.6). It belongs at the datagram's end, but full chunks of a fixed size can
// follow each other. Nothing is appended if the chunk does not fit or the payload is
// empty.
func (f Format) AppendData(b []byte, i, micros uint64, payload []byte) []byte {
	if len(payload) == 0 || !f.Fits(chunk.One(i)) {
		return b
	}
	return append(f.AppendDataHeader(b, i, micros), payload...)
}

// AppendDataHeader is AppendData for callers that append the payload themselves. They
// keep i within MaxChunk: else nothing is appended here, either.
func (f Format) AppendDataHeader(b []byte, i, micros uint64) []byte {
	var tail [8]byte
	binary.BigEndian.PutUint64(tail[:], micros)
	return f.appendMessages(b, TypeData, chunk.One(i), tail[:])
}

// parseData takes the rest of the datagram for the chunk, unless chunks have a fixed size
// and there is more than that: then more messages follow.
func (d *Decoder) parseData(m *Message, b []byte) (n int, reason string) {
	if reason := d.parseSpec(m, b); reason != "" {
		return 0, reason
	}
	if m.Chunks.Len() != 1 {
		return 0, "it names more than one chunk"
	}
	n = d.spec
	m.Time = binary.BigEndian.Uint64(b[n:])
	n += 8
	size := len(b) - n
	if d.format.fixed() && uint64(size) > uint64(d.format.ChunkSize) {
		size = int(d.format.ChunkSize)
	}
	if size == 0 {
		return 0, "the chunk is empty"
	}
	m.Payload = b[n : n+size : n+size]
	return n + size, ""
}

// AppendAck appends an ACK of the chunks, with a one-way delay sample in µs (RFC 7574,
// 8.7). Where bins are used and r is none, it takes several.
func (f Format) AppendAck(b []byte, r chunk.Range, delay uint64) []byte {
	var tail [8]byte
	binary.BigEndian.PutUint64(tail[:], delay)
	return f.appendMessages(b, TypeAck, r, tail[:])
}

func (d *Decoder) parseAck(m *Message, b []byte) (n int, reason string) {
	n = d.spec
	m.Time = binary.BigEndian.Uint64(b[n:])
	return n + 8, d.parseSpec(m, b)
}
