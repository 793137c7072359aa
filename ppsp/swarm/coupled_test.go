package swarm

import "testing"

// What all may send follows what they send while no queue shows, is never much more than that, and
// falls when a queue shows.
func TestCoupledFollowsTheQueue(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 100*1024, nil)
	h := l.host(f.seed(f.all()))
	k := &h.s.uploads.coupled
	send := func(rate float64, queue int64, looks int) {
		for range looks {
			l.now += slotsEvery
			k.paced(l.now, int(rate*slotsEvery/1e9))
			h.s.couple(l.now, queue, 4)
		}
	}
	send(1e6, 0, 40)
	if k.allowed < 1e6 || k.allowed > 1.2e6 {
		t.Errorf("1 MB/s goes out, no queue shows: %.0f bytes/s may be sent", k.allowed)
	}
	if share := k.each; share < k.allowed/4 || share > k.allowed {
		t.Errorf("of %.0f bytes/s each of 4 has %.0f", k.allowed, share)
	}
	full := k.allowed
	send(1e6, 2*coupledQueue, 3)
	if k.allowed >= 0.9*full || k.allowed < 0.5*full {
		t.Errorf("with a queue %.0f bytes/s may be sent after 150 ms, and %.0f before", k.allowed, full)
	}
	h.s.couple(l.now+slotsEvery, 0, 1)
	if k.each != 0 {
		t.Errorf("one alone has a share of %.0f", k.each)
	}
}

// A channel that sees a queue of its own, or lost much, has its own window only.
func TestApart(t *testing.T) {
	l := newLab(t, 1)
	f := newFilm(t, 100*1024, nil)
	h := l.host(f.seed(f.all()))
	c := h.s.newChannel(l.now, l.puppet().addr, false)
	c.control.Sample(100e6)
	h.s.uploads.coupled.allowed, h.s.uploads.coupled.rate = 1e6, 1e6
	for _, v := range []struct {
		setback int64
		apart   bool
	}{{0, false}, {l.now + 50e6, true}, {l.now - coupledAlone, false}} {
		c.setback = v.setback
		h.s.couple(l.now+60e6, 0, 2)
		if c.apart != v.apart || (c.share() == 0) != v.apart {
			t.Errorf("set back at %d: apart %v, share %d", v.setback, c.apart, c.share())
		}
	}
}

// Whose turn it is not is served as long as the others do not use what may be sent.
func TestIdleUplinkServesThoseBehind(t *testing.T) {
	k := coupled{}
	if k.idleAt() < 1e18 {
		t.Error("it is idle before it is known what may be sent")
	}
	k.allowed = 1e6
	k.paced(1e9, 10_000)
	if at := k.idleAt(); at < 1e9+5e6 || at > 1e9+25e6 {
		t.Errorf("10 KB at 1 MB/s: idle after %d ms", (at-1e9)/1e6)
	}
}
