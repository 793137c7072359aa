package mpegts

import "bytes"

// maxSection is the length that PAT and PMT sections have at most (ISO/IEC 13818-1, 2.4.4.3
// and 2.4.4.8: section_length is at most 1021).
const maxSection = 3 + 1021

const (
	tablePAT = 0x00
	tablePMT = 0x02
)

// gatherer puts the sections of one PID together in memory that it is given.
type gatherer struct {
	have    int
	active  bool // a section is being gathered
	counter uint8
}

// sections puts the sections of one PID together. Its memory is fixed.
type sections struct {
	gatherer
	buf [maxSection]byte
}

// feed is gatherer.feed.
func (s *sections) feed(p Packet, section func([]byte)) { s.gatherer.feed(s.buf[:], p, section) }

// reset forgets the section that is being gathered.
func (s *gatherer) reset() { s.have, s.active = 0, false }

// feed takes the next packet of the PID and calls section for each section that it
// completes; the slice is valid during the call. The sections are not checked, and those longer than buf are left out.
func (s *gatherer) feed(buf []byte, p Packet, section func([]byte)) {
	payload := p.Payload()
	if len(payload) == 0 {
		return
	}
	follows := p.Counter() == (s.counter+1)&0x0f
	s.counter = p.Counter()
	if !p.UnitStart() {
		if s.active && follows {
			s.gather(buf, payload, section)
		} else {
			s.reset() // a repeated packet costs one section; the next repetition mends it
		}
		return
	}
	pointer := int(payload[0])
	payload = payload[1:]
	if pointer > len(payload) {
		s.reset()
		return
	}
	if s.active && follows {
		s.gather(buf, payload[:pointer], section)
	}
	s.have, s.active = 0, true
	s.gather(buf, payload[pointer:], section)
}

// gather adds bytes until sections or bytes end.
func (s *gatherer) gather(buf, b []byte, section func([]byte)) {
	for s.active && len(b) > 0 {
		if s.have == 0 && b[0] == 0xff { // stuffing
			s.reset()
			return
		}
		want := 3
		if s.have >= 3 {
			want = 3 + int(buf[1]&0x0f)<<8 + int(buf[2])
		}
		if want > len(buf) {
			s.reset()
			return
		}
		n := copy(buf[s.have:want], b)
		s.have += n
		b = b[n:]
		if s.have < want || want == 3 && buf[1]&0x0f|buf[2] != 0 {
			continue
		}
		section(buf[:s.have])
		s.have = 0
	}
}

// table keeps the newest good section of one kind.
type table struct {
	sections
	raw [maxSection]byte
	len int
}

func (t *table) forget() { t.reset(); t.len = 0 }

func (t *table) bytes() []byte { return t.raw[:t.len] }

// accept keeps a section in force (current_next_indicator) whose checksum holds, and says
// whether it differs from the one before.
func (t *table) accept(section []byte, id byte) (changed bool) {
	if bytes.Equal(section, t.bytes()) {
		return false
	}
	if len(section) < 12 || section[0] != id || section[1]&0x80 == 0 || section[5]&1 == 0 || checksum(section) != 0 {
		return false
	}
	t.len = copy(t.raw[:], section)
	return true
}

// checksum is CRC-32 as in ISO/IEC 13818-1, annex A; over a section with its own CRC it is 0.
func checksum(b []byte) uint32 {
	crc := ^uint32(0)
	for _, c := range b {
		crc ^= uint32(c) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// appendSection adds the packets that carry one section, the last of them with the counter
// last, so that they connect with what the PID brings next.
func appendSection(dst []byte, pid uint16, last uint8, section []byte) []byte {
	n := sectionPackets(len(section))
	for i := range n {
		start := len(dst)
		flags := byte(0)
		if i == 0 {
			flags = 0x40
		}
		counter := (int(last) - (n - 1 - i)) & 0x0f
		dst = append(dst, syncByte, flags|byte(pid>>8), byte(pid), 0x10|byte(counter))
		if i == 0 {
			dst = append(dst, 0) // pointer_field
		}
		room := PacketSize - (len(dst) - start)
		take := min(room, len(section))
		dst = append(dst, section[:take]...)
		section = section[take:]
		for range room - take {
			dst = append(dst, 0xff)
		}
	}
	return dst
}

// sectionPackets is how many packets appendSection adds for a section of n bytes.
func sectionPackets(n int) int { return (n + 1 + PacketSize - 5) / (PacketSize - 4) }
