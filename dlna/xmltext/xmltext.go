// Package xmltext appends character data to XML that is written by hand.
//
// encoding/xml writes a quotation mark as the reference &#34;, which some television sets
// show as it stands, and costs several times the time of the rest of a Browse. Here a
// quotation mark in text stays one, in an attribute it becomes &quot;. Characters that
// XML 1.0 (2.2) does not allow, and bytes that are not UTF-8, become U+FFFD.
package xmltext

import "unicode/utf8"

// Append appends s as the text of an element.
func Append(b []byte, s string) []byte { return escape(b, s, false) }

// AppendAttr appends ` name="value"`. The name is the caller's and taken as it is.
func AppendAttr(b []byte, name, value string) []byte {
	b = append(b, ' ')
	b = append(b, name...)
	b = append(b, '=', '"')
	b = escape(b, value, true)
	return append(b, '"')
}

// AppendElement appends `<name>value</name>`. The name is the caller's and taken as it is.
func AppendElement(b []byte, name, value string) []byte {
	b = append(b, '<')
	b = append(b, name...)
	b = append(b, '>')
	b = escape(b, value, false)
	b = append(b, '<', '/')
	b = append(b, name...)
	return append(b, '>')
}

func escape(b []byte, s string, attr bool) []byte {
	from := 0
	for i := 0; i < len(s); {
		if plain[s[i]] {
			i++
			continue
		}
		ref, width := reference(s[i:], attr)
		if ref != "" {
			b = append(b, s[from:i]...)
			b = append(b, ref...)
			from = i + width
		}
		i += width
	}
	return append(b, s[from:]...)
}

// plain are the bytes that stand for themselves everywhere.
var plain = func() (p [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		p[c] = c != '<' && c != '>' && c != '&' && c != '"'
	}
	return p
}()

// reference returns what stands for the first character of s, empty for itself, and the
// bytes that the character takes in s.
func reference(s string, attr bool) (string, int) {
	switch c := s[0]; {
	case c == '<':
		return "&lt;", 1
	case c == '>':
		return "&gt;", 1
	case c == '&':
		return "&amp;", 1
	case c == '"' && attr:
		return "&quot;", 1
	case c == '\r':
		return "&#xD;", 1
	case (c == '\t' || c == '\n') && attr:
		return " ", 1
	case c == '"' || c == '\t' || c == '\n':
		return "", 1
	case c < ' ':
		return "\uFFFD", 1
	}
	r, width := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && width == 1 || r == 0xFFFE || r == 0xFFFF {
		return "\uFFFD", width
	}
	return "", width
}
