package ledbat

import "testing"

// standing drives k for so many ns in steps of a round trip of 150 ms, 50 of them queue
// (or as much as given), and returns the windows that it saw, one a step.
func standing(k *Controller, from, span, queue int64) (windows []int) {
	for at := from; at < from+span; at += (100 + queue) * ms {
		trip(k, at, queue)
		windows = append(windows, k.Window())
	}
	return windows
}

func TestDrain(t *testing.T) {
	k := cruising(t, Config{})
	windows := standing(k, 200*ms, 60*second+200*ms, 50)
	if !k.drain.active || k.Window() != 2000 {
		t.Fatalf("after a minute with a queue the window is %d, want MIN_CWND", k.Window())
	}
	began := k.drain.until - 3*150*ms
	if began < 60*second || began > 61*second {
		t.Errorf("the drain began after %d ms, want a minute", began/ms)
	}
	// A round trip of 150 ms, 50 of them queue: without three quarters of the queue the
	// window is a quarter less.
	was := windows[398]
	if r := k.drain.resume; r < 0.74*float64(was) || r > 0.76*float64(was) {
		t.Errorf("window %v is to come back after %d, want a quarter less", r, was)
	}
	resume := int(k.drain.resume)
	k.Acked(k.drain.until-ms, k.Flight(), 5000, 100*ms)
	if k.Window() != 2000 {
		t.Errorf("window grows to %d before the drain is over", k.Window())
	}
	at := k.drain.until
	for steps := 0; k.Window() < resume; steps++ {
		if steps > 12 {
			t.Fatalf("window has come back to %d of %d only, after so many round trips", k.Window(), resume)
		}
		trip(k, at, 0)
		at += 100 * ms
	}
	if k.Window() > resume+2000 {
		t.Errorf("window came back to %d, want %d", k.Window(), resume)
	}
	if k.drain.next < 120*second || k.drain.next > 125*second {
		t.Errorf("the next drain comes after %d ms, want a minute", (k.drain.next-at)/ms)
	}
}

func TestNoDrainWithoutNeed(t *testing.T) {
	for _, v := range []struct {
		what  string
		c     Config
		queue int64
		first int64
		want  bool
	}{
		{"a queue of half the target", Config{}, 50, 200 * ms, true},
		{"hardly a queue", Config{}, 24, 200 * ms, false},
		{"an eager flow", Config{Eager: true}, 50, 200 * ms, false},
	} {
		k := cruising(t, v.c)
		low := false
		for _, w := range standing(k, v.first, 65*second, v.queue) {
			low = low || w == 2000
		}
		if low != v.want {
			t.Errorf("%s: drained %v", v.what, low)
		}
	}
}

// The drains of a path with a very long round trip take no more than a twentieth of its time.
func TestDrainsAreRareOnLongPaths(t *testing.T) {
	k := cruising(t, Config{})
	k.drain.begin(k, 0)
	if k.drain.next-k.drain.until != drainEvery {
		t.Errorf("short path: next drain after %d ms", (k.drain.next-k.drain.until)/ms)
	}
	for range 100 {
		k.rtt.update(5 * second)
	}
	k.drain.begin(k, 0)
	if k.drain.until != 15*second || k.drain.next != 15*second+20*15*second {
		t.Errorf("long path: drain of %d ms, the next after %d", k.drain.until/ms, k.drain.next/ms)
	}
}

// Loss during a drain halves what comes back, not the minimum.
func TestLossDuringDrain(t *testing.T) {
	k := cruising(t, Config{})
	k.drain.begin(k, second)
	resume := k.drain.resume
	k.Acked(second, k.Flight(), 5000, 100*ms)
	k.Sent(second, 2000)
	k.Lost(second, 1000)
	if k.Window() != 2000 || k.drain.resume != resume/2 {
		t.Errorf("window %d, %v is to come back, want 2000 and %v", k.Window(), k.drain.resume, resume/2)
	}
	k.drain.active = true
	k.TimedOut(2 * second)
	if k.threshold != resume/4 || k.drain.active {
		t.Errorf("after a timeout slow start goes to %v, want %v", k.threshold, resume/4)
	}
}
