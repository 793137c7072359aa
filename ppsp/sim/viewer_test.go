package sim

import "testing"

// What a viewer waits for while all the others come is counted apart, also when it lasts
// beyond that.
func TestViewerCountsTheWarmUpApart(t *testing.T) {
	for name, c := range map[string]struct {
		state          waiting
		since, now     int64
		early, counted watching
	}{
		"before":       {forMore, 10, 60, watching{stalled: 50}, watching{}},
		"over the end": {forMore, 60, 150, watching{stalled: 40}, watching{stalled: 50}},
		"after":        {forMore, 120, 150, watching{}, watching{stalled: 30}},
		"seek before":  {forSeek, 90, 150, watching{sought: []int64{60}}, watching{}},
		"seek after":   {forSeek, 100, 150, watching{}, watching{sought: []int64{50}}},
	} {
		v := viewer{from: 100, state: c.state, since: c.since}
		v.finish(c.now)
		for _, w := range []struct {
			part      string
			got, want watching
		}{{"warm-up", v.early, c.early}, {"counted", v.counted, c.counted}} {
			if w.got.stalled != w.want.stalled || len(w.got.sought) != len(w.want.sought) || len(w.got.sought) > 0 && w.got.sought[0] != w.want.sought[0] {
				t.Errorf("%s, %s: %+v, want %+v", name, w.part, w.got, w.want)
			}
		}
		if v.state != notWaiting {
			t.Errorf("%s: the wait did not end", name)
		}
	}
}
