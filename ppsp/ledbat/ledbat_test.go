package ledbat

import (
	"math"
	"math/rand/v2"
	"testing"
)

// cruising returns a controller that left slow start by loss, with a window of 20 kB in
// full use, a round trip of 100 ms and no queue.
func cruising(t *testing.T, c Config) *Controller {
	t.Helper()
	c.MSS = 1000
	k := New(c)
	k.window, k.starting = 20000, false
	k.Sent(0, 20000)
	for range 20 {
		k.Acked(100*ms, 1000, 5000, 100*ms)
	}
	k.window = 20000
	k.Sent(100*ms, 20000)
	return k
}

// trip acknowledges a full window at time `at`, with a queue of so many ms in delay and
// round trip that has filled the filter already, and fills it again.
func trip(k *Controller, at int64, queue int64) {
	for range currentFilter {
		k.delays.sample(at, 5000+1000*queue, (100+queue)*ms, 100*ms)
	}
	for n := k.Flight() / 1000; n > 0; n-- {
		k.Acked(at, 1000, 5000+1000*queue, (100+queue)*ms)
		k.Sent(at, 1000)
	}
	k.Sent(at, max(k.Window()-k.Flight(), 0)/1000*1000)
}

func TestInitialWindow(t *testing.T) {
	for _, v := range []struct {
		what string
		c    Config
		want int
	}{
		{"INIT_CWND SHOULD be 2", Config{}, 3000},
		{"small datagrams", Config{MSS: 500}, 1000},
		{"eager: ten datagrams", Config{Eager: true, MSS: 1000}, 10000},
		{"eager: at most 14600 bytes", Config{Eager: true}, 14600},
		{"eager: at least two datagrams", Config{Eager: true, MSS: 60000}, 120000},
		{"no window is smaller than two", Config{MaxWindow: 1}, 3000},
		{"nonsense", Config{MSS: -1, MaxWindow: -1, Target: -1}, 3000},
	} {
		if got := New(v.c).Window(); got != v.want {
			t.Errorf("%s: %d, want %d", v.what, got, v.want)
		}
	}
	// "TARGET MUST be 100 milliseconds or less"
	for given, want := range map[int64]int64{0: 100 * ms, 25 * ms: 25 * ms, 101 * ms: 100 * ms} {
		if got := New(Config{Target: given}).target; got != want {
			t.Errorf("target %d ms, want %d", got/ms, want/ms)
		}
	}
}

// cwnd += GAIN * off_target * bytes_newly_acked * MSS / cwnd: over one round trip that is
// one MSS without a queue, half of it at half the target, nothing at the target.
func TestGrowthOfWindow(t *testing.T) {
	for _, v := range []struct {
		queue, want int64
	}{{0, 21000}, {25, 20750}, {50, 20500}, {75, 20250}, {100, 20000}} {
		k := cruising(t, Config{})
		trip(k, 200*ms, v.queue)
		if got := int64(k.Window()); got < v.want-40 || got > v.want+40 {
			t.Errorf("queue of %d ms: window %d, want about %d", v.queue, got, v.want)
		}
	}
}

// Above the target the window shrinks, by half within a round trip at twice the target.
func TestDecreaseOfWindow(t *testing.T) {
	for _, v := range []struct {
		queue, low, high int64
	}{{110, 18900, 19100}, {150, 14900, 15700}, {200, 9900, 10700}, {900, 9900, 10700}} {
		k := cruising(t, Config{})
		trip(k, 250*ms, v.queue)
		if got := int64(k.Window()); got < v.low || got > v.high {
			t.Errorf("queue of %d ms: window %d, want %d to %d", v.queue, got, v.low, v.high)
		}
	}
}

