package mpegts

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// bcd is a number of two digits.
func bcd(n int) byte { return byte(n/10<<4 | n%10) }

// eitSection tells of one event: number 0 of the present one, 1 of the following.
func eitSection(programme uint16, number byte, start time.Time, length time.Duration, title, text string) []byte {
	day := start.Unix()/86400 + unixMJD
	minutes := int(length / time.Minute)
	event := []byte{0, 7, byte(day >> 8), byte(day), bcd(start.Hour()), bcd(start.Minute()), bcd(start.Second()), bcd(minutes / 60), bcd(minutes % 60), 0}
	descriptors := append([]byte{0x54, 2, 0x10, 0}, 0x4d, byte(5+len(title)+len(text)))
	descriptors = append(append(append(descriptors, "deu"...), byte(len(title))), title...)
	descriptors = append(append(descriptors, byte(len(text))), text...)
	event = append(append(event, 0x80|byte(len(descriptors)>>8), byte(len(descriptors))), descriptors...)
	body := append([]byte{0, 1, 0, 2, number, tableEIT}, event...)
	s := section(tableEIT, programme, body...)
	s[6], s[7] = number, 1
	return sealed(s)
}

// sealed puts a new checksum at the end.
func sealed(s []byte) []byte {
	crc := checksum(s[:len(s)-4])
	return append(s[:len(s)-4], byte(crc>>24), byte(crc>>16), byte(crc>>8), byte(crc))
}

func TestOnAir(t *testing.T) {
	evening := time.Date(2026, 11, 23, 20, 15, 0, 0, time.UTC)
	s := newBuilder()
	s.film(900_000, 1)
	s.psi(pidEIT, eitSection(1, 0, evening, 90*time.Minute, "Tatort", "Wer \x8awar es?"))
	s.psi(pidEIT, eitSection(1, 1, evening.Add(90*time.Minute), 15*time.Minute, "\x15Nächtens", ""))
	s.psi(pidEIT, eitSection(2, 0, evening, time.Hour, "Another programme", ""))
	other := eitSection(1, 0, evening, time.Hour, "Another stream", "")
	other[0] = 0x4f
	s.psi(pidEIT, sealed(other))
	broken := eitSection(1, 0, evening, time.Hour, "Broken", "")
	broken[20] ^= 1
	s.psi(pidEIT, broken)
	b := NewBus(1 << 20)
	write(t, b, s.Bytes())
	now, next := b.OnAir()
	if want := (Event{"Tatort", "Wer war es?", evening, 90 * time.Minute}); now != want {
		t.Errorf("now %+v", now)
	}
	if want := (Event{"Nächtens", "", evening.Add(90 * time.Minute), 15 * time.Minute}); next != want {
		t.Errorf("next %+v", next)
	}
	s.Reset()
	s.psi(pidEIT, eitSection(1, 0, evening.Add(90*time.Minute), 15*time.Minute, "News", strings.Repeat("Long ", 40)))
	write(t, b, s.Bytes())
	if now, _ = b.OnAir(); now.Title != "News" || now.Text != strings.TrimSpace(strings.Repeat("Long ", 40)) {
		t.Errorf("later %+v", now)
	}
	s.Reset()
	s.psi(0, patSection(2, testPMT+1))
	s.psi(testPMT+1, pmtSection(2, testVideo+8, testStream{kind: 0x24, pid: testVideo + 8}))
	write(t, b, s.Bytes())
	if now, next = b.OnAir(); now != (Event{}) || next != (Event{}) {
		t.Errorf("of another programme %+v, %+v", now, next)
	}
}

func TestTextsOfDVB(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"Plain", "Plain"},
		{"Gr\xc8un, S\xc8u\xfb und \xc2etoile \xa4", "Grün, Süß und étoile €"},
		{"\xcez", "z\u0328"},
		{"cut off\xc8", "cut off"},
		{"\x86Emphasis\x87 and\x8aline", "Emphasis and line"},
		{"\x01\xbf\xe0\xd8\xd2\xd5\xe2", "Привет"},
		{"\x05\xddstanbul", "İstanbul"},
		{"\x10\x00\x02\xbe\xf3\xb3w", "žółw"},
		{"\x10\x00\x0c?", ""},
		{"\x11\x04\x1f\x04\x40\xd8\x00", "Пр"},
		{"\x15Straße\x00\xff!", "Straße!"},
		{"\x08?", ""},
		{"\x1fhuffman", ""},
	} {
		if got := decodeText([]byte(c.text)); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestTimesOfDVB(t *testing.T) {
	// "93/10/13 12:45:00 is coded as 0xC079124500" (ETSI EN 300 468, 5.2.4).
	if at, ok := parseMJD([]byte{0xc0, 0x79, 0x12, 0x45, 0}); !ok || !at.Equal(time.Date(1993, 10, 13, 12, 45, 0, 0, time.UTC)) {
		t.Errorf("%v, %v", at, ok)
	}
	// "01:45:30 is coded as 0x014530".
	if d, ok := parseBCD([]byte{0x01, 0x45, 0x30}); !ok || d != time.Hour+45*time.Minute+30*time.Second {
		t.Errorf("%v, %v", d, ok)
	}
	for _, b := range [][]byte{{0xff, 0xff, 0xff}, {0, 0x60, 0}, {0, 0, 0x6a}} {
		if _, ok := parseBCD(b); ok {
			t.Errorf("%x is a time", b)
		}
	}
}

// Hostile sections: no panic, and what is kept is short text.
func FuzzEvents(f *testing.F) {
	evening := time.Date(2026, 11, 23, 20, 15, 0, 0, time.UTC)
	f.Add(eitSection(1, 0, evening, time.Hour, "Title", "Text"))
	f.Add(eitSection(1, 1, evening, time.Hour, "\x10\x00\x02\xbe", "\x11\xd8\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e events
		if len(b) >= 18 && len(b) <= maxLongSection {
			b = sealed(append([]byte(nil), b...))
			e.section(b, pmtProgramme(b))
		}
		var p Packet = make([]byte, PacketSize)
		copy(p, b)
		p[0] = syncByte
		e.packet(p, 1)
		for _, one := range e.onAt {
			if len(one.Title) > maxEventTitle || len(one.Text) > maxEventText || !utf8.ValidString(one.Title+one.Text) || strings.ContainsAny(one.Title+one.Text, "\n\x00\x1b") || one.Duration < 0 {
				t.Errorf("%+v", one)
			}
		}
	})
}
