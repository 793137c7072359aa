package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// Over any time no more is wanted than the rate allows, holes of an earlier run or not, and
// peers that deliver at once are asked for just that much.
func TestThrottle(t *testing.T) {
	const rate, size = 100_000, 1000
	began := time.Unix(1000, 0)
	for name, peersEvery := range map[string]int{"fast peers": 1, "slow peers": 50} {
		th := throttle{rate: rate, chunk: size}
		var have chunk.Set
		have.Add(chunk.Range{Start: 10, End: 300})
		had := have.Count()
		for k := range 200 {
			now := began.Add(time.Duration(k) * throttleStep)
			w := th.window(now, &have)
			wanted := uint64(0)
			for i := uint64(0); i < w.End; i++ {
				if i < 10 || i >= 300 {
					wanted++
				}
			}
			if most := now.Sub(began).Seconds()*rate/size + 1; float64(wanted) > most {
				t.Fatalf("%s: %d chunks are wanted after %s, allowed are %.0f", name, wanted, now.Sub(began), most)
			}
			if w.Start != have.NextMissing(0) {
				t.Fatalf("%s: the window begins at %d", name, w.Start)
			}
			if k%peersEvery == 0 {
				have.Add(w)
			}
		}
		got := int64(have.Count()-had) * size
		if name == "fast peers" && got < 19*rate {
			t.Errorf("%s: %d bytes in 20 s at %d bytes/s", name, got, rate)
		}
		// A second's worth every 5 s.
		if name == "slow peers" && (got < 3*rate || got > 6*rate) {
			t.Errorf("%s: %d bytes in 20 s, though never more than a second's worth was asked for", name, got)
		}
	}
}

// What nobody has holds up nothing else: here every tenth chunk, and the first three seconds' worth. It
// stays wanted.
func TestThrottleGoesOn(t *testing.T) {
	const rate, size, n = 100_000, 1000, 3000
	nobody := func(i uint64) bool { return i < 300 || i%10 == 3 }
	th := throttle{rate: rate, chunk: size}
	var have chunk.Set
	for k := range 600 {
		w := th.window(time.Unix(0, int64(k)*int64(throttleStep)), &have)
		if w.Start != 0 {
			t.Fatalf("the window begins at %d, though nobody gave chunk 0", w.Start)
		}
		for i := w.Start; i < w.End; i++ {
			if !nobody(i) {
				have.Add(chunk.One(i))
			}
		}
		if len(th.looks) > 100 || len(th.ends) != len(th.looks) {
			t.Fatalf("%d looks are remembered", len(th.looks))
		}
	}
	if got := have.Count(); got < n*8/10 {
		t.Errorf("%d chunks in a minute, want about %d", got, n)
	}
}

// A chunk that is larger than a second's worth comes, too.
func TestThrottleOfLargeChunks(t *testing.T) {
	th := throttle{rate: 8000, chunk: 60_000}
	var have chunk.Set
	for k := range 160 {
		have.Add(th.window(time.Unix(0, int64(k)*int64(throttleStep)), &have))
	}
	if n := have.Count(); n != 2 {
		t.Errorf("%d chunks in 16 s, want 2", n)
	}
}

// --limit-down holds, to the end of the film and not beyond.
func TestGetLimitDown(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "film.mp4")
	_, digest := newFilm(t, path, 300_000)
	p := begin(t, nil, "publish", path, "--listen", free, "--dir", filepath.Join(dir, "state"), "--json")
	link := text(t, p.event(t, "swarm"), "link")
	g := begin(t, nil, "get", "-o", filepath.Join(dir, "copy"), "--listen", free, "--limit-down", "2400kbit/s", "--json", link)
	if status := g.end(t, patience); status != 0 {
		t.Fatalf("exit status %d: %s", status, g.err)
	}
	done := g.event(t, "done")
	if seconds, _ := done["seconds"].(float64); seconds < 0.85 || done["sha256"] != digest {
		t.Errorf("300 kB at 300 kB/s: %v", done)
	}
	for line, words := range map[string]string{
		link + " --limit-down 5bit/s": "--limit-down 5bit/s is too little; write at least 64kbit/s",
		"ppsp:live/0d" + strings.Repeat("11", 64) + "?peer=127.0.0.1:9 --limit-down 5Mbit/s": "--limit-down is for films: a live channel comes as fast as it is made",
	} {
		sentence(t, append([]string{"get", "-o", filepath.Join(dir, "x")}, strings.Fields(line)...), 2, words)
	}
}
