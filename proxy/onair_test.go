package proxy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

func TestProgrammesOfAStream(t *testing.T) {
	at := time.Date(2026, 11, 23, 20, 15, 0, 0, time.UTC)
	event := func(title string, start time.Time, length time.Duration) mpegts.Event {
		return mpegts.Event{Title: title, Start: start, Duration: length}
	}
	for name, c := range map[string]struct {
		present, following mpegts.Event
		want               string
	}{
		"both":               {event("A", at, time.Hour), event("B", at.Add(time.Hour), time.Hour), "[A 20:15-21:15 B 21:15-22:15]"},
		"the first too long": {event("A", at, 2*time.Hour), event("B", at.Add(time.Hour), time.Hour), "[A 20:15-21:15 B 21:15-22:15]"},
		"a hole":             {event("A", at, time.Minute), event("B", at.Add(time.Hour), 0), "[A 20:15-20:16 B 21:15-22:15]"},
		"the second before":  {event("A", at, time.Hour), event("B", at.Add(-time.Hour), time.Hour), "[A 20:15-21:15]"},
		"the same once more": {event("A", at, time.Hour), event("A", at, time.Hour), "[A 20:15-21:15]"},
		"the second alone":   {mpegts.Event{}, event("B", at, time.Hour), "[B 20:15-21:15]"},
		"longer than a day":  {event("A", at, 99*time.Hour), mpegts.Event{}, "[]"},
		"nothing that is on": {mpegts.Event{}, mpegts.Event{}, "[]"},
	} {
		var got []string
		for _, p := range programmesOf(c.present, c.following) {
			got = append(got, fmt.Sprintf("%s %s-%s", p.Title, p.Start.UTC().Format("15:04"), p.End.UTC().Format("15:04")))
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestWhatStreamsToldIsBounded(t *testing.T) {
	var o onAir
	now := time.Date(2026, 11, 23, 20, 15, 0, 0, time.UTC)
	for i := range maxOnAir + 10 {
		o.keep(fmt.Sprint(i), []Programme{{Title: "x", Start: now, End: now.Add(time.Hour)}}, now)
	}
	if len(o.told) != maxOnAir {
		t.Errorf("%d channels", len(o.told))
	}
	news := []Programme{{Title: "y", Start: now, End: now.Add(time.Hour)}}
	if o.keep("5", news, now); !slices.Equal(o.told["5"], news) {
		t.Error("one that is known is not renewed")
	}
	if o.keep("new", news, now.Add(time.Hour+2*onAirFor)); len(o.told) != 1 {
		t.Errorf("%d channels, of which all but one are over", len(o.told))
	}
}