// "Thus, LEDBAT reduces its cwnd by half at most once per RTT." (RFC 6817, 3.2.2)
func TestLossHalvesOncePerRoundTrip(t *testing.T) {
	for _, v := range []struct {
		eager bool
		left  float64
	}{{false, 0.5}, {true, 0.7}} {
		k := cruising(t, Config{Eager: v.eager})
		was := float64(k.Window())
		for range 5 {
			k.Lost(200*ms, 1000)
		}
		if got, want := float64(k.Window()), was*v.left; math.Abs(got-want) > 1 {
			t.Errorf("eager %v: window %v after five losses at once, want %v", v.eager, got, want)
		}
		if k.Flight() != 15000 {
			t.Errorf("eager %v: %d bytes in flight, want 15000", v.eager, k.Flight())
		}
		for range 15 { // the rest of that round trip: it neither grows nor shrinks
			k.Acked(210*ms, 1000, 500_000, 100*ms)
		}
		if got, want := float64(k.Window()), was*v.left; math.Abs(got-want) > 1 {
			t.Errorf("eager %v: window %v when the round trip is over, want %v", v.eager, got, want)
		}
		k.Sent(220*ms, 10000)
		k.Lost(300*ms, 1000)
		if got, want := float64(k.Window()), was*v.left*v.left; math.Abs(got-want) > 1 {
			t.Errorf("eager %v: window %v after loss in the next round trip, want %v", v.eager, got, want)
		}
	}
}

// MIN_CWND is 2, but after a timeout the window is one MSS.
func TestWindowNeverVanishes(t *testing.T) {
	k := cruising(t, Config{})
	for n := range int64(30) {
		k.Lost(n*second, 1000)
		k.Sent(n*second, 1000)
		if n%2 == 0 {
			k.Acked(n*second, 20000, 0, 0)
		}
	}
	if k.Window() != 2000 {
		t.Errorf("window is %d after many losses, want 2000", k.Window())
	}
	k.TimedOut(40 * second)
	if k.Window() != 1000 {
		t.Errorf("window is %d after a timeout, want 1000", k.Window())
	}
}

// "if no ACKs are received within a CTO: … set cwnd to 1MSS and backoff the congestion
// timer." (RFC 6817, 2.4.2)
func TestTimedOut(t *testing.T) {
	k := cruising(t, Config{})
	rto := k.RTO()
	k.TimedOut(second)
	if k.Window() != 1000 || k.Flight() != 0 || k.RTO() != 2*rto {
		t.Errorf("window %d, flight %d, timeout %d ms, want 1000, 0, %d", k.Window(), k.Flight(), k.RTO()/ms, 2*rto/ms)
	}
	if !k.CanSend(1000) {
		t.Error("nothing may be sent after a timeout")
	}
	k.Sent(second, 1000)
	if k.CanSend(1000) {
		t.Error("more than one datagram may be sent after a timeout")
	}
	for range 20 {
		k.TimedOut(2 * second)
	}
	if k.RTO() != 60*second { // "A maximum value MAY be placed on the CTO, and if placed, it MUST be at least 60 seconds."
		t.Errorf("timeout has grown to %d ms", k.RTO()/ms)
	}
	k.Sent(3*second, 1000)
	k.Acked(4*second, 1000, 5000, 100*ms)
	if k.RTO() > second {
		t.Errorf("timeout is still %d ms after an acknowledgement", k.RTO()/ms)
	}
	for at := 4 * second; k.Window() < 9000; at += 100 * ms { // slow start up to half of what was
		before := k.Window()
		k.Sent(at, max(before-k.Flight(), 0))
		k.Acked(at+100*ms, k.Flight(), 5000, 100*ms)
		if after := k.Window(); after < before*3/2 && after < 9000 {
			t.Fatalf("window grows from %d to %d only", before, after)
		}
	}
}

func TestSlowStartDoubles(t *testing.T) {
	k := New(Config{MSS: 1000})
	for n := range 8 {
		if want := 2000 << n; k.Window() != want {
			t.Fatalf("round trip %d: window %d, want %d", n, k.Window(), want)
		}
		at := int64(n) * 100 * ms
		k.Sent(at, k.Window())
		for range k.Window() / 1000 {
			k.Acked(at+100*ms, 1000, 0, 100*ms)
		}
	}
}

// Slow start ends when a queue shows, and goes back to the window that made it.
func TestSlowStartEndsWithQueue(t *testing.T) {
	for _, eager := range []bool{false, true} {
		k := New(Config{MSS: 1000, Eager: eager})
		k.Sent(0, 2000)
		k.Acked(100*ms, 2000, 0, 100*ms)
		k.Sent(100*ms, k.Window())
		was := k.Window()
		for range was / 1000 {
			k.Acked(300*ms, 1000, 100_000, 200*ms)
		}
		got := k.Window()
		if want := was / 2; !eager && got > want+200 {
			t.Errorf("window %d, want half of %d", got, was)
		}
		if eager && (got < was || got > was+1100) {
			t.Errorf("eager window went from %d to %d, want the growth of TCP only", was, got)
		}
	}
}

