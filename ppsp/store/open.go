package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// OpenFile opens the film of this swarm at path for a receiver, and goes on with what an
// earlier run fetched. A sidecar that is damaged makes it start anew (Notice tells), as does one
// of another swarm by which nothing was fetched; else that is ErrExists. A file that is there already is never overwritten unless it is empty: if
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
	if meta.ChunkSize == ppsp.VariableChunks {
		return nil, fmt.Errorf("open %s: the chunks of swarm %s vary in size, so where each belongs in a file is not known; ask its publisher for a link with chunks of one size", path, meta.SwarmID.Short())
	}
	if meta.Kind() != ppsp.Film {
		return nil, fmt.Errorf("open %s: the swarm is live and has no end; only films are kept in files", path)
	}
	f := &File{meta: meta, name: path, sidecar: path + SidecarSuffix, tree: newTree(meta), size: -1}
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		info, err = os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open %s: it is a link to nowhere; remove it or choose another name", path)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = f.openPart(ctx)
	case err != nil:
		err = remedy("open", path, err)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("open %s: it is not a regular file; choose another name", path)
	case info.Size() == 0:
		if err = os.Remove(path); err != nil {
			err = remedy("replace", path, err)
			break
		}
		err = f.openPart(ctx)
	default:
		err = f.openWhole(ctx)
	}
	if err != nil {
		if f.side != nil {
			err = errors.Join(err, f.side.close())
		}
		return nil, err
	}
	return f, nil
}

// keepIn makes s the place of the tree.
func (f *File) keepIn(s *side) {
	f.side, f.pager = s, newPager(s)
	f.pager.derive = f.derive
	f.tree.KeepIn(f.pager)
}

func newTree(meta ppsp.Metadata) *merkle.Tree {
	t := merkle.NewTree(meta.Hash, []byte(meta.SwarmID))
	t.SetChunkSize(meta.ChunkSize)
	return t
}

// openPart goes on with "<name>.part", or begins it.
func (f *File) openPart(ctx context.Context) error {
	part := f.name + PartSuffix
	file, err := os.OpenFile(part, os.O_RDWR, 0)
	if missing(err) {
		return f.begin()
	}
	if err != nil {
		return remedy("open", part, err)
	}
	f.content = file
	if err := f.resume(ctx, file); err != nil {
		f.content = nil
		return errors.Join(err, file.Close())
	}
	return nil
}

// begin makes an empty content file. The sidecar comes first, so that a content file
// without one is known to be someone else's.
func (f *File) begin() error {
	part := f.name + PartSuffix
	s, err := openSide(f.sidecar, true, f.meta.Hash.Size())
	if err != nil {
		return remedy("create", f.sidecar, err)
	}
	f.keepIn(s)
	if err := f.renew(); err != nil {
		return remedy("create", f.sidecar, err)
	}
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		err = ErrInUse
	}
	if err == nil {
		err = lock(file)
	}
	if err == nil {
		err = syncFolder(part)
	}
	if err != nil {
		return remedy("create", part, err)
	}
	f.content = file
	f.saver.syncedAt = time.Now()
	return nil
}

// renew makes the sidecar one of which nothing is held, and takes the room for all that will
// be written over and over.
func (f *File) renew() error {
	if err := f.side.empty(); err != nil {
		return err
	}
	first := head{meta: f.meta, size: -1}
	if err := f.side.writeHead(&first); err != nil {
		return err
	}
	if err := f.side.reserveSpare(); err != nil {
		return err
	}
	if err := f.side.reserveBlock(0); err != nil {
		return err
	}
	if err := f.side.sync(); err != nil {
		return err
	}
	return f.side.writeHead(&first) // the other copy
}

