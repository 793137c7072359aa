// Package media carries the demo's channel and film inside the program. README.md
// describes them and the barcode by which a test reads the number of a frame from its
// pixels; make.sh makes both again.
package media

import (
	_ "embed"
	"time"
)

// Channel is the live channel's clip: MPEG-TS that joins up with itself after Duration.
// It must not be changed.
//
//go:embed channel.ts
var Channel []byte

// Film is the film: MP4 whose index stands in front. It must not be changed.
//
//go:embed film.mp4
var Film []byte

// What both have in common.
const (
	Duration  = 24 * time.Second
	FrameRate = 25  // frames a second
	Frames    = 600 // in Duration
	Width     = 640 // pixels
	Height    = 360
)

// The barcode: squares in one row whose colours are the bits of the frame's number, the
// lowest on the left, white for 1.
const (
	BarcodeBits   = 14
	BarcodeSquare = 16  // pixels, both ways
	BarcodeLeft   = 208 // left edge of the lowest bit's square
	BarcodeTop    = 320
	ChannelBase   = 0    // number of the channel's first frame
	FilmBase      = 8192 // number of the film's first frame
)

// FrameAt is the frame of Channel that a publisher locked to the clock emits at t.
func FrameAt(t time.Time) int {
	ms := t.UnixMilli() % Duration.Milliseconds()
	return int(ms * FrameRate / 1000)
}

// Frame reads the number of a frame from its pixels. The luma of the pixel in column x,
// row y of the 640x360 picture comes from luma. ok is false where the squares hold a number
// that no frame of Channel or Film has.
func Frame(luma func(x, y int) uint8) (number int, ok bool) {
	for k := range BarcodeBits {
		x := BarcodeLeft + BarcodeSquare*k + BarcodeSquare/2
		if luma(x, BarcodeTop+BarcodeSquare/2) > 127 {
			number |= 1 << k
		}
	}
	frame := number &^ FilmBase
	return number, frame < Frames
}
