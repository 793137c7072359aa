package proxy

import (
	"errors"
	"fmt"
	"io"
	"math"
	"testing"
	"time"
)

// A channel comes in segments that hold whole packets, and its player counts as one viewer
// between its requests.
func TestChannelInSegments(t *testing.T) {
	w := newWorld(t)
	link := w.channel()
	g := w.gateway(link)
	id := ItemID(link.SwarmID)
	list, err := g.Segments(w.ctx, id, "player")
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Segments) == 0 || list.Target != time.Second {
		t.Fatalf("%+v", list)
	}
	for _, s := range list.Segments {
		if age := time.Since(s.Date); age < 0 || age > 30*time.Second {
			t.Errorf("segment %d is %v old", s.Number, age)
		}
		r, err := g.Segment(id, "player", s.Number)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || len(b) < 10*188 || len(b)%188 != 0 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		for i := 0; i < len(b); i += 188 {
			if b[i] != 0x47 {
				t.Fatalf("packet %d begins with %#x", i/188, b[i])
			}
		}
	}
	if s := g.Sessions(); len(s) != 1 || s[0].Viewers != 1 {
		t.Errorf("sessions %+v, want one viewer", s)
	}
	if i, _ := g.Item(id); i.Watched.IsZero() {
		t.Error("the channel is not among what was watched")
	}
	deadline := time.Now().Add(20 * time.Second)
	for i, _ := g.Item(id); i.Codecs != (Codecs{"H.264", "AAC"}); i, _ = g.Item(id) {
		if time.Now().After(deadline) {
			t.Fatalf("codecs %+v", i.Codecs)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if _, err := g.Segment(id, "player", list.Segments[0].Number-1); !errors.Is(err, ErrNotFound) {
		t.Errorf("a segment before the first: %v", err)
	}
	if _, err := g.Segment("other", "player", 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("another channel: %v", err)
	}
	if _, err := g.Segments(w.ctx, "other", "player"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another channel's list: %v", err)
	}
}

// Of a channel's memory peers have what they need, and screens the rest, which is at least half.
func TestMemoryOfAChannel(t *testing.T) {
	for _, c := range []struct{ memory, rate, want int64 }{
		{32 << 20, 4_000_000, 10_000_000},
		{32 << 20, 0, 10_000_000},
		{32 << 20, 100_000, 4 << 20},
		{32 << 20, 20_000_000, 16 << 20},
		{32 << 20, math.MaxInt64, 16 << 20},
		{1 << 20, 4_000_000, 1 << 19},
	} {
		if got := keptForPeers(c.memory, c.rate); got != c.want {
			t.Errorf("%d bytes at %d bit/s: %d for peers, want %d", c.memory, c.rate, got, c.want)
		}
	}
}

// Players that stop asking are forgotten, and there are never more than a bound.
func TestPlayersThatPoll(t *testing.T) {
	s := &session{}
	began := time.Now()
	if !s.poll("a", began) || s.poll("a", began.Add(time.Second)) || !s.poll("b", began.Add(8*time.Second)) {
		t.Error("who is new is not known")
	}
	if s.status().Viewers != 2 || s.idleSince(began.Add(10*time.Second)) != 0 {
		t.Errorf("%d viewers", s.status().Viewers)
	}
	if s.idleSince(began.Add(17 * time.Second)); s.status().Viewers != 1 {
		t.Errorf("%d viewers when one has stopped", s.status().Viewers)
	}
	if idle := s.idleSince(began.Add(28 * time.Second)); idle != 20*time.Second || s.status().Viewers != 0 {
		t.Errorf("idle for %v with %d viewers", idle, s.status().Viewers)
	}
	// Whoever asked last counts, in whatever order the others are forgotten, and not before a stream that ended later.
	for i := range 50 {
		s := &session{}
		for second := range 10 {
			s.poll(fmt.Sprint(i, second), began.Add(time.Duration(second)*time.Second))
		}
		if idle := s.idleSince(began.Add(time.Minute)); idle != 51*time.Second {
			t.Fatalf("idle for %v, want 51 s", idle)
		}
		s.poll("late", began)
		s.idleFrom = began.Add(70 * time.Second)
		if idle := s.idleSince(began.Add(80 * time.Second)); idle != 10*time.Second {
			t.Fatalf("idle for %v, want 10 s", idle)
		}
	}
	for i := range 2 * maxPolling {
		s.poll(fmt.Sprint(i), began)
	}
	if n := s.status().Viewers; n != maxPolling {
		t.Errorf("%d viewers", n)
	}
}
