package state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// TestModel adds, replaces, removes, reserves and restarts at random, and compares with
// slices and maps after each step.
func TestModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	c := config(fast(t))
	now := time.Unix(1_700_000_000, 0).UTC()
	c.Now = func() time.Time { return now }
	s := mustOpen(t, c)
	var channels []Channel
	next, keys := map[ppsp.SwarmID]uint64{}, map[ppsp.SwarmID]string{}
	for range 400 {
		now = now.Add(time.Second)
		n := byte(rnd.IntN(20))
		id := fmt.Sprint("id", n)
		at := slices.IndexFunc(channels, func(c Channel) bool { return c.ID == id })
		swarm := ppsp.SwarmID(fmt.Sprint("swarm", rnd.IntN(3)))
		var err error
		switch rnd.IntN(6) {
		case 0, 1:
			l := film(n)
			l.Group = fmt.Sprint("group ", rnd.IntN(100))
			err = s.AddLink(id, l)
			if at >= 0 {
				channels[at].Link = l
			} else {
				channels = append(channels, Channel{ID: id, Link: l, Added: now})
			}
		case 2:
			err = s.RemoveLink(id)
			if at >= 0 {
				channels = slices.Delete(channels, at, at+1)
			}
		case 3:
			count := 1 + rnd.Uint64N(1000)
			mustReserve(t, s, swarm, count, next[swarm])
			next[swarm] += count
		case 4:
			keys[swarm] = fmt.Sprint("/key", n)
			err = s.PutLive(swarm, keys[swarm])
			next[swarm] += 0
		case 5:
			mustClose(t, s)
			s = mustOpen(t, c)
		}
		if err != nil {
			t.Fatal(err)
		}
		compare(t, s, channels, next, keys)
	}
}

func compare(t *testing.T, s *State, channels []Channel, next map[ppsp.SwarmID]uint64, keys map[ppsp.SwarmID]string) {
	t.Helper()
	got, err := s.Channels()
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b Channel) bool { return a.ID == b.ID && a.Link.Equal(b.Link) && a.Added.Equal(b.Added) }
	if !slices.EqualFunc(got, channels, same) {
		t.Fatalf("channels %v\nwant %v", got, channels)
	}
	swarms, err := s.LiveSwarms()
	if err != nil || len(swarms) != len(next) {
		t.Fatalf("%d live swarms, want %d, %v", len(swarms), len(next), err)
	}
	for _, l := range swarms {
		if l.Next != next[l.SwarmID] || l.KeyFile != keys[l.SwarmID] {
			t.Fatalf("%+v, want next %d and key %s", l, next[l.SwarmID], keys[l.SwarmID])
		}
	}
}

// TestSeal: a record is read under its own key only, and as it was written only.
func TestSeal(t *testing.T) {
	want := channel{Link: "ppsp:…", Order: 3}
	b, err := seal([]byte("key"), want)
	if err != nil {
		t.Fatal(err)
	}
	var got channel
	if err := unseal([]byte("key"), b, &got); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	if unseal([]byte("kex"), b, &got) == nil {
		t.Error("read under another key")
	}
	for n := range b {
		if unseal([]byte("key"), b[:n], &got) == nil {
			t.Errorf("cut to %d bytes and read", n)
		}
		for bit := range 8 {
			flipped := slices.Clone(b)
			flipped[n] ^= 1 << bit
			if unseal([]byte("key"), flipped, &got) == nil {
				t.Errorf("bit %d of byte %d flipped and read", bit, n)
			}
		}
	}
	var number int
	if unseal([]byte("key"), b, &number) == nil {
		t.Error("a channel was read as a number")
	}
	if _, err := seal([]byte("key"), make(chan int)); err == nil {
		t.Error("a channel of Go was sealed")
	}
}
