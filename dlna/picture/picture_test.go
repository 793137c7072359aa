package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/dlna/profile"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logo is a picture of that size in one color.
func logo(t testing.TB, format string, w, h int, c color.Color) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	err := map[string]func() error{
		"png":  func() error { return png.Encode(&b, m) },
		"jpeg": func() error { return jpeg.Encode(&b, m, nil) },
		"gif":  func() error { return gif.Encode(&b, m, nil) },
	}[format]()
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// WebP, without and with loss: one pixel each.
func TestConvertWebP(t *testing.T) {
	for _, text := range []string{
		"UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==", "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA",
	} {
		logo := "data:image/webp;base64," + text
		b, err := inline(logo)
		if err != nil || !Can(logo) {
			t.Fatal(err)
		}
		made, err := convert(b, profile.Thumbnail)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := jpeg.DecodeConfig(bytes.NewReader(made)); err != nil || c.Width != 1 || c.Height != 1 {
			t.Errorf("%+v, %v", c, err)
		}
	}
}

// JPEG_TN has at most 160 by 160 pixels, JPEG_SM at most 640 by 480 (DLNA Guidelines, part 2).
func TestConvert(t *testing.T) {
	for _, c := range []struct {
		format       string
		w, h         int
		size         profile.Picture
		wantW, wantH int
	}{
		{"png", 512, 512, profile.Thumbnail, 160, 160},
		{"jpeg", 800, 400, profile.Thumbnail, 160, 80},
		{"gif", 100, 1000, profile.Thumbnail, 16, 160},
		{"png", 40, 30, profile.Thumbnail, 40, 30}, // none is made larger
		{"png", 1280, 720, profile.Small, 640, 360},
		{"png", 700, 1400, profile.Small, 240, 480},
		{"png", 2000, 1, profile.Thumbnail, 160, 1},
		{"png", 1, 2000, profile.Small, 1, 480},
	} {
		b, err := convert(logo(t, c.format, c.w, c.h, color.NRGBA{200, 0, 0, 255}), c.size)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		m, format, err := image.Decode(bytes.NewReader(b))
		if err != nil || format != "jpeg" || m.Bounds().Dx() != c.wantW || m.Bounds().Dy() != c.wantH {
			t.Errorf("%+v: %s %v, %v", c, format, m.Bounds(), err)
			continue
		}
		if r, g, _, _ := m.At(c.wantW/2, c.wantH/2).RGBA(); r>>8 < 180 || g>>8 > 30 {
			t.Errorf("%+v: the color is %v", c, m.At(c.wantW/2, c.wantH/2))
		}
	}
}

// A white logo without ground would vanish on a white one, a black one on a dark one.
func TestGround(t *testing.T) {
	for _, c := range []struct {
		of   color.NRGBA
		dark bool
	}{{color.NRGBA{255, 255, 255, 40}, true}, {color.NRGBA{0, 0, 0, 40}, false}} {
		b, err := convert(logo(t, "png", 64, 64, c.of), profile.Thumbnail)
		if err != nil {
			t.Fatal(err)
		}
		m, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if y, _, _, _ := m.At(32, 32).RGBA(); y>>8 < 128 != c.dark {
			t.Errorf("%v lies on %v", c.of, m.At(32, 32))
		}
	}
}

// bomb is a small file that says that it holds a huge picture.
func bomb(t *testing.T) []byte {
	t.Helper()
	b := logo(t, "png", 1, 1, color.Black)
	binary.BigEndian.PutUint32(b[16:], 60000)
	binary.BigEndian.PutUint32(b[20:], 60000)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestWhatIsNoLogo(t *testing.T) {
	if _, err := convert(bomb(t), profile.Thumbnail); err == nil || !strings.Contains(err.Error(), "60000 by 60000 pixels") {
		t.Errorf("a bomb: %v", err)
	}
	whole := logo(t, "png", 64, 64, color.Black)
	for name, b := range map[string][]byte{"nothing": nil, "text": []byte("<svg/>"), "half": whole[:len(whole)/2]} {
		if _, err := convert(b, profile.Thumbnail); !errors.Is(err, errNoPicture) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPath(t *testing.T) {
	for _, size := range []profile.Picture{profile.Thumbnail, profile.Small} {
		id, got, ok := parsePath(strings.TrimPrefix(Path("c1", size), Root))
		if id != "c1" || got != size || !ok {
			t.Errorf("%s: %s %s %v", Path("c1", size), id, got, ok)
		}
	}
	if _, _, ok := parsePath("c1.png"); ok {
		t.Error("c1.png is a path")
	}
}

func FuzzConvert(f *testing.F) {
	f.Add(logo(f, "png", 20, 300, color.NRGBA{1, 2, 3, 4}))
	f.Add(logo(f, "gif", 3, 2, color.White))
	f.Add(logo(f, "jpeg", 170, 3, color.White))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(b)); err == nil && c.Width*c.Height > 1<<16 {
			return // right, but slow
		}
		out, err := convert(b, profile.Thumbnail)
		if err != nil {
			return
		}
		c, err := jpeg.DecodeConfig(bytes.NewReader(out))
		if err != nil || c.Width > 160 || c.Height > 160 || c.Width < 1 || c.Height < 1 {
			t.Fatalf("%+v, %v", c, err)
		}
	})
}
