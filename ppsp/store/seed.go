package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// SeedConfig tells Seed how to make a swarm of a file.
type SeedConfig struct {
	// Metadata of the swarm; Seed fills in the SwarmID. ChunkSize 0 means
	// ppsp.DefaultChunkSize.
	Metadata ppsp.Metadata
	// StateDir is an existing folder where the hash trees are kept, so that a film is not
	// hashed at each start. Empty: they aren't kept.
	StateDir string
	// Progress is told from time to time how many bytes of how many are hashed. May be nil.
	Progress func(done, total int64)
}

// Seed opens the film at path for its publisher: it hashes the file, or takes the hash
// tree from StateDir if that was made of the file as it is now, by size and time of
// change. The folder of the film is not written to. A file that changes while it is being
// hashed or seeded is noticed: ErrChanged. Hashing ends early when ctx ends. The swarm ID is
// the root of the tree even without integrity protection.
func Seed(ctx context.Context, path string, c SeedConfig) (*File, ppsp.Metadata, error) {
	meta := c.Metadata
	if meta.ChunkSize == 0 {
		meta.ChunkSize = ppsp.DefaultChunkSize
	}
	meta.SwarmID = ppsp.SwarmID(make([]byte, meta.Hash.Size()))
	if err := meta.Validate(); err != nil {
		return nil, meta, fmt.Errorf("publish %s: %w", path, err)
	}
	if meta.ChunkSize == ppsp.VariableChunks {
		return nil, meta, fmt.Errorf("publish %s: a film in a file has chunks of one size", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, meta, unreadable("publish", path, err)
	}
	f := &File{meta: meta, name: path, readOnly: true, content: file, size: -1}
	if c.StateDir != "" {
		f.sidecar = seedSidecar(c.StateDir, path, meta)
	}
	if err := f.seed(ctx, file, c.Progress); err != nil {
		if f.side != nil {
			err = errors.Join(err, f.side.close())
		}
		return nil, meta, errors.Join(err, file.Close())
	}
	return f, f.meta, nil
}

// seedSidecar names the file in dir that keeps the tree of path under these metadata.
func seedSidecar(dir, path string, meta ppsp.Metadata) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	key := fmt.Sprintf("%s\n%d %d %d %d", path, meta.Integrity, meta.Hash, meta.Addressing, meta.ChunkSize)
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, hex.EncodeToString(sum[:16])+SidecarSuffix)
}

