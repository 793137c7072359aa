package ppsp

import (
	"fmt"
	"unicode/utf8"
)

// LinkError says where a link is wrong and what to do about it.
type LinkError struct {
	Offset int    // characters (not bytes) of the link before the part
	Part   string // the offending part as it stands in the link
	Reason string // what is wrong and the remedy, one sentence
}

// maxLinkErrorPart bounds the characters of the part that a message repeats.
const maxLinkErrorPart = 40

// Error returns one sentence that points at the place, counted from 1.
func (e *LinkError) Error() string {
	if e.Part == "" {
		return fmt.Sprintf("link: at character %d: %s", e.Offset+1, e.Reason)
	}
	return fmt.Sprintf("link: %q at character %d: %s", shorten(e.Part, maxLinkErrorPart), e.Offset+1, e.Reason)
}

// shorten cuts s after n characters.
func shorten(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}

// linkError makes the error for the bytes from start to end of the link.
func linkError(link string, start, end int, format string, a ...any) *LinkError {
	return &LinkError{
		Offset: utf8.RuneCountInString(link[:start]),
		Part:   link[start:end],
		Reason: fmt.Sprintf(format, a...),
	}
}
