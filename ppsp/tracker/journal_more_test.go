package tracker

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/iotest"
)

// A journal that could not be written is made good by a snapshot, and only by one.
func TestJournalThatBreaks(t *testing.T) {
	dir := t.TempDir()
	r := newMemory(nil)
	j := openJournal(t, dir, r)
	join(t, r, 0, "s", "before", Leech)
	_ = j.file.Close() // writing fails from now on
	join(t, r, 0, "s", "lost", Leech)
	if j.broken == nil {
		t.Fatal("nobody noticed")
	}
	// The folder takes no snapshot: its name is that of a folder that is not empty.
	blocked := j.path(j.generation+1, "snapshot")
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := j.compact(); err == nil {
			t.Fatal("a snapshot in the place of a folder")
		}
		join(t, r, 0, "s", "meanwhile", Leech)
		if j.lost == nil || !j.owed || j.broken != nil {
			t.Fatalf("lost %v, owed %v, broken %v", j.lost, j.owed, j.broken)
		}
	}
	if journals, _ := j.generations("journal"); len(journals) != 2 {
		t.Errorf("each attempt leaves a journal: %v", journals)
	}
	if temporary, _ := filepath.Glob(filepath.Join(dir, ".snapshot-*")); len(temporary) != 0 {
		t.Errorf("left behind: %v", temporary)
	}
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	if err := j.compact(); err != nil || j.lost != nil || j.owed {
		t.Fatalf("%v, lost %v, owed %v", err, j.lost, j.owed)
	}
	join(t, r, 0, "s", "after", Leech)
	want := told(t, r)
	if err := j.Close(); err != nil {
		t.Errorf("all is kept, but %v", err)
	}
	again := newMemory(nil)
	openJournal(t, dir, again)
	if got := told(t, again); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The size of a snapshot is that of the file, however many there were before.
func TestSnapshotSize(t *testing.T) {
	r := newMemory(nil)
	j := openJournal(t, t.TempDir(), r)
	for _, id := range []string{"a", "b", "c"} {
		join(t, r, 0, "s", id, Leech)
	}
	for range 3 {
		if err := j.compact(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(j.path(j.generation, "snapshot"))
		if err != nil || info.Size() != j.base || j.base == 0 {
			t.Errorf("%d bytes are taken for %d, %v", info.Size(), j.base, err)
		}
	}
}

// A disk that fails is no damaged record: what was not read may be whole.
func TestReadErrorIsNoDamage(t *testing.T) {
	whole := appendRecord(nil, bytes.Repeat([]byte{7}, 300))
	failure := errors.New("input/output error")
	for cut := range len(whole) {
		in := io.MultiReader(bytes.NewReader(whole[:cut]), iotest.ErrReader(failure))
		if _, err := readRecord(bufio.NewReader(in)); !errors.Is(err, failure) {
			t.Errorf("failed after %d bytes: %v", cut, err)
		}
		want := errDamaged
		if cut == 0 {
			want = io.EOF
		}
		if _, err := readRecord(bufio.NewReader(bytes.NewReader(whole[:cut]))); !errors.Is(err, want) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

// FuzzReadRecord holds that what is read was written so, and that no bytes do harm.
func FuzzReadRecord(f *testing.F) {
	f.Add(appendRecord(appendRecord(nil, []byte("one")), bytes.Repeat([]byte{1}, 200)))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bufio.NewReader(bytes.NewReader(b))
		at := 0
		for {
			record, err := readRecord(in)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, errDamaged) {
					t.Fatal(err)
				}
				return
			}
			if again := appendRecord(nil, record); len(record) > maxRecord || len(again) > len(b)-at || string(again[len(again)-len(record)-4:]) != string(b[at+len(again)-len(record)-4:at+len(again)]) && again[0] == b[at] {
				t.Fatalf("%x became %x", b[at:], again)
			}
			at += len(appendRecord(nil, record))
		}
	})
}

// FuzzHeld holds that ranges are counted as one by one.
func FuzzHeld(f *testing.F) {
	f.Add("0-99,120,200-1023")
	f.Add("7,7,3-2")
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := countHeld(s)
		if n < 0 || !ok && n != 0 {
			t.Fatalf("%q: %d, %v", s, n, ok)
		}
		if ok && len(s) > MaxHeld {
			t.Fatalf("%d bytes are taken", len(s))
		}
	})
}
