package swarm

import (
	"testing"
	"time"
)

// When nothing gets through any more, both ends are told, soon and then ever more rarely; and again
// when it happens again.
func TestSilenceIsTold(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 8<<20, nil)
	seeder, leech := l.host(f.seed(f.all())), l.host(f.leech())
	cut := false
	l.tap = func(flying) bool { return !cut }
	leech.want(true)
	leech.meet(seeder)
	l.until(2*time.Second, "a start", func() bool { return leech.s.Counters().ChunksReceived > 100 })
	if seeder.count(EventSilence)+leech.count(EventSilence) > 0 {
		t.Fatal("told of a silence while there is none")
	}
	for k := range 2 {
		before := [2]int{seeder.count(EventSilence), leech.count(EventSilence)}
		cut = true
		l.run(3 * time.Second)
		for n, h := range []*host{seeder, leech} {
			if got := h.count(EventSilence) - before[n]; got != 1 {
				t.Errorf("time %d, end %d: told %d times within 3 s, want once", k, n, got)
			}
		}
		l.run(57 * time.Second)
		for n, h := range []*host{seeder, leech} { // after 1.5, 3, 6, 12, 24, 48 s at the most
			if got := h.count(EventSilence) - before[n]; got < 4 || got > 6 {
				t.Errorf("time %d, end %d: told %d times within a minute", k, n, got)
			}
		}
		cut = false
		had := leech.s.Counters().ChunksReceived
		l.until(70*time.Second, "that it goes on", func() bool { return leech.s.Counters().ChunksReceived > had+50 })
	}
}

// Who has nothing to say does not hide that nobody else is heard; and while somebody is heard, one who is gone is no
// silence.
func TestSilenceBesideIdlePeers(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 8<<20, nil)
	seeder, leech, idle, gone := l.host(f.seed(f.all())), l.host(f.leech()), l.host(f.leech()), l.host(f.leech())
	cut := map[*host]bool{}
	l.tap = func(d flying) bool {
		for h := range cut {
			if d.from == h.addr || d.to == h.addr {
				return false
			}
		}
		return true
	}
	seeder.s.SetUpload(200_000) // the film takes longer than the test
	leech.want(true)
	gone.want(true)
	leech.meet(seeder)
	idle.meet(seeder)
	gone.meet(seeder)
	l.until(3*time.Second, "a start", func() bool {
		return seeder.connected(idle) && seeder.connected(gone) && leech.s.Counters().ChunksReceived > 100
	})
	cut[gone] = true
	l.until(30*time.Second, "a sign of life of the idle one", func() bool { return l.now > 10e9 && seeder.s.channelTo(idle.addr).unanswered == 0 })
	if n := seeder.count(EventSilence); n > 0 || !seeder.s.channelTo(gone.addr).mute() {
		t.Errorf("told %d times of one who is gone, while another is heard", n)
	}
	cut[leech] = true
	l.run(4 * time.Second)
	if n := seeder.count(EventSilence); n < 1 || n > 2 || seeder.s.channelTo(idle.addr).mute() {
		t.Errorf("told %d times within 4 s, beside one who is idle", n)
	}
}

// Peers that have nothing to say to each other are not taken for silent.
func TestIdlePeersAreNotSilent(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 100<<10, nil)
	seeder, leech := l.host(f.seed(f.all())), l.host(f.leech())
	leech.want(true)
	leech.meet(seeder)
	l.until(5*time.Second, "complete", leech.s.Complete)
	l.run(20 * time.Minute)
	if n := seeder.count(EventSilence) + leech.count(EventSilence); n > 0 {
		t.Errorf("told %d times of a silence", n)
	}
}
