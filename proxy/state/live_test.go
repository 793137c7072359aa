package state

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/swarmgate/swarmgate/ppsp"
)

// put stores any record, as another version might.
func (s *State) put(bucket []byte, key string, v any) error {
	return s.update(func(tx *bbolt.Tx) error { return put(tx.Bucket(bucket), []byte(key), v) })
}

func mustReserve(t *testing.T, s *State, id ppsp.SwarmID, n, want uint64) {
	t.Helper()
	if first, err := s.ReserveChunks(id, n); first != want || err != nil {
		t.Fatalf("ReserveChunks(%x, %d) = %d, %v; want %d", id, n, first, err, want)
	}
}

func TestReserveChunks(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	mustReserve(t, s, "a", 64, 0)
	mustReserve(t, s, "a", 64, 64)
	mustReserve(t, s, "b", 1, 0)
	if err := s.PutLive("a", "/keys/a.pem"); err != nil {
		t.Fatal(err)
	}
	if err := s.PutLive("c", "/keys/c.pem"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetClosed("b"); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)

	s = mustOpen(t, config(dir))
	mustReserve(t, s, "a", 1<<40, 128)
	mustReserve(t, s, "b", math.MaxUint64-1, 1)
	for _, n := range []uint64{0, 1, math.MaxUint64} {
		if _, err := s.ReserveChunks("b", n); err == nil {
			t.Errorf("%d chunks beyond the last number were reserved", n)
		}
	}
	if _, err := s.ReserveChunks("", 1); err == nil {
		t.Error("chunks of no swarm were reserved")
	}
	list, err := s.LiveSwarms()
	if err != nil {
		t.Fatal(err)
	}
	want := []LiveSwarm{{"a", "/keys/a.pem", 128 + 1<<40, false}, {"b", "", math.MaxUint64, true}, {"c", "/keys/c.pem", 0, false}}
	if fmt.Sprint(list) != fmt.Sprint(want) {
		t.Errorf("LiveSwarms() = %v, want %v", list, want)
	}
}

func TestReserveChunksConcurrent(t *testing.T) {
	s := mustOpen(t, config(t.TempDir()))
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				first, err := s.ReserveChunks("a", 3)
				mu.Lock()
				if err != nil || seen[first] || first%3 != 0 {
					t.Errorf("%d handed out twice or wrongly: %v", first, err)
				}
				seen[first] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

const crashChild = "SWARMGATE_STATE_CRASH"

// TestCrash kills -9 a publisher at random moments: no chunk number is handed out twice,
// and each channel that was acknowledged is there.
func TestCrash(t *testing.T) {
	if dir := os.Getenv(crashChild); dir != "" {
		crashPublish(dir)
		return
	}
	dir := t.TempDir()
	next, added := uint64(0), 0
	for kill := range 12 {
		moment := time.Duration(kill*kill) * time.Millisecond / 2
		next, added = crashRun(t, dir, moment, next, added)
	}
	s := mustOpen(t, config(dir))
	if s.Notice() != nil {
		t.Error(s.Notice())
	}
	if first, err := s.ReserveChunks("a", 1); first < next || err != nil {
		t.Errorf("after all: %d reserved, %d before, %v", first, next, err)
	}
	list, err := s.Links()
	if err != nil || len(list) < added {
		t.Errorf("%d channels of %d are left, %v", len(list), added, err)
	}
	if next < 10 {
		t.Errorf("only %d chunks were ever reserved: the test tells nothing", next)
	}
}

// crashRun runs a child until the moment, and checks what it says against next, the first
// number that is free, and added, the channels that it told to have added.
func crashRun(t *testing.T, dir string, moment time.Duration, next uint64, added int) (uint64, int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrash$")
	child.Env = append(os.Environ(), crashChild+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var kill *time.Timer
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var first uint64
		var n int
		if k, _ := fmt.Sscanf(lines.Text(), "OPEN %d", &n); k == 1 {
			kill = time.AfterFunc(moment, func() { child.Process.Kill() })
			if n < added {
				t.Errorf("%d channels were added, %d are left", added, n)
			}
			added = n
		} else if k, _ := fmt.Sscanf(lines.Text(), "USED %d", &first); k == 1 {
			if first < next {
				t.Errorf("number %d was handed out twice", first)
			}
			next = first + 7
		} else if lines.Text() == "ADDED" {
			added++
		} else {
			t.Errorf("child: %s", lines.Text())
		}
	}
	if err := child.Wait(); err == nil || kill == nil {
		t.Fatalf("the child ended by itself: %v", err)
	}
	kill.Stop()
	return next, added
}

// crashPublish is the child.
func crashPublish(dir string) {
	s, err := Open(Config{Dir: dir})
	if err != nil || s.Notice() != nil {
		fmt.Println(errors.Join(err, s.Notice()))
		return
	}
	list, err := s.Links()
	fmt.Println("OPEN", len(list))
	for n := len(list); err == nil; n++ {
		var first uint64
		if first, err = s.ReserveChunks("a", 7); err == nil {
			fmt.Println("USED", first)
			err = s.AddLink(fmt.Sprint("channel ", n), film(byte(n)))
		}
		if err == nil {
			fmt.Println("ADDED")
		}
	}
	fmt.Println(err)
}

// Numbers that may have been used by a key whose state was lost are left out.
func TestSkipChunks(t *testing.T) {
	s, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id := ppsp.SwarmID("\x0fkey")
	if err := s.SkipChunks(id, 5000); err != nil {
		t.Fatal(err)
	}
	if first, err := s.ReserveChunks(id, 10); err != nil || first != 5000 {
		t.Errorf("first number %d, error %v", first, err)
	}
	if err := s.SkipChunks(id, 7); err != nil {
		t.Fatal(err)
	}
	if first, err := s.ReserveChunks(id, 10); err != nil || first != 5010 {
		t.Errorf("first number %d, error %v: numbers went back", first, err)
	}
}
