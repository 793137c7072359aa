package mpegts

// Lengths of one packet's slot in the forms in which streams are kept and sent.
const (
	strideTS    = PacketSize
	strideM2TS  = 192 // a time stamp of 4 bytes before each packet (Blu-ray, camcorders)
	strideRS    = 204 // 16 bytes of Reed-Solomon parity behind each packet (DVB receivers)
	lockPackets = 4   // sync bytes in rhythm that are believed
	searchSize  = (lockPackets-1)*strideRS + 1
)

// Framer finds the rhythm of the sync byte in any bytes, in slots of 188, 192 or 204, and
// cuts out the packets. It needs lockPackets in rhythm to begin, and again after damage.
// The zero value is ready. It is not safe for concurrent use.
type Framer struct {
	stride int // 0 while the rhythm is sought
	skip   int // bytes to pass over before the next packet
	have   int // bytes in buf: part of a packet, or what has been searched in vain
	buf    [searchSize]byte

	losses uint64
	passed uint64
}

// Stride is the length of a packet's slot, 0 while it is being sought.
func (f *Framer) Stride() int { return f.stride }

// Losses counts how often the rhythm was lost after it had been found.
func (f *Framer) Losses() uint64 { return f.losses }

// Passed counts the bytes that were thrown away because they belong to no packet.
func (f *Framer) Passed() uint64 { return f.passed }

// Reset forgets a half-read packet and the rhythm: what comes next does not continue what
// came before.
func (f *Framer) Reset() { f.stride, f.skip, f.have = 0, 0, 0 }

// Feed calls packet for each packet that b completes. A packet lies in b or in the framer's
// own memory and is valid during the call only.
func (f *Framer) Feed(b []byte, packet func(Packet)) {
	for len(b) > 0 {
		if f.stride == 0 {
			b = f.search(b, packet)
		} else {
			b = f.cut(b, packet)
		}
	}
}

// cut takes packets from b while they keep the rhythm and returns what is left.
func (f *Framer) cut(b []byte, packet func(Packet)) []byte {
	for len(b) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(b))
			f.skip -= n
			b = b[n:]
			continue
		}
		if f.have == 0 && b[0] != syncByte {
			f.stride = 0
			f.losses++
			return b
		}
		if f.have > 0 || len(b) < PacketSize {
			n := copy(f.buf[f.have:PacketSize], b)
			f.have += n
			b = b[n:]
			if f.have < PacketSize {
				return nil
			}
			f.have = 0
			f.skip = f.stride - PacketSize
			packet(f.buf[:PacketSize])
			continue
		}
		f.skip = f.stride - PacketSize
		packet(b[:PacketSize])
		b = b[PacketSize:]
	}
	return nil
}

// search gathers bytes until a rhythm shows in them, then cuts them.
func (f *Framer) search(b []byte, packet func(Packet)) []byte {
	n := copy(f.buf[f.have:], b)
	f.have += n
	b = b[n:]
	start, stride := findRhythm(f.buf[:f.have])
	f.passed += uint64(start)
	if stride == 0 {
		f.have = copy(f.buf[:], f.buf[start:f.have])
		return b
	}
	found := f.buf
	end := f.have
	f.stride, f.skip, f.have = stride, 0, 0
	if rest := f.cut(found[start:end], packet); len(rest) > 0 {
		f.Feed(rest, packet)
	}
	return b
}

// findRhythm looks for lockPackets sync bytes in one of the rhythms. Without success start is
// the first byte from which one may still begin when more bytes come.
func findRhythm(b []byte) (start, stride int) {
	for start = range b {
		if b[start] != syncByte {
			continue
		}
		open := false
		for _, stride := range [...]int{strideTS, strideM2TS, strideRS} {
			switch ticks := rhythm(b[start:], stride); {
			case ticks == lockPackets:
				return start, stride
			case ticks > 0:
				open = true
			}
		}
		if open {
			return start, 0
		}
	}
	return len(b), 0
}

// rhythm counts the sync bytes at the stride: lockPackets when there are so many, fewer when
// b ends before, 0 when one is missing.
func rhythm(b []byte, stride int) int {
	for i := range lockPackets {
		if i*stride >= len(b) {
			return i
		}
		if b[i*stride] != syncByte {
			return 0
		}
	}
	return lockPackets
}
