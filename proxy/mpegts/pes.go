package mpegts

// pesHeader is what the beginning of a PES packet says (ISO/IEC 13818-1, 2.4.3.6).
type pesHeader struct {
	size     int // bytes up to the contents
	pts, dts uint64
	hasPTS   bool
	ptsAt    int // where the five bytes of the PTS begin
	dtsAt    int // the same of the DTS, 0 when it is absent and so equals the PTS
}

// parsePES reads the header of a PES packet that begins with b. A header that does not lie
// wholly in b has no time stamps.
func parsePES(b []byte) (h pesHeader, ok bool) {
	if len(b) < 9 || b[0] != 0 || b[1] != 0 || b[2] != 1 {
		return h, false
	}
	if b[6]&0xc0 != 0x80 { // padding and private streams without the extension
		h.size = 6
		return h, true
	}
	h.size = 9 + int(b[8])
	if b[7]&0x80 == 0 || b[8] < 5 || len(b) < 14 {
		return h, true
	}
	both := b[7]&0xc0 == 0xc0 && b[8] >= 10
	if both && len(b) < 19 {
		return h, true
	}
	h.pts, h.ptsAt, h.hasPTS = timestamp(b[9:]), 9, true
	h.dts = h.pts
	if both {
		h.dts, h.dtsAt = timestamp(b[14:]), 14
	}
	return h, true
}

func timestamp(b []byte) uint64 {
	return uint64(b[0]>>1&7)<<30 | uint64(b[1])<<22 | uint64(b[2]>>1)<<15 | uint64(b[3])<<7 | uint64(b[4])>>1
}

// setTimestamp overwrites a PTS or DTS and keeps the marker bits around it.
func setTimestamp(b []byte, ticks uint64) {
	b[0] = b[0]&0xf1 | byte(ticks>>30&7)<<1
	b[1] = byte(ticks >> 22)
	b[2] = byte(ticks>>15)<<1 | 1
	b[3] = byte(ticks >> 7)
	b[4] = byte(ticks)<<1 | 1
}
