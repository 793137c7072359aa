package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// OpenFile opens the film of this swarm at path for a receiver, and goes on with what an
// earlier run fetched. A sidecar that is damaged or of another swarm makes it start anew
// (Notice tells). A file that is there already is never overwritten unless it is empty: if
// it is that very film it is taken as complete, which needs to hash it when no sidecar
// vouches for it (until ctx ends), else the error is ErrExists. ErrInUse tells that another
// process is fetching it.
//
// Without integrity protection (ppsp.IntegrityNone) nothing can be checked after a
// restart, so that an incomplete film starts anew.
func OpenFile(ctx context.Context, path string, meta ppsp.Metadata) (*File, error) {
	if err := meta.Validate(); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if meta.Kind() != ppsp.Film {
		return nil, fmt.Errorf("open %s: the swarm is live and has no end; only films are kept in files", path)
	}
	f := &File{
		meta: meta, name: path, sidecar: path + SidecarSuffix,
		tree: newTree(meta), size: -1, create: createFile,
	}
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		info, err = os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open %s: it is a link to nowhere; remove it or choose another name", path)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = f.openPart()
	case err != nil:
		err = remedy("open", path, err)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("open %s: it is not a regular file; choose another name", path)
	case info.Size() == 0:
		if err = os.Remove(path); err != nil {
			err = remedy("replace", path, err)
			break
		}
		err = f.openPart()
	default:
		err = f.openWhole(ctx)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func newTree(meta ppsp.Metadata) *merkle.Tree {
	t := merkle.NewTree(meta.Hash, []byte(meta.SwarmID))
	t.SetChunkSize(meta.ChunkSize)
	return t
}

// openPart goes on with "<name>.part", or begins it.
func (f *File) openPart() error {
	part := f.name + PartSuffix
	file, err := os.OpenFile(part, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return f.begin()
	}
	if err != nil {
		return remedy("open", part, err)
	}
	if err := f.resume(file); err != nil {
		file.Close()
		return err
	}
	f.content = file
	return nil
}

// begin makes an empty content file. The sidecar comes first, so that a content file
// without one is known to be someone else's.
func (f *File) begin() error {
	part := f.name + PartSuffix
	image := sidecar{meta: f.meta, size: -1}
	if err := writeAtomic(f.create, f.sidecar, image.marshal()); err != nil {
		return remedy("create", f.sidecar, err)
	}
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		err = ErrInUse
	}
	if err == nil {
		err = lock(file)
	}
	if err != nil {
		return remedy("create", part, err)
	}
	f.content = file
	return nil
}

// resume takes over what an earlier run left in the content file.
func (f *File) resume(file *os.File) error {
	part := file.Name()
	if err := lock(file); err != nil {
		return remedy("open", part, err)
	}
	mine, err := file.Stat()
	if err != nil {
		return remedy("open", part, err)
	}
	// The process that had the lock may just have finished the film.
	if there, err := os.Stat(part); err != nil || !os.SameFile(mine, there) {
		return fmt.Errorf("open %s: %w", part, ErrInUse)
	}
	old, err := readSidecar(f.sidecar)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if mine.Size() == 0 {
			return nil
		}
		return fmt.Errorf("open %s: %w, since %s is missing; remove it or choose another name",
			part, ErrExists, f.sidecar)
	case err != nil && !errors.Is(err, errDamaged):
		return remedy("open", f.sidecar, err)
	case err == nil:
		err = f.load(old)
	}
	if err != nil {
		f.notice = fmt.Errorf("resume %s: %w; it is fetched from the beginning", f.name, err)
		if err := file.Truncate(0); err != nil {
			return remedy("empty", part, err)
		}
	}
	f.now.changes++ // saved even when nothing is fetched; a complete film gets its name
	return nil
}

// load takes over what a sidecar claims.
func (f *File) load(old *sidecar) error {
	if old.meta != f.meta {
		return fmt.Errorf("sidecar is of another swarm, %s", old.meta.SwarmID.Short())
	}
	if f.meta.Integrity == ppsp.IntegrityNone {
		if old.stamp != (stamp{}) { // complete: all there is to trust is that nobody touched it
			f.size, f.chunks = old.size, f.count(old.size)
			f.have.Add(chunk.Range{End: f.chunks})
		}
		return nil
	}
	if len(old.tree) == 0 {
		return nil // nothing had been fetched
	}
	tree := newTree(f.meta)
	if err := tree.UnmarshalBinary(old.tree); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	f.tree = tree
	if tree.Sized() {
		f.size, f.chunks = old.size, tree.Chunks()
		if f.size >= 0 && f.count(f.size) != f.chunks {
			f.size = -1
		}
	}
	f.claims = newClaims(&old.held, tree, f.meta.Hash)
	return nil
}

// openWhole takes a file that has the film's name already.
func (f *File) openWhole(ctx context.Context) error {
	file, err := os.OpenFile(f.name, os.O_RDWR, 0)
	if err != nil {
		f.readOnly = true
		file, err = os.Open(f.name)
	}
	if err != nil {
		return remedy("open", f.name, err)
	}
	f.content = file
	if err := f.vouch(ctx, file); err != nil {
		file.Close()
		return err
	}
	f.tidy(file)
	if f.readOnly {
		f.sidecar = "" // the folder most likely can't be written either
	}
	return nil
}

// vouch finds out whether the complete file is the film, by its sidecar or by hashing it.
func (f *File) vouch(ctx context.Context, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return remedy("open", f.name, err)
	}
	old, err := readSidecar(f.sidecar)
	// It may lack chunks that turned out to be damaged: they are fetched again in place.
	if err == nil && old.stamp == stampOf(info) && f.load(old) == nil && f.chunks > 0 && f.size == old.stamp.size {
		f.stamp = old.stamp
		return nil
	}
	tree, size, at, err := hashFile(ctx, file, f.meta, nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(tree.Root(), []byte(f.meta.SwarmID)) {
		return fmt.Errorf("open %s: %w; move it away or choose another name", f.name, ErrExists)
	}
	f.adopt(tree, size, at)
	f.now.changes++
	return nil
}

// tidy removes a second name of the film that a crash between naming and removing left.
func (f *File) tidy(file *os.File) {
	part := f.name + PartSuffix
	mine, err := file.Stat()
	if err != nil {
		return
	}
	if other, err := os.Lstat(part); err == nil && os.SameFile(mine, other) {
		_ = os.Remove(part) // if it can't, it is tried again next time
	}
}
