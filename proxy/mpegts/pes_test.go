package mpegts

import "testing"

// ISO/IEC 13818-1, 2.4.3.6: '0011', PTS[32..30], marker, PTS[29..15], marker, PTS[14..0],
// marker, then '0001' and the DTS in the same form.
func TestPESVector(t *testing.T) {
	b := []byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10, 0x3f, 0xff, 0xff, 0xff, 0xff, 0x11, 0x00, 0x05, 0xbf, 0x21, 0xaa}
	h, ok := parsePES(b)
	if !ok || h.size != 19 || !h.hasPTS || h.pts != 1<<33-1 || h.dts != 90_000 || h.ptsAt != 9 || h.dtsAt != 14 {
		t.Errorf("%+v, %v", h, ok)
	}
}

func TestPESWithoutStamps(t *testing.T) {
	pts := []byte{0x21, 0, 1, 0, 1}
	for _, c := range []struct {
		name string
		b    []byte
		size int
		ok   bool
	}{
		{"no stamps", []byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0}, 9, true},
		{"stuffing", []byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0, 3, 0xff, 0xff, 0xff}, 12, true},
		{"private stream without extension", []byte{0, 0, 1, 0xbf, 0, 3, 1, 2, 3}, 6, true},
		{"announced but no room", append([]byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 4}, pts...), 13, true},
		{"cut off", append([]byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5}, pts[:4]...), 14, true},
		{"no start code", []byte{0, 0, 2, 0xe0, 0, 0, 0x80, 0, 0}, 0, false},
		{"too short", []byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0}, 0, false},
		{"empty", nil, 0, false},
	} {
		h, ok := parsePES(c.b)
		if ok != c.ok || h.size != c.size || h.hasPTS || h.dtsAt != 0 {
			t.Errorf("%s: %+v, %v", c.name, h, ok)
		}
	}
}

func TestPESWithPTSAlone(t *testing.T) {
	b := []byte{0, 0, 1, 0xc0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1}
	setTimestamp(b[9:], 0x123456789)
	if h, ok := parsePES(b); !ok || h.pts != 0x123456789 || h.dts != h.pts || h.dtsAt != 0 {
		t.Errorf("%+v, %v", h, ok)
	}
	// A DTS that the header announces and does not hold is not read.
	b[7] = 0xc0
	if h, _ := parsePES(b); h.dts != h.pts || h.dtsAt != 0 {
		t.Errorf("DTS %d read from nowhere", h.dts)
	}
}

func TestSetTimestampKeepsTheMarkers(t *testing.T) {
	for _, ticks := range []uint64{0, 1, 1<<33 - 1, 1 << 15, 1<<15 - 1, 1 << 30, 0x155555555} {
		b := []byte{0x31, 0xff, 0xff, 0xff, 0xff}
		setTimestamp(b, ticks)
		if b[0]&0xf1 != 0x31 || b[2]&1 != 1 || b[4]&1 != 1 {
			t.Errorf("%d: markers in % x", ticks, b)
		}
		if got := timestamp(b); got != ticks {
			t.Errorf("%d came back as %d", ticks, got)
		}
	}
}
