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
		return nil, meta, fmt.Errorf("seed %s: %w", path, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, meta, remedy("seed", path, err)
	}
	f := &File{meta: meta, name: path, readOnly: true, create: createFile, content: file, size: -1}
	if c.StateDir != "" {
		f.sidecar = seedSidecar(c.StateDir, path, meta)
	}
	if err := f.seed(ctx, file, c.Progress); err != nil {
		file.Close()
		return nil, meta, err
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
		return remedy("seed", f.name, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("seed %s: it is not a regular file", f.name)
	case info.Size() == 0:
		return fmt.Errorf("seed %s: the file is empty, there is nothing to share", f.name)
	}
	if f.reuse(stampOf(info)) {
		if progress != nil {
			progress(f.size, f.size)
		}
		return nil
	}
	tree, size, at, err := hashFile(ctx, file, f.meta, progress)
	if err != nil {
		return err
	}
	f.meta.SwarmID = ppsp.SwarmID(tree.Root())
	f.adopt(tree, size, at)
	if f.sidecar == "" {
		return nil
	}
	f.now.changes++
	f.notice = f.Sync() // the film is hashed again next time
	return nil
}

// reuse takes the tree of an earlier run if it was made of the file as it is now.
func (f *File) reuse(now stamp) bool {
	if f.sidecar == "" {
		return false
	}
	old, err := readSidecar(f.sidecar)
	if err != nil || old.stamp != now || old.size != now.size {
		return false
	}
	meta := f.meta
	f.meta.SwarmID = old.meta.SwarmID
	if f.load(old) != nil || !f.completeLocked() {
		f.meta, f.claims, f.size, f.chunks = meta, claims{}, -1, 0
		return false
	}
	f.stamp = now
	return true
}

// adopt takes a complete file whose every byte has just gone into the tree.
func (f *File) adopt(tree *merkle.Tree, size int64, at stamp) {
	f.tree, f.size, f.chunks, f.stamp, f.claims = tree, size, tree.Chunks(), at, claims{}
	f.have.Add(chunk.Range{End: f.chunks})
}

// hashFile builds the tree of a file, which must not change meanwhile.
func hashFile(ctx context.Context, file *os.File, meta ppsp.Metadata, progress func(done, total int64)) (*merkle.Tree, int64, stamp, error) {
	before, err := file.Stat()
	if err != nil {
		return nil, 0, stamp{}, remedy("hash", file.Name(), err)
	}
	r := &meter{ended: ctx.Err, r: io.NewSectionReader(file, 0, before.Size()), total: before.Size(), progress: progress}
	tree, size, err := merkle.Build(meta.Hash, meta.ChunkSize, r)
	if err != nil {
		return nil, 0, stamp{}, remedy("hash", file.Name(), err)
	}
	after, err := file.Stat()
	if err != nil {
		return nil, 0, stamp{}, remedy("hash", file.Name(), err)
	}
	if at := stampOf(before); at != stampOf(after) || size != at.size {
		return nil, 0, stamp{}, fmt.Errorf("hash %s: %w; wait until nothing writes to it", file.Name(), ErrChanged)
	}
	return tree, size, stampOf(after), nil
}

// meterStep is after how many bytes progress is told and the context asked.
const meterStep = 4 << 20

// meter is a reader that tells its progress and ends with a context.
type meter struct {
	ended    func() error // why to end now, nil to go on
	r        io.Reader
	done     int64
	told     int64
	total    int64
	progress func(done, total int64)
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
	return n, err
}
