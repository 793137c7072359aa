package mpegts

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// latins are the tables that a first byte of 1 to 11 names, and the third of a text that begins with 16 (ETSI EN 300 468, annex A.2).
var latins = [16]*charmap.Charmap{
	1: charmap.ISO8859_1, 2: charmap.ISO8859_2, 3: charmap.ISO8859_3, 4: charmap.ISO8859_4, 5: charmap.ISO8859_5, 6: charmap.ISO8859_6, 7: charmap.ISO8859_7,
	8: charmap.ISO8859_8, 9: charmap.ISO8859_9, 10: charmap.ISO8859_10, 11: charmap.Windows874, 13: charmap.ISO8859_13, 14: charmap.ISO8859_14, 15: charmap.ISO8859_15,
}

// accents are what the bytes from 0xc1 on put on the letter that follows, in the default table (ISO 6937), as combining characters.
var accents = [16]rune{
	1: 0x300, 2: 0x301, 3: 0x302, 4: 0x303, 5: 0x304, 6: 0x306, 7: 0x307, 8: 0x308, 10: 0x30a, 11: 0x327, 13: 0x30b, 14: 0x328, 15: 0x30c,
}

// composed are the letters with accents that are common, which look better whole.
var composed = map[string]string{
	"a\u0308": "ä", "o\u0308": "ö", "u\u0308": "ü", "A\u0308": "Ä", "O\u0308": "Ö", "U\u0308": "Ü", "e\u0301": "é", "e\u0300": "è", "e\u0302": "ê", "e\u0308": "ë", "a\u0300": "à", "a\u0301": "á",
	"a\u0302": "â", "i\u0301": "í", "i\u0302": "î", "o\u0301": "ó", "o\u0302": "ô", "u\u0301": "ú", "u\u0300": "ù", "u\u0302": "û", "n\u0303": "ñ", "c\u0327": "ç", "C\u0327": "Ç", "E\u0301": "É",
	"a\u030a": "å", "A\u030a": "Å", "c\u030c": "č", "s\u030c": "š", "z\u030c": "ž", "r\u030c": "ř", "e\u030c": "ě",
}

// symbols are those of the upper half of ISO 6937 that differ from ISO 8859-1 and are no accents.
var symbols = map[byte]rune{
	0xa4: '€', 0xa9: '‘', 0xaa: '“', 0xac: '←', 0xad: '↑', 0xae: '→', 0xaf: '↓', 0xb4: '×', 0xb8: '÷', 0xb9: '’', 0xba: '”', 0xd0: '—', 0xd1: '¹', 0xd2: '®', 0xd3: '©', 0xd4: '™',
	0xe1: 'Æ', 0xe2: 'Đ', 0xe3: 'ª', 0xe8: 'Ł', 0xe9: 'Ø', 0xea: 'Œ', 0xeb: 'º', 0xec: 'Þ', 0xf1: 'æ', 0xf2: 'đ', 0xf3: 'ð', 0xf5: 'ı', 0xf8: 'ł', 0xf9: 'ø', 0xfa: 'œ', 0xfb: 'ß', 0xfc: 'þ',
}

// decodeText reads a text of DVB (ETSI EN 300 468, annex A): its first bytes tell by which table. Control codes are
// left out, but that for a new line is a space. The result is UTF-8, whatever b is.
func decodeText(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	switch first := b[0]; {
	case first >= 0x20:
		return tidy(latin6937(b))
	case first <= 0x0b && latins[min(first+4, 15)] != nil && first > 0:
		return tidy(byTable(latins[first+4], b[1:]))
	case first == 0x10 && len(b) >= 3 && b[1] == 0 && b[2] < 16 && latins[b[2]] != nil:
		return tidy(byTable(latins[b[2]], b[3:]))
	case first == 0x11:
		return tidy(bigEndian(b[1:]))
	case first == 0x15:
		return tidy(strings.ToValidUTF8(string(b[1:]), ""))
	}
	return ""
}

func byTable(table *charmap.Charmap, b []byte) string {
	var s strings.Builder
	for _, c := range b {
		if c >= 0x80 && c < 0xa0 {
			c = control(c)
		}
		if r := table.DecodeByte(c); r != utf8.RuneError {
			s.WriteRune(r)
		}
	}
	return s.String()
}

// control turns the code for a new line into one of ASCII, and others into none.
func control(c byte) byte {
	if c == 0x8a {
		return '\n'
	}
	return 0
}

func latin6937(b []byte) string {
	var s strings.Builder
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch mark := accents[c&0x0f]; {
		case c >= 0x80 && c < 0xa0:
			s.WriteByte(control(c))
		case c>>4 == 0x0c:
			if mark == 0 || i+1 == len(b) || b[i+1] >= 0x80 || b[i+1] < 0x20 {
				continue
			}
			i++
			pair := string(rune(b[i])) + string(mark)
			if one := composed[pair]; one != "" {
				pair = one
			}
			s.WriteString(pair)
		case symbols[c] != 0:
			s.WriteRune(symbols[c])
		case c < 0xc0:
			s.WriteRune(rune(c))
		}
	}
	return s.String()
}

func bigEndian(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		if units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1]); units[i] == 0xe08a {
			units[i] = '\n'
		}
	}
	return string(utf16.Decode(units))
}

// tidy leaves out what can't be shown, and makes one space of many.
func tidy(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0xe000 && r < 0xf900 || r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
