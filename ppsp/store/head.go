package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

const headMagic = "SWGFILM2"

// head is what the beginning of a sidecar says.
type head struct {
	meta     ppsp.Metadata
	size     int64  // of the film in bytes, -1 unknown
	stamp    stamp  // of the complete content file, zero while that is incomplete
	complete bool   // all chunks are held, whatever the blocks say
	hashed   uint64 // publisher: chunks whose hashes are in the tree while it is being made, 0 after that
	tree     []byte // merkle.Tree.AppendState, empty for none
}

// marshal returns one copy, not sealed yet.
func (h *head) marshal() ([]byte, error) {
	b := make([]byte, 0, headSize)
	b = append(b, headMagic...)
	m := h.meta
	b = append(b, byte(m.Integrity), byte(m.Hash), byte(m.Signature), byte(m.Addressing))
	b = binary.AppendUvarint(b, uint64(m.ChunkSize))
	b = appendBytes(b, []byte(m.SwarmID))
	b = binary.AppendVarint(b, h.size)
	b = binary.AppendVarint(b, h.stamp.size)
	b = binary.AppendVarint(b, h.stamp.mtime)
	if h.complete {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, h.hashed)
	b = appendBytes(b, h.tree)
	if len(b) > headSize-sealSize {
		return nil, fmt.Errorf("the head of the sidecar would have %d bytes", len(b))
	}
	return b[:headSize], nil
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// unmarshal reads what marshal wrote; the tree points into b. Anything else is errDamaged.
func (h *head) unmarshal(b []byte) error {
	if len(b) < len(headMagic)+sealSize || string(b[:len(headMagic)]) != headMagic {
		return fmt.Errorf("%w: it does not begin as one", errDamaged)
	}
	r := fields{b: b[len(headMagic) : len(b)-sealSize]}
	one := r.take(4)
	if r.bad {
		return errDamaged
	}
	h.meta.Integrity, h.meta.Hash = ppsp.Integrity(one[0]), ppsp.Hash(one[1])
	h.meta.Signature, h.meta.Addressing = ppsp.Signature(one[2]), ppsp.Addressing(one[3])
	h.meta.ChunkSize = uint32(r.uvarint())
	h.meta.SwarmID = ppsp.SwarmID(r.take(r.uvarint()))
	h.size = r.varint()
	h.stamp = stamp{r.varint(), r.varint()}
	complete := r.take(1)
	h.hashed = r.uvarint()
	h.tree = r.take(r.uvarint())
	if r.bad || complete[0] > 1 || h.hashed > merkle.MaxChunks || !empty(r.b) {
		return fmt.Errorf("%w: its fields do not fit", errDamaged)
	}
	h.complete = complete[0] == 1
	return nil
}

// fields takes one field after the other off b; bad tells that it ran dry.
type fields struct {
	b   []byte
	bad bool
}

func (r *fields) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *fields) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.bad = r.bad || n <= 0
	r.take(uint64(max(n, 0)))
	return v
}

func (r *fields) varint() int64 {
	v, n := binary.Varint(r.b)
	r.bad = r.bad || n <= 0
	r.take(uint64(max(n, 0)))
	return v
}

// readHead reads the head, and mends the page that was being written last. The error is errDamaged for what is no sidecar, or none any more.
func (s *side) readHead() (*head, error) {
	b := make([]byte, headSize)
	err := s.readPair(b, 0)
	switch {
	case errors.Is(err, errAbsent):
		return nil, fmt.Errorf("%w: it is empty", errDamaged)
	case errors.Is(err, errDamaged):
		return nil, fmt.Errorf("%w: its checksum is wrong", errDamaged)
	case err != nil && !errors.Is(err, errStale):
		return nil, err
	}
	h := new(head)
	if err := h.unmarshal(b); err != nil {
		return nil, err
	}
	if h.meta.Hash.Size() != int(s.layout.page/merkle.PageSlots) {
		return h, nil // of another swarm
	}
	return h, s.mend()
}

func (s *side) writeHead(h *head) error {
	b, err := h.marshal()
	if err != nil {
		return err
	}
	return s.writePair(b, 0)
}
