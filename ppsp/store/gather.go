package store

import "io"

// Neighbouring chunks are written together.
const (
	batchSize = 64 << 10 // bytes of one write
	batches   = 8        // places at which chunks arrive side by side, as from several peers
)

// batch is a run of chunks that are held but not written yet.
type batch struct {
	first uint64 // chunk at its begin
	off   int64  // where that lies, bytes
	data  []byte
}

func (b *batch) end() int64 { return b.off + int64(len(b.data)) }

// gather collects chunks for one write. It is guarded by File.mu.
type gather struct {
	list [batches]batch
	turn int // the next that has to make room
}

// gatherLocked takes chunk i, which is held already, and writes the batch that it fills. Chunks of which the write failed are
// no longer held.
func (f *File) gatherLocked(i uint64, b []byte) error {
	off := f.offset(i)
	g := f.gather.behind(off)
	if g == nil {
		g = f.gather.free()
		if err := f.flushLocked(g); err != nil {
			f.dropLocked(i)
			return err
		}
		g.first, g.off = i, off
	}
	g.data = append(g.data, b...)
	if len(g.data) >= batchSize || (off+int64(len(b)))%batchSize < int64(len(b)) {
		return f.flushLocked(g)
	}
	return nil
}

// behind returns the batch that ends at off, nil for none.
func (g *gather) behind(off int64) *batch {
	for k := range g.list {
		if b := &g.list[k]; len(b.data) > 0 && b.end() == off {
			return b
		}
	}
	return nil
}

// free returns an empty batch, or the one to be written to make room.
func (g *gather) free() *batch {
	for k := range g.list {
		if b := &g.list[k]; len(b.data) == 0 {
			return b
		}
	}
	g.turn = (g.turn + 1) % batches
	return &g.list[g.turn]
}

// flushLocked writes a batch. Where the disk is full it takes what fits: the chunks behind
// are lost.
func (f *File) flushLocked(b *batch) error {
	if len(b.data) == 0 {
		return nil
	}
	n, err := f.content.WriteAt(b.data, b.off)
	if err == nil && n < len(b.data) {
		err = io.ErrShortWrite
	}
	if err != nil {
		size := int(f.meta.ChunkSize)
		last := b.first + uint64((len(b.data)-1)/size)
		for i := b.first + uint64(n/size); i <= last; i++ {
			f.dropLocked(i)
		}
		err = remedy("write", f.name, err)
	}
	b.data = b.data[:0]
	return err
}

// flushAllLocked writes all that waits; the error is the first of several.
func (f *File) flushAllLocked() error {
	var first error
	for k := range f.gather.list {
		if err := f.flushLocked(&f.gather.list[k]); first == nil {
			first = err
		}
	}
	return first
}

// flushOverLocked writes what waits of [off, end), which is about to be read.
func (f *File) flushOverLocked(off, end int64) error {
	for k := range f.gather.list {
		if b := &f.gather.list[k]; len(b.data) > 0 && b.off < end && off < b.end() {
			if err := f.flushLocked(b); err != nil {
				return err
			}
		}
	}
	return nil
}
