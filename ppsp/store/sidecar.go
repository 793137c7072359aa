package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// A sidecar is
//
//	8 bytes   "SWGFILM1"
//	1 byte    integrity method, hash, signature, addressing: one byte each
//	uvarint   chunk size
//	bytes     swarm ID
//	varint    size of the film, -1 unknown
//	varint    size, mtime of the complete content file, 0 while it is incomplete
//	uvarint   number of runs that are held; for each its distance from the end of the
//	          one before, and its length
//	bytes     the hash tree, as merkle.Tree.MarshalBinary gives it
//	32 bytes  SHA-256 of all that
//
// where "bytes" are their number as uvarint and they themselves.
const sidecarMagic = "SWGFILM1"

// maxSidecar bounds, in bytes, what is read of a sidecar. With SHA-256 that is the tree of
// 32 GiB in chunks of 1 KiB, of 1 TiB in chunks of 32 KiB.
const maxSidecar = 1<<31 - 1

// sidecar is what a sidecar file says.
type sidecar struct {
	meta  ppsp.Metadata
	size  int64
	stamp stamp
	held  chunk.Set
	tree  []byte
}

var errDamaged = errors.New("sidecar is damaged")

func (s *sidecar) marshal() []byte {
	b := make([]byte, 0, len(s.tree)+len(s.meta.SwarmID)+20*s.held.Runs()+128)
	b = append(b, sidecarMagic...)
	m := s.meta
	b = append(b, byte(m.Integrity), byte(m.Hash), byte(m.Signature), byte(m.Addressing))
	b = binary.AppendUvarint(b, uint64(m.ChunkSize))
	b = appendBytes(b, []byte(m.SwarmID))
	b = binary.AppendVarint(b, s.size)
	b = binary.AppendVarint(b, s.stamp.size)
	b = binary.AppendVarint(b, s.stamp.mtime)
	b = binary.AppendUvarint(b, uint64(s.held.Runs()))
	end := uint64(0)
	for r := range s.held.Ranges() {
		b = binary.AppendUvarint(b, r.Start-end)
		b = binary.AppendUvarint(b, r.Len())
		end = r.End
	}
	b = appendBytes(b, s.tree)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// unmarshal reads what marshal wrote; the tree points into b. Anything else is errDamaged.
func (s *sidecar) unmarshal(b []byte) error {
	body := len(b) - sha256.Size
	if body < len(sidecarMagic)+4 || string(b[:len(sidecarMagic)]) != sidecarMagic {
		return fmt.Errorf("%w: it does not begin as one", errDamaged)
	}
	if sum := sha256.Sum256(b[:body]); !bytes.Equal(sum[:], b[body:]) {
		return fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	r := fields{b: b[len(sidecarMagic):body]}
	one := r.take(4)
	s.meta.Integrity, s.meta.Hash = ppsp.Integrity(one[0]), ppsp.Hash(one[1])
	s.meta.Signature, s.meta.Addressing = ppsp.Signature(one[2]), ppsp.Addressing(one[3])
	s.meta.ChunkSize = uint32(r.uvarint())
	s.meta.SwarmID = ppsp.SwarmID(r.take(r.uvarint()))
	s.size = r.varint()
	s.stamp = stamp{r.varint(), r.varint()}
	end := uint64(0)
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		start := end + r.uvarint()
		next := start + r.uvarint()
		r.bad = r.bad || start < end || next <= start
		s.held.Add(chunk.Range{Start: start, End: next})
		end = next
	}
	s.tree = r.take(r.uvarint())
	if r.bad || len(r.b) != 0 {
		return fmt.Errorf("%w: its fields do not fit", errDamaged)
	}
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

// readSidecar reads a sidecar file. The error is errDamaged for one that can't be used,
// fs.ErrNotExist when there is none.
func readSidecar(path string) (*sidecar, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSidecar {
		return nil, fmt.Errorf("%w: it is no file of at most %d bytes", errDamaged, maxSidecar)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := new(sidecar)
	if err := s.unmarshal(b); err != nil {
		return nil, err
	}
	return s, nil
}
