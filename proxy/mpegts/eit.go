package mpegts

import (
	"time"
)

const (
	pidEIT = 0x12 // ETSI EN 300 468, table 1
	// tableEIT is the table that tells of the stream itself what is on and what follows (table 2).
	tableEIT = 0x4e
	// maxLongSection is the length that EIT sections have at most (5.2.4: section_length is at most 4093).
	maxLongSection = 3 + 4093
	// maxEventTitle and maxEventText bound what is kept of an event, in bytes of UTF-8.
	maxEventTitle, maxEventText = 200, 1000
	// unixMJD is the Modified Julian Date of 1 January 1970 (annex C).
	unixMJD = 40587
)

// Event is a broadcast, as the stream itself tells of it (ETSI EN 300 468, 5.2.4).
type Event struct {
	Title, Text string
	Start       time.Time     // UTC
	Duration    time.Duration // 0 unknown
}

// events follows what a stream tells of its present and its following event. Its memory is fixed, but for the texts, which
// are bounded.
type events struct {
	gatherer
	buf  [maxLongSection]byte
	onAt [2]Event // present, following; zero ones are not known
	sums [2]uint32
}

// packet looks at a packet of pidEIT, for events of a programme.
func (e *events) packet(p Packet, programme uint16) {
	e.feed(e.buf[:], p, func(section []byte) { e.section(section, programme) })
}

// section takes a whole section. 0 is the present event, 1 the following one (5.2.4).
func (e *events) section(b []byte, programme uint16) {
	if len(b) < 18 || b[0] != tableEIT || b[1]&0x80 == 0 || b[5]&1 == 0 || b[6] > 1 || pmtProgramme(b) != programme {
		return
	}
	sum := uint32(b[len(b)-4])<<24 | uint32(b[len(b)-3])<<16 | uint32(b[len(b)-2])<<8 | uint32(b[len(b)-1])
	if at := b[6]; sum != e.sums[at] && checksum(b) == 0 {
		e.sums[at] = sum
		e.onAt[at], _ = parseEvent(b[14 : len(b)-4])
	}
}

func (e *events) forget() { *e = events{} }

// parseEvent reads the first event of an EIT section's list.
func parseEvent(b []byte) (Event, bool) {
	if len(b) < 12 {
		return Event{}, false
	}
	start, ok := parseMJD(b[2:7])
	length, known := parseBCD(b[7:10])
	descriptors := int(b[10]&0x0f)<<8 | int(b[11])
	if !ok || 12+descriptors > len(b) {
		return Event{}, false
	}
	e := Event{Start: start}
	if known {
		e.Duration = length
	}
	for b = b[12 : 12+descriptors]; len(b) >= 2 && 2+int(b[1]) <= len(b); b = b[2+int(b[1]):] {
		if b[0] == 0x4d && e.Title == "" { // short_event_descriptor (6.2.37)
			e.Title, e.Text = parseShortEvent(b[2 : 2+int(b[1])])
		}
	}
	return e, e.Title != ""
}

func parseShortEvent(b []byte) (title, text string) {
	if len(b) < 5 || 4+int(b[3]) >= len(b) {
		return "", ""
	}
	name, rest := b[4:4+int(b[3])], b[4+int(b[3]):]
	rest, size := rest[1:], int(rest[0])
	return bounded(decodeText(name), maxEventTitle), bounded(decodeText(rest[:min(size, len(rest))]), maxEventText)
}

// parseMJD reads a date and a time of five bytes (annex C); all ones say that there is none.
func parseMJD(b []byte) (time.Time, bool) {
	clock, ok := parseBCD(b[2:])
	day := int64(b[0])<<8 | int64(b[1])
	return time.Unix((day-unixMJD)*24*3600, 0).UTC().Add(clock), ok
}

// parseBCD reads hours, minutes and seconds of two digits each.
func parseBCD(b []byte) (time.Duration, bool) {
	var n [3]int64
	for i, c := range b[:3] {
		if c>>4 > 9 || c&0x0f > 9 {
			return 0, false
		}
		n[i] = int64(c>>4)*10 + int64(c&0x0f)
	}
	return time.Duration(n[0]*3600+n[1]*60+n[2]) * time.Second, n[1] < 60 && n[2] < 60
}

// bounded cuts a text at a character.
func bounded(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n]
}