func (f *File) seed(ctx context.Context, file *os.File, progress func(done, total int64)) error {
	info, err := file.Stat()
	switch {
	case err != nil:
		return unreadable("publish", f.name, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("publish %s: it is not a regular file; name one that holds a film", f.name)
	case info.Size() == 0:
		return fmt.Errorf("publish %s: the file is empty, and there is nothing to share; name one that holds a film", f.name)
	}
	if err := f.openSeedSide(); err != nil {
		return err
	}
	done, err := f.reuse(ctx, stampOf(info))
	switch {
	case err != nil:
		return err
	case done:
		if progress != nil {
			progress(f.size, f.size)
		}
		return nil
	}
	if err := f.hash(ctx, file, progress); err != nil {
		return err
	}
	f.meta.SwarmID = ppsp.SwarmID(f.tree.Root())
	return f.Sync()
}

// openSeedSide opens the sidecar, a nameless one where it can't be kept.
func (f *File) openSeedSide() error {
	f.tree = merkle.NewTree(f.meta.Hash, nil)
	size := f.meta.Hash.Size()
	if f.sidecar != "" {
		s, err := openSide(f.sidecar, true, size)
		if err == nil {
			f.keepIn(s)
			return nil
		}
		f.notice = remedy("keep the hash tree in", f.sidecar, err) // the film is hashed again next time
		f.sidecar = ""
	}
	s, err := tempSide(size)
	if err != nil {
		return remedy("keep the hash tree of", f.name, err)
	}
	f.keepIn(s)
	return nil
}

// reuse takes the tree of an earlier run if it was made of the file as it is now: true if it
// is whole. One that was interrupted is gone on with.
func (f *File) reuse(ctx context.Context, now stamp) (bool, error) {
	old, err := f.side.readHead()
	mine := f.meta
	if err == nil {
		mine.SwarmID = old.meta.SwarmID
	}
	if err != nil || old.meta != mine || old.stamp != now || old.size != now.size {
		return false, f.side.empty()
	}
	if old.hashed > 0 {
		f.hashed = old.hashed
		return false, nil
	}
	meta := f.meta
	f.meta = mine
	f.tree = newTree(mine)
	f.keepIn(f.side)
	if f.load(ctx, old) == nil && f.completeLocked() {
		f.stamp = now
		f.saver.done = f.now
		return true, nil
	}
	f.meta, f.size, f.chunks = meta, -1, 0
	f.have.Clear()
	f.claims.Clear()
	f.lost.Clear()
	return false, f.side.empty()
}

// hash builds the tree of the content, which must not change meanwhile, behind the f.hashed
// chunks that an earlier run came to. The complete film is then held.
func (f *File) hash(ctx context.Context, file *os.File, progress func(done, total int64)) error {
	before, err := file.Stat()
	if err != nil {
		return remedy("hash", f.name, err)
	}
	b := merkle.NewBuilder(f.meta.Hash)
	b.KeepIn(f.pager)
	if !b.Resume(f.hashed) {
		f.hashed = 0
	}
	from := f.offset(f.hashed)
	m := &meter{
		ended: ctx.Err, r: io.NewSectionReader(file, from, before.Size()-from), total: before.Size(), progress: progress,
		done: from, told: from, saved: from, save: func() error { return f.saveHashed(b.Chunks(), stampOf(before)) },
	}
	n, err := b.AddAll(m, f.meta.ChunkSize)
	var tree *merkle.Tree
	if err == nil {
		tree, err = b.Tree()
	}
	if fault := f.pager.takeFault(); fault != nil {
		return remedy("keep the hash tree of", f.name, fault)
	}
	if err != nil {
		_ = f.saveHashed(b.Chunks(), stampOf(before)) // why it ended matters more
		return remedy("hash", f.name, err)
	}
	after, err := file.Stat()
	if err != nil {
		return remedy("hash", f.name, err)
	}
	if at := stampOf(before); at != stampOf(after) || from+n != at.size {
		return fmt.Errorf("hash %s: %w; wait until nothing writes to it", f.name, ErrChanged)
	}
	tree.KeepIn(f.pager)
	if err := f.pager.flush(); err != nil {
		return remedy("keep the hash tree of", f.name, err)
	}
	f.pager.release() // what is asked for is read again: many films may be hashed, few be watched
	f.tree, f.size, f.chunks, f.stamp, f.hashed = tree, from+n, tree.Chunks(), stampOf(after), 0
	f.peaks = tree.AppendPeaks(nil)
	f.have.Add(chunk.Range{End: f.chunks})
	f.now.changes++
	return nil
}

// saveHashed notes how far the tree is, for the next run.
func (f *File) saveHashed(chunks uint64, at stamp) error {
	chunks -= chunks % merkle.PageChunks
	if chunks == 0 || f.sidecar == "" || f.side.path != f.sidecar {
		return nil
	}
	if err := f.pager.flush(); err != nil {
		return err
	}
	if err := f.side.sync(); err != nil {
		return err
	}
	return f.side.writeHead(&head{meta: f.meta, size: at.size, stamp: at, hashed: chunks})
}

const (
	meterStep = 4 << 20   // bytes after which progress is told and the context asked
	hashedAt  = 256 << 20 // bytes after which the tree so far is made durable
)

// meter is a reader that tells its progress and ends with a context.
type meter struct {
	ended    func() error // why to end now, nil to go on
	r        io.Reader
	done     int64
	told     int64
	total    int64
	progress func(done, total int64)
	saved    int64
	save     func() error
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.done += int64(n)
	if m.done-m.told >= meterStep || errors.Is(err, io.EOF) {
		m.told = m.done
		if why := m.ended(); why != nil {
			return n, why
		}
		if m.progress != nil {
			m.progress(m.done, m.total)
		}
	}
	if m.done-m.saved >= hashedAt {
		m.saved = m.done
		if why := m.save(); why != nil {
			return n, why
		}
	}
	return n, err
}
