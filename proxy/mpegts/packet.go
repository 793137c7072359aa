// Package mpegts carries MPEG-2 transport streams (ISO/IEC 13818-1) from verified bytes to
// screens. It reads the tables, the headers of PES packets and the first bytes of frames,
// never the contents, and so is blind to codecs:
//
//	| 0x47 | flags, PID | flags, counter | adaptation field: PCR, random access | payload … | 188 bytes
//	                                        PID 0: PAT -> PMT -> streams; PES: 00 00 01, PTS, DTS, frame
//
// A Bus hands one channel to any number of readers, each of which begins at a keyframe. A
// Loop plays a clip for ever, locked to the clock on the wall. A Framer finds packets in
// bytes.
package mpegts

// PacketSize is the length of a transport packet in bytes.
const PacketSize = 188

// NullPID marks packets that only fill a constant rate.
const NullPID = 0x1fff

const syncByte = 0x47

// Packet is one transport packet, PacketSize bytes that begin with the sync byte, as a
// Framer yields it. Its contents may be hostile: every method is safe on any bytes.
type Packet []byte

// PID is the stream that the packet belongs to.
func (p Packet) PID() uint16 { return uint16(p[1]&0x1f)<<8 | uint16(p[2]) }

// UnitStart says that a PES packet or a section begins in the payload.
func (p Packet) UnitStart() bool { return p[1]&0x40 != 0 }

// Damaged says that a receiver before us found errors that it could not mend.
func (p Packet) Damaged() bool { return p[1]&0x80 != 0 }

// Counter is the continuity counter, 0 to 15.
func (p Packet) Counter() uint8 { return p[3] & 0x0f }

// HasPayload says that the packet counts for the continuity of its PID.
func (p Packet) HasPayload() bool { return p[3]&0x10 != 0 }

// Payload is what follows the headers; nil where there is none, where it is scrambled, or
// where the adaptation field claims more than the packet holds.
func (p Packet) Payload() []byte {
	if !p.HasPayload() || p[3]&0xc0 != 0 {
		return nil
	}
	start := 4
	if p[3]&0x20 != 0 {
		start += 1 + int(p[4])
	}
	if start >= PacketSize {
		return nil
	}
	return p[start:PacketSize]
}

// adaptation is the adaptation field behind its length byte; nil where there is none.
func (p Packet) adaptation() []byte {
	if p[3]&0x20 == 0 || p[4] == 0 || int(p[4]) > PacketSize-5 {
		return nil
	}
	return p[5 : 5+int(p[4])]
}

// RandomAccess is the flag by which a multiplexer marks a place where decoding can begin.
// Streams without it exist.
func (p Packet) RandomAccess() bool {
	a := p.adaptation()
	return a != nil && a[0]&0x40 != 0
}

// Discontinuity says that clock or counter of this PID jump here on purpose.
func (p Packet) Discontinuity() bool {
	a := p.adaptation()
	return a != nil && a[0]&0x80 != 0
}

// pcrOffset is where in an adaptation field with a PCR its six bytes begin.
const pcrOffset = 1

// PCR is the programme clock at this packet in ticks of 27 MHz, below PCRModulus.
func (p Packet) PCR() (ticks uint64, ok bool) {
	a := p.adaptation()
	if len(a) < pcrOffset+6 || a[0]&0x10 == 0 {
		return 0, false
	}
	b := a[pcrOffset:]
	base := uint64(b[0])<<25 | uint64(b[1])<<17 | uint64(b[2])<<9 | uint64(b[3])<<1 | uint64(b[4])>>7
	extension := uint64(b[4]&1)<<8 | uint64(b[5])
	return (base*300 + extension) % PCRModulus, true
}

// setPCR overwrites the PCR of a packet that has one.
func (p Packet) setPCR(ticks uint64) {
	b := p[5+pcrOffset:]
	base, extension := ticks/300, ticks%300
	b[0], b[1], b[2], b[3] = byte(base>>25), byte(base>>17), byte(base>>9), byte(base>>1)
	b[4] = byte(base<<7) | b[4]&0x7e | byte(extension>>8)
	b[5] = byte(extension)
}
