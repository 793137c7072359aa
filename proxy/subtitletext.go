package proxy

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// windows1252 are the characters of that code page at 0x80 to 0x9F; all others of it are those of
// Unicode with the same number. Where it has none, the control character stays.
const windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

// subtitleText returns a text in UTF-8, as which screens take it: many files of subtitles come from
// programs that wrote UTF-16 with a mark in front, or the code page of western Windows.
func subtitleText(b []byte) []byte {
	switch {
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}):
		return fromUTF16(b[2:], binary.LittleEndian)
	case bytes.HasPrefix(b, []byte{0xFE, 0xFF}):
		return fromUTF16(b[2:], binary.BigEndian)
	case utf8.Valid(b):
		return b
	}
	high := []rune(windows1252)
	text := make([]byte, 0, len(b)+len(b)/8)
	for _, c := range b {
		r := rune(c)
		if c >= 0x80 && c <= 0x9F {
			r = high[c-0x80]
		}
		text = utf8.AppendRune(text, r)
	}
	return text
}

func fromUTF16(b []byte, order binary.ByteOrder) []byte {
	text := make([]byte, 0, len(b))
	for len(b) >= 2 {
		r := rune(order.Uint16(b))
		b = b[2:]
		if utf16.IsSurrogate(r) && len(b) >= 2 {
			if pair := utf16.DecodeRune(r, rune(order.Uint16(b))); pair != utf8.RuneError {
				r, b = pair, b[2:]
			}
		}
		text = utf8.AppendRune(text, r) // half of a pair becomes U+FFFD
	}
	return text
}
