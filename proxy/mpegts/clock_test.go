package mpegts

import (
	"testing"
	"time"
)

func TestPCRElapsedOverTheWrap(t *testing.T) {
	for _, c := range []struct {
		from, to uint64
		want     int64
	}{
		{0, 0, 0},
		{0, 27_000_000, 27_000_000},
		{27_000_000, 0, -27_000_000},
		{PCRModulus - 1, 0, 1},
		{0, PCRModulus - 1, -1},
		{PCRModulus - 300, 600, 900},
	} {
		if got := PCRElapsed(c.from, c.to); got != c.want {
			t.Errorf("from %d to %d: %d, want %d", c.from, c.to, got, c.want)
		}
	}
}

func TestDurations(t *testing.T) {
	for _, c := range []struct {
		ticks int64
		want  time.Duration
	}{{0, 0}, {27, time.Microsecond}, {-27, -time.Microsecond}, {PCRRate * 86400, 24 * time.Hour}, {PCRModulus, 95443717688888}} {
		if got := PCRDuration(c.ticks); got != c.want {
			t.Errorf("%d ticks of 27 MHz: %v, want %v", c.ticks, got, c.want)
		}
	}
	if got := ptsDuration(ptsRate*100 + 9); got != 100*time.Second+100*time.Microsecond {
		t.Errorf("ticks of 90 kHz: %v", got)
	}
}

func TestLine(t *testing.T) {
	var l line
	for i, c := range []struct {
		pts  uint64
		want int64
	}{
		{ptsModulus - 3600, ptsModulus - 3600},
		{0, ptsModulus},                        // the wrap goes unseen
		{ptsModulus - 1800, ptsModulus - 1800}, // back over it: frames are not sent in the order they are shown
		{3600, ptsModulus + 3600},
		{5_000_000_000, ptsModulus + 3600}, // the clock was set anew
		{5_000_003_600, ptsModulus + 7200},
	} {
		if got := l.extend(c.pts); got != c.want {
			t.Errorf("step %d: PTS %d lies at %d, want %d", i, c.pts, got, c.want)
		}
	}
}
