package store

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"sync"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// Suffixes of the files that lie beside a film until it is complete, and of its sidecar,
// which stays so that the film can be served again without hashing it first.
const (
	PartSuffix    = ".part"
	SidecarSuffix = ".swarmgate"
	FreshSuffix   = SidecarSuffix + ".new" // a sidecar being made for a file that is hashed anew
)

// File keeps a film on disk. While it is incomplete its content lies, sparse, in
// "<name>.part"; when every chunk is there and on the disk it is renamed to "<name>", so
// that no program ever meets half a film under its name. The sidecar "<name>.swarmgate"
// tells what is held and keeps the hash tree, of which only some pages are in memory.
//
// OpenFile makes one for a receiver, Seed for a publisher. The tree belongs to whoever
// runs the engine: Tree, SetSize, WriteChunk, Checkpoint, Sync and Close are for that
// goroutine.
// All other methods may be called by several goroutines at once.
type File struct {
	meta    ppsp.Metadata
	name    string // where the film lies in the end
	sidecar string // where the sidecar lies; empty: what is held is not saved
	side    *side  // nil without a tree that has to be kept
	pager   *pager
	tree    *merkle.Tree
	notice  error
	hashed  uint64 // publisher: chunks that an earlier run put into the tree
	checker checker
	saver   saver

	mu       sync.Mutex
	content  content // nil when closed
	readOnly bool
	changed  bool
	have     chunk.Set     // verified in the life of this File
	claims   chunk.Set     // found on disk, not hashed yet
	touched  chunk.Set     // segments whose availability is to be saved
	unsaved  chunk.Set     // segments that Checkpoints took, none of which was saved yet
	peaks    []merkle.Node // at opening
	lost     chunk.Set     // claims that turned out false, until TakeLost
	size     int64         // bytes, -1 unknown
	chunks   uint64        // 0 unknown
	stamp    stamp         // of a complete file, which nobody may change; else zero
	now      progress      // what was done in the life of this File
	gather   gather
}

// content is the open content file.
type content interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (os.FileInfo, error)
	Sync() error
}

// stamp tells two versions of a file apart.
type stamp struct{ size, mtime int64 } // bytes, ns of Unix time

func stampOf(info os.FileInfo) stamp {
	return stamp{info.Size(), info.ModTime().UnixNano()}
}

// Metadata returns what the swarm was opened or made with.
func (f *File) Metadata() ppsp.Metadata { return f.meta }

// Tree returns the hash tree, which the engine goes on to fill.
func (f *File) Tree() *merkle.Tree { return f.tree }

// Notice tells what went less than well at opening, for the log: what an earlier run left
// is damaged, so that the film is fetched from the beginning, or a hash tree could not be
// kept. It is nil if all went well.
func (f *File) Notice() error { return f.notice }

// Path returns where the content lies now: "<name>.part" or "<name>".
func (f *File) Path() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pathLocked()
}

func (f *File) pathLocked() string {
	if f.stamp == (stamp{}) {
		return f.name + PartSuffix
	}
	return f.name
}

// Have returns the chunks that are held, those not yet hashed since the start included.
func (f *File) Have() chunk.Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.heldLocked()
}

func (f *File) heldLocked() chunk.Set {
	all := f.have.Clone()
	all.AddSet(&f.claims)
	return all
}

// TakeLost returns the chunks that Have once told but that turned out to be damaged, since
// the last call. The engine has to be told so that it fetches them again.
func (f *File) TakeLost() chunk.Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	lost := f.lost.Clone()
	f.lost.Clear()
	return lost
}

// Held returns how many chunks Have would hold.
func (f *File) Held() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.have.Count() + f.claims.Count()
}

// HeldAround returns the run of chunks around chunk i that are held, false if i is not. It may
// be cut where a chunk was hashed since the start and its neighbour was not.
func (f *File) HeldAround(i uint64) (chunk.Range, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	run, ok := f.have.Covering(i)
	if claimed, also := f.claims.Covering(run.End); ok && also {
		run.End = claimed.End
	}
	if !ok {
		run, ok = f.claims.Covering(i)
	}
	return run, ok
}

