package sim

import (
	"bytes"
	"fmt"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/store"
)

// ring is the store of one host. The bytes of all hosts are those that the source
// published, so they are kept once, and a host only notes which chunks it has: this is what
// lets thousands of hosts fit. A chunk that differs from the source's is reported.
type ring struct {
	content *store.Ring // what the source published
	held    chunk.Set
	size    uint64 // chunks
	scratch []byte
}

// WriteChunk notes that the host has chunk i.
func (r *ring) WriteChunk(i uint64, b []byte) error {
	var err error
	if r.scratch, err = r.content.AppendChunk(r.scratch[:0], i); err != nil {
		return err
	}
	if !bytes.Equal(b, r.scratch) {
		return fmt.Errorf("chunk %d was verified, but is not what the source published", i)
	}
	r.held.Add(chunk.One(i))
	if last, _ := r.held.Last(); last >= r.size {
		r.held.Remove(chunk.Range{End: last + 1 - r.size})
	}
	return nil
}

// AppendChunk appends chunk i if the host has it.
func (r *ring) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	if !r.held.Has(i) {
		return dst, fmt.Errorf("chunk %d: %w", i, store.ErrNotHeld)
	}
	return r.content.AppendChunk(dst, i)
}
