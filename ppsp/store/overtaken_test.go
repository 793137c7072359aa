package store

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// killed returns the film as who finds it after a kill -9 at this moment.
func (m *film) killed(t *testing.T, path string) *File {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "film")
	for _, suffix := range []string{PartSuffix, SidecarSuffix} {
		put(t, copied+suffix, mustRead(t, path+suffix))
	}
	return m.open(t, copied)
}

// TestOvertakenCheckpoint: what a Checkpoint carries is on the disk with a newer one that was
// saved before it, or instead of it.
func TestOvertakenCheckpoint(t *testing.T) {
	m := newFilm(t, 300<<10, 1024)
	for name, finish := range map[string]func(f *File, late *Checkpoint) error{
		"saved late":   func(_ *File, late *Checkpoint) error { return late.Save() },
		"never saved":  func(*File, *Checkpoint) error { return nil },
		"saved closed": func(f *File, late *Checkpoint) error { err := f.Close(); _ = late.Save(); return err },
	} {
		path := filepath.Join(t.TempDir(), "film")
		f := m.open(t, path)
		for i := range uint64(100) {
			m.fetch(t, f, i)
		}
		late := f.Checkpoint()
		f.mu.Lock()
		f.now.changes++ // of something else than what is held
		f.mu.Unlock()
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := finish(f, late); err != nil {
			t.Fatal(err)
		}
		if n := m.killed(t, path).Held(); n != 100 {
			t.Errorf("%s: %d chunks of 100 are left", name, n)
		}
		f.Close()
		m.holds(t, m.open(t, path), chunk.Range{End: 100})
	}
}

// TestOvertakenDerivation: who finds a page damaged, and derives it from the content, does not
// write it over what another has written there meanwhile, which knows more hashes.
func TestOvertakenDerivation(t *testing.T) {
	m := newFilm(t, 70_000*16, 16)
	path := filepath.Join(t.TempDir(), "film")
	f := m.open(t, path)
	for i := range uint64(10) {
		m.fetch(t, f, i)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []merkle.PageID{{}, {Level: 1}} {
		page := make([]byte, f.side.layout.page)
		if err := f.side.readPage(id, page); err != nil {
			t.Fatal(err)
		}
		f.derive(id, make([]byte, len(page)), errDamaged) // as it was a moment ago
		now := make([]byte, len(page))
		if err := f.side.readPage(id, now); err != nil || !bytes.Equal(now, page) {
			t.Errorf("%v was written over by what could be derived: %v", id, err)
		}
	}
	for i := range uint64(10) {
		m.provable(t, f, i)
	}
}

// TestSizeAgainstWhatIsHeld: a length from elsewhere that what is held rules out changes nothing;
// one that only a peer's claim speaks against starts the film anew, and no chunk is offered whose
// hashes are gone.
func TestSizeAgainstWhatIsHeld(t *testing.T) {
	m := newFilm(t, 768<<10, 1024)
	path := filepath.Join(t.TempDir(), "film")
	f := m.open(t, path)
	held := chunk.Range{Start: 5, End: 8}
	for i := held.Start; i < held.End; i++ {
		m.fetch(t, f, i)
	}
	for _, n := range []int64{7 << 10, 500 << 10, 769 << 10, 1 << 30} {
		err := f.SetSize(n)
		if err == nil || !strings.Contains(err.Error(), "swarm "+m.meta.SwarmID.Short()+": ") || !strings.Contains(err.Error(), "copy it again") {
			t.Errorf("%d bytes: %v", n, err)
		}
		m.holds(t, f, held)
		m.provable(t, f, 6)
	}
	if err := f.SetSize(760 << 10); err != nil {
		t.Fatal(err)
	}
	m.holds(t, f)
	if lost := f.TakeLost(); lost.Count() != held.Len() {
		t.Errorf("lost %v", runs(&lost))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again := m.open(t, path)
	m.holds(t, again)
	if again.Notice() != nil {
		t.Error(again.Notice())
	}
	// The link was damaged: with the right one all goes well.
	if err := again.SetSize(768 << 10); err != nil {
		t.Fatal(err)
	}
	m.fetchAll(t, again)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	m.onDisk(t, path)
}

// TestWrongSizeIsForgotten: a damaged link by which nothing came does not stand in the way of the
// right one.
func TestWrongSizeIsForgotten(t *testing.T) {
	for _, integrity := range []ppsp.Integrity{ppsp.IntegrityMerkle, ppsp.IntegrityNone} {
		m := newFilm(t, 5000, 1024)
		m.meta.Integrity = integrity
		path := filepath.Join(t.TempDir(), "film")
		f := m.open(t, path)
		if err := f.SetSize(999_999); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		f = m.open(t, path)
		if err := f.SetSize(5000); err != nil || f.Notice() != nil {
			t.Errorf("%v: %v, %v", integrity, err, f.Notice())
		}
	}
}

// TestPartOfAnotherSwarm: another link does not cost what was fetched by the first one, whatever
// differs; if nothing was, it does not stand in the way.
func TestPartOfAnotherSwarm(t *testing.T) {
	for name, change := range map[string]func(m *ppsp.Metadata){
		"another film": func(m *ppsp.Metadata) { m.SwarmID = ppsp.SwarmID(newFilm(t, 9_000, 1024).tree.Root()) },
		"chunk size":   func(m *ppsp.Metadata) { m.ChunkSize = 2048 },
		"hash":         func(m *ppsp.Metadata) { m.Hash, m.SwarmID = ppsp.SHA1, m.SwarmID[:20] },
	} {
		m, path := half(t, 4)
		wrong := m.meta
		change(&wrong)
		if _, err := OpenFile(t.Context(), path, wrong); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "part of swarm "+m.meta.SwarmID.Short()) {
			t.Errorf("%s: %v", name, err)
		}
		f := m.open(t, path)
		m.holds(t, f, chunk.Range{End: 4})
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}

		wrong = m.meta
		wrong.Addressing = ppsp.Bins64
		again, err := OpenFile(t.Context(), path, wrong) // nothing to the disk
		if err != nil || again.Held() != 4 {
			t.Fatalf("other addressing: %v", err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		change(&wrong)
		fresh := filepath.Join(t.TempDir(), "film")
		f, err = OpenFile(t.Context(), fresh, wrong)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		m.holds(t, m.open(t, fresh))
	}
}
