package publish

import (
	"io"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// How a transport stream is looked at.
const (
	streamLooks  = 16      // places, evenly over the file
	streamWindow = 1 << 20 // bytes at each
	// streamUneven is by how much a part may run faster or slower than the whole before its
	// clock is taken to have been set in between, as where two recordings were joined.
	streamUneven = 8
)

// streamClock is a clock of a transport stream (ISO/IEC 13818-1, 2.4.3.5) and where it stands.
type streamClock struct {
	at    int64 // byte, about
	ticks uint64
}

// streamTicks returns how long a transport stream plays by its clocks, in ticks of 27 MHz; 0
// when they do not tell.
func streamTicks(file io.ReaderAt, size int64) (ticks int64) {
	window := min(int64(streamWindow), size)
	var clocks []streamClock
	pid := -1
	for k := range int64(streamLooks) {
		first, last, ok := clocksIn(file, (size-window)*k/(streamLooks-1), window, &pid)
		if !ok {
			return 0
		}
		clocks = append(clocks, first, last)
		if window == size {
			break // all was seen
		}
	}
	whole := clocks[len(clocks)-1].at - clocks[0].at
	var steps []int64
	for k := 1; k < len(clocks); k++ {
		step := mpegts.PCRElapsed(clocks[k-1].ticks, clocks[k].ticks)
		steps = append(steps, step)
		ticks += step
	}
	for k, step := range steps {
		if part := clocks[k+1].at - clocks[k].at; part > 0 && !even(float64(step)/float64(part), float64(ticks)/float64(whole)) {
			return 0
		}
	}
	return ticks
}

// even tells whether a part takes about as long for each byte as the whole does.
func even(part, whole float64) bool {
	return part > whole/streamUneven && part < whole*streamUneven
}

// clocksIn returns the first and the last clock of a programme in a part of the file, false
// when there are none or the stream says that they don't belong together.
func clocksIn(file io.ReaderAt, from, n int64, pid *int) (first, last streamClock, ok bool) {
	b := make([]byte, n)
	if _, err := file.ReadAt(b, from); err != nil && err != io.EOF {
		return first, last, false
	}
	var framer mpegts.Framer
	at, whole := from, true
	framer.Feed(b, func(p mpegts.Packet) {
		at += mpegts.PacketSize
		pcr, has := p.PCR()
		if !has || *pid >= 0 && int(p.PID()) != *pid {
			return
		}
		*pid = int(p.PID())
		switch {
		case !ok:
			first, ok = streamClock{at, pcr}, true
		case p.Discontinuity() || mpegts.PCRElapsed(last.ticks, pcr) < 0:
			whole = false
		}
		last = streamClock{at, pcr}
	})
	return first, last, ok && whole
}
