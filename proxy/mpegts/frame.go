package mpegts

// maxFrameScan bounds the packets of a frame in which its first slice is sought; what stands
// before it (parameter sets, captions) is shorter.
const maxFrameScan = 64

// verdict is what the beginning of a frame says about joining there.
type verdict uint8

const (
	undecided verdict = iota
	plain             // refers to frames before it
	recovery          // decoders of TVs and VLC can start here, Chromium's cannot
	clean             // nothing before is needed: IDR, IRAP, sequence header
)

// frameScan looks for the first slice of a frame, byte by byte over packets, and stops there.
type frameScan struct {
	codec   string
	random  bool // the multiplexer's flag
	headers bool // the frame brings its own sequence parameters
	slice   bool // the next byte begins an H.264 slice header
	window  uint32
	skip    int // bytes of the PES header still to come
	packets int
	result  verdict
}

// begin takes the first packet of a frame.
func (f *frameScan) begin(codec string, p Packet, payload []byte, header pesHeader) verdict {
	*f = frameScan{codec: codec, random: p.RandomAccess(), window: ^uint32(0), skip: header.size}
	switch codec {
	case codecH264, codecHEVC, codecMPEG1, codecMPEG2:
		return f.more(payload)
	}
	f.result = plain
	if f.random {
		f.result = clean
	}
	return f.result
}

// more takes the payload of the frame's next packet.
func (f *frameScan) more(b []byte) verdict {
	if f.result != undecided {
		return f.result
	}
	if f.packets++; f.packets > maxFrameScan {
		return f.end()
	}
	n := min(f.skip, len(b))
	f.skip -= n
	for _, c := range b[n:] {
		switch {
		case f.slice:
			f.result = f.fallback(intraSlice(c))
		case f.window&0xffffff == 1:
			f.result = f.startCode(c)
		}
		if f.result != undecided {
			return f.result
		}
		f.window = f.window<<8 | uint32(c)
	}
	return undecided
}

// end decides about a frame in which no slice was found.
func (f *frameScan) end() verdict {
	if f.result == undecided {
		f.result = f.fallback(false)
	}
	return f.result
}

// startCode judges the byte behind 00 00 01.
func (f *frameScan) startCode(c byte) verdict {
	switch f.codec {
	case codecH264:
		return f.h264(c & 0x1f)
	case codecHEVC:
		return f.hevc(c >> 1 & 0x3f)
	default:
		return f.mpeg2(c)
	}
}

func (f *frameScan) h264(nal byte) verdict { // ITU-T H.264, table 7-1
	switch {
	case nal == 5:
		return clean
	case nal == 7:
		f.headers = true
	case nal == 1 && f.headers:
		f.slice = true
	case nal >= 1 && nal <= 4:
		return f.fallback(false)
	}
	return undecided
}

// intraSlice says whether an H.264 slice header that begins with c is that of a whole
// picture's I slice: first_mb_in_slice 0 ("1"), slice_type 2 ("011") or 7 ("0001000").
func intraSlice(c byte) bool { return c == 0x88 || c&0xf0 == 0xb0 }

func (f *frameScan) hevc(nal byte) verdict { // ITU-T H.265, table 7-1
	switch {
	case nal >= 16 && nal <= 23:
		return clean
	case nal < 16:
		return f.fallback(false)
	}
	return undecided
}

func (f *frameScan) mpeg2(code byte) verdict { // ITU-T H.262, table 6-1
	switch code {
	case 0xb3:
		return clean
	case 0x00:
		return f.fallback(false)
	}
	return undecided
}

// fallback judges a frame that is no clean start: the multiplexer's flag, or an I slice with
// parameter sets before it, tell of a recovery point.
func (f *frameScan) fallback(intra bool) verdict {
	if f.random || intra {
		return recovery
	}
	return plain
}
