package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

func heads() []*head {
	meta := ppsp.StaticDefaults(ppsp.SwarmID(bytes.Repeat([]byte{7}, 32)))
	longest := meta
	longest.SwarmID = ppsp.SwarmID(bytes.Repeat([]byte{1}, 64))
	longest.Hash = ppsp.SHA512
	return []*head{
		{meta: meta, size: -1},
		{meta: meta, size: 1 << 40, stamp: stamp{1 << 40, -5}, complete: true, tree: []byte("tree")},
		{meta: meta, size: 7, stamp: stamp{7, 8}, hashed: 1 << 31},
		{meta: longest, size: 1 << 62, stamp: stamp{1 << 62, 1 << 62}, hashed: merkle.MaxChunks, tree: bytes.Repeat([]byte{9}, merkle.MaxStateSize)},
	}
}

func TestHeadRoundTrip(t *testing.T) {
	for _, want := range heads() {
		b, err := want.marshal()
		if err != nil || len(b) != headSize {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		got := new(head)
		if err := got.unmarshal(b); err != nil {
			t.Fatal(err)
		}
		if len(got.tree) == 0 {
			got.tree = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v comes back as %+v", want, got)
		}
	}
	big := heads()[0]
	big.tree = make([]byte, headSize)
	if _, err := big.marshal(); err == nil {
		t.Error("a head that has no room is taken")
	}
}

func FuzzHead(f *testing.F) {
	for _, h := range heads() {
		b, err := h.marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.TrimRight(b, "\x00"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(b, make([]byte, max(headSize-len(b), 0))...)
		h := new(head)
		if err := h.unmarshal(b); err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatal(err)
			}
			return
		}
		again, err := h.marshal()
		if err != nil {
			return // longer than ours ever is
		}
		back := new(head)
		if err := back.unmarshal(again); err != nil || !reflect.DeepEqual(h, back) {
			t.Errorf("%+v comes back as %+v, %v", h, back, err)
		}
	})
}

// TestPairSurvives: whichever copy of a record is damaged, the other is found; and one that was
// made durable is never written over before a newer one is.
func TestPairSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	s, err := openSide(path, true, 32)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	record := func(n byte) []byte { return append(bytes.Repeat([]byte{n}, 100), make([]byte, sealSize)...) }
	read := func() byte {
		t.Helper()
		b := record(0)
		if err := s.readPair(b, 64); err != nil && !errors.Is(err, errStale) {
			t.Fatal(err)
		}
		return b[0]
	}
	if err := s.readPair(record(0), 64); !errors.Is(err, errAbsent) {
		t.Fatalf("nothing written: %v", err)
	}
	durable := byte(0)
	for n := byte(1); n < 60; n++ {
		if err := s.writePair(record(n), 64); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != n {
			t.Fatalf("read %d after writing %d", got, n)
		}
		if durable != 0 { // what is not durable may be torn when the power fails
			b := mustRead(t, path)
			for k := range 2 {
				at := 64 + k*112
				if b[at] != durable {
					clear(b[at : at+112][50:])
				}
			}
			again := newSide("", readOnly{bytes.NewReader(b)}, 32)
			got := record(0)
			if err := again.readPair(got, 64); err != nil && !errors.Is(err, errStale) || got[0] < durable {
				t.Fatalf("after the power failed %d is read (%v), but %d was durable", got[0], err, durable)
			}
		}
		if n%3 == 0 {
			if err := s.sync(); err != nil {
				t.Fatal(err)
			}
			durable = n
		}
		if n%7 == 0 {
			if err := errors.Join(s.sync(), s.close()); err != nil {
				t.Fatal(err)
			}
			if s, err = openSide(path, false, 32); err != nil {
				t.Fatal(err)
			}
			durable = n
		}
	}
	flip(t, path, 64+5)
	if got := read(); got < 58 {
		t.Errorf("one copy damaged: read %d", got)
	}
	flip(t, path, 64+112+5)
	if err := s.readPair(record(0), 64); !errors.Is(err, errDamaged) {
		t.Errorf("both damaged: %v", err)
	}
}

// readOnly is a sidecar that is but looked at.
type readOnly struct{ *bytes.Reader }

func (readOnly) WriteAt([]byte, int64) (int, error) { return 0, os.ErrPermission }
func (readOnly) Close() error                       { return nil }
func (readOnly) Truncate(int64) error               { return os.ErrPermission }
func (readOnly) Sync() error                        { return nil }

// TestLayout: no two records share a byte, and the pages over others lie before them.
func TestLayout(t *testing.T) {
	for _, size := range []int{20, 28, 32, 48, 64} {
		l := newLayout(size)
		taken := map[int64]string{}
		put := func(what string, off, n int64) {
			t.Helper()
			const grid = 4 // all lengths are multiples of it
			if off%grid != 0 || n%grid != 0 {
				t.Fatalf("%s at %d, %d bytes", what, off, n)
			}
			for at := off; at < off+n; at += n / 4 {
				if other, twice := taken[at]; twice {
					t.Fatalf("%s and %s share byte %d", what, other, at)
				}
				taken[at] = what
			}
		}
		put("head", 0, 2*headSize)
		put("spare page", l.spare(), l.page)
		for _, n := range []int64{0, 1, 2, 255, 256, 257, 511, 512, 65535, 65536, 65537} {
			put("block", l.block(n), 2*blockSize)
			put("page of level 1", l.place(merkle.PageID{Level: 1, Number: uint32(n)}), 2*l.page)
			for k := range uint32(256) {
				put("page of level 0", l.place(merkle.PageID{Number: uint32(n)<<8 | k}), l.page)
			}
			if n%256 == 0 {
				put("page of level 2", l.place(merkle.PageID{Level: 2, Number: uint32(n >> 8)}), 2*l.page)
			}
			if n%65536 == 0 {
				put("page of level 3", l.place(merkle.PageID{Level: 3, Number: uint32(n >> 16)}), 2*l.page)
			}
		}
		last := l.place(merkle.PageID{Number: 1<<24 - 1})
		if want := int64(1<<24+2*(1<<16+1<<8+1))*l.page + 2*headSize + 2*blockSize<<16; last != want {
			t.Errorf("hashes of %d bytes: the last page lies at %d, want %d", size, last, want)
		}
	}
}
