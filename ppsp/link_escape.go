package ppsp

import (
	"strings"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// escapeLinkValue writes a parameter's value, percent-encoding all but the characters that
// mean nothing to a URI, a shell, HTML or a chat program. "+" is encoded too, so that
// readers which take it for a space agree with us.
func escapeLinkValue(b *strings.Builder, value string) {
	for i := range len(value) {
		c := value[i]
		if isAlphanumeric(c) || strings.IndexByte("-._~:/@,", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
}

// unescapeLinkValue decodes link[start:end].
func unescapeLinkValue(link string, start, end int) (string, *LinkError) {
	var b strings.Builder
	for i := start; i < end; i++ {
		if link[i] != '%' {
			b.WriteByte(link[i])
			continue
		}
		if i+2 >= end || hexDigit(link[i+1]) < 0 || hexDigit(link[i+2]) < 0 {
			return "", linkError(link, i, runeEnd(link, i, end), "a percent sign needs two hexadecimal digits behind it; write the sign itself as %%25")
		}
		b.WriteByte(byte(hexDigit(link[i+1])<<4 | hexDigit(link[i+2])))
		i += 2
	}
	if s := b.String(); utf8.ValidString(s) {
		return s, nil
	}
	return "", linkError(link, start, end, "is not UTF-8 text once decoded; encode the text as UTF-8 first")
}

// runeEnd returns the end of the up to three characters from start, so that a message
// never cuts one apart.
func runeEnd(link string, start, end int) int {
	i := start
	for range 3 {
		if i < end {
			_, n := utf8.DecodeRuneInString(link[i:end])
			i += n
		}
	}
	return i
}

// checkLinkCharacters looks for what can't stand in a URI unencoded. Square brackets and
// letters beyond ASCII can't either, but people type them and they are unambiguous.
func checkLinkCharacters(link string) *LinkError {
	for i, r := range link {
		n := utf8.RuneLen(r)
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(link[i:], "\uFFFD"):
			return linkError(link, i, i+1, "is not UTF-8 text; copy the link again")
		case r == '#':
			return linkError(link, i, i+n, "a link has no fragment; write this sign as %%23")
		case r <= ' ' || r == 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) || !isPrintable(r):
			return linkError(link, i, i+n, "this character can't stand in a link; remove it or write it as %s", percent(link[i:i+n]))
		}
	}
	return nil
}

func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte('%')
		b.WriteByte(upperHex[s[i]>>4])
		b.WriteByte(upperHex[s[i]&15])
	}
	return b.String()
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
