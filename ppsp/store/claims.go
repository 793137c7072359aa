package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// checkSize is how many bytes of claimed chunks are read and hashed at once.
const checkSize = 64 << 10

// checker hashes chunks that the sidecar claims, one run of neighbours at a time. It reads
// their hashes from the sidecar itself, since the tree belongs to the engine's goroutine.
type checker struct {
	mu     sync.Mutex
	hasher *merkle.Hasher
	buf    []byte
	hash   []byte
	page   []byte // of the sidecar
	id     merkle.PageID
	loaded bool // page is id
}

// check settles the claim of chunk i, and with it those of its neighbours: true if its bytes
// are right. False means that the chunk is not held (any more). An error means that it could
// not be read for now.
func (f *File) check(i uint64) (bool, error) {
	k := &f.checker
	k.mu.Lock()
	defer k.mu.Unlock()
	f.mu.Lock()
	err := f.usable()
	run, claimed := f.claims.Covering(i)
	if err != nil || !claimed {
		held := f.have.Has(i)
		f.mu.Unlock()
		return held, err // settled by another goroutine meanwhile
	}
	run = run.Intersect(f.checkWindow(i))
	size := int(f.offset(run.End-1)-f.offset(run.Start)) + f.lengthLocked(run.End-1)
	file := f.content
	f.mu.Unlock()

	k.prepare(f, size)
	read, err := file.ReadAt(k.buf[:size], f.offset(run.Start))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, remedy("read", f.name, err)
	}
	good := f.rightChunks(k, run, k.buf[:read], size)

	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.unchangedLocked(); err != nil {
		return false, err
	}
	for at := run.Start; at < run.End; at++ {
		if !f.claims.Has(at) {
			continue // dropped meanwhile
		}
		if good.Has(at) {
			f.have.Add(chunk.One(at))
		} else {
			f.dropLocked(at)
		}
	}
	f.claims.Remove(run)
	if f.claims.Count() == 0 {
		f.now.changes++ // a complete film gets its name
	}
	return f.have.Has(i), nil
}

// checkWindow returns the chunks around chunk i that are checked together with it: within a
// page of the tree.
func (f *File) checkWindow(i uint64) chunk.Range {
	n := max(checkSize/uint64(f.meta.ChunkSize), 1)
	n = min(n, merkle.PageChunks)
	for n&(n-1) != 0 {
		n &= n - 1
	}
	start := i &^ (n - 1)
	return chunk.Range{Start: start, End: start + n}
}

func (k *checker) prepare(f *File, size int) {
	if k.hasher == nil {
		k.hasher = merkle.NewHasher(f.meta.Hash)
		k.page = make([]byte, f.side.layout.page)
	}
	if cap(k.buf) < size {
		k.buf = make([]byte, size)
	}
}

// rightChunks hashes data, which begins with chunk run.Start and should have size bytes, and
// returns the chunks whose hashes are those of the tree.
func (f *File) rightChunks(k *checker, run chunk.Range, data []byte, size int) chunk.Set {
	var good chunk.Set
	full := int(f.meta.ChunkSize)
	n := k.hasher.Size()
	for i := run.Start; i < run.End; i++ {
		length := min(full, size)
		size -= length
		if len(data) < length {
			break
		}
		id, slot := merkle.PageOf(chunk.Leaf(i))
		if !k.loaded || k.id != id {
			f.readLeaves(k, id)
		}
		want := k.page[slot*n : (slot+1)*n]
		if empty(want) {
			want = f.peak(chunk.Leaf(i)) // the last chunk may be one
		}
		k.hash = k.hasher.AppendLeaf(k.hash[:0], data[:length])
		if bytes.Equal(k.hash, want) {
			good.Add(chunk.One(i))
		}
		data = data[length:]
	}
	return good
}

// readLeaves reads a page of level 0. One that is damaged is derived from the content, or
// else holds nothing.
func (f *File) readLeaves(k *checker, id merkle.PageID) {
	k.id, k.loaded = id, true
	if err := f.side.readPage(id, k.page); err != nil {
		clear(k.page)
		if !errors.Is(err, errAbsent) {
			f.derive(id, k.page, err)
		}
	}
}

// dropLocked takes a damaged chunk out of what is held.
func (f *File) dropLocked(i uint64) {
	f.have.Remove(chunk.One(i))
	f.claims.Remove(chunk.One(i))
	f.lost.Add(chunk.One(i))
	f.touchLocked(i)
	f.now.changes++
}

// dropRangeLocked takes chunks out of what is held.
func (f *File) dropRangeLocked(r chunk.Range) {
	f.have.Remove(r)
	f.claims.Remove(r)
	f.lost.Add(r)
	f.touched.Add(chunk.Range{Start: r.Start / segmentSize, End: (r.End-1)/segmentSize + 1})
	f.now.changes++
}

// touchLocked notes that the availability of the segment of chunk i is to be saved.
func (f *File) touchLocked(i uint64) { f.touched.Add(chunk.One(i / segmentSize)) }

// checkAll settles every claim of r until ctx ends.
func (f *File) checkAll(ctx context.Context, r chunk.Range) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		f.mu.Lock()
		next, some := f.claims.NextIn(r.Start)
		f.mu.Unlock()
		if !some || next.Start >= r.End {
			return nil
		}
		if _, err := f.check(next.Start); err != nil {
			return err
		}
	}
}
