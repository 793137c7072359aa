package ingest

import (
	"context"
	"time"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

const (
	// maxStep is the longest way between two clocks that is believed; beyond it, or backwards,
	// the clock was set, as where two recordings were joined.
	maxStep = 5 * mpegts.PCRRate
	// maxBehind is how late packets may be before the pace starts anew: a machine that slept
	// does not make up for it.
	maxBehind = 2 * time.Second
	// maxUnclocked is how many packets may come without the clock before that of another
	// programme is taken.
	maxUnclocked = 1 << 14
)

// pace tells when the packets of a stream are due: its first clock now, the others as much
// later as they say.
type pace struct {
	started bool
	pid     uint16 // whose clock it is
	last    uint64
	ticks   int64 // from anchor to last, 27 MHz
	anchor  time.Time
	without int // packets since the last clock
}

// see takes the next packet and says whether it tells the time.
func (c *pace) see(p mpegts.Packet) bool {
	pcr, ok := p.PCR()
	other := c.started && p.PID() != c.pid && c.without < maxUnclocked
	if !ok || other {
		c.without++
		return false
	}
	c.without = 0
	if !c.started {
		*c = pace{started: true, pid: p.PID(), last: pcr, anchor: time.Now()}
		return true
	}
	step := mpegts.PCRElapsed(c.last, pcr)
	if step < 0 || step > maxStep || p.Discontinuity() || p.PID() != c.pid {
		step = 0
	}
	c.pid, c.last = p.PID(), pcr
	c.ticks += step
	return true
}

// wait sleeps until the last packet seen is due.
func (c *pace) wait(ctx context.Context) error {
	due := c.anchor.Add(mpegts.PCRDuration(c.ticks))
	left := time.Until(due)
	if left < -maxBehind {
		c.anchor, c.ticks = time.Now(), 0
	}
	if left <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
