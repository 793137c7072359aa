package mpegts

import (
	"bytes"
	"slices"
)

// The streams that the tests make: PIDs of one programme.
const (
	testPMT   = 0x1000
	testVideo = 0x100
	testAudio = 0x101
)

// builder writes a transport stream as a multiplexer does.
type builder struct {
	bytes.Buffer
	counters map[uint16]uint8
}

func newBuilder() *builder { return &builder{counters: map[uint16]uint8{}} }

func (b *builder) count(pid uint16) byte {
	n := b.counters[pid]
	b.counters[pid] = (n + 1) & 0x0f
	return n
}

// section seals a table body with length and checksum.
func section(id byte, extension uint16, body ...byte) []byte {
	n := 5 + len(body) + 4
	s := []byte{id, 0xb0 | byte(n>>8), byte(n), byte(extension >> 8), byte(extension), 0xc1, 0, 0}
	s = append(s, body...)
	crc := checksum(s)
	return append(s, byte(crc>>24), byte(crc>>16), byte(crc>>8), byte(crc))
}

func patSection(programmes ...uint16) []byte {
	var body []byte
	for i := 0; i < len(programmes); i += 2 {
		n, pid := programmes[i], programmes[i+1]
		body = append(body, byte(n>>8), byte(n), 0xe0|byte(pid>>8), byte(pid))
	}
	return section(tablePAT, 1, body...)
}

// pmtSection lists streams as stream_type, PID and descriptors.
func pmtSection(programme, pcrPID uint16, streams ...testStream) []byte {
	body := []byte{0xe0 | byte(pcrPID>>8), byte(pcrPID), 0xf0, 0}
	for _, s := range streams {
		n := len(s.descriptors)
		body = append(body, s.kind, 0xe0|byte(s.pid>>8), byte(s.pid), 0xf0|byte(n>>8), byte(n))
		body = append(body, s.descriptors...)
	}
	return section(tablePMT, programme, body...)
}

type testStream struct {
	kind        uint8
	pid         uint16
	descriptors []byte
}

// tables writes PAT and PMT for video of a stream_type, with AAC beside.
func (b *builder) tables(videoType uint8) {
	b.psi(0, patSection(1, testPMT))
	b.psi(testPMT, pmtSection(1, testVideo, testStream{kind: videoType, pid: testVideo}, testStream{kind: 0x0f, pid: testAudio}))
}

// radio writes tables that name sound alone.
func (b *builder) radio() {
	b.psi(0, patSection(1, testPMT))
	b.psi(testPMT, pmtSection(1, testAudio, testStream{kind: 0x0f, pid: testAudio}))
}

func (b *builder) psi(pid uint16, s []byte) {
	last := b.counters[pid] + uint8(sectionPackets(len(s))) - 1
	b.Write(appendSection(nil, pid, last, s))
	b.counters[pid] = (last + 1) & 0x0f
}

// pes is a PES packet and how it is to be sent.
type pes struct {
	pid      uint16
	pts, dts uint64
	pcr      uint64 // 0 for none
	random   bool   // random access flag
	content  []byte
}

// unit writes a PES packet.
func (b *builder) unit(u pes) {
	header := []byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1}
	if u.dts != u.pts && u.dts != 0 {
		header = append(header, 0x11, 0, 1, 0, 1)
		header[7], header[8], header[9] = 0xc0, 10, 0x31
		setTimestamp(header[14:], u.dts)
	}
	setTimestamp(header[9:], u.pts)
	rest := slices.Concat(header, u.content)
	for first := true; len(rest) > 0; first = false {
		rest = b.packet(u, first, rest)
	}
}

// packet writes one packet and returns what did not fit.
func (b *builder) packet(u pes, first bool, rest []byte) []byte {
	var field []byte
	if first && (u.pcr != 0 || u.random) {
		field = []byte{0}
		if u.random {
			field[0] |= 0x40
		}
		if u.pcr != 0 {
			field[0] |= 0x10
			field = append(field, 0, 0, 0, 0, 0x7e, 0)
		}
	}
	room := PacketSize - 4
	if len(field) > 0 {
		room -= 1 + len(field)
	}
	if len(rest) < room && len(field) == 0 {
		field = []byte{} // a length byte alone is the smallest stuffing
		room--
		if len(rest) < room {
			field = []byte{0}
			room--
		}
	}
	for len(field) > 0 && len(rest) < room {
		field = append(field, 0xff)
		room--
	}
	p := []byte{syncByte, byte(u.pid >> 8), byte(u.pid), 0x10 | b.count(u.pid)}
	if first {
		p[1] |= 0x40
	}
	if field != nil {
		p[3] |= 0x20
		p = append(append(p, byte(len(field))), field...)
	}
	n := PacketSize - len(p)
	p = append(p, rest[:n]...)
	if first && u.pcr != 0 {
		Packet(p).setPCR(u.pcr)
	}
	b.Write(p)
	return rest[n:]
}

// clock writes a packet that holds a PCR alone.
func (b *builder) clock(pid uint16, pcr uint64) {
	p := packetOf(syncByte, byte(pid>>8), byte(pid), 0x20|(b.counters[pid]-1)&0x0f, 183, 0x10, 0, 0, 0, 0, 0x7e, 0)
	p.setPCR(pcr)
	b.Write(p)
}

// Frames of H.264: an access unit delimiter, parameter sets where given, and a slice.
var (
	idrFrame   = []byte{0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 4, 0, 0, 1, 0x65, 0x88, 0x84}
	plainFrame = []byte{0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x41, 0x9a, 0x22}
)

// frame makes a frame of about n bytes whose content is recognisable.
func frame(head []byte, n int, fill byte) []byte {
	f := slices.Clone(head)
	for len(f) < n {
		f = append(f, fill|0x80)
	}
	return f
}

// film writes seconds of H.264 at 25 frames/s with a keyframe each second and a sound of one
// PES packet per frame, from a time in ticks of 90 kHz on, with tables before each keyframe.
func (b *builder) film(from uint64, seconds int) {
	for i := range seconds * 25 {
		pts := (from + uint64(i)*3600) % ptsModulus
		head, size := plainFrame, 150
		if i%25 == 0 {
			b.tables(0x1b)
			head, size = idrFrame, 1500
		}
		pcr := (pts + ptsModulus - 9000) % ptsModulus * 300
		b.unit(pes{pid: testVideo, pts: pts, pcr: max(pcr, 1), content: frame(head, size, byte(i))})
		b.unit(pes{pid: testAudio, pts: pts, content: frame(nil, 90, byte(i))})
	}
}

// packetsOf cuts whole packets.
func packetsOf(b []byte) []Packet {
	var all []Packet
	for p := range slices.Chunk(b, PacketSize) {
		all = append(all, Packet(p))
	}
	return all
}
