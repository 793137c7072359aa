package store

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// AppendChunk appends the bytes of chunk i to dst. It returns dst and ErrNotHeld when the
// chunk is not held, also when only now it turns out to be damaged; TakeLost then tells
// it. ErrChanged says that the file is no longer what was hashed.
func (f *File) AppendChunk(dst []byte, i uint64) ([]byte, error) {
	n, err := f.held(i)
	if err != nil {
		return dst, err
	}
	had := len(dst)
	dst = slices.Grow(dst, n)[:had+n]
	if err := f.read(dst[had:], i, f.offset(i)); err != nil {
		return dst[:had], err
	}
	return dst, nil
}

// AppendChunks appends the bytes of the chunks of r to dst with one reading, up to the first
// that is not held: all of them have the chunk size, but the film's last one. The error is as
// of AppendChunk when not even the first is held; else nil.
func (f *File) AppendChunks(dst []byte, r chunk.Range) ([]byte, error) {
	end, err := f.heldFrom(r)
	if end == r.Start {
		return dst, err
	}
	f.mu.Lock()
	total := int(f.offset(end-1)-f.offset(r.Start)) + f.lengthLocked(end-1)
	f.mu.Unlock()
	had := len(dst)
	dst = slices.Grow(dst, total)[:had+total]
	if err := f.read(dst[had:], r.Start, f.offset(r.Start)); err != nil {
		return dst[:had], err
	}
	return dst, nil
}

// heldFrom returns where those chunks of r end that are held without a gap from its start on,
// and why it is not all of r.
func (f *File) heldFrom(r chunk.Range) (uint64, error) {
	at := r.Start
	for at < r.End {
		f.mu.Lock()
		run, good := f.have.Covering(at)
		err := f.usable()
		f.mu.Unlock()
		if err != nil {
			return r.Start, err
		}
		if good {
			at = run.End
			continue
		}
		if _, err := f.held(at); err != nil {
			return at, err
		}
		at++
	}
	return min(at, r.End), nil
}

// held returns the length of chunk i if it is held, after hashing it where that is due.
func (f *File) held(i uint64) (int, error) {
	f.mu.Lock()
	err, good, claimed, n := f.usable(), f.have.Has(i), f.claims.Has(i), 0
	if good || claimed {
		n = f.lengthLocked(i)
	}
	f.mu.Unlock()
	if err == nil && claimed {
		good, err = f.check(i)
	}
	if err == nil && !good {
		err = fmt.Errorf("read chunk %d of %s: %w", i, f.name, ErrNotHeld)
	}
	return n, err
}

// read fills p from off on; first is the chunk there. Bytes that are missing in the file,
// since someone truncated it, drop the chunks that lack them.
func (f *File) read(p []byte, first uint64, off int64) error {
	f.mu.Lock()
	file, err := f.content, f.usable()
	if err == nil {
		err = f.flushOverLocked(off, off+int64(len(p)))
	}
	f.mu.Unlock()
	if err != nil {
		return err
	}
	n, err := file.ReadAt(p, off)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content == nil {
		return f.usable()
	}
	// The change of a file is stamped before its bytes can be read, so that to ask
	// afterwards finds every change that p may show.
	if err := f.unchangedLocked(); err != nil {
		return err
	}
	if n == len(p) {
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return remedy("read", f.name, err)
	}
	end := off + int64(n)
	for i := uint64(end) / uint64(f.meta.ChunkSize); f.offset(i) < off+int64(len(p)); i++ {
		f.dropLocked(i)
	}
	return fmt.Errorf("read chunk %d of %s: the file was truncated: %w", first, f.name, ErrNotHeld)
}

// ReadAt fills p from the byte offset off on, as io.ReaderAt. It never waits: when it
// comes to a chunk that is not held it returns the bytes before and ErrNotHeld. At the
// film's end it returns io.EOF.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s: offset %d is negative", f.name, off)
	}
	size, known := f.Size()
	if known && off >= size {
		return 0, io.EOF
	}
	want := int64(len(p))
	if known {
		want = min(want, size-off)
	}
	n, err := f.reach(off, off+want)
	if n > 0 {
		first := uint64(off) / uint64(f.meta.ChunkSize)
		if err := f.read(p[:n], first, off); err != nil {
			return 0, err
		}
	}
	if err == nil && n < int64(len(p)) {
		err = io.EOF
	}
	return int(n), err
}

// reach returns how many bytes from off on, at most to end, lie in chunks that are held
// and verified, and why it is not all of them.
func (f *File) reach(off, end int64) (int64, error) {
	at := off
	for at < end {
		i := uint64(at) / uint64(f.meta.ChunkSize)
		f.mu.Lock()
		run, good := f.have.Covering(i)
		f.mu.Unlock()
		if good {
			at = f.offset(run.End)
			continue
		}
		n, err := f.held(i)
		if err != nil {
			return max(at, off) - off, err
		}
		at = f.offset(i) + int64(n)
	}
	return min(at, end) - off, nil
}
