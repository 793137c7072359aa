package tracker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func TestAnnouncerJoinsMeetsAndLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a := l.start(0xaa, Seeder, 0, nil)
		b := l.start(0xbb, Leech, 5, nil)
		if !b.hasMet("aa") {
			t.Error("the leech was not told of the seeder at once")
		}
		if s := b.Status(); !s.Joined || s.Listed != 1 || s.Err != nil {
			t.Errorf("status %+v", s)
		}
		if got := l.listed(); !slices.Equal(got, []string{"aa SEEDER 192.0.2.170:7574", "bb LEECH 192.0.2.187:7574"}) {
			t.Errorf("listed: %v", got)
		}
		a.end(t)
		if got := l.listed(); !slices.Equal(got, []string{"bb LEECH 192.0.2.187:7574"}) {
			t.Errorf("after the seeder left: %v", got)
		}
		if a.Status().Joined {
			t.Error("still joined after Run")
		}
		b.end(t)
		wantLog(t, l.said(0xbb), "JOIN LEECH 192.0.2.187:7574", "LEAVE LEECH")
	})
}

func TestAnnouncerFindsWhilePeersAreWantedAndReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		other := l.start(0x01, Seeder, 0, nil)
		b := l.start(0xbb, Leech, 5, func(c *AnnouncerConfig) {
			c.Stats = func() StreamStats { return StreamStats{DownloadedBytes: 768} }
		})
		l.said(0xbb)
		time.Sleep(32 * time.Second) // FIND every 10 s, ±5 %
		wantLog(t, l.said(0xbb), "FIND", "FIND", "FIND")
		b.set(func(n *node) { n.wanted = 0 })
		time.Sleep(75 * time.Second) // STAT_REPORT every 40 s, ±5 %
		wantLog(t, l.said(0xbb), "STAT_REPORT", "STAT_REPORT")
		l.mu.Lock()
		status, _ := l.server.config.Registry.Status(t.Context(), time.Now())
		l.mu.Unlock()
		if got := status.Swarms[0].Members[1].Stats; got == nil || got.DownloadedBytes != 768 {
			t.Errorf("the tracker knows %+v", got)
		}
		b.set(func(n *node) { n.wanted = 3 })
		time.Sleep(11 * time.Second)
		if got := l.said(0xbb); !slices.Contains(got, "FIND") {
			t.Errorf("peers are wanted again, but only %q", got)
		}
		b.end(t)
		other.end(t)
	})
}

func TestAnnouncerLooksSoonerWhileTheSwarmIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		b := l.start(0xbb, Leech, 5, nil)
		time.Sleep(1200 * time.Millisecond)
		wantLog(t, l.said(0xbb), "JOIN LEECH 192.0.2.187:7574", "FIND")
		a := l.start(0xaa, Seeder, 0, nil)
		time.Sleep(2200 * time.Millisecond)
		if !b.hasMet("aa") {
			t.Error("the seeder that came later was not found within 3.4 s")
		}
		l.said(0xbb)
		time.Sleep(9 * time.Second)
		wantLog(t, l.said(0xbb))
		a.end(t)
		b.end(t)
	})
}

func TestSeederThatWantsPeersIsToldOfLeeches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		b := l.start(0xbb, Leech, 5, nil)
		a := l.start(0xaa, Seeder, 5, nil)
		if !a.hasMet("bb") {
			t.Error("a publisher that restarts does not learn who waits for it")
		}
		a.end(t)
		b.end(t)
	})
}

func TestAnnouncerOutlivesTheTracker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.set(func(l *lab) { l.server = nil })
		var log bytes.Buffer
		a := l.start(0xaa, Leech, 5, func(c *AnnouncerConfig) { c.Logger = zerolog.New(&log).Level(zerolog.InfoLevel) })
		if s := a.Status(); s.Joined || s.Err == nil || !strings.Contains(s.Err.Error(), "connection refused") {
			t.Errorf("status %+v", s)
		}
		time.Sleep(100 * time.Millisecond)
		l.set(func(l *lab) { l.server = NewServer(ServerConfig{}) })
		time.Sleep(150 * time.Millisecond)
		if got := l.listed(); len(got) != 1 {
			t.Errorf("250 ms after a late start of the tracker: %v", got)
		}

		l.set(func(l *lab) { l.server = nil })
		time.Sleep(5 * time.Minute)
		tries := len(l.said(0xaa))
		if tries < 14 || tries > 40 { // 250 ms doubling to 30 s, each between half and all of it
			t.Errorf("%d requests in 5 minutes without a tracker", tries)
		}
		l.set(func(l *lab) { l.server = NewServer(ServerConfig{}) })
		time.Sleep(maxBackoff)
		if got := l.listed(); len(got) != 1 {
			t.Errorf("after a long absence of the tracker: %v", got)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 2 {
			t.Errorf("a household reads %d lines, want one for the loss and one for the return:\n%s", lines, log.String())
		}
		a.end(t)
	})
}

