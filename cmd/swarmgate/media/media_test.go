package media

import (
	"bytes"
	"testing"
	"time"
)

// draw is a picture that shows the number n as README.md says.
func draw(n int) func(x, y int) uint8 {
	return func(x, y int) uint8 {
		k := (x - BarcodeLeft) / BarcodeSquare
		inside := x >= BarcodeLeft && k < BarcodeBits && y >= BarcodeTop && y < BarcodeTop+BarcodeSquare
		if inside && n>>k&1 == 1 {
			return 235
		}
		return 16
	}
}

func TestFrameReadsEveryNumber(t *testing.T) {
	for _, base := range []int{ChannelBase, FilmBase} {
		for n := base; n < base+Frames; n++ {
			if got, ok := Frame(draw(n)); got != n || !ok {
				t.Fatalf("frame %d read as %d, %v", n, got, ok)
			}
		}
	}
}

func TestFrameRefusesOtherPictures(t *testing.T) {
	for _, n := range []int{Frames, 1024, 4096, FilmBase + Frames, 1<<BarcodeBits - 1} {
		if got, ok := Frame(draw(n)); ok {
			t.Errorf("number %d taken for frame %d", n, got)
		}
	}
	if _, ok := Frame(func(int, int) uint8 { return 255 }); ok {
		t.Error("a white picture taken for a frame")
	}
}

func TestFrameAtFollowsTheClock(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want int
	}{
		{time.Unix(0, 0), 0},
		{time.UnixMilli(39), 0},
		{time.UnixMilli(40), 1},
		{time.UnixMilli(23_999), 599},
		{time.Unix(24, 0), 0},
		{time.Unix(1_700_000_000, 999_999_999), (1_700_000_000%24)*25 + 24},
	} {
		if got := FrameAt(c.at); got != c.want {
			t.Errorf("at %v: frame %d, want %d", c.at.UTC(), got, c.want)
		}
	}
}

func TestSizes(t *testing.T) {
	if n := len(Channel); n == 0 || n > 500_000 {
		t.Errorf("channel.ts has %d bytes, allowed are 500,000", n)
	}
	if n := len(Film); n == 0 || n > 400_000 {
		t.Errorf("film.mp4 has %d bytes, allowed are 400,000", n)
	}
}

func TestChannelIsWholePackets(t *testing.T) {
	if len(Channel)%188 != 0 {
		t.Fatalf("%d bytes are not whole packets", len(Channel))
	}
	for i := 0; i < len(Channel); i += 188 {
		if Channel[i] != 0x47 {
			t.Fatalf("no packet at byte %d", i)
		}
	}
}

// A player that reads from the front must find the index before the samples.
func TestFilmStartsFast(t *testing.T) {
	moov, mdat := bytes.Index(Film, []byte("moov")), bytes.Index(Film, []byte("mdat"))
	if moov < 0 || mdat < moov {
		t.Fatalf("moov at %d, mdat at %d: the index is not in front", moov, mdat)
	}
}
