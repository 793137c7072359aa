package tracker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func openJournal(t *testing.T, dir string, r *Memory) *Journal {
	t.Helper()
	j, err := OpenJournal(dir, r, at(0), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// told is what a registry knows, without times and statistics.
func told(t *testing.T, r *Memory) Status {
	t.Helper()
	s, err := r.Status(t.Context(), at(0))
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Swarms {
		for k := range s.Swarms[i].Members {
			s.Swarms[i].Members[k].SilentFor, s.Swarms[i].Members[k].Stats = 0, nil
		}
	}
	return s
}

// stir makes changes of all kinds at random.
func stir(t *testing.T, r *Memory, random *rand.Rand, changes int) {
	t.Helper()
	for range changes {
		swarm, peer := fmt.Sprint("s", random.IntN(9)), fmt.Sprint("p", random.IntN(60))
		switch random.IntN(7) {
		case 0, 1:
			if err := r.Leave(t.Context(), at(0), swarm, peer); err != nil && !errors.Is(err, ErrNotMember) {
				t.Fatal(err)
			}
		case 2:
			if err := r.Remove(t.Context(), at(0), peer); err != nil {
				t.Fatal(err)
			}
		default:
			m := Member{ID: peer, Mode: []Mode{Seeder, Leech}[random.IntN(2)], Source: address("198.51.100.1:4000", Reflexive, 0)}
			if random.IntN(2) == 0 {
				m.Addresses = []Address{wired(address(fmt.Sprintf("192.0.2.%d:7574", random.IntN(200)), Host, 5), "64496")}
			}
			if err := r.Join(t.Context(), at(0), swarm, m); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Whenever the process is killed, the next one knows all who were there.
func TestRestartForgetsNobody(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	dir := t.TempDir()
	var before Status
	for round := range 12 {
		r := newMemory(nil)
		j := openJournal(t, dir, r)
		if got := told(t, r); round > 0 && !reflect.DeepEqual(got, before) {
			t.Fatalf("round %d: got  %+v\nwant %+v", round, got, before)
		}
		stir(t, r, random, 300)
		if round%3 == 1 {
			if err := j.compact(); err != nil {
				t.Fatal(err)
			}
			stir(t, r, random, 100)
		}
		before = told(t, r)
		_ = j.held.Close() // killed: the system takes the lock back, nothing else is closed, no snapshot is written
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 3 { // and the lock
		t.Errorf("generations are left behind: %v", files)
	}
}

// A journal that is cut off anywhere, or damaged, loses only what stands from there on.
func TestDamagedJournal(t *testing.T) {
	dir := t.TempDir()
	r := newMemory(nil)
	j := openJournal(t, dir, r)
	for i := range 20 {
		join(t, r, 0, "s", fmt.Sprintf("p%02d", i), Leech)
	}
	path := j.path(j.generation, "journal")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	record := len(whole) / 20
	for cut := 0; cut <= len(whole); cut += 7 {
		for _, flip := range []bool{false, true} {
			b := append([]byte(nil), whole[:cut]...)
			if flip && cut > 0 {
				b = append(b[:cut-1:cut-1], append([]byte{b[cut-1] ^ 0x55}, whole[cut:]...)...)
			}
			again := t.TempDir()
			if err := os.WriteFile(filepath.Join(again, filepath.Base(path)), b, 0o600); err != nil {
				t.Fatal(err)
			}
			r2 := newMemory(nil)
			j2, err := OpenJournal(again, r2, at(0), zerolog.Nop())
			if err != nil {
				t.Fatal(err)
			}
			want := cut / record
			if flip && cut > 0 {
				want = (cut - 1) / record
			}
			if got := r2.peers.count(); got != want {
				t.Fatalf("cut at %d, flipped %v: %d peers, want %d", cut, flip, got, want)
			}
			if err := j2.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Who is restored has a whole track timer to be heard of again, and no address that it did not
// state counts as stated.
func TestRestoredPeers(t *testing.T) {
	dir := t.TempDir()
	r := newMemory(nil)
	j := openJournal(t, dir, r)
	source := address("198.51.100.1:4000", Reflexive, 0)
	if err := r.Join(t.Context(), at(0), "s", Member{ID: "p", Mode: Leech, Source: source}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	r = newMemory(nil)
	j, err := OpenJournal(dir, r, at(100), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := r.Touch(t.Context(), at(109), "p"); err != nil {
		t.Errorf("9 s after the restart: %v", err)
	}
	moved := address("198.51.100.1:4001", Reflexive, 0)
	if err := r.Join(t.Context(), at(109), "s", Member{ID: "p", Mode: Leech, Source: moved}); err != nil {
		t.Fatal(err)
	}
	s, err := r.Status(t.Context(), at(109))
	if err != nil || !reflect.DeepEqual(s.Swarms[0].Members[0].Addresses, []Address{moved}) {
		t.Errorf("%+v, %v", s, err)
	}
	if err := r.Touch(t.Context(), at(120), "p"); !errors.Is(err, ErrNotMember) {
		t.Errorf("silent for longer than the timer: %v", err)
	}
}

// A journal that has grown begins anew, while requests go on.
func TestJournalIsBounded(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := NewMemory(MemoryConfig{TrackTimeout: time.Hour})
		j, err := OpenJournal(dir, r, time.Now(), zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		ctx, cancel := contextOf(t)
		go func() { ended <- j.Run(ctx) }()
		for i := range 4_200 {
			m := Member{ID: fmt.Sprint("peer", i%100), Mode: Leech, Addresses: []Address{address("192.0.2.1:1", Host, 0)}}
			if err := r.Join(ctx, time.Now(), strings.Repeat("long", 250), m); err != nil {
				t.Fatal(err)
			}
		}
		r.mu.Lock()
		before := j.size
		r.mu.Unlock()
		time.Sleep(compactInterval + time.Second)
		synctest.Wait()
		if before < leastJournal || j.size != 0 || j.generation != 2 || j.base > 150_000 {
			t.Errorf("%d bytes, then %d in generation %d over %d", before, j.size, j.generation, j.base)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestJournalInAFolderThatIsNot(t *testing.T) {
	dir := t.TempDir()
	openJournal(t, dir, newMemory(nil))
	if _, err := OpenJournal(dir, newMemory(nil), at(0), zerolog.Nop()); !errors.Is(err, ErrInUse) {
		t.Errorf("a folder in use: %v", err)
	}
	if _, err := OpenJournal(filepath.Join(t.TempDir(), "none"), newMemory(nil), at(0), zerolog.Nop()); err == nil {
		t.Error("no error")
	}
}

// A record of whatever bytes does no harm.
func FuzzApply(f *testing.F) {
	r := newMemory(nil)
	r.journal = &Journal{}
	m := Member{ID: "0123abcd", Mode: Leech, Source: address("198.51.100.1:4000", Reflexive, 0), Addresses: exampleRequests["connect_leech"].Connect.Addresses}
	if err := r.Join(f.Context(), at(0), "s", m); err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte(nil), r.record...))
	r.noteLeave("s", "0123abcd")
	f.Add(append([]byte(nil), r.record...))
	r.noteRemove(1)
	f.Add(append([]byte(nil), r.record...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || len(b) > maxRecord {
			return
		}
		r := newMemory(nil)
		join(t, r, 0, "s", "0123abcd", Seeder)
		r.apply(b, at(0))
		for p := uint32(1); p <= r.peers.used; p++ {
			if seat := r.peers.at(p).seats; seat != 0 { // it can be written again, and means the same
				again := newMemory(nil)
				again.apply(r.appendJoin(nil, seat), at(0))
				if again.peers.count() != 1 {
					t.Fatalf("%x is lost", r.appendJoin(nil, seat))
				}
			}
		}
	})
}
