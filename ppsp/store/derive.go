package store

import (
	"bytes"
	"errors"
	"io"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// derive computes a page of the tree anew whose record is damaged (errDamaged), or of which
// only an older one is left (errStale): that of level 0 from the content, others from the
// pages below. Chunks that can't be proven any more are lost. Any goroutine may call it.
func (f *File) derive(id merkle.PageID, page []byte, why error) {
	if id.Level == 0 {
		f.deriveLeaves(id, page)
	} else {
		f.deriveAbove(id, page, why)
	}
	_ = f.side.rewrite(id, page) // where that fails it is derived again next time
}

// deriveLeaves hashes the chunks below the page. The subtrees that are complete are compared
// with what the page above, or the peaks, say of their roots.
func (f *File) deriveLeaves(id merkle.PageID, page []byte) {
	clear(page)
	f.mu.Lock()
	all := id.Chunks()
	if f.chunks > 0 {
		all.End = min(all.End, f.chunks)
	}
	held := f.heldLocked()
	f.mu.Unlock()
	d := newDeriver(f, page)
	for top := range all.Bins() {
		r := top.Range()
		if !held.ContainsAll(r) || !d.subtree(id, top) {
			d.forget(id, r)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := all.Start; i < all.End; i++ {
		if _, slot := merkle.PageOf(chunk.Leaf(i)); held.Has(i) && d.at(slot) == nil {
			f.dropLocked(i)
		}
	}
}

// deriver fills a page.
type deriver struct {
	file   *File
	page   []byte
	hasher *merkle.Hasher
	size   int
	buf    []byte
}

func newDeriver(f *File, page []byte) *deriver {
	h := merkle.NewHasher(f.meta.Hash)
	return &deriver{file: f, page: page, hasher: h, size: h.Size(), buf: make([]byte, f.meta.ChunkSize)}
}

// at returns the hash in a slot, nil if there is none.
func (d *deriver) at(slot int) []byte {
	hash := d.page[slot*d.size : (slot+1)*d.size]
	if empty(hash) {
		return nil
	}
	return hash
}

func (d *deriver) set(b chunk.Bin, hash []byte) {
	_, slot := merkle.PageOf(b)
	copy(d.page[slot*d.size:], hash)
}

func (d *deriver) get(b chunk.Bin) []byte {
	_, slot := merkle.PageOf(b)
	return d.at(slot)
}

// forget takes out what is known over the chunks of r.
func (d *deriver) forget(id merkle.PageID, r chunk.Range) {
	zero := make([]byte, d.size)
	for slot := range merkle.PageSlots - 1 {
		if b := id.Bin(slot); slot != merkle.PageSlots/2-1 && b.Range().Overlaps(r) {
			d.set(b, zero)
		}
	}
}

// subtree hashes the chunks below top and what is over them; true if that leads to the hash
// that is known of top.
func (d *deriver) subtree(id merkle.PageID, top chunk.Bin) bool {
	r := top.Range()
	var sum []byte
	for i := r.Start; i < r.End; i++ {
		data, err := d.file.raw(d.buf, i)
		if err != nil {
			return false
		}
		at := chunk.Leaf(i)
		sum = d.hasher.AppendLeaf(sum[:0], data)
		for ; at != top; at = at.Parent() {
			d.set(at, sum)
			if at.IsLeft() {
				break
			}
			sum = d.hasher.AppendParent(sum[:0], d.get(at.Sibling()), sum)
		}
	}
	if inside, _ := merkle.PageOf(top); inside == id {
		d.set(top, sum)
	}
	known := d.file.proven(top)
	return known != nil && bytes.Equal(known, sum)
}

// raw reads chunk i without asking whether it is right.
func (f *File) raw(buf []byte, i uint64) ([]byte, error) {
	f.mu.Lock()
	file, n, err := f.content, f.lengthLocked(i), f.usable()
	if err == nil {
		err = f.flushOverLocked(f.offset(i), f.offset(i+1))
	}
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	read, err := file.ReadAt(buf[:n], f.offset(i))
	if read < n {
		return nil, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return buf[:n], nil
}

// proven returns what the sidecar says of a node, nil for nothing.
func (f *File) proven(b chunk.Bin) []byte {
	if hash := f.peak(b); hash != nil {
		return hash
	}
	if b.Layer() >= 8*merkle.PageLevels {
		return nil
	}
	id, slot := merkle.PageOf(b)
	page := make([]byte, f.side.layout.page)
	if err := f.side.readPage(id, page); err != nil && !errors.Is(err, errStale) {
		return nil
	}
	n := f.meta.Hash.Size()
	if hash := page[slot*n : (slot+1)*n]; !empty(hash) {
		return hash
	}
	return nil
}

// peak returns the hash of b if that is a peak, nil if not.
func (f *File) peak(b chunk.Bin) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, peak := range f.peaks {
		if peak.Bin == b {
			return peak.Hash
		}
	}
	return nil
}

// deriveAbove adds to a page over others the roots of those, and what follows from them.
func (f *File) deriveAbove(id merkle.PageID, page []byte, why error) {
	if !errors.Is(why, errStale) {
		clear(page)
	}
	d := newDeriver(f, page)
	below := make([]byte, len(page))
	for k := range merkle.PageChunks {
		child := id.Child(k)
		if err := f.side.readPage(child, below); err != nil && !errors.Is(err, errStale) {
			continue
		}
		left, right := below[127*d.size:128*d.size], below[383*d.size:384*d.size]
		if !empty(left) && !empty(right) {
			copy(page[2*k*d.size:], d.hasher.AppendParent(nil, left, right))
		}
	}
	d.climb(id)
	f.dropUnproven(id, d)
}

// climb computes the nodes both of whose children are known, layer by layer.
func (d *deriver) climb(id merkle.PageID) {
	for layer := uint(1); layer < 8; layer++ {
		for at := range uint64(merkle.PageChunks) >> layer {
			in := chunk.NewBin(layer, at)
			left, right := d.at(int(in.Left())), d.at(int(in.Right()))
			if left != nil && right != nil {
				copy(d.page[int(in)*d.size:], d.hasher.AppendParent(nil, left, right))
			}
		}
	}
}

// dropUnproven drops the chunks below the page that no unbroken path leads up from.
func (f *File) dropUnproven(id merkle.PageID, d *deriver) {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := f.heldLocked()
	for k := range merkle.PageChunks {
		r := id.Child(k).Chunks()
		if run, some := held.NextIn(r.Start); !some || run.Start >= r.End || f.leads(id, d, k) {
			continue
		}
		for at, ok := held.NextIn(r.Start); ok && at.Start < r.End; at, ok = held.NextIn(at.End) {
			f.dropRangeLocked(at.Intersect(r))
		}
	}
}

// leads tells whether all nodes from the root of child k up to the top of the page, and those
// beside them, are known. Above a peak nothing is needed.
func (f *File) leads(id merkle.PageID, d *deriver, k int) bool {
	for in := chunk.Bin(2 * k); in.Layer() < 8; in = in.Parent() {
		b := id.Bin(int(in))
		if f.chunks > 0 && b.Range().End > f.chunks {
			return true // a peak is below
		}
		for _, peak := range f.peaks {
			if peak.Bin == b {
				return true
			}
		}
		if d.at(int(in)) == nil || d.at(int(in.Sibling())) == nil {
			return false
		}
	}
	return true
}
