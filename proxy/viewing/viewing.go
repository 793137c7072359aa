// Package viewing is what the household did with its channels and films: which are its favourites,
// what was watched last, and how far a film was seen.
package viewing

import (
	"cmp"
	"slices"
	"time"
)

// Record is what is known of one channel or film. The zero Record knows nothing.
type Record struct {
	Favourite time.Time     // since when it is one; zero for not
	Watched   time.Time     // when a screen began to show it; zero for never
	Position  time.Duration // of a film, where its viewer left it; 0 for the beginning
}

// IsZero tells whether nothing is known.
func (r Record) IsZero() bool { return r == Record{} }

// MaxPosition bounds Record.Position: no film plays longer than a week.
const MaxPosition = 7 * 24 * time.Hour

// credits is the part of a film behind which nobody wants to go on: a film left there is over.
const credits = 0.95

// Resume returns where a film is to be gone on with that was left at position; 0 when it was
// hardly begun or is as good as over. A film's duration is 0 while unknown.
func Resume(position, duration time.Duration) time.Duration {
	if position < time.Second || position > MaxPosition {
		return 0
	}
	if duration > 0 && position.Seconds() >= credits*duration.Seconds() {
		return 0
	}
	return position.Truncate(time.Millisecond)
}

// Surplus returns the keys of the records that have to go so that at most limit stay: those that
// were not watched lately go first, by key where nothing else tells, and favourites last.
func Surplus(records map[string]Record, limit int) []string {
	if len(records) <= limit {
		return nil
	}
	keys := make([]string, 0, len(records))
	for key := range records {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		x, y := records[a], records[b]
		return cmp.Or(x.loved()-y.loved(), x.latest().Compare(y.latest()), cmp.Compare(a, b))
	})
	return keys[:len(keys)-limit]
}

// loved is 1 for a favourite.
func (r Record) loved() int {
	if r.Favourite.IsZero() {
		return 0
	}
	return 1
}

// latest is when something was done last.
func (r Record) latest() time.Time {
	if r.Favourite.After(r.Watched) {
		return r.Favourite
	}
	return r.Watched
}
