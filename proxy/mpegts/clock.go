package mpegts

import "time"

// Rates and ranges of the clocks (ISO/IEC 13818-1, 2.4.3.5 and 2.4.3.7): PTS and DTS count
// 90 kHz in 33 bits and wrap every 26.5 hours; the PCR counts 300 times as fast.
const (
	ptsRate    = 90_000
	ptsModulus = 1 << 33
	PCRRate    = 300 * ptsRate    // ticks a second of a PCR
	PCRModulus = 300 * ptsModulus // a PCR is below it
)

// PCRElapsed is the way from one PCR to another in ticks of 27 MHz, the shorter way round:
// negative when to lies before from.
func PCRElapsed(from, to uint64) int64 { return elapsed(from, to, PCRModulus) }

// PCRDuration turns ticks of 27 MHz into a duration.
func PCRDuration(ticks int64) time.Duration {
	return time.Duration(ticks/PCRRate)*time.Second + time.Duration(ticks%PCRRate)*1000/27
}

func elapsed(from, to, modulus uint64) int64 {
	d := (to + modulus - from) % modulus
	if d > modulus/2 {
		return int64(d) - int64(modulus)
	}
	return int64(d)
}

// maxStep is how far two frames in a row may lie apart; beyond it the clock was set anew.
const maxStep = 10 * ptsRate

// line turns timestamps that wrap into a line that does not, and on which the clock is never
// set anew.
type line struct {
	last    uint64
	at      int64
	started bool
}

// extend is where on the line the PTS lies, in ticks of 90 kHz; the first is itself.
func (l *line) extend(pts uint64) int64 {
	if !l.started {
		l.started, l.at = true, int64(pts)
	} else if step := elapsed(l.last, pts, ptsModulus); step <= maxStep && step >= -maxStep {
		l.at += step
	}
	l.last = pts
	return l.at
}

// ptsDuration turns ticks of 90 kHz into a duration.
func ptsDuration(ticks int64) time.Duration {
	return time.Duration(ticks/ptsRate)*time.Second + time.Duration(ticks%ptsRate)*100_000/9
}
