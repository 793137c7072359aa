package operator

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// board is a Table that can be out of reach.
type board struct {
	mu      sync.Mutex
	entries map[string]string
	version int64
	gone    error
}

func (b *board) Version(context.Context) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.version, b.gone
}

func (b *board) All(context.Context) (map[string]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.entries), b.gone
}

func (b *board) Put(_ context.Context, name, value string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone == nil {
		b.entries[name] = value
		b.version++
	}
	return b.gone
}

func (b *board) Delete(_ context.Context, name string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, found := b.entries[name]
	if b.gone == nil && found {
		delete(b.entries, name)
		b.version++
	}
	return found && b.gone == nil, b.gone
}

func (b *board) set(gone error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = gone
}

// Trackers that share a table go by the same bans; while it is out of reach each goes by those that
// it knows, also after a restart, and none is added or taken back.
func TestSharedBans(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		table := &board{entries: map[string]string{}}
		log := &words{}
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		open := func(name string) *Bans {
			b, err := OpenBans(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Share(ctx, table); (err != nil) != (table.gone != nil) {
				t.Error(err)
			}
			group.Go(func() { b.Follow(ctx, zerolog.New(log)) })
			return b
		}
		old, err := OpenBans(filepath.Join(dir, "a"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := old.Add(ctx, "192.0.2.0/24", 0, "from before", time.Now()); err != nil {
			t.Fatal(err)
		}
		a, b := open("a"), open("b")
		held := func(what string, who string, want bool) {
			t.Helper()
			time.Sleep(2 * sharedEvery)
			synctest.Wait()
			for name, x := range map[string]*Bans{"a": a, "b": b} {
				if got := x.Holds(netip.MustParseAddr(who), "", time.Now()); got != want {
					t.Errorf("%s: %s holds %s: %v", what, name, who, got)
				}
			}
		}
		held("before it was shared", "192.0.2.1", true)
		if _, err := b.Add(ctx, "198.51.100.7", time.Hour, "", time.Now()); err != nil {
			t.Fatal(err)
		}
		held("added at b", "198.51.100.7", true)
		if found, err := b.Remove(ctx, "192.0.2.0/24", time.Now()); !found || err != nil {
			t.Errorf("%v, %v", found, err)
		}
		held("taken back at b", "192.0.2.1", false)
		table.set(errors.New("connection refused"))
		if _, err := a.Add(ctx, "203.0.113.7", 0, "", time.Now()); err == nil || !strings.Contains(err.Error(), "not shared with the other trackers: connection refused") {
			t.Errorf("without the table: %v", err)
		}
		if _, err := a.Remove(ctx, "198.51.100.7", time.Now()); err == nil {
			t.Error("a ban is taken back without the table")
		}
		c := open("b") // a third, that has the file of b
		held("without the table", "198.51.100.7", true)
		held("not added", "203.0.113.7", false)
		if !c.Holds(netip.MustParseAddr("198.51.100.7"), "", time.Now()) {
			t.Error("after a restart without the table it is forgotten")
		}
		table.set(nil)
		time.Sleep(time.Hour) // the ban ends
		if _, err := c.Add(ctx, "203.0.113.8", 0, "", time.Now()); err != nil {
			t.Fatal(err)
		}
		held("the table is back", "203.0.113.8", true)
		if len(table.entries) != 1 {
			t.Errorf("what is over stays in the table: %v", table.entries)
		}
		if n := strings.Count(log.String(), "are not known"); n != 3 {
			t.Errorf("%d warnings of 3 trackers: %s", n, log.String())
		}
		table.mu.Lock()
		table.entries["bad"], table.version = "{}", table.version+1
		table.mu.Unlock()
		held("beside a damaged one", "203.0.113.8", true)
		if !strings.Contains(log.String(), "it has another ID") {
			t.Errorf("of a damaged one it says: %s", log.String())
		}
		cancel()
		group.Wait()
	})
}

// words is a log that goroutines write.
type words struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *words) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}
