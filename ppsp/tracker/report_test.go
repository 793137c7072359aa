package tracker

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Reports come as seldom as the tracker's timer allows.
func TestReportIntervalIsTheTrackers(t *testing.T) {
	for _, c := range []struct {
		timer time.Duration
		own   time.Duration
		least int // reports in an hour
		most  int
	}{
		{timer: 15 * time.Minute, least: 11, most: 13},
		{timer: 15 * time.Minute, own: time.Minute, least: 55, most: 65},
		{timer: time.Hour, least: 5, most: 7}, // maxReportInterval
		{timer: 30 * time.Second, own: time.Minute, least: 340, most: 380},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t)
			l.set(func(l *lab) { l.server = NewServer(ServerConfig{TrackTimeout: c.timer}) })
			n := l.start(0xaa, Leech, 0, func(a *AnnouncerConfig) { a.ReportInterval = c.own })
			l.said(0xaa)
			time.Sleep(time.Hour)
			if got := len(l.said(0xaa)); got < c.least || got > c.most {
				t.Errorf("timer %v, own %v: %d reports in an hour, want %d to %d", c.timer, c.own, got, c.least, c.most)
			}
			n.end(t)
		})
	}
}

// What makes a tracker choose otherwise is told soon, all else in its time.
func TestChangeIsReportedEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		var mu sync.Mutex
		var stats StreamStats
		set := func(s StreamStats) { mu.Lock(); defer mu.Unlock(); stats = s }
		n := l.start(0xaa, Leech, 0, func(c *AnnouncerConfig) {
			c.Stats = func() StreamStats { mu.Lock(); defer mu.Unlock(); return stats }
		})
		l.said(0xaa)
		for _, s := range []StreamStats{
			{Connection: "wired"},
			{Connection: "wireless"},
			{Connection: "wireless", Power: "battery"},
			{Power: "battery", ConcurrentLinks: 1},
			{ChunksHeld: "0-99999"},
			{ChunksLate: 3},
		} {
			set(s)
			time.Sleep(DefaultFindInterval + DefaultFindInterval/10)
			if got := l.said(0xaa); !slices.Contains(got, "STAT_REPORT") {
				t.Errorf("%+v: %q, want a report within %v", s, got, DefaultFindInterval)
			}
		}
		set(StreamStats{ChunksLate: 4, UploadedBytes: 1 << 40})
		time.Sleep(DefaultFindInterval + DefaultFindInterval/10)
		wantLog(t, l.said(0xaa))
		// What changes all the time does not drive us.
		for i := range Number(600) {
			set(StreamStats{ConcurrentLinks: i % 2})
			n.Update()
			time.Sleep(100 * time.Millisecond)
		}
		if got := len(l.said(0xaa)); got > 16 {
			t.Errorf("%d requests in a minute", got)
		}
		n.end(t)
	})
}

// Trackers are told with each request for peers what we are like.
func TestAboutUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		n := l.start(0xaa, Leech, 5, func(c *AnnouncerConfig) {
			c.About = func() PeerNum { return PeerNum{AbilityNAT: "NO_NAT", UploadBandwidth: 5000, PeerCount: 99} }
		})
		l.mu.Lock()
		memory, _ := l.server.config.Registry.(*Memory)
		l.mu.Unlock()
		memory.mu.Lock()
		got := *memory.peers.at(memory.oldest)
		memory.mu.Unlock()
		if got.ability != noNAT || got.upload != 5000 {
			t.Errorf("the tracker knows ability %v, %d kbit/s", got.ability, got.upload)
		}
		if num := n.about(5); num.PeerCount != 5 {
			t.Errorf("%d peers asked for", num.PeerCount)
		}
		n.end(t)
	})
}
