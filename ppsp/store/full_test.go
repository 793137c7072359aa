package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

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

// fullOutput takes some bytes of a sidecar, then the disk is full.
type fullOutput struct {
	*os.File
	writes, syncs error
}

func (o fullOutput) Write(p []byte) (int, error) {
	if o.writes != nil {
		n, _ := o.File.Write(p[:len(p)/2])
		return n, o.writes
	}
	return o.File.Write(p)
}

func (o fullOutput) Sync() error { return o.syncs }

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

// TestFullDiskSidecar: the disk fills while the sidecar is written, or refuses to make it
// durable. The old one stays, and the next Checkpoint tries again.
func TestFullDiskSidecar(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	faults := map[string]creator{
		"create": func(string) (output, error) { return nil, full },
		"write": func(path string) (output, error) {
			file, err := os.Create(path)
			return fullOutput{file, full, nil}, err
		},
		"sync": func(path string) (output, error) {
			file, err := os.Create(path)
			return fullOutput{file, nil, full}, err
		},
	}
	for name, fault := range faults {
		m, path := half(t, 4)
		before := mustRead(t, path+SidecarSuffix)
		f := m.open(t, path)
		m.fetch(t, f, 4)
		f.create = fault
		err := f.Checkpoint().Save()
		wantRemedy(t, err, path+SidecarSuffix, "no space left", "free space")
		if got := mustRead(t, path+SidecarSuffix); string(got) != string(before) {
			t.Fatalf("%s: the old sidecar is lost", name)
		}
		if got := names(t, path); len(got) != 2 {
			t.Fatalf("%s: a temporary file is left: %q", name, got)
		}
		m.holds(t, f, chunk.Range{End: 5})
		f.create = createFile
		if err := f.Checkpoint().Save(); err != nil {
			t.Fatalf("%s: the next Checkpoint: %v", name, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		m.holds(t, m.open(t, path), chunk.Range{End: 5})
	}
}

// TestContentBeforeSidecar: while the content can't be made durable no sidecar speaks of it.
func TestContentBeforeSidecar(t *testing.T) {
	m, path := half(t, 4)
	before := mustRead(t, path+SidecarSuffix)
	f := m.open(t, path)
	m.fetch(t, f, 4)
	d := &disk{File: f.content.(*os.File), room: 1 << 20, fault: syscall.EIO}
	f.content = d
	wantRemedy(t, f.Sync(), "save "+path, "input/output error")
	if got := mustRead(t, path+SidecarSuffix); string(got) != string(before) {
		t.Fatal("the sidecar claims content that is not on the disk")
	}
	d.fault = nil
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, path+SidecarSuffix); string(got) == string(before) {
		t.Fatal("the sidecar was not saved when it could be")
	}
}

// TestCheckpointIsSparing: sidecars are not written more often than their size deserves,
// nor by those who come late.
func TestCheckpointIsSparing(t *testing.T) {
	m := newFilm(t, 300_000, 64) // a tree as large as the content
	path := filepath.Join(t.TempDir(), "film.mp4")
	f := m.open(t, path)
	sidecars, written := 0, int64(0)
	f.create = func(path string) (output, error) { sidecars++; return createFile(path) }
	for i := range m.chunks() - 1 {
		m.fetch(t, f, i)
		if err := f.Checkpoint().Save(); err != nil {
			t.Fatal(err)
		}
		written += 64
		if unsaved := written - f.saver.done.written; unsaved > f.saver.last {
			t.Fatalf("%d bytes are unsaved, the sidecar has but %d", unsaved, f.saver.last)
		}
	}
	if sidecars > 20 {
		t.Errorf("%d sidecars for %d chunks", sidecars, m.chunks())
	}
	late := f.Checkpoint()
	if late != nil {
		t.Fatal("a Checkpoint though nothing new is worth it")
	}
	f.mu.Lock()
	late = f.checkpointLocked()
	f.mu.Unlock()
	m.fetch(t, f, m.chunks()-1) // complete: due at once
	if err := f.Checkpoint().Save(); err != nil {
		t.Fatal(err)
	}
	if err := late.Save(); late == nil || err != nil {
		t.Fatal(err)
	}
	if s, err := readSidecar(path + SidecarSuffix); err != nil || s.stamp.size != 300_000 {
		t.Errorf("the late Checkpoint overwrote the newer one: %v", err)
	}
	before := sidecars
	if f.Checkpoint() != nil || f.Sync() != nil || f.Close() != nil || sidecars != before {
		t.Error("saved once more though nothing is new")
	}
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
