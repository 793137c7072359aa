package ledbat

import (
	"math"
	"testing"
)

// "to utilize end-to-end available bandwidth and to maintain low queueing delay when no
// other traffic is present" (RFC 6817, 1.2)
func TestAloneFillsTheLinkWithShortQueue(t *testing.T) {
	for _, mbit := range []float64{0.5, 1, 5, 20, 100} {
		for _, delay := range []int64{1, 20, 100} {
			l := newLink(mbit, delay*ms, 1000*ms)
			f := l.add(Config{}, 0)
			l.run(5 * second)
			l.measure(40 * second)
			if share := l.share(f); share < 0.9 {
				t.Errorf("%v Mbit/s, %d ms: %.2f of the link is used, want 0.9", mbit, delay, share)
			}
			// A datagram takes its time on a slow link: no queue can be kept finer.
			grain := int64(2 * packet / l.rate)
			if wait := l.wait(0.95); wait > 100*ms+grain/2 {
				t.Errorf("%v Mbit/s, %d ms: queue of %d ms at p95, want at most 100", mbit, delay, wait/ms)
			}
			if f.losses != 0 || f.timeout != 0 {
				t.Errorf("%v Mbit/s, %d ms: %d losses, %d timeouts", mbit, delay, f.losses, f.timeout)
			}
		}
	}
}

// Without drains the flow would take its own queue for part of the path after BASE_HISTORY
// minutes, and put another on top of it.
func TestQueueStaysShort(t *testing.T) {
	l := newLink(1, 20*ms, 2*second)
	f := l.add(Config{}, 0)
	l.run(5 * second)
	for n := range int64(2) {
		l.measure((n + 1) * 20 * minute)
		if share, wait := l.share(f), l.wait(0.95); share < 0.95 || wait > 110*ms {
			t.Errorf("after %d minutes: %.2f of the link, queue of %d ms at p95", 20*(n+1), share, wait/ms)
		}
	}
}

// A bottleneck that can't hold 100 ms loses datagrams; there the flow is like TCP.
func TestShortBuffer(t *testing.T) {
	for _, eager := range []bool{false, true} {
		l := newLink(10, 10*ms, 40*ms)
		f := l.add(Config{Eager: eager}, 0)
		l.run(5 * second)
		l.measure(60 * second)
		if share := l.share(f); share < 0.9 {
			t.Errorf("eager %v: %.2f of the link is used", eager, share)
		}
		if f.losses == 0 || f.losses > 500 {
			t.Errorf("eager %v: %d losses", eager, f.losses)
		}
	}
}

// "to yield quickly to standard TCP flows that share the same bottleneck link" (RFC 6817,
// 1.2). The eager profile stands for TCP.
func TestYieldsToEager(t *testing.T) {
	l := newLink(10, 20*ms, 300*ms)
	shy := l.add(Config{}, 0)
	tcp := l.add(Config{Eager: true}, 10*second)
	l.run(10 * second)
	if shy.total == 0 {
		t.Fatal("alone it sends nothing")
	}
	l.run(20 * second)
	l.measure(60 * second)
	if mine, its := l.share(shy), l.share(tcp); mine > 0.1 || its < 0.85 {
		t.Errorf("shares are %.2f and %.2f of an eager flow", mine, its)
	}
	tcp.stop = l.now
	l.run(l.now + 20*second)
	l.measure(l.now + 10*second)
	if mine := l.share(shy); mine < 0.9 {
		t.Errorf("alone again, but %.2f of the link is used", mine)
	}
}

// RFC 7574, 8.15: for live streaming "other parameters can be adjusted such that it acts as
// aggressive as TCP (or even more)".
func TestEagerKeepsUpWithEager(t *testing.T) {
	l := newLink(20, 20*ms, 100*ms)
	one, two := l.add(Config{Eager: true}, 0), l.add(Config{Eager: true}, 3*second)
	l.run(20 * second)
	l.measure(120 * second)
	a, b := l.share(one), l.share(two)
	if a+b < 0.95 || a < 0.25 || b < 0.25 {
		t.Errorf("two eager flows share %.2f and %.2f", a, b)
	}
}

// reno is the window of a TCP flow by RFC 5681 in the same place: no less may an eager flow
// grow.
func TestEagerGrowsAsTCP(t *testing.T) {
	c := New(Config{Eager: true, MSS: 1000})
	now := int64(0)
	c.Sent(now, c.Window())
	c.Acked(now+50*ms, 1000, 0, 50*ms)
	c.Lost(now+50*ms, 1000)
	for c.Flight() > 0 {
		c.Acked(now+60*ms, 1000, 0, 50*ms)
	}
	reno := float64(c.Window())
	for trip := range int64(50) {
		now = (trip + 2) * 100 * ms
		c.Sent(now, c.Window()-c.Flight())
		delay := 500_000 * trip // a queue that a shy flow would shun
		for n := c.Flight() / 1000; n > 0; n-- {
			c.Acked(now+50*ms, 1000, delay, 50*ms+delay*1000)
		}
		reno += 1000 // "cwnd is incremented by roughly 1 full-sized segment per round-trip time"
		if got := float64(c.Window()); got < reno-3000 {
			t.Fatalf("round trip %d: window %v, TCP's is %v", trip, got, reno)
		}
	}
}

