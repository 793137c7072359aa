package ledbat

import (
	"math"
	"testing"
)

// "a LEDBAT sender stores BASE_HISTORY separate minima -- one each for the last
// BASE_HISTORY-1 minutes, and one for the running current minute." (RFC 6817, 2.4.2)
func TestMinimaRollOver(t *testing.T) {
	var m minima
	if m.value() != unknown {
		t.Error("there is a minimum of nothing")
	}
	m.add(0, 50)
	m.add(30*second, 70)
	if m.value() != 50 {
		t.Errorf("minimum %d, want 50", m.value())
	}
	for k := range int64(9) {
		m.add((k+1)*minute+second, 100+k)
		if m.value() != 50 {
			t.Errorf("minute %d: minimum %d, want 50 still", k+1, m.value())
		}
	}
	m.add(10*minute, 200)
	if m.value() != 100 {
		t.Errorf("minute 10: minimum %d, want 100 of minute 1", m.value())
	}
	m.add(12*minute, 200) // nothing came in minute 11: +INFINITY
	if m.value() != 102 {
		t.Errorf("minute 12: minimum %d, want 102 of minute 3", m.value())
	}
}

// "If the connection has been idle for BASE_HISTORY minutes, all minima in the list are
// thus set to +INFINITY and measurement begins anew."
func TestMinimaBeginAnew(t *testing.T) {
	for _, idle := range []int64{10 * minute, 1000 * minute, math.MaxInt64 / 2} {
		var m minima
		m.add(5*second, 50)
		m.add(5*second+idle, 300)
		if m.value() != 300 {
			t.Errorf("idle for %d minutes: minimum %d, want 300", idle/minute, m.value())
		}
	}
	var m minima
	m.add(-3*minute, 50) // the clock may begin anywhere
	m.add(-2*minute, 60)
	m.add(-5*minute, 40) // and must not go back
	if m.value() != 40 {
		t.Errorf("minimum %d, want 40", m.value())
	}
}

func TestQueueIsSmallestRecentDelayOverBase(t *testing.T) {
	var d delays
	if d.queue() != 0 {
		t.Error("there is a queue before the first sample")
	}
	feed := func(at int64, delays ...int64) {
		for _, v := range delays {
			d.sample(at*ms, v*1000, 0, 100*ms)
		}
	}
	feed(0, 20)
	feed(10, 70, 90, 80)
	if d.queue() != 0 {
		t.Errorf("queue of %d ms while the base is among the last four samples", d.queue()/ms)
	}
	feed(20, 95)
	if d.queue() != 50*ms {
		t.Errorf("queue of %d ms, want 50: the smallest of 70, 90, 80, 95 over 20", d.queue()/ms)
	}
	// "CURRENT_FILTER MUST be limited such that samples in the list are not older than an
	// RTT in the past."
	feed(111, 100)
	if d.queue() != 75*ms {
		t.Errorf("queue of %d ms, want 75: 95 is 91 ms old, the rest older than a round trip", d.queue()/ms)
	}
	feed(500, 60)
	if d.queue() != 40*ms {
		t.Errorf("queue of %d ms, want 40 by the only fresh sample", d.queue()/ms)
	}
}

// "If the actual base delay decreases, due to a route change, for instance, a LEDBAT sender
// adapts immediately" (RFC 6817, 2.5)
func TestShorterRouteIsNoticedAtOnce(t *testing.T) {
	var d delays
	for k := range int64(10) {
		d.sample(k*ms, 80_000, 0, 100*ms)
	}
	for k := range int64(10) {
		d.sample((20+k)*ms, 30_000, 0, 100*ms)
	}
	for k := range int64(4) {
		d.sample((40+k)*ms, 45_000, 0, 100*ms)
	}
	if d.queue() != 15*ms {
		t.Errorf("queue of %d ms, want 15", d.queue()/ms)
	}
}

// The receiver's clock is set forward: only the round trip tells that nothing queues.
func TestQueueIsNoLongerThanRoundTripGrew(t *testing.T) {
	var d delays
	d.sample(0, 20_000, 40*ms, 100*ms)
	for k := range int64(4) {
		d.sample((10+k)*ms, 3_600_020_000, 45*ms, 100*ms)
	}
	if d.queue() != 5*ms {
		t.Errorf("queue of %d ms, want the 5 that the round trip grew", d.queue()/ms)
	}
	d.sample(15*ms, 3_600_020_000, 0, 100*ms)
	for k := range int64(4) { // an unknown round trip is not one of nothing
		d.sample((16+k)*ms, 3_600_020_000, 45*ms, 100*ms)
	}
	if d.queue() != 5*ms {
		t.Errorf("queue of %d ms after an unknown round trip, want 5", d.queue()/ms)
	}
	d.sample(20*ms, 3_600_020_000, 0, 100*ms) // an unknown round trip bounds nothing
	if d.queue() != maxQueue {
		t.Errorf("queue of %d ms, want %d", d.queue()/ms, int64(maxQueue/ms))
	}
}

func TestWildDelaysDoNotOverflow(t *testing.T) {
	var d delays
	for _, v := range []int64{math.MaxInt64, math.MinInt64, math.MaxInt64, 0, math.MinInt64 + 1, math.MaxInt64} {
		d.sample(0, v, v, ms)
		if q := d.queue(); q < 0 || q > maxQueue {
			t.Errorf("delay %d: queue %d", v, q)
		}
	}
}

// RFC 6298, 2: SRTT <- R, RTTVAR <- R/2; then RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R'|,
// SRTT <- 7/8 SRTT + 1/8 R'; RTO <- SRTT + max (G, 4*RTTVAR).
func TestRoundTrip(t *testing.T) {
	var r roundTrip
	if r.timeout() != second || r.smoothed() != 0 { // "CTO = 1 second"
		t.Errorf("before a sample: timeout %d ms, round trip %d ms", r.timeout()/ms, r.smoothed()/ms)
	}
	for _, v := range []struct{ sample, srtt, variance, rto int64 }{
		{800, 800, 400, 2400},
		{400, 750, 400, 2350},
		{0, 750, 400, 2350}, // unknown (Karn)
		{-5, 750, 400, 2350},
		{750, 750, 300, 1950},
	} {
		r.update(v.sample * ms)
		if r.srtt != v.srtt*ms || r.variance != v.variance*ms || r.timeout() != v.rto*ms {
			t.Errorf("after %d ms: %d, %d, %d ms, want %d, %d, %d", v.sample, r.srtt/ms, r.variance/ms, r.timeout()/ms, v.srtt, v.variance, v.rto)
		}
	}
	for range 100 {
		r.update(ms)
	}
	if r.timeout() != minRTO {
		t.Errorf("timeout on a short path is %d ms, want %d", r.timeout()/ms, int64(minRTO/ms))
	}
	r.update(math.MaxInt64)
	if r.timeout() != maxRTO {
		t.Errorf("timeout is %d ms, want at most %d", r.timeout()/ms, int64(maxRTO/ms))
	}
}

func TestRecentMax(t *testing.T) {
	var m recentMax
	for _, v := range []struct {
		at   int64
		add  int
		want int
	}{{0, 5, 5}, {5, 3, 5}, {10, 2, 5}, {15, 1, 5}, {20, 0, 2}, {29, 0, 2}, {30, 0, 0}, {31, 7, 7}, {100, 1, 1}} {
		m.add(v.at, 10, v.add)
		if got := m.value(v.at, 10); got != v.want {
			t.Errorf("at %d: %d, want %d", v.at, got, v.want)
		}
	}
}
