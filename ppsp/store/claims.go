package store

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// claimSum is the number of bytes of a leaf's hash that are kept to check a claim. Who
// could write a false chunk to the disk could as well write a false sidecar, so that this
// guards against accidents; 128 bits are plenty.
const claimSum = 16

// claims are chunks that a sidecar says are on disk. They carry their hashes along since
// the tree belongs to the engine's goroutine, while readers check claims from theirs.
type claims struct {
	set  chunk.Set
	sums []byte // claimSum bytes for each chunk up to the last of set
	sum  int    // claimSum, or less for a shorter hash
}

// newClaims takes over those chunks of set whose hashes the tree knows.
func newClaims(set *chunk.Set, tree *merkle.Tree, h ppsp.Hash) claims {
	last, some := set.Last()
	if !some || tree.Chunks() == 0 {
		return claims{}
	}
	last = min(last, tree.Chunks()-1)
	c := claims{sum: min(claimSum, h.Size())}
	c.sums = make([]byte, (last+1)*uint64(c.sum))
	for r := range set.Ranges() {
		for i := r.Start; i < r.End && i <= last; i++ {
			if hash, known := tree.Hash(chunk.Leaf(i)); known {
				copy(c.of(i), hash)
				c.set.Add(chunk.One(i))
			}
		}
	}
	return c
}

func (c *claims) of(i uint64) []byte {
	at := i * uint64(c.sum)
	return c.sums[at : at+uint64(c.sum)]
}

// settle takes chunk i out; when none is left, the memory is freed.
func (c *claims) settle(i uint64) {
	c.set.Remove(chunk.One(i))
	if c.set.Count() == 0 {
		*c = claims{}
	}
}

// checker hashes chunks, one at a time.
type checker struct {
	mu     sync.Mutex
	hasher *merkle.Hasher
	buf    []byte
	hash   []byte
}

// check settles the claim of chunk i: true if its bytes are right. False means that the
// chunk is not held (any more). An error means that it could not be read for now.
func (f *File) check(i uint64) (bool, error) {
	k := &f.checker
	k.mu.Lock()
	defer k.mu.Unlock()
	f.mu.Lock()
	if err := f.usable(); err != nil || !f.claims.set.Has(i) {
		held := f.have.Has(i)
		f.mu.Unlock()
		return held, err // settled by another goroutine meanwhile
	}
	sum := bytes.Clone(f.claims.of(i))
	n := f.lengthLocked(i)
	file := f.content
	f.mu.Unlock()

	if k.hasher == nil {
		k.hasher = merkle.NewHasher(f.meta.Hash)
		k.buf = make([]byte, f.meta.ChunkSize)
	}
	read, err := file.ReadAt(k.buf[:n], f.offset(i))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, remedy("read", f.name, err)
	}
	k.hash = k.hasher.AppendLeaf(k.hash[:0], k.buf[:read])
	good := read == n && bytes.Equal(k.hash[:len(sum)], sum)

	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.unchangedLocked(); err != nil {
		return false, err
	}
	f.claims.settle(i)
	if !good {
		f.dropLocked(i)
		return false, nil
	}
	f.have.Add(chunk.One(i))
	return true, nil
}

// dropLocked takes a damaged chunk out of what is held.
func (f *File) dropLocked(i uint64) {
	f.have.Remove(chunk.One(i))
	f.lost.Add(chunk.One(i))
	f.now.changes++
}

// checkAll settles every claim.
func (f *File) checkAll() error {
	for {
		f.mu.Lock()
		i, some := f.claims.set.First()
		f.mu.Unlock()
		if !some {
			return nil
		}
		if _, err := f.check(i); err != nil {
			return err
		}
	}
}
