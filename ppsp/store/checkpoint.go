package store

import (
	"errors"
	"fmt"
	"sync"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// progress counts what was done to a File.
type progress struct {
	changes uint64 // of anything the sidecar tells
	written int64  // bytes of content
}

// Checkpoint is the state of a File at one moment, on its way to the disk. The goroutine
// that owns the tree takes it with File.Checkpoint, any goroutine may Save it.
type Checkpoint struct {
	file     *File
	at       progress
	image    sidecar
	complete bool
	failed   error // of chunks that waited to be written
}

// saver lets one Checkpoint be saved at a time, and none after a newer one.
type saver struct {
	mu sync.Mutex

	// guarded by File.mu
	done progress // what the sidecar tells
	last int64    // its bytes
}

// Checkpoint returns what has to be saved, or nil if that can wait: nothing is new, or
// less content than the last sidecar has bytes, so that in the long run no more is written
// to sidecars than to the film. It doesn't touch the disk; it takes as long as to copy the
// tree. The caller saves it and comes again some seconds after that.
func (f *File) Checkpoint() *Checkpoint {
	f.mu.Lock()
	defer f.mu.Unlock()
	finish := f.completeLocked() && f.stamp == stamp{}
	if !finish && f.now.written-f.saver.done.written < f.saver.last {
		return nil
	}
	return f.checkpointLocked()
}

func (f *File) checkpointLocked() *Checkpoint {
	if f.content == nil || f.changed || f.sidecar == "" || f.now.changes == f.saver.done.changes {
		return nil
	}
	failed := f.flushAllLocked()
	tree, err := f.tree.MarshalBinary()
	if err != nil {
		tree = nil // without it all is fetched again, which is slow but right
	}
	return &Checkpoint{
		file: f, at: f.now, failed: failed, complete: f.completeLocked(),
		image: sidecar{meta: f.meta, size: f.size, stamp: f.stamp, held: f.heldLocked(), tree: tree},
	}
}

// Save makes the state durable: first the content, then the sidecar that speaks of it. A
// film that is complete is checked to the last chunk and gets its name. A nil Checkpoint
// is saved already. After an error nothing is lost; a later Checkpoint tries again.
func (c *Checkpoint) Save() error {
	if c == nil {
		return nil
	}
	c.file.saver.mu.Lock()
	defer c.file.saver.mu.Unlock()
	if err := c.save(); err != nil {
		return err
	}
	return c.failed
}

// save is Save under the lock of saver.
func (c *Checkpoint) save() error {
	f := c.file
	f.mu.Lock()
	file, err, late := f.content, f.usable(), c.at.changes <= f.saver.done.changes
	f.mu.Unlock()
	if err != nil || late {
		return err
	}
	if err := file.Sync(); err != nil {
		return remedy("save", f.name, err)
	}
	finish := c.complete && c.image.stamp == stamp{}
	if finish {
		if finish, err = c.settle(file); err != nil {
			return err
		}
	}
	b := c.image.marshal()
	if err := writeAtomic(f.create, f.sidecar, b); err != nil {
		return remedy("save", f.sidecar, err)
	}
	if finish {
		if err := c.publish(); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saver.last, f.saver.done = int64(len(b)), c.at
	if finish {
		f.stamp = c.image.stamp
	}
	return nil
}

// settle hashes what has not been yet. It returns true if the film is complete and right.
func (c *Checkpoint) settle(file content) (bool, error) {
	f := c.file
	if err := f.checkAll(); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.completeLocked() {
		held := f.heldLocked()
		for r := range held.Missing(chunk.Range{End: f.chunks}) {
			c.image.held.Remove(r)
		}
		return false, nil
	}
	info, err := file.Stat()
	if err != nil {
		return false, remedy("save", f.name, err)
	}
	c.image.stamp = stampOf(info)
	return true, nil
}

// publish gives the complete film its name.
func (c *Checkpoint) publish() error {
	name, part := c.file.name, c.file.name+PartSuffix
	err := moveNew(part, name)
	if errors.Is(err, ErrExists) {
		return fmt.Errorf("finish %s: %w; move that away: the film is complete in %s", name, err, part)
	}
	if err != nil {
		return remedy("finish", name, err)
	}
	return nil
}

// Sync makes all that was written so far durable and gives a complete film its name. It
// waits for the disk.
func (f *File) Sync() error {
	f.saver.mu.Lock()
	defer f.saver.mu.Unlock()
	return f.syncLocked()
}

func (f *File) syncLocked() error {
	f.mu.Lock()
	c := f.checkpointLocked()
	f.mu.Unlock()
	if c == nil {
		return nil
	}
	if err := c.save(); err != nil {
		return err
	}
	return c.failed
}

// Close does as Sync and ends the use of the File; reads then return ErrClosed. Closing
// twice does nothing.
func (f *File) Close() error {
	f.saver.mu.Lock()
	defer f.saver.mu.Unlock()
	err := f.syncLocked()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content == nil {
		return err
	}
	closed := f.content.Close()
	f.content = nil
	return errors.Join(err, closed)
}