// Unchecked returns how many of the chunks that are held were not hashed yet since the start.
func (f *File) Unchecked() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.claims.Count()
}

// Complete tells whether every chunk is held.
func (f *File) Complete() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.completeLocked()
}

func (f *File) completeLocked() bool {
	return f.chunks > 0 && f.size >= 0 && f.have.Count()+f.claims.Count() == f.chunks
}

// Size returns the length of the film in bytes, false while it is unknown.
func (f *File) Size() (int64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.size, 0), f.size >= 0
}

// SetSize tells the length in bytes (1 or more) as the link gives it, and with it settles
// the number of chunks, also for the tree. The verified last chunk may still correct the
// length within that number. It returns an error for a length that doesn't fit what is
// verified already, and changes nothing then. What was fetched while a peer claimed another
// number that can't be ruled out is lost: its place in the tree is not proven.
func (f *File) SetSize(n int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	count, claimed := f.count(n), f.tree.Chunks()
	last, some := f.lastLocked()
	switch {
	case n <= 0:
		return fmt.Errorf("set size of %s to %d: want 1 byte or more", f.name, n)
	case f.size == n:
		return nil
	case f.chunks > 0 && count != f.chunks:
		return f.misfit(n, fmt.Sprintf("that makes %d chunks, but it has %d", count, f.chunks))
	case some && (last >= count || last+1 == f.chunks):
		return f.misfit(n, fmt.Sprintf("that does not fit chunk %d, which is held", last))
	case some && claimed > 0 && (count > claimed || bits.Len64(count-1) != bits.Len64(claimed-1)):
		return f.misfit(n, fmt.Sprintf("that makes %d chunks, but those that are held belong to at most %d", count, claimed))
	}
	f.tree.Expect(count)
	f.size, f.chunks = n, count
	f.now.changes++
	if some && claimed > 0 && claimed != count {
		return f.startOverLocked()
	}
	return nil
}

// misfit says that a length is not the film's.
func (f *File) misfit(n int64, why string) error {
	return fmt.Errorf("swarm %s: %d bytes is not the length of %s: %s; the link is damaged or old: copy it again from who publishes it",
		f.meta.SwarmID.Short(), n, f.name, why)
}

// startOverLocked forgets what is held.
func (f *File) startOverLocked() error {
	f.lost.AddSet(&f.have)
	f.lost.AddSet(&f.claims)
	f.have.Clear()
	f.claims.Clear()
	f.touched.Clear()
	f.unsaved.Clear()
	f.peaks, f.saver.complete = nil, false
	if f.side == nil {
		return nil
	}
	if err := f.renew(); err != nil {
		return remedy("write", f.sidecar, err)
	}
	return nil
}

// count returns the number of chunks that n bytes make.
func (f *File) count(n int64) uint64 {
	size := uint64(f.meta.ChunkSize)
	return (uint64(max(n, 0)) + size - 1) / size
}

func (f *File) lastLocked() (uint64, bool) {
	last, some := f.have.Last()
	if claimed, also := f.claims.Last(); also {
		return max(last, claimed), true
	}
	return last, some
}

// offset returns where chunk i begins.
func (f *File) offset(i uint64) int64 { return int64(i) * int64(f.meta.ChunkSize) }

// lengthLocked returns the bytes of a chunk that is held.
func (f *File) lengthLocked(i uint64) int {
	if f.size < 0 {
		return int(f.meta.ChunkSize)
	}
	return int(min(int64(f.meta.ChunkSize), f.size-f.offset(i)))
}

// WriteChunk keeps b, which the engine has verified, as chunk i. A chunk that is held
// already keeps its bytes. Neighbouring chunks reach the disk together, at the latest with
// the next Checkpoint or when one is read. After an error (a full disk) the chunks that it
// hit are not held, this one or some written shortly before (TakeLost tells); the File
// can be used on.
func (f *File) WriteChunk(i uint64, b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return err
	}
	if f.have.Has(i) || f.claims.Has(i) {
		return nil
	}
	size, err := f.fits(i, len(b))
	if err != nil {
		return err
	}
	if f.pager != nil {
		if err := f.pager.takeFault(); err != nil { // what proves the chunk could not be kept
			return remedy("write", f.sidecar, err)
		}
	}
	if f.readOnly {
		return fmt.Errorf("write chunk %d of %s: the file is only read; fetch it into another folder", i, f.name)
	}
	if f.stamp != (stamp{}) {
		if err := f.repair(i, b); err != nil {
			return remedy("write", f.name, err)
		}
	}
	f.size = size
	f.have.Add(chunk.One(i))
	f.lost.Remove(chunk.One(i))
	f.touchLocked(i)
	f.now.changes++
	if f.stamp != (stamp{}) {
		return nil
	}
	return f.gatherLocked(i, b)
}

