package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// disk is a content file on a disk that can fail.
type disk struct {
	*os.File
	room  int   // bytes that can still be written
	fault error // of Sync, nil while it works
}

func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	if len(p) > d.room {
		n, _ := d.File.WriteAt(p[:d.room], off) // a full disk takes what fits
		d.room = 0
		return n, &fs.PathError{Op: "write", Path: d.Name(), Err: syscall.ENOSPC}
	}
	d.room -= len(p)
	return d.File.WriteAt(p, off)
}

func (d *disk) Sync() error {
	if d.fault != nil {
		return d.fault
	}
	return d.File.Sync()
}

// fullSide is a sidecar on a disk that can fail.
type fullSide struct {
	sideFile
	writes, syncs error
	written       int64
}

func (d *fullSide) WriteAt(p []byte, off int64) (int, error) {
	if d.writes != nil {
		return 0, d.writes
	}
	d.written += int64(len(p))
	return d.sideFile.WriteAt(p, off)
}

func (d *fullSide) Sync() error {
	if d.syncs != nil {
		return d.syncs
	}
	return d.sideFile.Sync()
}

func wantRemedy(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q has more than one line", err)
	}
}

// TestFullDiskContent: the disk fills in the middle of a chunk; what fits stays, the rest is
// told as lost, and it goes on when there is room again.
func TestFullDiskContent(t *testing.T) {
	for name, writes := range map[string]func(f *File) error{
		"saved": func(f *File) error { return f.Sync() },
		"read":  func(f *File) error { _, err := f.AppendChunk(nil, 0); return err },
	} {
		m := newFilm(t, 10_000, 1024)
		path := filepath.Join(t.TempDir(), "film.mp4")
		f := m.open(t, path)
		d := &disk{File: f.content.(*os.File), room: 3*1024 + 100}
		f.content = d
		for i := range uint64(6) {
			m.fetch(t, f, i)
		}
		err := writes(f)
		wantRemedy(t, err, path, "no space left", "free space", "is kept")
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: error %v is not ENOSPC", name, err)
		}
		m.holds(t, f, chunk.Range{End: 3})
		if lost := f.TakeLost(); !slices.Equal(runs(&lost), []chunk.Range{{Start: 3, End: 6}}) {
			t.Errorf("%s: lost %v", name, runs(&lost))
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		d.room = 1 << 20
		for i := uint64(3); i < 10; i++ {
			m.fetch(t, f, i)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		m.onDisk(t, path)
	}
}

// TestFullDiskSidecar: the disk fails while the sidecar is written, or refuses to make it
// durable. What was saved before stays, and the next Checkpoint tries again.
func TestFullDiskSidecar(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	for name, fail := range map[string]func(d *fullSide){
		"write": func(d *fullSide) { d.writes = full },
		"sync":  func(d *fullSide) { d.syncs = full },
	} {
		m, path := half(t, 4)
		f := m.open(t, path)
		m.fetch(t, f, 4)
		d := &fullSide{sideFile: f.side.file}
		f.side.file = d
		fail(d)
		f.saver.syncedAt = time.Time{} // long ago
		wantRemedy(t, f.Checkpoint().Save(), path+SidecarSuffix, "no space left", "free space")
		if got := names(t, path); len(got) != 2 {
			t.Fatalf("%s: a temporary file is left: %q", name, got)
		}
		m.holds(t, f, chunk.Range{End: 5})
		copied := filepath.Join(t.TempDir(), "film.mp4")
		for _, suffix := range []string{PartSuffix, SidecarSuffix} {
			put(t, copied+suffix, mustRead(t, path+suffix))
		}
		after := m.open(t, copied) // as if the process was killed now
		if after.Notice() != nil || after.Held() < 4 {
			t.Fatalf("%s: %d chunks are left: %v", name, after.Held(), after.Notice())
		}
		m.holds(t, after, chunk.Range{End: after.Held()})
		d.writes, d.syncs = nil, nil
		if err := f.Checkpoint().Save(); err != nil {
			t.Fatalf("%s: the next Checkpoint: %v", name, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		m.holds(t, m.open(t, path), chunk.Range{End: 5})
	}
}

// TestFullDiskTree: no room for the hashes of a chunk; then the chunk is not taken, whose
// proof would be lost, and it is once there is room.
func TestFullDiskTree(t *testing.T) {
	m := newFilm(t, 600<<10, 1024)
	path := filepath.Join(t.TempDir(), "film.mp4")
	f := m.open(t, path)
	m.fetch(t, f, 0)
	d := &fullSide{sideFile: f.side.file, writes: &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}}
	f.side.file = d
	wantRemedy(t, m.tryFetch(f, 300), path+SidecarSuffix, "no space left", "free space", "is kept")
	m.fetch(t, f, 1) // there is room for this one
	m.holds(t, f, chunk.Range{End: 2})
	d.writes = nil
	m.fetch(t, f, 300)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m.holds(t, m.open(t, path), chunk.Range{End: 2}, chunk.One(300))
}

// TestContentBeforeSidecar: while the content can't be made durable no sidecar speaks of it.
func TestContentBeforeSidecar(t *testing.T) {
	m, path := half(t, 4)
	f := m.open(t, path)
	m.fetch(t, f, 4)
	claimed := func() uint64 {
		var set chunk.Set
		s := newSide("", readOnly{bytes.NewReader(mustRead(t, path+SidecarSuffix))}, 32)
		if err := s.readBlock(0, &set); err != nil {
			t.Fatal(err)
		}
		return set.Count()
	}
	d := &disk{File: f.content.(*os.File), room: 1 << 20, fault: syscall.EIO}
	f.content = d
	wantRemedy(t, f.Sync(), "save "+path, "input/output error")
	if n := claimed(); n != 4 {
		t.Fatalf("the sidecar claims %d chunks, of which 4 are safely on the disk", n)
	}
	d.fault = nil
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if n := claimed(); n != 5 {
		t.Fatalf("the sidecar claims %d chunks, want 5", n)
	}
}

// TestCheckpointIsSparing: a Checkpoint writes what is new and little else, and none that comes
// late is saved.
func TestCheckpointIsSparing(t *testing.T) {
	const size = 20 << 20
	m := newFilm(t, size, 1024)
	path := filepath.Join(t.TempDir(), "film.mp4")
	f := m.open(t, path)
	d := &fullSide{sideFile: f.side.file}
	f.side.file = d
	saves := 0
	for i := range m.chunks() - 1 {
		m.fetch(t, f, i)
		if i%256 == 255 {
			if err := f.Checkpoint().Save(); err != nil {
				t.Fatal(err)
			}
			saves++
		}
	}
	if f.Checkpoint().Save() != nil || f.Checkpoint() != nil {
		t.Error("saved once more though nothing is new")
	}
	if perSave := d.written / int64(saves); perSave > 100<<10 { // two pages, those above, availability, head
		t.Errorf("%d bytes of sidecar are written for 256 KiB of content", perSave)
	}
	m.fetch(t, f, 3) // held already
	f.mu.Lock()
	f.now.changes++
	late := f.checkpointLocked()
	f.mu.Unlock()
	m.fetch(t, f, m.chunks()-1)
	if err := f.Checkpoint().Save(); err != nil {
		t.Fatal(err)
	}
	if err := late.Save(); late == nil || err != nil {
		t.Fatal(err)
	}
	if h, err := f.side.readHead(); err != nil || h.stamp.size != size || !h.complete {
		t.Errorf("the late Checkpoint overwrote the newer one: %+v, %v", h, err)
	}
	before := d.written
	if f.Checkpoint() != nil || f.Sync() != nil || d.written != before {
		t.Error("saved once more though nothing is new")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m.onDisk(t, path)
}

func TestRemedy(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ENOSPC:   "free space",
		syscall.EDQUOT:   "quota",
		syscall.EFBIG:    "file this large",
		syscall.EROFS:    "read-only",
		syscall.EACCES:   "right to write",
		syscall.ENOENT:   "has to exist",
		fs.ErrPermission: "right to write",
	} {
		got := remedy("write", "/films/a.mp4", &fs.PathError{Op: "pwrite", Path: "/films/a.mp4", Err: err})
		wantRemedy(t, got, "write /films/a.mp4: ", want)
		if !errors.Is(got, err) || strings.Count(got.Error(), "a.mp4") != 1 {
			t.Errorf("remedy of %v: %v", err, got)
		}
	}
}