// resume takes over what an earlier run left in the content file.
func (f *File) resume(ctx context.Context, file *os.File) error {
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
	s, err := openSide(f.sidecar, mine.Size() == 0, f.meta.Hash.Size())
	switch {
	case missing(err):
		return fmt.Errorf("open %s: %w, since %s is missing; remove it or choose another name",
			part, ErrExists, f.sidecar)
	case err != nil:
		return remedy("open", f.sidecar, err)
	}
	f.keepIn(s)
	if err := f.settle(file); err != nil {
		return err
	}
	old, err := s.readHead()
	switch {
	case err != nil && !errors.Is(err, errDamaged):
		return remedy("open", f.sidecar, err)
	case err == nil && !sameContent(old.meta, f.meta) && f.holdsOther(old, mine.Size()):
		return fmt.Errorf("open %s: %w: part of swarm %s, fetched by another link; take that link, choose another name, or remove it",
			part, ErrExists, old.meta.SwarmID.Short())
	case err == nil:
		err = f.load(ctx, old)
		if ended := ctx.Err(); ended != nil {
			return fmt.Errorf("open %s: %w", f.name, ended)
		}
	case mine.Size() == 0:
		return f.renew() // nothing is lost, nobody needs to know
	}
	if err != nil {
		return f.restart(file, err)
	}
	if f.have.Count()+f.claims.Count() == 0 { // then nothing speaks for the length that was told
		return f.blank()
	}
	f.now.changes++ // saved even when nothing is fetched; a complete film gets its name
	return nil
}

// sameContent tells whether two swarms have the same bytes and proofs: how chunks are addressed on
// the wire is nothing to the disk.
func sameContent(a, b ppsp.Metadata) bool {
	a.Addressing = b.Addressing
	return a == b
}

// holdsOther tells whether the sidecar, which is of another swarm, claims any of the so many bytes
// of content.
func (f *File) holdsOther(old *head, size int64) bool {
	other := newSide(f.side.path, f.side.file, old.meta.Hash.Size())
	var held chunk.Set
	for n := range segments((uint64(size) + uint64(old.meta.ChunkSize) - 1) / uint64(old.meta.ChunkSize)) {
		if err := other.readBlock(n, &held); err == nil && held.Count() > 0 {
			return true
		}
	}
	return old.complete && size > 0
}

// settle makes durable what an earlier process wrote and, if it was killed, did not: from here on
// it counts as such. Done now, it costs no chunk if this process is killed soon, too: else the
// first Save would wait for the disk with all that came meanwhile.
func (f *File) settle(file *os.File) error {
	if err := file.Sync(); err != nil {
		return remedy("open", file.Name(), err)
	}
	if err := f.side.sync(); err != nil {
		return remedy("open", f.sidecar, err)
	}
	f.saver.syncedAt = time.Now()
	return nil
}

// restart begins anew because of what was found.
func (f *File) restart(file *os.File, why error) error {
	f.notice = fmt.Errorf("resume %s: %w; it is fetched from the beginning", f.name, why)
	if err := file.Truncate(0); err != nil {
		return remedy("empty", file.Name(), err)
	}
	return f.blank()
}

// blank makes the film one of which nothing is known.
func (f *File) blank() error {
	f.have.Clear()
	f.claims.Clear()
	f.lost.Clear()
	f.size, f.chunks, f.tree, f.peaks = -1, 0, newTree(f.meta), nil
	f.keepIn(f.side)
	if err := f.renew(); err != nil {
		return remedy("write", f.sidecar, err)
	}
	return nil
}

// load takes over what a sidecar claims.
func (f *File) load(ctx context.Context, old *head) error {
	if !sameContent(old.meta, f.meta) {
		return fmt.Errorf("sidecar is of another swarm, %s", old.meta.SwarmID.Short())
	}
	if f.meta.Integrity == ppsp.IntegrityNone {
		if old.stamp != (stamp{}) { // complete: all there is to trust is that nobody touched it
			f.size, f.chunks = old.size, f.count(old.size)
			f.tree.Expect(f.chunks)
			f.have.Add(chunk.Range{End: f.chunks})
			f.saver.complete = old.complete
		}
		return nil
	}
	if len(old.tree) == 0 || f.meta.Integrity != ppsp.IntegrityMerkle {
		return nil // nothing had been fetched, or nothing of it can be proven
	}
	if err := f.tree.SetState(old.tree); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	f.peaks = f.tree.AppendPeaks(nil)
	if f.tree.Sized() {
		f.size, f.chunks = old.size, f.tree.Chunks()
		if f.size >= 0 && f.count(f.size) != f.chunks {
			f.size = -1
		}
	}
	if old.complete && f.chunks > 0 && f.size >= 0 {
		f.claims.Add(chunk.Range{End: f.chunks})
		f.saver.complete = true
		return nil
	}
	return f.loadBlocks(ctx, f.tree.Chunks())
}