// repair writes a chunk of a complete film, but only while nobody else has touched that.
func (f *File) repair(i uint64, b []byte) error {
	if err := f.unchangedLocked(); err != nil {
		return err
	}
	if _, err := f.content.WriteAt(b, f.offset(i)); err != nil {
		return err
	}
	f.restoreTimeLocked()
	info, err := f.content.Stat()
	if err == nil {
		f.stamp = stampOf(info)
	}
	return err
}

// restoreTimeLocked gives the film the time back that the sidecar knows it by: it is again
// what it was then, and if the process is killed before the next Save the sidecar still vouches
// for all but the chunks that are damaged. Where it can't, the next Save tells the new time.
func (f *File) restoreTimeLocked() {
	mine, err := f.content.Stat()
	if err != nil {
		return
	}
	if there, err := os.Stat(f.name); err != nil || !os.SameFile(mine, there) {
		return // moved away
	}
	_ = os.Chtimes(f.name, time.Time{}, time.Unix(0, f.stamp.mtime)) // not ours to change: see above
}

// fits checks the length of chunk i and returns the size of the film as then known.
func (f *File) fits(i uint64, n int) (int64, error) {
	full := int(f.meta.ChunkSize)
	if n < 1 || n > full || i > (math.MaxInt64-uint64(full))/uint64(full) {
		return 0, fmt.Errorf("write chunk %d of %s: has %d bytes, want 1 to %d", i, f.name, n, full)
	}
	if f.tree.Sized() { // before, the number is but a claim of a peer
		f.chunks = f.tree.Chunks()
	}
	end := f.offset(i) + int64(n)
	switch {
	case max(f.chunks, f.tree.Chunks()) > 0 && i >= max(f.chunks, f.tree.Chunks()):
		return 0, fmt.Errorf("write chunk %d of %s: it is beyond the end", i, f.name)
	case f.chunks > 0 && i == f.chunks-1:
		return end, nil
	case n == full:
		return f.size, nil
	case f.chunks > 0 || f.meta.Integrity != ppsp.IntegrityNone:
		return 0, fmt.Errorf("write chunk %d of %s: has %d bytes, but only the last chunk may be short", i, f.name, n)
	}
	// Without a tree a short chunk tells that it is the last one.
	if last, some := f.lastLocked(); some && last > i {
		return 0, fmt.Errorf("write chunk %d of %s: has %d bytes, but chunk %d is held", i, f.name, n, last)
	}
	f.chunks = i + 1
	return end, nil
}

// usable returns why the File can't be used, nil if it can.
func (f *File) usable() error {
	switch {
	case f.content == nil:
		return fmt.Errorf("%s: %w", f.name, ErrClosed)
	case f.changed:
		return fmt.Errorf("%s: %w; start again to hash it anew", f.name, ErrChanged)
	}
	return nil
}

// Unchanged returns ErrChanged when a complete film was changed by someone else since it was
// hashed, as reading it would. It does not read the disk.
func (f *File) Unchanged() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return err
	}
	return f.unchangedLocked()
}

// unchangedLocked returns ErrChanged when a complete file was changed by someone else;
// from then on nothing of it is held.
func (f *File) unchangedLocked() error {
	if f.stamp == (stamp{}) {
		return nil
	}
	info, err := f.content.Stat()
	if err != nil {
		return err
	}
	if stampOf(info) == f.stamp {
		return nil
	}
	f.changed = true
	f.lost.AddSet(&f.have)
	f.lost.AddSet(&f.claims)
	f.have.Clear()
	f.claims.Clear()
	return f.usable()
}