// Clocks of other peers are off by years, drift, and jump; the round trip is ours.
func TestReceiversWithBadClocks(t *testing.T) {
	for _, v := range []struct {
		what   string
		offset int64
		skew   float64
		queue  int64 // at most
	}{
		{"decades ahead", 1 << 51, 0, 102 * ms},
		{"decades behind", -1 << 51, 0, 102 * ms},
		{"fast by 100 ppm", 0, 100e-6, 102 * ms},
		{"fast by 500 ppm", 0, 500e-6, 102 * ms},
		// "a skew of 100 ppm translates to an error accumulation of 6 milliseconds per
		// minute" (RFC 6817, A.2), and a minute passes between two drains.
		{"slow by 100 ppm", 0, -100e-6, 108 * ms},
		{"slow by 500 ppm", 0, -500e-6, 132 * ms},
	} {
		l := newLink(5, 20*ms, second)
		f := l.add(Config{}, 0)
		f.offset, f.skew = v.offset, v.skew
		l.run(100 * second)
		l.measure(300 * second)
		if share, wait := l.share(f), l.wait(0.95); share < 0.9 || wait > v.queue {
			t.Errorf("%s: %.2f of the link, queue of %d ms at p95", v.what, share, wait/ms)
		}
	}
	l := newLink(5, 20*ms, second)
	f := l.add(Config{}, 0)
	l.run(20 * second)
	f.offset = 3_600_000_000
	l.measure(40 * second)
	if share := l.share(f); share < 0.9 {
		t.Errorf("clock set by an hour: %.2f of the link", share)
	}
}

// A flow that comes later must not be shut out, nor shut out the first.
func TestTwoShyFlows(t *testing.T) {
	l := newLink(10, 20*ms, second)
	one, two := l.add(Config{}, 0), l.add(Config{}, 30*second)
	l.run(100 * second)
	l.measure(400 * second)
	a, b := l.share(one), l.share(two)
	if a+b < 0.9 || a < 0.1 || b < 0.1 {
		t.Errorf("two flows share %.2f and %.2f", a, b)
	}
	if wait := l.wait(0.95); wait > 210*ms {
		t.Errorf("queue of %d ms at p95", wait/ms)
	}
}

// The link goes dead for a while: the flow probes ever more rarely, and comes back.
func TestDeadLink(t *testing.T) {
	l := newLink(5, 20*ms, second)
	f := l.add(Config{}, 0)
	l.run(10 * second)
	l.buffer = 0 // everything is dropped
	was := f.seq
	l.run(70 * second)
	if f.timeout < 5 || f.timeout > 10 {
		t.Errorf("%d timeouts in a minute, want one after 0.2 s, 0.4 s, …", f.timeout)
	}
	if probes := f.seq - was; probes > 200 {
		t.Errorf("%d datagrams went into the dead link", probes)
	}
	l.buffer = second
	l.run(140 * second)
	l.measure(160 * second)
	if share := l.share(f); share < 0.9 {
		t.Errorf("back again, but %.2f of the link is used", share)
	}
}

// A live stream sends what its rate is, now and then a large frame.
func TestEagerKeepsWindowInCalm(t *testing.T) {
	l := newLink(20, 20*ms, 200*ms)
	f := l.add(Config{Eager: true}, 0)
	l.run(3 * second)
	was := f.Window()
	f.every = int64(packet / (2e6 / 8 / 1e9)) // 2 Mbit/s from now on
	l.run(20 * second)
	if now := f.Window(); now < was/2 || now > 2*was {
		t.Errorf("window was %d, and %d after a calm while", was, now)
	}
	shy := New(Config{MSS: packet})
	if shy.Window() > int(initWindow*packet) {
		t.Errorf("initial window is %d", shy.Window())
	}
}

// "the sender's cwnd is clamped down … to a little more than flightsize" (RFC 6817, 2.4.2)
func TestShyWindowFollowsUse(t *testing.T) {
	l := newLink(20, 20*ms, second)
	f := l.add(Config{}, 0)
	l.run(10 * second)
	was := f.Window()
	f.every = int64(packet / (1e6 / 8 / 1e9)) // a twentieth of the link
	l.run(20 * second)
	if now := f.Window(); now > was/5 || now > 20*packet {
		t.Errorf("window was %d, and %d when little is sent", was, now)
	}
}

func TestWindowIsBounded(t *testing.T) {
	l := newLink(1000, 50*ms, math.MaxInt64/2)
	f := l.add(Config{MaxWindow: 100 * packet}, 0)
	l.run(5 * second)
	if f.Window() > 100*packet || f.Window() < 90*packet {
		t.Errorf("window is %d, the bound %d", f.Window(), 100*packet)
	}
}

// Pacing spreads a window over the round trip instead of one burst.
func TestPacingSpreadsTheWindow(t *testing.T) {
	l := newLink(20, 20*ms, second)
	f := l.add(Config{}, 0)
	if f.PacingInterval(packet) != 0 {
		t.Error("paced before the round trip is known")
	}
	l.run(20 * second)
	spread := f.PacingInterval(packet) * int64(f.Window()/packet)
	if spread < f.RTT()/2 || spread > f.RTT() {
		t.Errorf("a window is spread over %d ms of a round trip of %d ms", spread/ms, f.RTT()/ms)
	}
}
