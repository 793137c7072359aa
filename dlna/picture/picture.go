// Package picture has the logos of channels and films for screens: fetched by the gateway, brought to
// a format that every screen knows, and served from its own address.
//
// A screen is never sent to the Internet for a picture: it often has no way there, and whoever keeps the
// picture would learn who watches what. What is served is JPEG of a size that DLNA names, so that its
// dlna:profileID is true.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/gif" // logos may be GIF
	"image/jpeg"
	_ "image/png" // or PNG
	"net/url"
	"strings"

	"github.com/swarmgate/swarmgate/dlna/profile"
	_ "golang.org/x/image/webp" // or WebP
)

// Root is the path under which Server expects its requests.
const Root = "/dlna/picture/"

// sizes are the bounds of DLNA's formats for pictures, and how their files are named.
var sizes = map[profile.Picture]struct {
	width, height int
	suffix        string
}{
	profile.Thumbnail: {160, 160, "-tn.jpg"},
	profile.Small:     {640, 480, "-sm.jpg"},
}

// Path returns the path at which an item's logo lies in a size.
func Path(id string, size profile.Picture) string {
	return Root + url.PathEscape(id) + sizes[size].suffix
}

// parsePath returns what the last segment of a Path names.
func parsePath(file string) (id string, size profile.Picture, ok bool) {
	for size, s := range sizes {
		if id, ok = strings.CutSuffix(file, s.suffix); ok {
			return id, size, true
		}
	}
	return "", "", false
}

// Can tells whether a logo can be had: one from the Internet, or a picture in the URL itself, of a
// kind that can be read.
func Can(logo string) bool {
	if strings.HasPrefix(logo, "https://") {
		return true
	}
	for _, kind := range []string{"png", "jpeg", "webp", "gif"} {
		if strings.HasPrefix(logo, "data:image/"+kind+";base64,") {
			return true
		}
	}
	return false
}

// maxPixels bounds what is unpacked of a picture: a small file may hold a huge one.
const maxPixels = 1 << 20

// quality of JPEG files.
const quality = 85

var errNoPicture = errors.New("it is no picture in PNG, JPEG, WebP or GIF")

// convert brings a picture to a size.
func convert(b []byte, size profile.Picture) ([]byte, error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil || config.Width <= 0 || config.Height <= 0 {
		return nil, errNoPicture
	}
	if config.Height > maxPixels/config.Width {
		return nil, fmt.Errorf("it has %d by %d pixels, too many for a logo", config.Width, config.Height)
	}
	decoded, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, errNoPicture
	}
	from := image.NewRGBA(image.Rect(0, 0, config.Width, config.Height))
	draw.Draw(from, from.Bounds(), decoded, decoded.Bounds().Min, draw.Src)
	var out bytes.Buffer
	bounds := sizes[size]
	if err := jpeg.Encode(&out, fit(from, bounds.width, bounds.height), &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// fit makes a picture as small as the bounds and opaque; smaller ones stay as they are.
func fit(from *image.RGBA, width, height int) *image.RGBA {
	w, h := from.Bounds().Dx(), from.Bounds().Dy()
	toW, toH := w, h
	if toW > width {
		toW, toH = width, max(1, h*width/w)
	}
	if toH > height {
		toW, toH = max(1, w*height/h), height
	}
	to := image.NewRGBA(image.Rect(0, 0, toW, toH))
	var light, opaque uint64
	for y := range toH {
		for x := range toW {
			c := average(from, x*w/toW, y*h/toH, max((x+1)*w/toW, x*w/toW+1), max((y+1)*h/toH, y*h/toH+1))
			to.SetRGBA(x, y, c)
			light += (299*uint64(c.R) + 587*uint64(c.G) + 114*uint64(c.B)) / 1000
			opaque += uint64(c.A)
		}
	}
	flatten(to, 5*light > 3*opaque)
	return to
}

// average returns the average color of a part of a picture.
func average(from *image.RGBA, x0, y0, x1, y1 int) color.RGBA {
	var r, g, b, a, n uint32
	for y := y0; y < y1; y++ {
		row := from.Pix[y*from.Stride+4*x0 : y*from.Stride+4*x1]
		for ; len(row) >= 4; row = row[4:] {
			r, g, b, a, n = r+uint32(row[0]), g+uint32(row[1]), b+uint32(row[2]), a+uint32(row[3]), n+1
		}
	}
	n = max(n, 1)
	return color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), uint8(a / n)}
}

// flatten puts a picture on a ground against which it can be seen: dark for a light one.
func flatten(p *image.RGBA, isLight bool) {
	ground := color.RGBA{255, 255, 255, 255}
	if isLight {
		ground = color.RGBA{32, 36, 44, 255}
	}
	for i := 0; i < len(p.Pix); i += 4 {
		rest := 255 - uint32(p.Pix[i+3])
		for c, g := range [3]uint8{ground.R, ground.G, ground.B} {
			p.Pix[i+c] = uint8(min(255, uint32(p.Pix[i+c])+uint32(g)*rest/255))
		}
		p.Pix[i+3] = 255
	}
}
