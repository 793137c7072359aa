package store

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crashFilm is fetched by processes that are killed, over and over, until it is complete.
const (
	crashSize  = 200_003
	crashChunk = 64 // many pages of the tree, of which few are in memory
	crashPages = 4
	crashChild = "SWARMGATE_STORE_CRASH"
)

// TestCrash kills -9 a process that fetches a film, at random moments. After each kill the
// next process holds at least what the last Checkpoint saved, all of it right, and in the
// end the film is there, byte for byte. Nothing ever lies under its name before.
func TestCrash(t *testing.T) {
	if path := os.Getenv(crashChild); path != "" {
		crashFetch(t, path)
		return
	}
	m := newFilm(t, crashSize, crashChunk)
	path := filepath.Join(t.TempDir(), "film.mp4")
	rnd := seeded(t)
	saved, kills := uint64(0), 0
	for range 200 {
		moment := time.Duration(rnd.Int64N(int64(time.Duration(1+kills*kills/4) * time.Millisecond)))
		held, done := crashRun(t, path, moment, saved)
		saved = max(saved, held)
		if _, err := os.Stat(path); err == nil {
			m.onDisk(t, path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if done {
			t.Logf("complete after %d kills", kills)
			m.onDisk(t, path)
			if got := names(t, path); kills < 5 || len(got) > 3 { // a .tmp may be left
				t.Errorf("%d kills (want 5 or more), the folder has %q", kills, got)
			}
			return
		}
		kills++
	}
	t.Fatal("never complete")
}

// crashRun runs a child until the moment, counted from when it is ready. It returns how
// many chunks the child told to be saved, and whether it completed the film.
func crashRun(t *testing.T, path string, moment time.Duration, saved uint64) (held uint64, done bool) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrash$", "-test.v")
	child.Env = append(os.Environ(), crashChild+"="+path)
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
		line := strings.TrimSpace(lines.Text())
		var n uint64
		switch {
		case strings.HasPrefix(line, "WRONG"):
			t.Errorf("child: %s", line)
		case line == "COMPLETE":
			done = true
		default:
			if k, _ := fmt.Sscanf(line, "READY %d", &n); k == 1 {
				if n < saved {
					t.Errorf("%d chunks were saved, after the kill only %d are held", saved, n)
				}
				kill = time.AfterFunc(moment, func() { child.Process.Kill() })
			} else if k, _ := fmt.Sscanf(line, "SAVED %d", &n); k == 1 {
				held = n
			}
		}
	}
	err = child.Wait()
	if kill == nil {
		t.Fatalf("the child ended before it was ready: %v", err)
	}
	kill.Stop()
	return held, done
}

// crashFetch is the child: it checks what is held and fetches on, in random order.
func crashFetch(t *testing.T, path string) {
	m := newFilm(t, crashSize, crashChunk)
	f, err := OpenFile(t.Context(), path, m.meta)
	if err != nil {
		fmt.Println("WRONG", err)
		return
	}
	f.pager.limit = crashPages
	if f.Notice() != nil {
		fmt.Println("WRONG", f.Notice())
	}
	have := f.Have()
	fmt.Println("READY", have.Count())
	for r := range have.Ranges() {
		for i := r.Start; i < r.End; i++ {
			if b, err := f.AppendChunk(nil, i); err != nil || string(b) != string(m.chunk(i)) {
				fmt.Println("WRONG chunk", i, err)
			}
		}
	}
	for k, i := range rand.Perm(int(m.chunks())) {
		if have.Has(uint64(i)) {
			continue
		}
		m.fetch(t, f, uint64(i))
		if k%100 == 0 {
			now := f.Have()
			if c := f.Checkpoint(); c != nil {
				if err := c.Save(); err != nil {
					fmt.Println("WRONG", err)
				}
				fmt.Println("SAVED", now.Count())
			}
		}
	}
	if err := f.Close(); err != nil {
		fmt.Println("WRONG", err)
		return
	}
	fmt.Println("COMPLETE")
}

// seedVariable names the environment variable that repeats the moments of a run that failed.
const seedVariable = "SWARMGATE_TEST_SEED"

// seeded returns random numbers that differ from run to run; the log tells how to repeat them.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("repeat with %s=%d", seedVariable, seed)
	return rand.New(rand.NewPCG(seed, 1))
}
