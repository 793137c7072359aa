package viewing

import (
	"slices"
	"testing"
	"time"
)

func TestResume(t *testing.T) {
	for _, c := range []struct {
		position, duration, want time.Duration
	}{
		{0, time.Hour, 0},
		{999 * time.Millisecond, time.Hour, 0}, // hardly begun
		{time.Second, time.Hour, time.Second},
		{20*time.Minute + 1500*time.Microsecond, time.Hour, 20*time.Minute + time.Millisecond},
		{56 * time.Minute, time.Hour, 56 * time.Minute},
		{57 * time.Minute, time.Hour, 0}, // the credits
		{2 * time.Hour, time.Hour, 0},
		{2 * time.Hour, 0, 2 * time.Hour}, // nobody knows how long it is
		{-time.Second, 0, 0},
		{MaxPosition, 0, MaxPosition},
		{MaxPosition + time.Second, 0, 0},
	} {
		if got := Resume(c.position, c.duration); got != c.want {
			t.Errorf("%v of %v: %v, want %v", c.position, c.duration, got, c.want)
		}
	}
}

func TestSurplus(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	records := map[string]Record{
		"old": {Watched: at(1)}, "new": {Watched: at(9)}, "loved": {Favourite: at(8), Watched: at(2)}, "never": {Position: time.Minute},
	}
	for limit, want := range map[int][]string{5: nil, 4: nil, 3: {"never"}, 2: {"never", "old"}, 1: {"never", "old", "new"}, 0: {"never", "old", "new", "loved"}} {
		if got := Surplus(records, limit); !slices.Equal(got, want) {
			t.Errorf("at most %d: %v go, want %v", limit, got, want)
		}
	}
}

func TestIsZero(t *testing.T) {
	if !(Record{}).IsZero() || (Record{Position: 1}).IsZero() {
		t.Error("IsZero is wrong")
	}
}