func TestCanSend(t *testing.T) {
	k := New(Config{MSS: 1000})
	if !k.CanSend(5000) {
		t.Error("an idle flow may not send a datagram larger than its window")
	}
	k.Sent(0, 1000)
	if !k.CanSend(1000) || k.CanSend(1001) {
		t.Error("window of 2000 with 1000 in flight does not have room for just 1000")
	}
	k.Sent(0, -5)
	k.Sent(0, 0)
	if k.Flight() != 1000 {
		t.Errorf("flight is %d", k.Flight())
	}
}

// An ACK can come for what was given up, or twice, or from a liar.
func TestFlightNeverNegative(t *testing.T) {
	k := New(Config{MSS: 1000})
	k.Sent(0, 1000)
	k.Acked(ms, 5000, 0, ms)
	k.Lost(ms, 5000)
	k.Acked(ms, -1, 0, ms)
	k.Lost(ms, -1000)
	if k.Flight() != 0 {
		t.Errorf("flight is %d", k.Flight())
	}
}

func TestAckWithoutFlightGrowsNothing(t *testing.T) {
	k := cruising(t, Config{})
	k.TimedOut(second)
	k.Sent(second, 1000)
	k.Acked(2*second, 1000, 5000, 100*ms)
	was := k.Window()
	for range 1000 {
		k.Acked(2*second, 1000, 5000, 0)
	}
	if k.Window() > was {
		t.Errorf("acknowledgements of nothing made the window grow from %d to %d", was, k.Window())
	}
}

// Whatever comes from the network, the figures stay in their bounds.
func FuzzController(f *testing.F) {
	f.Add(uint64(1), false)
	f.Add(uint64(2), true)
	f.Fuzz(func(t *testing.T, seed uint64, eager bool) {
		r := rand.New(rand.NewPCG(seed, 0))
		wild := func() int64 {
			switch r.IntN(4) {
			case 0:
				return math.MinInt64 + r.Int64N(3)
			case 1:
				return math.MaxInt64 - r.Int64N(3)
			default:
				return r.Int64N(1<<40) - 1<<39
			}
		}
		k, now := New(Config{Eager: eager, MSS: r.IntN(70000), MaxWindow: r.IntN(1 << 24)}), int64(0)
		for range 2000 {
			now += r.Int64N(1 << uint(r.IntN(40)))
			switch r.IntN(8) {
			case 0, 1, 2:
				if k.CanSend(1200) {
					k.Sent(now, 1200)
				}
			case 3, 4:
				k.Acked(now, 1200, r.Int64N(1e6), r.Int64N(second))
			case 5:
				k.Acked(now, r.IntN(3000), wild(), wild())
			case 6:
				k.Lost(now, 1200)
			default:
				k.TimedOut(now)
				k.Sample(wild())
			}
			if w := k.Window(); w < int(k.mss) || w > int(k.maxWindow) {
				t.Fatalf("window is %d, bounds are %v and %v", w, k.mss, k.maxWindow)
			}
			if k.Flight() < 0 || k.RTT() < 0 || k.RTT() > maxRTT || k.RTO() < minRTO || k.RTO() > maxRTO {
				t.Fatalf("flight %d, round trip %d, timeout %d", k.Flight(), k.RTT(), k.RTO())
			}
			if q, p := k.QueueDelay(), k.PacingInterval(1200); q < 0 || q > maxQueue || p < 0 {
				t.Fatalf("queue %d, pacing %d", q, p)
			}
		}
	})
}

func TestNothingAllocates(t *testing.T) {
	k, now := New(Config{}), int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += ms
		k.Sent(now, 1200)
		k.Acked(now+20*ms, 1200, now%777, 20*ms)
	}); n != 0 {
		t.Errorf("a datagram allocates %v times", n)
	}
}

func BenchmarkAcked(b *testing.B) {
	k, now := New(Config{}), int64(0)
	for b.Loop() {
		now += ms
		k.Sent(now, 1200)
		k.Acked(now+20*ms, 1200, now%777, 20*ms)
	}
}