// loadBlocks takes over what the sidecar says of the availability of so many chunks.
func (f *File) loadBlocks(ctx context.Context, chunks uint64) error {
	info, err := f.content.Stat()
	if err != nil {
		return err
	}
	chunks = min(chunks, f.count(info.Size())) // behind the file's end is nothing
	var damaged []int64
	for n := range segments(chunks) {
		err := f.side.readBlock(n, &f.claims)
		switch {
		case err == nil, errors.Is(err, errAbsent):
		case errors.Is(err, errDamaged), errors.Is(err, errStale):
			damaged = append(damaged, n)
		default:
			return err
		}
	}
	f.claims.Remove(chunk.Range{Start: chunks, End: math.MaxUint64})
	for _, n := range damaged {
		if err := f.recover(ctx, n, chunks); err != nil {
			return err
		}
	}
	return nil
}

// recover finds out what is held of a segment whose availability is damaged, or but an older
// one: the chunks that match the tree.
func (f *File) recover(ctx context.Context, n int64, chunks uint64) error {
	r := segmentOf(n).Intersect(chunk.Range{End: chunks})
	f.claims.Add(r)
	if err := f.checkAll(ctx, r); err != nil {
		return err
	}
	f.lost.Remove(r) // they were never told to be held
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
		return errors.Join(err, file.Close())
	}
	f.tidy(file)
	return nil
}

// vouch finds out whether the complete file is the film, by its sidecar or by hashing it.
func (f *File) vouch(ctx context.Context, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return remedy("open", f.name, err)
	}
	if f.vouched(ctx, stampOf(info)) {
		return nil
	}
	fresh := f.name + FreshSuffix
	var s *side
	if f.sidecar != "" {
		s, err = openSide(fresh, true, f.meta.Hash.Size())
	}
	if s == nil || err != nil { // the folder can't be written, or another process is at work
		if s, err = tempSide(f.meta.Hash.Size()); err != nil {
			return remedy("hash", f.name, err)
		}
		f.sidecar = ""
	}
	f.tree = newTree(f.meta)
	f.keepIn(s)
	if err := f.hash(ctx, file, nil); err != nil {
		return f.discard(err)
	}
	if !bytes.Equal(f.tree.Root(), []byte(f.meta.SwarmID)) {
		return f.discard(fmt.Errorf("open %s: %w; move it away or choose another name", f.name, ErrExists))
	}
	if s.path == "" {
		return nil
	}
	if err := f.Sync(); err != nil {
		return f.discard(err)
	}
	if err := os.Rename(fresh, f.sidecar); err != nil {
		return f.discard(remedy("save", f.sidecar, err))
	}
	s.path = f.sidecar
	return nil
}

// vouched takes the sidecar if it is of the file as it is now.
func (f *File) vouched(ctx context.Context, now stamp) bool {
	s, err := openSide(f.sidecar, false, f.meta.Hash.Size())
	if errors.Is(err, ErrInUse) {
		f.sidecar = ""
	}
	if err != nil {
		return false
	}
	old, err := s.readHead()
	// It may lack chunks that turned out to be damaged: they are fetched again in place.
	if err == nil && old.stamp == now {
		f.keepIn(s)
		if f.load(ctx, old) == nil && f.chunks > 0 && f.size == now.size {
			f.stamp = now
			return true
		}
	}
	f.side, f.pager = nil, nil
	f.have.Clear()
	f.claims.Clear()
	f.lost.Clear()
	f.size, f.chunks = -1, 0
	_ = s.close() // it was only read
	return false
}

// discard removes a sidecar that was being made, and returns why.
func (f *File) discard(why error) error {
	if f.side.path != "" {
		_ = os.Remove(f.side.path) // the error that counts is why
	}
	return why
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
