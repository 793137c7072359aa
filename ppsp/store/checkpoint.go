package store

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// progress counts what was done to a File.
type progress struct {
	changes uint64 // of anything the sidecar tells
}

// Checkpoint is the state of a File at one moment, on its way to the disk. The goroutine
// that owns the tree takes it with File.Checkpoint, any goroutine may Save it.
type Checkpoint struct {
	file   *File
	at     progress
	head   head
	blocks []block
	finish bool  // the film is complete and every chunk was hashed
	failed error // of what waited to be written
}

// saver lets one Checkpoint be saved at a time, and none after a newer one.
type saver struct {
	mu       sync.Mutex
	syncedAt time.Time // when all was made durable last

	// guarded by File.mu
	taken    progress // of the newest Checkpoint, which has all that those before have
	done     progress // what the sidecar tells
	complete bool     // the sidecar says so
}

// Checkpoint returns what has to be saved, or nil if nothing is new. It writes the chunks and
// the pages of the tree that wait in memory, and leaves to Save what takes long: to make that
// durable. The caller saves it and comes again some seconds after that.
func (f *File) Checkpoint() *Checkpoint {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.checkpointLocked()
}

func (f *File) checkpointLocked() *Checkpoint {
	if f.content == nil || f.changed || f.sidecar == "" || f.now.changes == f.saver.done.changes {
		return nil
	}
	c := &Checkpoint{file: f, failed: f.flushAllLocked()}
	if err := f.pager.flush(); err != nil {
		c.failed = remedy("write", f.sidecar, err)
		return c // no chunk may be claimed whose hashes are not there
	}
	complete := f.completeLocked()
	if f.saver.complete && !complete { // the blocks did not count before
		f.touched.Add(chunk.Range{End: uint64(segments(f.chunks))})
	}
	f.unsaved.AddSet(&f.touched)
	f.touched.Clear()
	for r := range f.unsaved.Ranges() {
		for n := r.Start; n < r.End; n++ {
			c.blocks = append(c.blocks, newBlock(int64(n), &f.have, &f.claims))
		}
	}
	c.at, f.saver.taken = f.now, f.now
	c.head = head{meta: f.meta, size: f.size, stamp: f.stamp, complete: complete}
	if f.meta.Integrity == ppsp.IntegrityMerkle && f.tree.Chunks() > 0 {
		c.head.tree = f.tree.AppendState(nil)
	}
	c.finish = complete && f.claims.Count() == 0 && f.stamp == stamp{}
	return c
}

// syncEvery is how often Save makes durable what it writes. What is not yet may be lost when
// the power fails, but not when the process is killed.
const syncEvery = 4 * time.Second

// Save writes the state: first the content and the tree, then what speaks of them. A film that
// is complete and checked to the last chunk gets its name. A nil Checkpoint is saved already.
// After an error nothing is lost; a later Checkpoint tries again. It may be called several
// times a second.
func (c *Checkpoint) Save() error {
	if c == nil {
		return nil
	}
	s := &c.file.saver
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.save(c.finish || time.Since(s.syncedAt) >= syncEvery)
}

// save is Save under the lock of saver.
func (c *Checkpoint) save(durable bool) error {
	f := c.file
	f.mu.Lock()
	file, err, late := f.content, f.usable(), c.at.changes <= f.saver.done.changes
	f.mu.Unlock()
	if err != nil {
		return err
	}
	if late {
		return c.failed
	}
	if err := c.write(file, durable); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saver.done, f.saver.complete = c.at, c.head.complete
	if c.at == f.saver.taken {
		f.unsaved.Clear()
	}
	if c.finish {
		f.stamp = c.head.stamp
	}
	return c.failed
}

func (c *Checkpoint) write(file content, durable bool) error {
	f := c.file
	if durable {
		if err := file.Sync(); err != nil {
			return remedy("save", f.name, err)
		}
		if err := f.side.sync(); err != nil {
			return remedy("save", f.sidecar, err)
		}
		f.saver.syncedAt = time.Now()
	}
	if c.finish {
		info, err := file.Stat()
		if err != nil {
			return remedy("save", f.name, err)
		}
		c.head.stamp = stampOf(info)
	}
	for _, b := range c.blocks {
		if err := f.side.writeBlock(b); err != nil {
			return remedy("save", f.sidecar, err)
		}
	}
	if err := f.side.writeHead(&c.head); err != nil {
		return remedy("save", f.sidecar, err)
	}
	if !c.finish {
		return nil // durable with the next Save; until then the older copies are
	}
	if err := f.side.sync(); err != nil {
		return remedy("save", f.sidecar, err)
	}
	return c.publish()
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

// Sync makes all that was written so far durable, and gives its name to a film that is
// complete and checked. It waits for the disk.
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
	return c.save(true)
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
	if f.side != nil {
		if f.sidecar != "" && err == nil && f.side.sync() == nil {
			_ = f.side.twin() // without it the sidecar is right, too
		}
		closed = errors.Join(closed, f.side.close())
	}
	return errors.Join(err, closed)
}
