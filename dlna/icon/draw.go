//go:build ignore

// Draws the icons of the device: a gate through which a swarm of dots comes together into
// a play sign. Run by `go generate ./dlna/icon`.
package main

import (
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
)

type point struct{ x, y float64 }

// The picture lies in the square from (0, 0) to (1, 1).
var (
	night  = color.RGBA{0x12, 0x1b, 0x38, 0xff}
	dusk   = color.RGBA{0x24, 0x3b, 0x78, 0xff}
	gate   = color.RGBA{0xe8, 0xee, 0xff, 0xff}
	amber  = color.RGBA{0xff, 0xb3, 0x2c, 0xff}
	bright = color.RGBA{0x5c, 0xd6, 0xc8, 0xff}
)

// dots of the swarm: place and radius.
var dots = []struct {
	point
	r float64
}{
	{point{0.115, 0.37}, 0.040}, {point{0.10, 0.62}, 0.052}, {point{0.215, 0.50}, 0.048}, {point{0.235, 0.72}, 0.036},
}

// arch is the gate: two pillars and a half circle.
func arch(p point) bool {
	const cx, top, outer, inner, foot = 0.60, 0.46, 0.31, 0.235, 0.86
	if p.y > foot {
		return false
	}
	d := math.Abs(p.x - cx)
	if p.y < top {
		d = math.Hypot(p.x-cx, p.y-top)
	}
	return d <= outer && d >= inner
}

// play is a triangle with round corners, pointing right.
func play(p point) bool {
	const r = 0.028
	a, b, c := point{0.525, 0.41}, point{0.525, 0.73}, point{0.755, 0.57}
	return side(a, c, p) >= -r && side(c, b, p) >= -r && side(b, a, p) >= -r &&
		(inside(a, b, c, p) || near(a, b, p, r) || near(b, c, p, r) || near(c, a, p, r))
}

func inside(a, b, c, p point) bool {
	return side(a, c, p) >= 0 && side(c, b, p) >= 0 && side(b, a, p) >= 0
}

// side is the distance of p from the line through a and b, positive to its right.
func side(a, b, p point) float64 {
	return ((b.x-a.x)*(p.y-a.y) - (b.y-a.y)*(p.x-a.x)) / math.Hypot(b.x-a.x, b.y-a.y)
}

func near(a, b, p point, r float64) bool {
	t := ((p.x-a.x)*(b.x-a.x) + (p.y-a.y)*(b.y-a.y)) / (math.Pow(b.x-a.x, 2) + math.Pow(b.y-a.y, 2))
	t = math.Max(0, math.Min(1, t))
	return math.Hypot(p.x-a.x-t*(b.x-a.x), p.y-a.y-t*(b.y-a.y)) <= r
}

func at(p point) color.RGBA {
	for _, d := range dots {
		if math.Hypot(p.x-d.x, p.y-d.y) <= d.r {
			return bright
		}
	}
	switch {
	case play(p):
		return amber
	case arch(p):
		return gate
	}
	mix := func(a, b uint8) uint8 { return uint8(float64(a) + (float64(b)-float64(a))*(p.x+1-p.y)/2) }
	return color.RGBA{mix(night.R, dusk.R), mix(night.G, dusk.G), mix(night.B, dusk.B), 0xff}
}

func draw(size int) image.Image {
	const over = 8 // samples a pixel in each direction
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			var r, g, b int
			for s := range over * over {
				c := at(point{
					(float64(x) + (float64(s%over)+0.5)/over) / float64(size),
					(float64(y) + (float64(s/over)+0.5)/over) / float64(size),
				})
				r, g, b = r+int(c.R), g+int(c.G), b+int(c.B)
			}
			img.SetRGBA(x, y, color.RGBA{uint8(r / over / over), uint8(g / over / over), uint8(b / over / over), 0xff})
		}
	}
	return img
}

func main() {
	for _, size := range []int{48, 120} {
		img := draw(size)
		save(fmt.Sprintf("%d.png", size), func(f *os.File) error {
			return (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(f, img)
		})
		save(fmt.Sprintf("%d.jpg", size), func(f *os.File) error {
			return jpeg.Encode(f, img, &jpeg.Options{Quality: 92})
		})
	}
}

func save(name string, encode func(*os.File) error) {
	f, err := os.Create(name)
	if err == nil {
		err = encode(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
