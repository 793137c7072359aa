package mpegts

// maxStreams bounds the elementary streams of a programme that are looked at.
const maxStreams = 32

// Stream is one elementary stream of a programme, as the PMT names it.
type Stream struct {
	PID   uint16
	Type  uint8  // stream_type
	Codec string // "H.264", "AAC", …; empty when unknown
	Kind  StreamKind
}

// StreamKind is what a stream is for.
type StreamKind uint8

// The kinds.
const (
	Other StreamKind = iota // subtitles, teletext, data
	Video
	Audio
)

// parsePAT is the first programme of a PAT section and the PID of its PMT.
func parsePAT(section []byte) (programme, pid uint16, ok bool) {
	for b := section[8 : len(section)-4]; len(b) >= 4; b = b[4:] {
		programme = uint16(b[0])<<8 | uint16(b[1])
		if programme != 0 { // 0 names the network's PID
			return programme, uint16(b[2]&0x1f)<<8 | uint16(b[3]), true
		}
	}
	return 0, 0, false
}

// pmtProgramme is the programme that a PMT section speaks of.
func pmtProgramme(section []byte) uint16 { return uint16(section[3])<<8 | uint16(section[4]) }

// parsePMT reads the PID of the clock and up to len(streams) streams of a PMT section.
func parsePMT(section []byte, streams []Stream) (pcrPID uint16, n int) {
	b := section[8 : len(section)-4]
	if len(b) < 4 {
		return NullPID, 0
	}
	pcrPID = uint16(b[0]&0x1f)<<8 | uint16(b[1])
	info := int(b[2]&0x0f)<<8 | int(b[3])
	b = b[4:]
	if info > len(b) {
		return pcrPID, 0
	}
	b = b[info:]
	for len(b) >= 5 && n < len(streams) {
		info := int(b[3]&0x0f)<<8 | int(b[4])
		if 5+info > len(b) {
			return pcrPID, n
		}
		s := Stream{PID: uint16(b[1]&0x1f)<<8 | uint16(b[2]), Type: b[0]}
		s.Codec, s.Kind = codecOf(s.Type, b[5:5+info])
		streams[n] = s
		n++
		b = b[5+info:]
	}
	return pcrPID, n
}
