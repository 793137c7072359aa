//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"time"
)

// The bundled media carry a number in each frame, as media/README.md describes.
const (
	frameRate   = 25
	clipFrames  = 600
	filmNumber  = 8192 // of the film's first frame
	barcodeBits = 14
)

// frame is one that was on a screen.
type frame struct {
	At     int64   `json:"at"`     // when it was first seen, ms since 1970
	Number int     `json:"number"` // of its barcode
	Time   float64 `json:"time"`   // of the video element
}

// live tells whether the frame is one of the channel.
func (f frame) live() bool { return f.Number >= 0 && f.Number < clipFrames }

// ofFilm tells whether the frame is one of the film.
func (f frame) ofFilm() bool { return f.Number >= filmNumber && f.Number < filmNumber+clipFrames }

// delay is how long before it was seen the source emitted a frame of the channel. The
// source is locked to the clock and begins anew every 24 s.
func (f frame) delay() time.Duration {
	behind := (f.At/40 - int64(f.Number)) % clipFrames
	return time.Duration((behind+clipFrames)%clipFrames) * 40 * time.Millisecond
}

// steps is by how many frames b follows a, in a clip that repeats.
func steps(a, b frame) int { return ((b.Number-a.Number)%clipFrames + clipFrames) % clipFrames }

// viewing sums up what was on a screen for a while.
type viewing struct {
	frames    int
	gap       time.Duration // longest time without a new frame
	backwards int           // times that the picture went back
	skipped   int           // frames that were not shown, of the source's
	delays    []time.Duration
	strange   int // pictures without a barcode
}

// view judges frames of the channel seen between two times (ms).
func view(frames []frame, from, to int64) viewing {
	var v viewing
	last, previous := from, frame{Number: -1}
	for _, f := range frames {
		if f.At < from || f.At > to {
			continue
		}
		if !f.live() {
			v.strange++
			continue
		}
		v.gap = max(v.gap, time.Duration(f.At-last)*time.Millisecond)
		last = f.At
		if previous.Number >= 0 {
			if n := steps(previous, f); n > clipFrames/2 {
				v.backwards++
			} else {
				v.skipped += n - 1
			}
		}
		previous = f
		v.frames++
		v.delays = append(v.delays, f.delay())
	}
	v.gap = max(v.gap, time.Duration(to-last)*time.Millisecond)
	slices.Sort(v.delays)
	return v
}

// delay is a percentile of the delays.
func (v viewing) delay(percent int) time.Duration {
	if len(v.delays) == 0 {
		return -1
	}
	return v.delays[(len(v.delays)-1)*percent/100]
}

func (v viewing) String() string {
	return fmt.Sprintf("%d frames, longest gap %v, %d times back, %d frames skipped, %d without barcode, delay p50 %v, p95 %v, longest %v",
		v.frames, v.gap, v.backwards, v.skipped, v.strange, v.delay(50), v.delay(95), v.delay(100))
}

// strips reads the numbers from pictures of the barcode alone, 14x1 grey pixels each, as
// ffmpeg cuts them out with the filter stripFilter.
func strips(pixels []byte) []int {
	var numbers []int
	for strip := range slices.Chunk(pixels, barcodeBits) {
		number := 0
		for k, luma := range strip {
			if luma > 127 {
				number |= 1 << k
			}
		}
		numbers = append(numbers, number)
	}
	return numbers
}

// stripFilter leaves the middle of each square.
const stripFilter = "crop=224:16:208:320,scale=14:1:flags=area,format=gray"
