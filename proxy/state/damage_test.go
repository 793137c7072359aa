package state

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// sample makes a store with something in it and returns the bytes of its file.
func sample(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	for n := range byte(40) { // more than a page of 4 KiB
		if err := s.AddLink(fmt.Sprint("id", n), film(n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.ReserveChunks("swarm", 1000); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	b, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fast is a folder in memory if there is one, since each case waits for the disk.
func fast(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "swarmgate-state")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// survive opens a damaged store. Either all that it tells is right, or it was set aside,
// whole, with a word about it, and the new one works. It tells whether it was set aside.
func survive(t *testing.T, root, name string, damaged []byte) bool {
	t.Helper()
	dir, err := os.MkdirTemp(root, "case")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, FileName), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(config(dir))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer s.Close()
	links, err := s.Links()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	aside, _ := filepath.Glob(filepath.Join(dir, FileName+".damaged-20260203-040506"))
	if s.Notice() == nil {
		if len(aside) != 0 {
			t.Fatalf("%s: set aside without a word", name)
		}
		for _, l := range links {
			if !l.Equal(film(l.SwarmID[0])) {
				t.Fatalf("%s: a wrong link was read", name)
			}
		}
		return false
	}
	kept, err := os.ReadFile(filepath.Join(dir, FileName+".damaged-20260203-040506"))
	if err != nil || !bytes.Equal(kept, damaged) {
		t.Fatalf("%s: the damaged store is not kept as it was: %v", name, err)
	}
	if text := s.Notice().Error(); len(links) != 0 || !strings.Contains(text, aside[0]) || strings.Contains(text, "\n") {
		t.Fatalf("%s: %d links, notice %q", name, len(links), text)
	}
	if _, err := s.ReserveChunks(ppsp.SwarmID("swarm"), 1); err != nil {
		t.Fatalf("%s: the new store does not work: %v", name, err)
	}
	return true
}

func TestDamagedBits(t *testing.T) {
	good, root := sample(t), fast(t)
	if survive(t, root, "undamaged", good) {
		t.Fatal("a good store was set aside")
	}
	found := 0
	for at := 0; at < len(good); at += 2 {
		if page := at % 4096; page >= 40 && page%308 != 0 {
			continue // every byte of the headers, some of the rest
		}
		damaged := bytes.Clone(good)
		damaged[at] ^= 1 << (at / 2 % 8)
		if survive(t, root, fmt.Sprint("bit ", at), damaged) {
			found++
		}
	}
	if found < 40 {
		t.Errorf("only %d flipped bits were found: the test tells nothing", found)
	}
}

func TestDamagedPages(t *testing.T) {
	good, root := sample(t), fast(t)
	noise := rand.NewChaCha8([32]byte{3})
	for at := 0; at < len(good); at += 4096 {
		for name, fill := range map[string]func([]byte){
			"zeros": func(b []byte) { clear(b) },
			"ones":  func(b []byte) { copy(b, bytes.Repeat([]byte{255}, len(b))) },
			"noise": func(b []byte) { _, _ = noise.Read(b) },
		} {
			damaged := bytes.Clone(good)
			fill(damaged[at : at+4096])
			survive(t, root, fmt.Sprintf("%s at %d", name, at), damaged)
		}
		if at > 0 {
			survive(t, root, fmt.Sprint("cut at ", at), good[:at])
			survive(t, root, fmt.Sprint("cut behind ", at), good[:at+100])
		}
	}
	for name, b := range map[string][]byte{
		"text": []byte("not a database"), "one byte": {0}, "zeros": make([]byte, 1<<16),
	} {
		if !survive(t, root, name, b) {
			t.Errorf("%s: not set aside", name)
		}
	}
	survive(t, root, "empty", nil)
}

// TestDamagedLater: a store that is damaged while it is open gives errors, not a crash.
func TestDamagedLater(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	if err := s.AddLink("a", film(1)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, FileName)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	_, err := s.Links()
	if err == nil || !strings.Contains(err.Error(), "start again") {
		t.Errorf("read: %v", err)
	}
	if _, err := s.ReserveChunks("a", 1); !errors.Is(err, errDamaged) {
		t.Errorf("a number was handed out that is nowhere noted: %v", err)
	}
	mustClose(t, s)
	mustClose(t, s)
	s = mustOpen(t, config(dir))
	if links, err := s.Links(); len(links) != 0 || err != nil {
		t.Errorf("after a restart: %v, %v", links, err)
	}
}

// TestSetAsideTwice: the second one in a second gets another name.
func TestSetAsideTwice(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := os.WriteFile(filepath.Join(dir, FileName), []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		mustClose(t, mustOpen(t, config(dir)))
	}
	names, err := filepath.Glob(filepath.Join(dir, FileName+".damaged-*"))
	if err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
}