func TestAnnouncerJoinsAgainAfterATrackerRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, wanted := range []int{0, 5} {
			l := newLab(t)
			a := l.start(0xaa, Leech, wanted, nil)
			l.set(func(l *lab) { l.server = NewServer(ServerConfig{}) }) // it remembers nobody
			time.Sleep(DefaultReportInterval + DefaultReportInterval/10)
			if got := l.listed(); len(got) != 1 || !a.Status().Joined {
				t.Errorf("wanting %d peers: %v, %+v", wanted, got, a.Status())
			}
			a.end(t)
		}
	})
}

func TestAnnouncerKeepsUpWithAShortTrackTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.set(func(l *lab) { l.server = NewServer(ServerConfig{TrackTimeout: 5 * time.Second}) })
		a := l.start(0xaa, Seeder, 0, func(c *AnnouncerConfig) { c.FindInterval = time.Hour })
		l.said(0xaa)
		for range 60 {
			time.Sleep(time.Second)
			if got := l.listed(); len(got) != 1 {
				t.Fatalf("listed: %v", got)
			}
		}
		if got := l.said(0xaa); slices.Contains(got, "JOIN SEEDER 192.0.2.170:7574") {
			t.Errorf("it was forgotten: %q", got)
		}
		a.end(t)
	})
}

func TestUpdateAnnouncesChangesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a := l.start(0xaa, Leech, 0, nil)
		l.said(0xaa)
		time.Sleep(time.Second)
		mapped := Address{AddrPort: addrPort(1), Type: Reflexive, Priority: 7}
		a.set(func(n *node) { n.addrs = append([]Address{mapped}, n.addrs...) })
		a.Update()
		synctest.Wait()
		wantLog(t, l.said(0xaa), "JOIN LEECH 192.0.2.1:7574 192.0.2.170:7574")
		for range 100 { // calls that come too fast become one, after a pause
			a.set(func(n *node) { n.mode = Seeder })
			a.Update()
		}
		synctest.Wait()
		wantLog(t, l.said(0xaa))
		time.Sleep(minGap + time.Millisecond)
		wantLog(t, l.said(0xaa), "JOIN SEEDER 192.0.2.1:7574 192.0.2.170:7574")
		if got := l.listed(); !slices.Equal(got, []string{"aa SEEDER 192.0.2.1:7574"}) {
			t.Errorf("listed: %v", got)
		}
		time.Sleep(time.Second)
		a.Update() // nothing changed and nobody is wanted
		time.Sleep(time.Second)
		wantLog(t, l.said(0xaa))
		a.set(func(n *node) { n.wanted = 4 })
		a.Update()
		time.Sleep(time.Millisecond)
		wantLog(t, l.said(0xaa), "FIND")
		a.end(t)
	})
}

func TestUpdateEndsTheWaitForATrackerThatWasDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.set(func(l *lab) { l.server = nil })
		a := l.start(0xaa, Leech, 0, nil)
		time.Sleep(5 * time.Minute)
		l.set(func(l *lab) { l.server = NewServer(ServerConfig{}) })
		a.Update() // the network is back
		time.Sleep(minGap)
		if got := l.listed(); len(got) != 1 {
			t.Errorf("listed: %v", got)
		}
		a.end(t)
	})
}

func TestChangedAddressesAreNoticedWithoutUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a := l.start(0xaa, Leech, 0, nil)
		a.set(func(n *node) { n.addrs = []Address{{AddrPort: addrPort(9)}} })
		time.Sleep(DefaultFindInterval + DefaultFindInterval/10)
		if got := l.listed(); !slices.Equal(got, []string{"aa LEECH 192.0.2.9:7574"}) {
			t.Errorf("listed: %v", got)
		}
		a.end(t)
	})
}

func TestAnnouncerEndsInTimeWhateverTheTrackerDoes(t *testing.T) {
	for name, c := range map[string]struct {
		before, after func(*lab)
		leaves        int
	}{
		"tracker hangs at the end": {func(*lab) {}, func(l *lab) { l.hangs = true }, 1},
		"tracker gone at the end":  {func(*lab) {}, func(l *lab) { l.server = nil }, 1},
		"never there":              {func(l *lab) { l.server = nil }, func(*lab) {}, 0},
		"hangs from the start: it may have heard the CONNECT": {func(l *lab) { l.hangs = true }, func(*lab) {}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t)
				l.set(c.before)
				a := l.start(0xaa, Leech, 5, nil)
				l.set(c.after)
				l.said(0xaa)
				a.end(t)
				if got := l.said(0xaa); len(got) != c.leaves || (c.leaves == 1 && got[0] != "LEAVE LEECH") {
					t.Errorf("requests at the end: %q", got)
				}
			})
		})
	}
}

func TestAnnouncerOfAFullSwarmWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		memory := NewMemory(MemoryConfig{MaxSwarmPeers: 1})
		l.set(func(l *lab) { l.server = NewServer(ServerConfig{Registry: memory}) })
		a := l.start(0xaa, Leech, 0, nil)
		b := l.start(0xbb, Leech, 0, nil)
		if s := b.Status(); s.Joined || s.Err == nil || !strings.HasSuffix(s.Err.Error(), "05 service unavailable") {
			t.Errorf("status %+v", s)
		}
		a.end(t)
		time.Sleep(minBackoff)
		if !b.Status().Joined {
			t.Errorf("a place is free, but %+v", b.Status())
		}
		b.end(t)
	})
}

// A contrary tracker answers every CONNECT well and denies it afterwards.
func TestAnnouncerDoesNotRaceAgainstAContraryTracker(t *testing.T) {
	for name, answer := range map[string]string{
		"03 to all but CONNECT": `"response_type":1,"error_code":3`,
		"failed for our swarm":  `"response_type":0,"error_code":0,"swarm_result":[{"swarm_id":"` + swarmA.String() + `","result":1}]`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, connects := 0, 0
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					n++
					body, _ := io.ReadAll(r.Body)
					request, _ := DecodeRequest(body)
					text := answer
					if request.Type == TypeConnect {
						connects++
						text = `"response_type":0,"error_code":0`
					}
					_, _ = fmt.Fprintf(w, `{"PPSPTrackerProtocol":{"version":1,"transaction_id":%q,%s}}`, request.TransactionID, text)
				})
				a := NewAnnouncer(AnnouncerConfig{Tiers: [][]*Client{{clientOf(h, 1)}}, Swarm: swarmA})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := a.Run(ctx); err != nil {
					t.Error(err)
				}
				if n > 60 || connects < 2 {
					t.Errorf("%d requests in a minute, %d of them CONNECT", n, connects)
				}
			})
		})
	}
}

func TestConnectThatFailsForOurSwarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			request, _ := DecodeRequest(body)
			_, _ = fmt.Fprintf(w, `{"PPSPTrackerProtocol":{"version":1,"transaction_id":%q,"response_type":0,"error_code":0,"swarm_result":{"swarm_id":%q,"result":1}}}`,
				request.TransactionID, swarmA.String())
		})
		a := NewAnnouncer(AnnouncerConfig{Tiers: [][]*Client{{clientOf(h, 1)}}, Swarm: swarmA})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
		if s := a.Status(); s.Joined || !errors.Is(s.Err, errNotJoined) {
			t.Errorf("status %+v", s)
		}
	})
}

func TestBackoffAndJitter(t *testing.T) {
	for n := 1; n < 50; n++ {
		bound := maxBackoff
		if n < 8 { // 250 ms · 2⁷ = 32 s
			bound = minBackoff << (n - 1)
		}
		for range 100 {
			if d := backoff(n); d < bound/2 || d > bound {
				t.Fatalf("after %d failures %v, want %v to %v", n, d, bound/2, bound)
			}
		}
	}
	for range 1000 {
		if d := jitter(100 * time.Second); d < 95*time.Second || d > 105*time.Second {
			t.Fatalf("jitter made %v of 100 s", d)
		}
	}
}

// However long the tracker was away, and though it comes back knowing nobody, all are in its list
// within one report interval.
func TestFiftyPeersReturnAfterATrackerCrash(t *testing.T) {
	for _, outage := range []time.Duration{time.Second, 20 * time.Second, 5 * time.Minute, 3 * time.Hour} {
		t.Run(outage.String(), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { fiftyReturn(t, outage) }) })
	}
}

func fiftyReturn(t *testing.T, outage time.Duration) {
	l := newLab(t)
	var all []*node
	for i := range byte(50) {
		all = append(all, l.start(i+1, Leech, 5, nil))
	}
	l.set(func(l *lab) { l.server = nil })
	time.Sleep(outage)
	l.set(func(l *lab) { l.server = NewServer(ServerConfig{}) })
	time.Sleep(DefaultReportInterval)
	if got := len(l.listed()); got != 50 {
		t.Errorf("%d of 50 peers are back after one report interval", got)
	}
	for _, n := range all {
		n.end(t)
	}
	if got := l.listed(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}
